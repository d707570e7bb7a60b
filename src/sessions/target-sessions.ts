/** The table `target_sessions`: sessions at targets, as the targets' events and searches tell of them. */
import type { Queryable } from '../store/db.ts';
import { statement } from '../store/db.ts';
import type { Part } from '../store/statement.ts';

export interface TargetSessionRow {
  readonly target: string;
  readonly id: string;
  readonly targetUserId: string;
  readonly sub: string | null;
  readonly opSession: Buffer | null;
  readonly startedAt: Date;
  readonly seenAt: Date;
  readonly endedAt: Date | null;
}

const COLUMNS = `target, id, target_user_id as "targetUserId", sub, op_session as "opSession", started_at as "startedAt",
  seen_at as "seenAt", ended_at as "endedAt"`;

export interface SeenTargetSession {
  readonly target: string;
  readonly id: string;
  readonly targetUserId: string;
  readonly sub: string | undefined;
  /** Seconds since the epoch. */
  readonly startedAt: number;
  readonly opSession?: Buffer;
}

const SEEN =
  statement(`insert into target_sessions as t (target, id, target_user_id, sub, op_session, started_at)
  values ($1, $2, $3, $4, $5, to_timestamp($6::float8))
  on conflict (target, id) do update set seen_at = now(), sub = coalesce(t.sub, excluded.sub),
    op_session = coalesce(t.op_session, excluded.op_session)`);
/** It is there. One that has ended does not come back by that. */
export async function noteTargetSession(q: Queryable, seen: SeenTargetSession): Promise<void> {
  const { target, id, targetUserId, sub, startedAt, opSession } = seen;
  await q.run(SEEN, [target, id, targetUserId, sub ?? null, opSession ?? null, startedAt]);
}

const ENDED = statement(`insert into target_sessions as t (target, id, target_user_id, started_at, ended_at)
  values ($1, $2, $3, now(), now())
  on conflict (target, id) do update set ended_at = coalesce(t.ended_at, excluded.ended_at)`);
/** It is over, and nobody has to be told. Also of one that nobody knew: its beginning may be told later than its end. */
export async function noteTargetSessionEnded(
  q: Queryable,
  { target, id, targetUserId = '' }: { target: string; id: string; targetUserId?: string | undefined },
): Promise<void> {
  await q.run(ENDED, [target, id, targetUserId]);
}

const FORGET = statement(
  'delete from target_sessions where target = $1 and id = $2 and sub is null and ended_at is null',
);
/** Of somebody who is nobody's here. */
export async function forgetTargetSession(q: Queryable, target: string, id: string): Promise<void> {
  await q.run(FORGET, [target, id]);
}

const FIND = statement(`select ${COLUMNS} from target_sessions where target = $1 and id = $2`);
export async function targetSession(
  q: Queryable,
  target: string,
  id: string,
): Promise<TargetSessionRow | undefined> {
  return (await q.run<TargetSessionRow>(FIND, [target, id]))[0];
}

const OF_SUB = statement(
  `select ${COLUMNS} from target_sessions where sub = $1 order by started_at desc limit $2`,
);
/** Newest first, ended ones too. */
export const targetSessionsOfPerson = (
  q: Queryable,
  sub: string,
  limit: number,
): Promise<TargetSessionRow[]> => q.run<TargetSessionRow>(OF_SUB, [sub, limit]);

const NOBODYS = statement(`select ${COLUMNS} from target_sessions where target = $1 and target_user_id = $2
  and sub is null and ended_at is null and seen_at > now() - interval '1 hour' order by seen_at desc limit 10`);
/** Those of a target's user whom nobody knew when they began. */
export const nobodysTargetSessions = (
  q: Queryable,
  target: string,
  targetUserId: string,
): Promise<TargetSessionRow[]> => q.run<TargetSessionRow>(NOBODYS, [target, targetUserId]);

const CLAIM = statement(`with due as materialized (select target, id from target_sessions
    where target = $1 and ended_at is null and seen_at < now() - make_interval(secs => $2)
    order by seen_at limit $3 for update skip locked)
  update target_sessions set seen_at = now() where (target, id) in (select target, id from due) returning ${COLUMNS}`);
/** Those that were not asked about for so long; nobody else gets them for as long again. */
export const claimTargetChecks = (
  q: Queryable,
  { target, olderThanSeconds, limit }: { target: string; olderThanSeconds: number; limit: number },
): Promise<TargetSessionRow[]> => q.run<TargetSessionRow>(CLAIM, [target, olderThanSeconds, limit]);

/** A part named `ending_from (op_session, sub)`: whose this live session is. */
export const endingFromTargetPart = ({ target, id }: { target: string; id: string }): Part => ({
  name: 'ending_from',
  text: `select op_session, sub from target_sessions
    where ended_at is null and target = $1::text and id = $2::text`,
  values: [target, id],
});

/**
 * Ends the rows of `ending_ops (uid, …)` and `ending_people (sub)`, both earlier parts, and the one named. Named
 * `ended_targets (target, id, sub, target_user_id, op_session)`. Arrays, so that each of the three goes by its own index.
 * `spared`: a target whose sessions of the person live on.
 */
export const endedTargetsPart = (
  ending: string,
  one?: { readonly target: string; readonly id: string },
  spared?: string,
): Part => ({
  name: 'ended_targets',
  text: `update target_sessions set ended_at = now(), ended_by = $1::uuid
    where ended_at is null and target is distinct from $4::text and (op_session = any(array(select uid from ending_ops))
      or sub = any(array(select sub from ending_people)) or (target = $2::text and id = $3::text))
    returning target, id, sub, target_user_id, op_session`,
  values: [ending, one?.target ?? null, one?.id ?? null, spared ?? null],
});

/**
 * Nobody looks at an old one; one that was not seen for a month has ended without our hearing of it. Of a stranger's it is
 * only kept that it has ended until its beginning cannot come any more.
 */
export const SWEEP_TARGET_SESSIONS =
  statement(`with gone as (delete from target_sessions where (target, id) in (
    select target, id from target_sessions
    where ended_at < now() - case when sub is null then interval '1 hour' else interval '7 days' end or seen_at < now() - interval '30 days'
    limit $1) returning 1) select count(*)::int as gone from gone`);

const PEOPLE = statement(`select distinct sub from target_sessions where ended_at is null and sub is not null
  and started_at <= to_timestamp($1::float8) limit $2`);
/** People with live sessions at targets that began before then (seconds since the epoch), whether or not ours still lives. */
export const peopleAtTargets = async (q: Queryable, before: number, limit: number): Promise<string[]> =>
  (await q.run<{ sub: string }>(PEOPLE, [before, limit])).map(({ sub }) => sub);

const OP_SESSIONS_AT = statement(`select distinct op_session as uid from target_sessions
  where target = $1 and op_session > $2 and ended_at is null order by 1 limit $3`);
/** The provider's sessions that a live one at this target came from, in the order of their uids, after one of them. */
export async function opSessionsAtTarget(
  q: Queryable,
  { target, after, limit }: { readonly target: string; readonly after: Buffer; readonly limit: number },
): Promise<Buffer[]> {
  return (await q.run<{ uid: Buffer }>(OP_SESSIONS_AT, [target, after, limit])).map(({ uid }) => uid);
}
