/**
 * What `target setup` made at a target, and the keys that came with it, sealed. A row is there from before the target is
 * asked: what is found without one was somebody else's, and `teardown` undoes exactly what is here.
 */
import { Secret } from '../settings.ts';
import type { Queryable } from '../store/db.ts';
import { statement } from '../store/db.ts';
import type { Keyring } from '../store/encryption.ts';
import type { Target } from './target.ts';

/**
 * What a thing is at the target: we as its identity provider; something that calls our hook of this name; when it calls
 * (an execution, a trigger); the private half of a key that a hook's calls are encrypted to; a script; a
 * user who only proves something.
 */
export type ResourceKind =
  | 'idp'
  | 'login-policy'
  | 'action-target'
  | 'encryption-key'
  | 'execution'
  | 'script'
  | 'trigger'
  | 'proof-user';

export interface ResourceId {
  /** The target's name. */
  readonly target: string;
  readonly kind: ResourceKind;
  /** Ours; of a key and of what calls a hook: the hook's name. */
  readonly name: string;
}

export interface Resource extends ResourceId {
  /** Undefined: it was about to be made, and nobody knows whether it was. */
  readonly remoteId: string | undefined;
  /** How it was before us, for what was changed and not made; undefined: it was not there. */
  readonly before: object | undefined;
  readonly madeAt: Date;
}

/** A resource as it is recorded; `key` is sealed. */
export interface MadeResource extends ResourceId {
  readonly remoteId: string;
  readonly key?: Secret | undefined;
  readonly before?: object | undefined;
}

const PURPOSE = 'target-resource';
const placeOf = ({ target, kind, name }: ResourceId) => JSON.stringify([target, kind, name]);
const keyOf = ({ target, kind, name }: ResourceId) => [target, kind, name];

const ANNOUNCE = statement(`
  insert into target_resources (target, kind, name, remote_id) values ($1, $2, $3, '')
  on conflict (target, kind, name) do nothing`);
const RECORD = statement(`
  insert into target_resources (target, kind, name, remote_id, sealed, before) values ($1, $2, $3, $4, $5, $6)
  on conflict (target, kind, name) do update set remote_id = excluded.remote_id,
    sealed = coalesce(excluded.sealed, target_resources.sealed)`);
const FORGET = statement('delete from target_resources where target = $1 and kind = $2 and name = $3');
const ALL = statement(`
  select target, kind, name, nullif(remote_id, '') as "remoteId", before, made_at as "madeAt"
  from target_resources where target = $1 order by made_at, kind, name`);

/** To be said before the target is asked to make it: what a cut-off run leaves is found again by this. */
export async function announceResource(q: Queryable, id: ResourceId): Promise<void> {
  await q.run(ANNOUNCE, keyOf(id));
}

/** Recording again keeps how it was before the first time, and the key where none is given. */
export async function recordResource(q: Queryable, keyring: Keyring, made: MadeResource): Promise<void> {
  const sealed = made.key && keyring.seal(PURPOSE, made.key.reveal(), placeOf(made));
  await q.run(RECORD, [
    ...keyOf(made),
    made.remoteId,
    sealed ?? null,
    made.before === undefined ? null : JSON.stringify(made.before),
  ]);
}

export async function forgetResource(q: Queryable, id: ResourceId): Promise<void> {
  await q.run(FORGET, keyOf(id));
}

/** In the order they were made. */
export async function resourcesOf(q: Queryable, target: string): Promise<Resource[]> {
  const rows = await q.run<Nullable<Resource>>(ALL, [target]);
  return rows.map((row) => ({
    ...row,
    remoteId: row.remoteId ?? undefined,
    before: row.before ?? undefined,
  }));
}

type Nullable<R extends Resource> = Omit<R, 'remoteId' | 'before'> & {
  readonly remoteId: string | null;
  readonly before: object | null;
};

const BEGIN = statement(`
  update target_resources set previous_sealed = coalesce(sealed, previous_sealed), sealed = null,
    previous_until = now() + make_interval(secs => $4::float8)
  where target = $1 and kind = $2 and name = $3`);

/**
 * Says that the key is about to be replaced, before the target is asked to: it stays good for this long, and whoever
 * finds no key afterwards knows that a replacement was cut off. The new one is recorded with `recordResource`.
 */
export async function beginKeyRotation(q: Queryable, id: ResourceId, keepSeconds: number): Promise<void> {
  await q.run(BEGIN, [...keyOf(id), keepSeconds]);
}

/** A key of a hook. */
export interface HookKey {
  /** Names it in audit records: the id at the target, with `.previous` for one that was replaced. */
  readonly id: string;
  /** The hook's name. */
  readonly hook: string;
  readonly key: Secret;
  readonly isPrevious: boolean;
}

interface KeyRow extends ResourceId {
  readonly remoteId: string;
  readonly sealed: string | null;
  readonly previousSealed: string | null;
}

const KEY = statement('select sealed from target_resources where target = $1 and kind = $2 and name = $3');

/** The key that is recorded with it now. */
export async function keyOfResource(
  q: Queryable,
  keyring: Keyring,
  id: ResourceId,
): Promise<Secret | undefined> {
  const [row] = await q.run<{ sealed: string | null }>(KEY, keyOf(id));
  const key = row?.sealed && keyring.open(PURPOSE, row.sealed, placeOf(id));
  return key ? new Secret(key.toString()) : undefined;
}

const KEYS = statement(`
  select target, kind, name, remote_id as "remoteId", sealed,
    case when previous_until > now() then previous_sealed end as "previousSealed"
  from target_resources where target = $1 and kind = $2 order by name`);

async function keysOf(q: Queryable, keyring: Keyring, of: Pick<ResourceId, 'target' | 'kind'>) {
  const rows = await q.run<KeyRow>(KEYS, [of.target, of.kind]);
  return rows.flatMap((row): HookKey[] => {
    const opened = (sealed: string | null, isPrevious: boolean): HookKey[] => {
      const key = sealed === null ? undefined : keyring.open(PURPOSE, sealed, placeOf(row));
      const id = isPrevious ? `${row.remoteId}.previous` : row.remoteId;
      return key ? [{ id, hook: row.name, key: new Secret(key.toString()), isPrevious }] : [];
    };
    return [...opened(row.sealed, false), ...opened(row.previousSealed, true)];
  });
}

/** What the target signs its calls of our hooks with: newest first, those included that were replaced a moment ago. */
export function signingKeysOf(q: Queryable, keyring: Keyring, target: string): Promise<HookKey[]> {
  return keysOf(q, keyring, { target, kind: 'action-target' });
}

/** What opens the calls of our hooks: private JWKs as JSON, `kid` as the target names it. Newest first. */
export function decryptionKeysOf(q: Queryable, keyring: Keyring, target: string): Promise<HookKey[]> {
  return keysOf(q, keyring, { target, kind: 'encryption-key' });
}

const OUR_IDP = statement(
  `select nullif(remote_id, '') as id from target_resources where target = $1 and kind = 'idp' and name = 'oidc'`,
);

/** The id of our identity provider at the target; undefined before `target setup`. */
export async function ourIdpOf(q: Queryable, target: string): Promise<string | undefined> {
  const [row] = await q.run<{ id: string | null }>(OUR_IDP, [target]);
  return row?.id ?? undefined;
}

/** The one to go by: what the settings say goes before what was recorded. */
export async function idpIdOf(
  q: Queryable,
  { name, api }: Pick<Target, 'name' | 'api'>,
): Promise<string | undefined> {
  return api?.identityProvider ?? ourIdpOf(q, name);
}
