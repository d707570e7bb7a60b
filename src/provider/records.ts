/**
 * The table `oidc_records`: everything the provider must remember between requests, by the SHA-256 of its id.
 * Reads are batched into one statement and bring along what the protocol asks for next; the writes of one request
 * are one statement and one commit (see `request-scope.ts`).
 */
import { createHash } from 'node:crypto';
import type { Db } from '../store/db.ts';
import { statement } from '../store/db.ts';
import type { Part } from '../store/statement.ts';

export type Payload = Record<string, unknown>;

export interface StoredRecord {
  readonly id: Buffer;
  readonly kind: string;
  readonly grantKey: Buffer | null;
  readonly uid: Buffer | null;
  readonly payload: Payload;
  readonly consumedAt: Date | null;
}

export interface NewRecord {
  readonly id: Buffer;
  readonly kind: string;
  readonly grantKey: Buffer | null;
  readonly uid: Buffer | null;
  readonly payload: Payload;
  /** Undefined: does not expire. */
  readonly expiresInSeconds: number | undefined;
}

/** A session changed by this request: merged into the row, so that two tabs never lose each other's client. */
export interface SessionChange extends NewRecord {
  /** The row's id so far; another one than `id` when the session's id changes (at every login and return from a page). */
  readonly previousId: Buffer;
  /** Clients whose authorization this request took away. */
  readonly removedClients: readonly string[];
}

export const recordKey = (kind: string, id: string): Buffer =>
  createHash('sha256').update(`${kind}:${id}`).digest();

/** A model's payload as a row. The id itself is cut from it: only its hash is kept. */
export function newRecord(
  kind: string,
  id: string,
  payload: Payload,
  expiresInSeconds: number | undefined,
): NewRecord {
  const { jti: _id, ...rest } = payload;
  const uid = kind === 'Session' ? payload.uid : payload.sessionUid;
  return {
    id: recordKey(kind, id),
    kind,
    grantKey: typeof payload.grantId === 'string' ? recordKey('Grant', payload.grantId) : null,
    uid: typeof uid === 'string' ? recordKey('uid', uid) : null,
    payload: rest,
    expiresInSeconds,
  };
}

const COLUMNS = 'id, kind, grant_key as "grantKey", uid, payload, consumed_at as "consumedAt"';
const LIVE = '(expires_at is null or expires_at > now())';

/** Finds records and what follows from them: a token's grant and session, a session's grant for the asking client. */
const FIND = statement(`with t as (select * from oidc_records where id = any($1::bytea[]) and ${LIVE})
select ${COLUMNS} from t
union all
select ${COLUMNS} from oidc_records where id in (select grant_key from t) and ${LIVE}
union all
select ${COLUMNS} from oidc_records where kind = 'Session' and uid in (select uid from t where kind <> 'Session') and ${LIVE}
union all
select ${COLUMNS} from oidc_records where id in (
  select sha256(convert_to('Grant:' || (payload #>> array['authorizations', $2::text, 'grantId']), 'UTF8'))
  from t where kind = 'Session') and ${LIVE}`);

export async function findRecords(
  db: Db,
  ids: readonly Buffer[],
  clientId: string | null,
): Promise<StoredRecord[]> {
  return db.run<StoredRecord>(FIND, [ids, clientId]);
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
}

const INSERT = `insert into oidc_records (id, kind, grant_key, uid, payload, expires_at)
  select id, kind, grant_key, uid, payload, now() + make_interval(secs => ttl)
  from unnest($1::bytea[], $2::text[], $3::bytea[], $4::bytea[], $5::jsonb[], $6::float8[]) as r(id, kind, grant_key, uid, payload, ttl)`;

const columnsOf = (records: readonly NewRecord[]): unknown[] => [
  records.map((r) => r.id),
  records.map((r) => r.kind),
  records.map((r) => r.grantKey),
  records.map((r) => r.uid),
  records.map((r) => JSON.stringify(r.payload)),
  records.map((r) => r.expiresInSeconds ?? null),
];

/**
 * The parts of the one statement that writes a request. `gate.open` is false, and nothing but the marks of the
 * consumed rows is written, when a code was already consumed or a session ended meanwhile.
 */
export function changeParts(changes: Changes): Part[] {
  const parts: Part[] = [];
  const { consumed, sessions, saved, once, destroyed, endedSessions, revokedGrants } = changes;
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
  parts.push(gatePart(consumed.length, sessions.length));
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
      text: `${INSERT} where (select open from gate) on conflict (id) do update
        set payload = excluded.payload, grant_key = excluded.grant_key, uid = excluded.uid, expires_at = excluded.expires_at`,
      values: columnsOf(saved),
    });
  }
  if (once.length) {
    parts.push({ name: 'once', text: `${INSERT} where (select open from gate)`, values: columnsOf(once) });
  }
  return parts;
}

/** One row: whether every code was still there to consume and every session still there to change. */
function gatePart(consumed: number, sessions: number): Part {
  const conditions = [
    ...(consumed ? ['(select count(*) from consumed) = $1::int'] : []),
    ...(sessions ? [`(select count(*) from sessions) = $${consumed ? 2 : 1}::int`] : []),
  ];
  return {
    name: 'gate',
    text: `select ${conditions.join(' and ') || 'true'} as open`,
    values: [...(consumed ? [consumed] : []), ...(sessions ? [sessions] : [])],
  };
}

const REVOKE = statement(
  'delete from oidc_records where grant_key = any($1::bytea[]) or id = any($1::bytea[])',
);

/** Ends a family: the grant and everything issued under it (RFC 9700 section 4.5: a replayed code revokes its tokens). */
export async function revokeGrants(db: Db, grantKeys: readonly Buffer[]): Promise<void> {
  await db.run(REVOKE, [grantKeys]);
}

const SESSIONS_OF = statement(
  `select ${COLUMNS} from oidc_records where kind = 'Session' and payload ->> 'accountId' = $1 and ${LIVE} limit 1000`,
);

/** The live provider sessions of one subject. */
export async function sessionsOf(db: Db, sub: string): Promise<StoredRecord[]> {
  return db.run<StoredRecord>(SESSIONS_OF, [sub]);
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
