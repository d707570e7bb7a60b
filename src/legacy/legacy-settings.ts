/** Settings of a legacy user store: one way into it, what its columns mean, and how long to wait and remember. */
import { z } from 'zod';
import { count, secret } from '../settings.ts';
import { applyProblems } from './apply-check.ts';
import type { ApplySettings } from './apply-settings.ts';
import type { ConnectorKind, LegacyWrite } from './connector.ts';
import { CONNECTORS } from './connectors/index.ts';
import { mapping } from './mapping-settings.ts';
import { PRESETS } from './presets/index.ts';

type Kinds = typeof CONNECTORS;
export type ConnectorName = keyof Kinds;
const NAMES = Object.keys(CONNECTORS) as ConnectorName[];

const waysIn = Object.fromEntries(
  Object.entries<ConnectorKind>(CONNECTORS).map(([name, { settings }]) => [name, settings.optional()]),
) as { [Name in ConnectorName]: z.ZodOptional<Kinds[Name]['settings']> };

/** Letters, digits and hyphens between dots (RFC 1035 section 2.3.1); other scripts in their ASCII form. */
const DOMAIN = /^(?=.{1,253}$)[a-z0-9-]{1,63}(?:\.[a-z0-9-]{1,63})*$/i;
const MAX_STORES = 16;

const presetName = z.enum(PRESETS as [string, ...string[]]);

/** One store. */
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
    domains: z
      .array(z.string().regex(DOMAIN, { error: 'expected a domain, like example.com' }))
      .max(1_000)
      .default([])
      .describe(
        'With several stores: logins that end in @ and one of these are looked up here and nowhere else; other addresses never here.',
      ),
    preset: z
      .union([presetName, z.array(presetName).min(1).max(4)])
      .optional()
      .describe(
        'What is known beforehand of this framework’s store; a list is laid one over the other. `config show` prints what it stands for.',
      ),
    parameters: z
      .record(z.string(), z.union([z.string(), z.number()]))
      .optional()
      .describe('Parameters of the preset, such as the prefix of its tables.'),
    connector: z
      .enum(NAMES as [ConnectorName, ...ConnectorName[]])
      .optional()
      .describe('With `url`: the way into the store.'),
    url: secret
      .optional()
      .describe(
        'Where the store is, instead of the parts under its connector: mysql://user:password@host/database.',
      ),
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
    if (store.url !== undefined) {
      const message = 'only with `connector`, and one that can be reached by a URL';
      context.addIssue({ code: 'custom', path: ['url'], message });
    }
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
    for (const { path, message } of applyProblems(kind.applies?.(settings), store.mapping))
      context.addIssue({ code: 'custom', path: [given[0]!, 'apply', ...path], message });
    for (const name of relatedNames(store.mapping)) {
      if (known.includes(name)) continue;
      const message = `\`from: ${name}\` names no related rows of ${given[0]}`;
      context.addIssue({ code: 'custom', path: ['mapping'], message });
    }
  })
  .describe('The legacy user store.');
export type LegacySettings = z.output<typeof legacySettings>;

/** One store, or several behind one facade. */
export const legacyStores = z
  .union([
    legacySettings.transform((store) => ({ stores: [store], collisions: 'first' as const })),
    z
      .strictObject({
        stores: z
          .array(legacySettings)
          .min(1)
          .max(MAX_STORES)
          .describe('In the order in which they are asked.'),
        collisions: z
          .enum(['first', 'refuse'])
          .default('first')
          .describe(
            'Who answers to a login that several stores know: the first of them, or nobody, for which all have to be asked every time. `legacy survey` names the logins.',
          ),
      })
      .superRefine(({ stores }, context) => {
        const fail = (path: PropertyKey[], message: string) =>
          context.addIssue({ code: 'custom', path, message });
        for (const [index, { store, subjects }] of stores.entries()) {
          if (stores.findIndex((other) => other.store === store) !== index)
            fail(['stores', index, 'store'], `there are two stores named ${store}`);
          if (subjects === 'bare' && stores.length > 1)
            fail(
              ['stores', index, 'subjects'],
              'only where there is one store: ids of two stores may be the same',
            );
        }
      }),
  ])
  .describe('The legacy user store, or several of them.');
export type LegacyStores = z.output<typeof legacyStores>;

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

/** Which writes the settings of this store have. */
export function writesOf(store: { readonly [Name in ConnectorName]?: unknown }): ReadonlySet<LegacyWrite> {
  const { kind, settings } = wayInto(store);
  return new Set(kind.writes?.(settings) ?? []);
}

/** What sync may write to this store. */
export function appliesOf(store: { readonly [Name in ConnectorName]?: unknown }): ApplySettings | undefined {
  const { kind, settings } = wayInto(store);
  return kind.applies?.(settings);
}
