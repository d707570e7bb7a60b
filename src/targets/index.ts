/** The kinds of target, and the configured ones as the rooms above see them. */
import type { AcceptedFormat } from '../credentials/accepted-format.ts';
import { auth0 } from './auth0/index.ts';
import { cidaas } from './cidaas/index.ts';
import { generic } from './generic/index.ts';
import { keycloak } from './keycloak/index.ts';
import { kratos } from './kratos/index.ts';
import type { HashReader, Target, TargetKind, Targets } from './target.ts';
import type { TargetSettings } from './target-settings.ts';
import { zitadel } from './zitadel/index.ts';

export const TARGET_KINDS = { zitadel, generic } satisfies Record<string, TargetKind>;

/** The systems that hashes can be written for, those included that nobody can be moved to yet. */
export const HASH_READERS = {
  zitadel,
  kratos,
  keycloak,
  auth0,
  cidaas,
  generic,
} satisfies Record<string, HashReader>;

/** The company's name for its product. */
const ALIASES: Readonly<Record<string, keyof typeof HASH_READERS>> = { ory: 'kratos' };

/** By its name or alias; undefined for one that is not here. */
export function hashReader(name: string): HashReader | undefined {
  const alias = Object.hasOwn(ALIASES, name) ? ALIASES[name] : name;
  return Object.values<HashReader>(HASH_READERS).find(({ kind }) => kind === alias);
}

/** What a kind of target reads when nothing else is configured; undefined for a kind that is not here. */
export function acceptedBy(kind: string): readonly AcceptedFormat[] | undefined {
  return hashReader(kind)?.accepts;
}

/** `unproved`: ways of writing that failed their proof at start; nothing is written so. */
export function openTargets(
  settings: readonly TargetSettings[],
  unproved: readonly AcceptedFormat['write'][] = [],
): Targets {
  const all = settings.map(({ accepts, ...own }): Target => {
    const kind: TargetKind = TARGET_KINDS[own.kind];
    const proved = (accepts ?? kind.accepts).filter(({ write }) => !unproved.includes(write));
    return { ...kind, ...own, accepts: proved };
  });
  const byName = new Map(all.map((target) => [target.name, target]));
  const byClient = new Map(all.flatMap((target) => target.clientIds.map((clientId) => [clientId, target])));
  return { all, byName: (name) => byName.get(name), byClient: (clientId) => byClient.get(clientId) };
}
