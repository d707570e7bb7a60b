/** Settings of a legacy user store: one way into it, what its columns mean, and how long to wait and remember. */
import { z } from 'zod';
import { count } from '../settings.ts';
import type { ConnectorKind } from './connector.ts';
import { CONNECTORS } from './connectors/index.ts';
import { mapping } from './mapping-settings.ts';

type Kinds = typeof CONNECTORS;
export type ConnectorName = keyof Kinds;
const NAMES = Object.keys(CONNECTORS) as ConnectorName[];

const waysIn = Object.fromEntries(
  Object.entries<ConnectorKind>(CONNECTORS).map(([name, { settings }]) => [name, settings.optional()]),
) as { [Name in ConnectorName]: z.ZodOptional<Kinds[Name]['settings']> };

export const legacySettings = z
  .strictObject({
    store: z
      .string()
      .regex(/^[a-z][a-z0-9-]{0,31}$/, {
        error: 'expected lower-case letters, digits and hyphens, a letter first',
      })
      .describe(
        'The store’s name; it stands before the id in every subject (shop:4711) and must never change.',
      ),
    subjects: z
      .enum(['prefixed', 'bare'])
      .default('prefixed')
      .describe('`bare`: subjects are the store’s ids alone, for targets that already know them so.'),
    ...waysIn,
    mapping: mapping.prefault({}).describe('What the columns mean.'),
    recheckLogin: z
      .boolean()
      .default(true)
      .describe(
        'Compare what was typed with the row once more (same letters, case aside). False leaves the verdict to the store’s collation, where it takes ü for ue or ß for ss and people rely on it.',
      ),
    verify: z
      .enum(['hash', 'store', 'hash-then-store'])
      .default('hash')
      .describe(
        'Who verifies passwords: `hash`, we do, against the stored hash; `store`, the store is asked (an LDAP bind, a call); `hash-then-store`, it is asked about what no hash opens.',
      ),
    timeoutMs: count(100, 30_000, 2_500).describe(
      'A lookup that takes longer has failed: the store is unavailable.',
    ),
    cacheSeconds: count(0, 300, 15).describe('How long a user (never their secrets) may come from memory.'),
    staleSeconds: count(0, 3_600, 300).describe('How long that holds while the store does not answer.'),
  })
  .superRefine((store, context) => {
    const given = NAMES.filter((name) => store[name] !== undefined);
    if (given.length !== 1) {
      const message = `expected exactly one of ${NAMES.join(', ')}`;
      context.addIssue({ code: 'custom', path: given.slice(1, 2), message });
      return;
    }
    const { kind, settings } = wayInto(store);
    if (store.verify !== 'hash' && !kind.verifiesPasswords?.(settings)) {
      const message = `${given[0]} cannot verify passwords itself as it is set up here`;
      context.addIssue({ code: 'custom', path: ['verify'], message });
    }
    const known = kind.relatedNames?.(settings) ?? [];
    for (const name of relatedNames(store.mapping)) {
      if (known.includes(name)) continue;
      const message = `\`from: ${name}\` names no related rows of ${given[0]}`;
      context.addIssue({ code: 'custom', path: ['mapping'], message });
    }
  })
  .describe('The legacy user store.');
export type LegacySettings = z.output<typeof legacySettings>;

/** The one connector that is configured, and its settings. */
export function wayInto(store: { readonly [Name in ConnectorName]?: unknown }): {
  readonly kind: ConnectorKind;
  readonly settings: unknown;
} {
  const name = NAMES.find((known) => store[known] !== undefined) as ConnectorName;
  return { kind: CONNECTORS[name], settings: store[name] };
}

/** Every `from` in the mapping; keys of the operator's own (`map`, `where`) are left alone. */
function relatedNames(value: unknown): string[] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]) => {
    if (key === 'map' || key === 'where') return [];
    return key === 'from' && typeof inner === 'string' ? [inner] : relatedNames(inner);
  });
}
