/**
 * The table `oidc_records`: everything the provider must remember between requests, by the SHA-256 of its id.
 * Reads are batched into one statement and bring along what the protocol asks for next; the writes of one request
 * are one statement and one commit (see `request-scope.ts`).
 */
import type { Db, Queryable } from '../store/db.ts';
import { repeatable, statement } from '../store/db.ts';
import type { Part } from '../store/statement.ts';
import type { Keys, NewRecord, SessionChange, StoredRecord } from './record.ts';

const COLUMNS = `id, kind, grant_key as "grantKey", uid, payload, consumed_at as "consumedAt",
  case kind when 'PushedAuthorizationRequest' then extract(epoch from expires_at - now())::float8 end as "secondsLeft"`;
const LIVE = '(expires_at is null or expires_at > now())';

/** Finds records and what follows from them: a token's grant and session, a session's grant for the asking client. */
const FIND = repeatable(`with t as (select o.*, a.client
  from unnest($1::bytea[], $2::text[]) as a(id, client) join oidc_records o on o.id = a.id and ${LIVE})
select ${COLUMNS} from t
union all
select ${COLUMNS} from oidc_records where id in (select grant_key from t) and ${LIVE}
union all
select ${COLUMNS} from oidc_records where kind = 'Session' and uid in (select uid from t where kind <> 'Session') and ${LIVE}
union all
select ${COLUMNS} from oidc_records where id in (
  select sha256(convert_to('Grant:' || (payload #>> array['authorizations', client, 'grantId']), 'UTF8'))
  from t where kind = 'Session') and ${LIVE}`);

export async function findRecords(
  db: Db,
  asked: readonly { readonly id: Buffer; readonly clientId: string | null }[],
): Promise<StoredRecord[]> {
  return db.run<StoredRecord>(FIND, [asked.map(({ id }) => id), asked.map(({ clientId }) => clientId)]);
}

const CONFIRM =
  statement(`select id as key from oidc_records where id = any($1::bytea[]) and consumed_at is null and ${LIVE}
union all
select uid from oidc_records where kind = 'Session' and uid = any($2::bytea[]) and ${LIVE}`);

/** Which of these are there and good, in hex: rows by their id, sessions by their uid. */
export async function confirmRecords(db: Db, { ids, sessions }: Keys): Promise<ReadonlySet<string>> {
  const rows = await db.run<{ key: Buffer }>(CONFIRM, [ids, sessions]);
  return new Set(rows.map(({ key }) => key.toString('hex')));
}

const FIND_SESSION = statement(
  `select ${COLUMNS} from oidc_records where kind = 'Session' and uid = $1 and ${LIVE} order by expires_at desc limit 1`,
);

export async function findSessionByUid(db: Db, uid: Buffer): Promise<StoredRecord | undefined> {
  return (await db.run<StoredRecord>(FIND_SESSION, [uid]))[0];
}

/** What one request writes. */
export interface Changes {
  readonly consumed: readonly Buffer[];
  readonly sessions: readonly SessionChange[];
  readonly saved: readonly NewRecord[];
  /** Inserted once or never: a second insert of the same id fails the whole statement (SQLSTATE 23505). */
  readonly once: readonly NewRecord[];
  readonly destroyed: readonly Buffer[];
  /** By uid, whatever id they have by now: a session that another request has just given a new id ends as well. */
  readonly endedSessions: readonly Buffer[];
  readonly revokedGrants: readonly Buffer[];
  /** Rows that were not read for this request but kept from before: they must still be there. Sessions by their uid. */
  readonly trusted: Keys;
}

const INSERT_COLUMNS = 'insert into oidc_records (id, kind, grant_key, uid, payload, expires_at)';
const COLUMN_TYPES = ['bytea', 'text', 'bytea', 'bytea', 'jsonb', 'float8'] as const;

/** Rows as values: few enough for each number of them to be a statement of its own. */
function insertText(rows: number): string {
  const row = (at: number) =>
    `(${COLUMN_TYPES.map((type, column) => `$${at * COLUMN_TYPES.length + column + 1}::${type}`).join(', ')})`;
  return `${INSERT_COLUMNS} select id, kind, grant_key, uid, payload, now() + make_interval(secs => ttl)
  from (values ${Array.from({ length: rows }, (_, at) => row(at)).join(', ')}) as r(id, kind, grant_key, uid, payload, ttl)`;
}
const insertTexts: string[] = [];
const insert = (rows: number): string => (insertTexts[rows] ??= insertText(rows));

const valuesOf = (records: readonly NewRecord[]): unknown[] =>
  records.flatMap((r) => [
    r.id,
    r.kind,
    r.grantKey,
    r.uid,
    JSON.stringify(r.payload),
    r.expiresInSeconds ?? null,
  ]);

const TOKENS =
  repeatable(`${INSERT_COLUMNS} select id, kind, null, null, payload, now() + make_interval(secs => ttl)
  from unnest($1::bytea[], $2::text[], $3::jsonb[], $4::float8[]) as r(id, kind, payload, ttl)
  on conflict (id) do nothing`);
/** Tokens that hang on nothing, as the client_credentials grant makes them, of several requests at once. */
export async function insertRecords(q: Queryable, records: readonly NewRecord[]): Promise<void> {
  const column = <T>(value: (record: NewRecord) => T) => records.map(value);
  await q.run(TOKENS, [
    column((r) => r.id),
    column((r) => r.kind),
    column((r) => JSON.stringify(r.payload)),
    column((r) => r.expiresInSeconds ?? null),
  ]);
}

/**
 * The parts of the one statement that writes a request. `gate.open` is false, and nothing but the marks of the
 * consumed rows is written, when a code was already consumed or a session ended meanwhile.
 */
export function changeParts(changes: Changes): Part[] {
  const parts: Part[] = [];
  const { consumed, sessions, saved, once, destroyed, endedSessions, revokedGrants, trusted } = changes;
  if (consumed.length) {
    parts.push({
      name: 'consumed',
      text: `update oidc_records set consumed_at = now() where id = any($1::bytea[]) and consumed_at is null and ${LIVE} returning 1`,
      values: [consumed],
    });
  }
  if (sessions.length) {
    parts.push({
      name: 'sessions',
      text: `update oidc_records o set id = c.id, expires_at = now() + make_interval(secs => c.ttl),
        payload = c.payload || case when c.payload ? 'authorizations' or o.payload ? 'authorizations'
          then jsonb_build_object('authorizations',
            (coalesce(o.payload -> 'authorizations', '{}') - c.removed) || coalesce(c.payload -> 'authorizations', '{}'))
          else '{}' end
        from (select previous, id, payload, ttl, array(select jsonb_array_elements_text(removed)) as removed
          from unnest($1::bytea[], $2::bytea[], $3::jsonb[], $4::float8[], $5::jsonb[]) as r(previous, id, payload, ttl, removed)) c
        where o.id = c.previous
          and (o.payload ->> 'accountId' is null or o.payload ->> 'accountId' = c.payload ->> 'accountId') returning 1`,
      values: [
        sessions.map((s) => s.previousId),
        sessions.map((s) => s.id),
        sessions.map((s) => JSON.stringify(s.payload)),
        sessions.map((s) => s.expiresInSeconds ?? null),
        sessions.map((s) => JSON.stringify(s.removedClients)),
      ],
    });
  }
  parts.push(gatePart({ consumed: consumed.length, sessions: sessions.length, trusted }));
  if (destroyed.length) {
    parts.push({
      name: 'destroyed',
      text: `delete from oidc_records where (select open from gate)
        and (id = any($1::bytea[]) or (kind = 'Session' and uid = any($2::bytea[])))`,
      values: [destroyed, endedSessions],
    });
  }
  if (revokedGrants.length) {
    parts.push({
      name: 'revoked',
      text: 'delete from oidc_records where (grant_key = any($1::bytea[]) or id = any($1::bytea[])) and (select open from gate)',
      values: [revokedGrants],
    });
  }
  if (saved.length) {
    parts.push({
      name: 'saved',
      text: `${insert(saved.length)} where (select open from gate) on conflict (id) do update
        set payload = excluded.payload, grant_key = excluded.grant_key, uid = excluded.uid, expires_at = excluded.expires_at`,
      values: valuesOf(saved),
    });
  }
  if (once.length) {
    const text = `${insert(once.length)} where (select open from gate)`;
    parts.push({ name: 'once', text, values: valuesOf(once) });
  }
  return parts;
}

/** One row: whether every code was still there to consume, every session to change, and everything else that counts. */
function gatePart({
  consumed,
  sessions,
  trusted,
}: {
  readonly consumed: number;
  readonly sessions: number;
  readonly trusted: Changes['trusted'];
}): Part {
  const conditions: string[] = [];
  const values: unknown[] = [];
  const next = (value: unknown) => `$${values.push(value)}`;
  if (consumed) conditions.push(`(select count(*) from consumed) = ${next(consumed)}::int`);
  if (sessions) conditions.push(`(select count(*) from sessions) = ${next(sessions)}::int`);
  if (trusted.ids.length)
    conditions.push(`(select count(*) from oidc_records where id = any(${next(trusted.ids)}::bytea[]) and ${LIVE})
      = ${next(trusted.ids.length)}::int`);
  if (trusted.sessions.length)
    conditions.push(`(select count(distinct uid) from oidc_records where kind = 'Session'
      and uid = any(${next(trusted.sessions)}::bytea[]) and ${LIVE}) = ${next(trusted.sessions.length)}::int`);
  return { name: 'gate', text: `select ${conditions.join(' and ') || 'true'} as open`, values };
}

const REVOKE = statement(
  'delete from oidc_records where grant_key = any($1::bytea[]) or id = any($1::bytea[])',
);

/** Ends a family: the grant and everything issued under it (RFC 9700 section 4.5: a replayed code revokes its tokens). */
export async function revokeGrants(db: Db, grantKeys: readonly Buffer[]): Promise<void> {
  await db.run(REVOKE, [grantKeys]);
}

/** Rows per statement: a sweep never holds locks for long. */
const SWEEP_BATCH = 2_000;
const SWEEP = statement(
  `delete from oidc_records where id in (select id from oidc_records where expires_at < now() - interval '1 minute' limit ${SWEEP_BATCH} for update skip locked) returning 1`,
);

/** Deletes expired rows in short steps; returns how many. */
export async function sweepRecords(db: Db): Promise<number> {
  let total = 0;
  for (;;) {
    const swept = (await db.run(SWEEP)).length;
    total += swept;
    if (swept < SWEEP_BATCH) return total;
  }
}

const PROLONG = statement(`update oidc_records set expires_at = to_timestamp($2::float8),
    payload = jsonb_set(payload, '{exp}', to_jsonb($2::bigint))
  where kind = 'Session' and uid = $1 and ${LIVE} and expires_at < to_timestamp($2::float8)`);
/** A live session lives until then (whole seconds since the epoch), if it would have ended sooner. */
export async function prolongSession(q: Queryable, uid: Buffer, until: number): Promise<void> {
  await q.run(PROLONG, [uid, until]);
}

/** A live session as an operator sees it; nothing in it opens it. */
export interface ListedSession {
  readonly uid: Buffer;
  readonly sub: string;
  readonly expiresAt: Date;
  readonly facts: { readonly uid?: string; readonly loginTs?: number; readonly transient?: boolean };
  readonly clients: readonly string[];
}

const LISTED = `select uid, payload ->> 'accountId' as sub, expires_at as "expiresAt",
  jsonb_build_object('uid', payload -> 'uid', 'loginTs', payload -> 'loginTs', 'transient', payload -> 'transient') as facts,
  array(select jsonb_object_keys(coalesce(payload -> 'authorizations', '{}'))) as clients from oidc_records`;
const SOMEBODYS = `kind = 'Session' and payload ->> 'accountId' is not null and ${LIVE}`;
const AT_CLIENT = (n: number) => `($${n}::text is null or payload -> 'authorizations' ? $${n}::text)`;
const LIST = statement(
  `${LISTED} where ${SOMEBODYS} and uid > $1 and uid <= $2 and ${AT_CLIENT(3)} order by uid limit $4`,
);
const LIST_OF = statement(
  `${LISTED} where ${SOMEBODYS} and payload ->> 'accountId' = $1 order by uid limit $2`,
);
const LIST_UIDS = statement(`${LISTED} where ${SOMEBODYS} and uid = any($1::bytea[]) order by uid`);

/** Which sessions: after one uid and up to another (both whole, 32 bytes), of one person, or these. */
export type ListedBy =
  | { readonly after: Buffer; readonly upTo: Buffer; readonly clientId?: string | undefined }
  | { readonly sub: string }
  | { readonly uids: readonly Buffer[] };

/** In the order of their uids. */
export async function listSessions(q: Queryable, by: ListedBy, limit: number): Promise<ListedSession[]> {
  if ('sub' in by) return q.run<ListedSession>(LIST_OF, [by.sub, limit]);
  if ('uids' in by) return q.run<ListedSession>(LIST_UIDS, [by.uids]);
  return q.run<ListedSession>(LIST, [by.after, by.upTo, by.clientId ?? null, limit]);
}

// Tokens are counted in whole seconds; when a row expires tells their order more exactly.
const LATELY_AT =
  statement(`select s.uid from oidc_records s cross join lateral unnest($2::text[]) as c(client)
  join oidc_records t on t.kind = 'AccessToken' and t.payload ->> 'clientId' = c.client
    and t.grant_key = sha256(convert_to('Grant:' || (s.payload #>> array['authorizations', c.client, 'grantId']), 'UTF8'))
  where s.kind = 'Session' and s.payload ->> 'accountId' = $1 and s.expires_at > now()
    and (t.payload ->> 'iat')::float8 between $3::float8 - 600 and $3::float8
  group by s.uid order by max(t.expires_at) desc limit 1`);
/** The session in which this person got a token for one of these clients last, ten minutes before `at` or less. */
export const opSessionLatelyAt = async (
  q: Queryable,
  {
    sub,
    clientIds,
    at,
  }: { readonly sub: string; readonly clientIds: readonly string[]; readonly at: number },
): Promise<Buffer | undefined> => (await q.run<{ uid: Buffer }>(LATELY_AT, [sub, clientIds, at]))[0]?.uid;

const COUNT = statement(`select count(*)::int as n from oidc_records where ${SOMEBODYS} and ${AT_CLIENT(1)}`);
/** Live sessions of people, of all or of those who are at this client. */
export async function countSessions(q: Queryable, clientId?: string): Promise<number> {
  return (await q.run<{ n: number }>(COUNT, [clientId ?? null]))[0]?.n ?? 0;
}

/** SQL for endings (ending.ts): people's sessions, as `ending_ops` has them. */
export const peoplesSessions = (where: string): string =>
  `select uid, payload ->> 'accountId' as sub, coalesce(payload -> 'authorizations', '{}') as authorizations
    from oidc_records where ${SOMEBODYS} and ${where}`;
export const grantsOfPeople = (subs: string): string =>
  `select id from oidc_records where kind = 'Grant' and payload ->> 'accountId' = any(array(${subs}))`;
/** By uid, whatever id they have by now. */
export const sessionsTaken = (uids: string): string =>
  `delete from oidc_records where kind = 'Session' and uid = any(array(${uids}))`;
export const grantsTaken = (ids: string): string =>
  `delete from oidc_records where grant_key = any(array(${ids})) or id = any(array(${ids}))`;
