/**
 * The table `legacy_sessions`: which sessions at legacy apps belong to which of ours. A row says what was true when the app
 * was asked last; the app itself has the last word.
 */
import type { Db, Queryable } from '../store/db.ts';
import { statement } from '../store/db.ts';
import type { Keyring } from '../store/encryption.ts';
import type { Part } from '../store/statement.ts';
import type { LegacySessionRow, NewLegacySession, Owner, RedeemedSession } from './legacy-session-row.ts';
import { idsOf, sealHandle, sinceAskedMs } from './legacy-session-row.ts';

export type { LegacySessionRow, NewLegacySession, Owner, RedeemedSession } from './legacy-session-row.ts';
export { idsOf, openHandle } from './legacy-session-row.ts';

const COLUMNS = `id, app, sub, op_session as "opSession", origin, handle, auth_time as "authTime", amr,
  created_at as "createdAt", seen_at as "seenAt", checked_at as "checkedAt", expires_at as "expiresAt", attempts, problem,
  ended_at as "endedAt", over_at as "overAt",
  (extract(epoch from now() - over_at) * 1000)::float8 as "overForMs", cardinality(shared_with) as "sharedWith"`;
const LIVE = 'ended_at is null and expires_at > now()';

/**
 * Writes sessions down, in the statement of the login they belong to. One that is known already becomes this owner's; one that we
 * have ended stays so, unless the person has proved who they are since, or its app was asked after it had confirmed the end.
 */
export function notePart(keyring: Keyring, sessions: readonly NewLegacySession[], owner: Owner): Part {
  const [opSession, login] = 'opSession' in owner ? [owner.opSession, null] : [null, owner.login];
  const of = (opSession ?? login)!;
  const idOf = ({ id, app, handle }: NewLegacySession) =>
    id ?? idsOf(keyring, app, handle ?? `\0${of.toString('hex')}`)[0]!;
  return {
    name: 'legacy_noted',
    text: `insert into legacy_sessions as l (id, app, sub, op_session, login, origin, handle, auth_time, amr, expires_at, problem, attempts)
      select r.id, r.app, r.sub, $1::bytea, $2::bytea, r.origin, r.handle, to_timestamp(r.auth_time),
        array(select jsonb_array_elements_text(r.amr)), to_timestamp(r.expires_at), r.problem, (r.problem is not null)::int
      from unnest($3::bytea[], $4::text[], $5::text[], $6::text[], $7::text[], $8::float8[], $9::jsonb[], $10::float8[], $11::text[])
        as r(id, app, sub, origin, handle, auth_time, amr, expires_at, problem)
      on conflict (id) do update set sub = excluded.sub, op_session = coalesce(excluded.op_session, l.op_session),
        shared_with = case when l.sub <> excluded.sub or l.ended_at is not null then '{}' when excluded.op_session <> l.op_session
          then array_append(array_remove(l.shared_with, excluded.op_session), l.op_session) else l.shared_with end,
        login = excluded.login, handle = coalesce(excluded.handle, l.handle), amr = excluded.amr,
        origin = case when l.sub = excluded.sub then l.origin else excluded.origin end,
        auth_time = case when l.sub = excluded.sub then coalesce(excluded.auth_time, l.auth_time) else excluded.auth_time end,
        created_at = case when l.sub = excluded.sub then l.created_at else now() end,
        expires_at = excluded.expires_at, problem = excluded.problem,
        attempts = case when excluded.problem is null then 0 else l.attempts + 1 end,
        seen_at = now(), checked_at = now(), ended_at = null, ended_by = null, over_at = null
      where l.ended_at is null or l.over_at < now() - make_interval(secs => $12::float8) or excluded.origin = 'created' or excluded.auth_time > l.ended_at`,
    values: [
      opSession,
      login,
      sessions.map(idOf),
      sessions.map(({ app }) => app),
      sessions.map(({ sub }) => sub),
      sessions.map(({ origin }) => origin),
      sessions.map(({ app, handle }) => (handle === undefined ? null : sealHandle(keyring, app, handle))),
      sessions.map(({ authTime }) => authTime ?? null),
      sessions.map(({ amr }) => JSON.stringify(amr)),
      sessions.map(({ expiresAt }) => expiresAt),
      sessions.map(({ problem }) => problem ?? null),
      Math.max(
        0,
        ...sessions.map(({ askedMs }) => (askedMs === undefined ? 0 : sinceAskedMs(askedMs) / 1_000)),
      ),
    ],
  };
}

/** The provider has a session now for this login. */
export const tiePart = (login: Buffer, opSession: Buffer): Part => ({
  name: 'legacy_tied',
  text: 'update legacy_sessions set op_session = $2::bytea, login = null where login = $1::bytea',
  values: [login, opSession],
});

const RENAMED = statement(`with one as materialized (
    select id from legacy_sessions where app = $1 and sub = $2 and handle is null and problem is null and ended_at is null
      and auth_time = to_timestamp($3::float8) and created_at > now() - interval '10 minutes'
    order by created_at desc limit 1 for update)
  update legacy_sessions set id = $4, handle = $5, expires_at = coalesce(to_timestamp($6::float8), expires_at),
    seen_at = now(), checked_at = now() where id in (select id from one)`);
const FORGOTTEN = statement('delete from legacy_sessions where id = any($1::bytea[])');

/** Until then it had no handle. One that the app had by this name before is over: the name is the new one's. */
export const noteRedeemed = (
  { db, keyring }: { readonly db: Pick<Db, 'transaction'>; readonly keyring: Keyring },
  { app, sub, login, session, expiresAt }: RedeemedSession,
): Promise<void> =>
  db.transaction(async (tx) => {
    const ids = idsOf(keyring, app, session);
    await tx.run(FORGOTTEN, [ids]);
    const handle = sealHandle(keyring, app, session);
    await tx.run(RENAMED, [app, sub, login.authTime, ids[0], handle, expiresAt ?? null]);
  });

const OF_OP = statement(`select ${COLUMNS} from legacy_sessions where op_session = $1 and ${LIVE} limit 100`);
/** Live, and those that could not be made. */
export const legacySessionsOf = (q: Queryable, opSession: Buffer): Promise<LegacySessionRow[]> =>
  q.run<LegacySessionRow>(OF_OP, [opSession]);

const OF_SUB = statement(
  `select ${COLUMNS} from legacy_sessions where sub = $1 order by created_at desc limit $2`,
);
/** Newest first, ended ones too. */
export const legacySessionsOfPerson = (
  q: Queryable,
  sub: string,
  limit: number,
): Promise<LegacySessionRow[]> => q.run<LegacySessionRow>(OF_SUB, [sub, limit]);

const BY_ID = statement(
  `select ${COLUMNS} from legacy_sessions where id = any($1::bytea[]) order by created_at desc limit 1`,
);
/** Ended or not. */
export const legacySessionById = async (
  q: Queryable,
  ids: readonly Buffer[],
): Promise<LegacySessionRow | undefined> => (await q.run<LegacySessionRow>(BY_ID, [ids]))[0];

const CLAIM = statement(`with due as materialized (
    select id from legacy_sessions where app = $1 and ${LIVE} and problem is null and handle is not null
      and op_session is not null and checked_at < now() - make_interval(secs => $2)
    order by checked_at limit $3 for update skip locked)
  update legacy_sessions set checked_at = now() where id in (select id from due) returning ${COLUMNS}`);
/** Those of an app that were not asked about for so long; nobody else gets them for as long again. */
export const claimChecks = (
  q: Queryable,
  { app, olderThanSeconds, limit }: { app: string; olderThanSeconds: number; limit: number },
): Promise<LegacySessionRow[]> => q.run<LegacySessionRow>(CLAIM, [app, olderThanSeconds, limit]);

/** What is to be done for a session of ours that is used, by what its apps can do. */
export interface VisitClaim {
  readonly opSession: Buffer;
  readonly apps: { readonly check: string[]; readonly renew: string[]; readonly create: string[] };
  readonly olderThanSeconds: { readonly check: number; readonly renew: number; readonly create: number };
  readonly maxAttempts: number;
}

export interface ClaimedRow extends LegacySessionRow {
  readonly due: 'create' | 'check' | 'renew' | 'check and renew';
}

const CLAIM_VISIT = statement(`with due as materialized (
    select id, was_seen_at, case when problem is not null then 'create' when not is_check then 'renew'
      when is_renew then 'check and renew' else 'check' end as due from (
      select id, app, problem, attempts, checked_at, seen_at as was_seen_at,
        app = any($2::text[]) and (checked_at < now() - make_interval(secs => $3) or over_at is not null) as is_check,
        app = any($4::text[]) and seen_at < now() - make_interval(secs => $5) as is_renew
      from legacy_sessions where op_session = $1 and ${LIVE} and (problem is not null or handle is not null)
      order by id limit 50 for update skip locked) l
    where case when problem is null then is_check or is_renew
      else app = any($6::text[]) and attempts < $8 and checked_at < now() - make_interval(secs => $7) end)
  update legacy_sessions l set checked_at = case when d.due = 'renew' then l.checked_at else now() end,
    seen_at = case when d.due in ('renew', 'check and renew') then now() else l.seen_at end
  from due d where l.id = d.id
  returning ${COLUMNS.replace('id, ', 'l.id, ').replace('seen_at as', 'd.was_seen_at as')}, d.due`);
/** Nobody else gets the same for as long again. `seenAt` is that of before: this use does not make up for an idle time. */
export const claimForVisit = (
  q: Queryable,
  { opSession, apps, olderThanSeconds, maxAttempts }: VisitClaim,
): Promise<ClaimedRow[]> =>
  q.run<ClaimedRow>(CLAIM_VISIT, [
    opSession,
    apps.check,
    olderThanSeconds.check,
    apps.renew,
    olderThanSeconds.renew,
    apps.create,
    olderThanSeconds.create,
    maxAttempts,
  ]);

const CHECKED = statement(`update legacy_sessions set checked_at = now(),
    seen_at = greatest(seen_at, coalesce(to_timestamp($2::float8), seen_at)),
    expires_at = coalesce(to_timestamp($3::float8), expires_at) where id = $1 and ended_at is null`);
/** What the app said; seconds since the epoch. */
export async function noteChecked(
  q: Queryable,
  id: Buffer,
  { lastUsedAt, expiresAt }: { readonly lastUsedAt?: number; readonly expiresAt?: number },
): Promise<void> {
  await q.run(CHECKED, [id, lastUsedAt ?? null, expiresAt ?? null]);
}

const RENEWED = statement(
  'update legacy_sessions set expires_at = greatest(expires_at, to_timestamp($2::float8)) where id = $1 and ended_at is null',
);
/** It lives on until then at least, in seconds since the epoch. */
export const noteRenewed = (q: Queryable, id: Buffer, until: number): Promise<unknown> =>
  q.run(RENEWED, [id, until]);

const OVER = statement(
  `update legacy_sessions set over_at = now(), ended_at = coalesce(ended_at, case when $2 then now() end)
    where id = any($1::bytea[]) and (ended_at is not null or $2 or $3)`,
);
/**
 * The app says that it is over. `ended`: so it is for us. `to-end`: our own session has to end as well, and with it this.
 * `confirmed`: we ended it, and have not taken it up again since.
 */
export const noteOver = async (
  q: Queryable,
  ids: readonly Buffer[],
  as: 'ended' | 'to-end' | 'confirmed',
): Promise<void> => void (await q.run(OVER, [ids, as === 'ended', as === 'to-end']));

const ALL_OVER = statement(`update legacy_sessions set over_at = now()
  where sub = $2 and app = $1 and ended_at is not null and over_at is null`);
/** The app has ended all that this person had there; what has begun since is none of it. */
export const noteAllOver = async (q: Queryable, app: string, sub: string): Promise<void> =>
  void (await q.run(ALL_OVER, [app, sub]));

const NOTE_ENDED = statement(`insert into legacy_sessions (id, app, sub, origin, expires_at, ended_at)
  values ($1, $2, '', 'recognised', now() + make_interval(secs => $3), now()) on conflict do nothing`);
/** The app has ended one that nobody has come by with yet: whoever does is not let in. */
export const noteEndedUnseen = (
  q: Queryable,
  { app, id, seconds }: { readonly app: string; readonly id: Buffer; readonly seconds: number },
): Promise<unknown> => q.run(NOTE_ENDED, [id, app, seconds]);

const LOGIN_OVER = statement(`select 1 from legacy_sessions where app = $1 and sub = $2 and handle is null
  and auth_time = to_timestamp($3::float8) and ended_at is not null limit 1`);
/** Whether what this login was to begin at the app has ended already. */
export const isLoginOver = async (
  q: Queryable,
  { app, sub, login }: Omit<RedeemedSession, 'session'>,
): Promise<boolean> => (await q.run(LOGIN_OVER, [app, sub, login.authTime])).length > 0;

const FAILED_AGAIN = statement(
  'update legacy_sessions set problem = $2, attempts = attempts + 1, checked_at = now() where id = $1 and problem is not null',
);
/** Once more it could not be made. */
export const noteFailedAgain = (q: Queryable, id: Buffer, problem: string): Promise<unknown> =>
  q.run(FAILED_AGAIN, [id, problem]);

/** What could not be made is there now, and `notePart` says how. */
export const madePart = (id: Buffer): Part => ({
  name: 'legacy_made',
  text: 'delete from legacy_sessions where id = $1::bytea and problem is not null',
  values: [id],
});

/** A part named `ending_from (op_session, sub)`: whose these live sessions are. */
export const endingFromLegacyPart = (ids: readonly Buffer[]): Part => ({
  name: 'ending_from',
  text: `select unnest(shared_with || op_session) as op_session, sub from legacy_sessions
    where ended_at is null and id = any($1::bytea[])`,
  values: [ids],
});
/** The same for one of ours: it, and those in other browsers that live by the same legacy session. */
export const endingFromOpPart = (uid: Buffer): Part => ({
  name: 'ending_from',
  text: `select unnest(shared_with || op_session) as op_session, sub from legacy_sessions
    where ended_at is null and (op_session = $1::bytea or shared_with @> array[$1::bytea]) union select $1::bytea, null`,
  values: [uid],
});

/**
 * Ends the rows of `ending_ops (uid, sub, …)` and of `ending_people (sub)`, both earlier parts, and these, of which the app
 * itself has said that they are over. Named
 * `ended_legacy (id, app, sub, handle, op_session)`. Arrays, so that each of the three goes by its own index.
 */
export const endedLegacyPart = (ending: string, ids: readonly Buffer[] = []): Part => ({
  name: 'ended_legacy',
  text: `update legacy_sessions set ended_at = now(), ended_by = $1::uuid,
      over_at = case when id = any($2::bytea[]) then now() else over_at end
    where ended_at is null and problem is null and (op_session = any(array(select uid from ending_ops))
      or shared_with && array(select uid from ending_ops)
      or sub = any(array(select sub from ending_people)) or id = any($2::bytea[]))
    returning id, app, sub, handle, op_session`,
  values: [ending, ids],
});

/** An ended or expired session is of interest to an operator for this long. */
export const SWEEP_LEGACY_SESSIONS = statement(`with gone as (delete from legacy_sessions where id in (
    select id from legacy_sessions where expires_at < now() - interval '7 days' limit $1) returning 1)
  select count(*)::int as gone from gone`);

const OP_SESSIONS_AT = statement(`select distinct op_session as uid from legacy_sessions
  where app = $1 and op_session > $2 and ${LIVE} and problem is null order by 1 limit $3`);
/** The provider's sessions that have a live one at this app, in the order of their uids, after one of them. */
export async function opSessionsAtApp(
  q: Queryable,
  { app, after, limit }: { readonly app: string; readonly after: Buffer; readonly limit: number },
): Promise<Buffer[]> {
  return (await q.run<{ uid: Buffer }>(OP_SESSIONS_AT, [app, after, limit])).map(({ uid }) => uid);
}

const PEOPLE =
  statement(`select distinct sub from legacy_sessions where ${LIVE} and problem is null and sub <> ''
  and created_at <= to_timestamp($1::float8) limit $2`);
/** People with live sessions at apps that began before then (seconds since the epoch), whether or not ours still lives. */
export const peopleAtApps = async (q: Queryable, before: number, limit: number): Promise<string[]> =>
  (await q.run<{ sub: string }>(PEOPLE, [before, limit])).map(({ sub }) => sub);

const COUNT = statement(`select app, (count(*) filter (where problem is null))::int as live,
    (count(*) filter (where problem is not null))::int as failed
  from legacy_sessions where ${LIVE} group by app`);
/** By app: sessions that live, and those that could not be made or asked about. */
export const countLegacySessions = (
  q: Queryable,
): Promise<{ readonly app: string; readonly live: number; readonly failed: number }[]> => q.run(COUNT);
