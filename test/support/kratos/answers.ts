/** What the routes of the admin API are given and give, and how an identity looks in its answers. */
import { Refused } from './errors.ts';
import type { Identities, Identity } from './identities.ts';
import type { SchemaNode } from './identity-schema.ts';
import type { Session } from './sessions.ts';

export interface Call {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly body: unknown;
}

export interface Answer {
  readonly status: number;
  readonly document?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface Kept {
  readonly identities: Identities;
  readonly sessions: Map<string, Session>;
  readonly schemas: Readonly<Record<string, SchemaNode>>;
  /** As v26.2.0: no second factors, no passkeys, no bounds of hashes. */
  readonly isOld: boolean;
  readonly publicUrl: string;
  readonly now: () => Date;
}

export type Route = (kept: Kept, call: Call, id: string) => Answer;

/** Of one part of a path. */
export const ID = '([^/]+)';

/** Kratos reads a UUID without hyphens as well. */
export const uuidOf = (id: string) =>
  id
    .replaceAll('-', '')
    .replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
    .toLowerCase();

export function present({ identities }: Kept, id: string): Identity {
  const identity = identities.byId.get(uuidOf(id));
  if (identity) return identity;
  throw new Refused(404);
}

/** `included`: whose config is shown; undefined: no credentials at all. */
export function shown(
  { recovery, credentials, ...identity }: Identity,
  included: readonly string[] | undefined = [],
): object {
  const configs = Object.entries(credentials).map(([type, { identifiers, config }]) => [
    type,
    { type, identifiers, ...(included?.includes(type) && { config }), version: 0 },
  ]);
  return {
    ...identity,
    ...(included && { credentials: Object.fromEntries(configs) }),
    recovery_addresses: recovery,
  };
}
