/** The kinds of target, and the configured ones as the rooms above see them. */
import type { AcceptedFormat } from '../credentials/accepted-format.ts';
import { auth0 } from './auth0/index.ts';
import { cidaas } from './cidaas/index.ts';
import type { TargetConnection } from './connection.ts';
import { generic } from './generic/index.ts';
import { hub } from './hub/index.ts';
import { keycloak } from './keycloak/index.ts';
import { kratos } from './kratos/index.ts';
import { openOidcSignIn } from './oidc-sign-in.ts';
import type { ConnectDeps, HashReader, Target, TargetKind, Targets } from './target.ts';
import type { TargetSettings } from './target-settings.ts';
import { zitadel } from './zitadel/index.ts';

export const TARGET_KINDS = { zitadel, keycloak, kratos, cidaas, hub, generic } satisfies Record<
  string,
  TargetKind
>;

/** The systems that hashes can be written for, those included that nobody can be moved to. */
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

export interface OpenTargetsOptions {
  /** Ways of writing that failed their proof at start; nothing is written so. */
  readonly unproved?: readonly AcceptedFormat['write'][];
  /** Without it no target's API is opened. */
  readonly issuer?: string;
  /** The id of our identity provider at a target; what the settings say by default. */
  readonly ourIdp?: (target: Target) => Promise<string | undefined>;
  /** See `ConnectDeps`. */
  readonly reference?: (target: string, sub: string) => string;
  /** Names of the targets that sync keeps equal with the legacy store. */
  readonly synced?: readonly string[];
}

export function openTargets(
  settings: readonly TargetSettings[],
  {
    unproved = [],
    issuer,
    reference,
    synced = [],
    ourIdp = async ({ api }) => api?.identityProvider,
  }: OpenTargetsOptions = {},
): Targets {
  const all = settings.map(({ accepts, ...own }): Target => {
    const kind: TargetKind = TARGET_KINDS[own.kind];
    const proved = (accepts ?? kind.accepts).filter(({ write }) => !unproved.includes(write));
    return { ...kind, ...own, accepts: proved };
  });
  const byName = new Map(all.map((target) => [target.name, target]));
  const byClient = new Map(all.flatMap((target) => target.clientIds.map((clientId) => [clientId, target])));
  const connections = new Map<string, TargetConnection>();
  const depsOf = (target: Target): ConnectDeps => ({
    issuer: issuer!,
    ourIdp: () => ourIdp(target),
    ...(reference && { reference: (sub: string) => reference(target.name, sub) }),
    isSynced: synced.includes(target.name),
  });
  for (const target of issuer === undefined ? [] : all) {
    const connection = target.api && target.connect?.(target, depsOf(target));
    if (connection) connections.set(target.name, connection);
  }
  const signIns = opened(all, (target) =>
    target.signIn ? (target.openSignIn?.(target) ?? openOidcSignIn(target)) : undefined,
  );
  const organizations = opened(all, (target) => target.openOrganizations?.(target));
  const webhooks = opened(all, (target) =>
    target.openWebhook?.(target, { isSynced: synced.includes(target.name) }),
  );
  return {
    all,
    byName: (name) => byName.get(name),
    byClient: (clientId) => byClient.get(clientId),
    connection: (name) => connections.get(name),
    signIn: (name) => signIns.get(name),
    organizations: (name) => organizations.get(name),
    webhook: (name) => webhooks.get(name),
    close: async () => {
      for (const one of [connections, signIns, organizations, webhooks].flatMap((some) => [...some.values()]))
        await one.close();
    },
  };
}

/** By the targets' names. */
function opened<T>(all: readonly Target[], open: (target: Target) => T | undefined): ReadonlyMap<string, T> {
  return new Map(
    all.flatMap((target) => {
      const one = open(target);
      return one === undefined ? [] : [[target.name, one] as const];
    }),
  );
}
