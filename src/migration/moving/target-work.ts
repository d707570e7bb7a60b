/**
 * The people who are being made or completed at a target. A row is there before the first call and goes when everything
 * is confirmed; a lease says whose turn it is, so that of several nodes one works on a person, and another goes on when
 * the first has died.
 */
import { randomUUID } from 'node:crypto';
import { auditPart } from '../../store/audit-log.ts';
import type { Queryable } from '../../store/db.ts';
import { statement } from '../../store/db.ts';
import type { Part } from '../../store/statement.ts';
import type { LedgerRow, Move } from '../ledger.ts';
import { findPart, moveParts } from '../ledger.ts';
import { hasTargetUser, isMovable, STATES } from '../states.ts';
import type { MoveRequest, Road } from './mover.ts';
import type { Problem, Work } from './work.ts';

export type { Problem, Work } from './work.ts';

/** A dead node's work is taken over after this; a living one renews its lease three times in between. */
export const LEASE_SECONDS = 30;
/** Enough for a target that is down for half a day. */
export const MAX_ATTEMPTS = 20;

const LEASED = `now() + interval '${LEASE_SECONDS} seconds'`;
const FREE = '(w.leased_until is null or w.leased_until < now())';
const COLUMNS = `w.target, w.sub, w.road, w.actor, w.target_user_id as "targetUserId", w.attempts, w.lease, w.due_at::text as "askedAt"`;
const among = (wanted: typeof isMovable) =>
  `in (${STATES.filter(wanted)
    .map((state) => `'${state}'`)
    .join(', ')})`;
const MOVABLE = among(isMovable);
const ARRIVED = among((state) => hasTargetUser(state) && !isMovable(state));

const ASK = `on conflict (target, sub) do update set road = excluded.road, actor = excluded.actor, attempts = 0,
  due_at = now(), problem = null, target_user_id = coalesce(excluded.target_user_id, w.target_user_id)`;

const valuesOf = ({ target, sub, road, actor, targetUserId }: MoveRequest) => [
  target,
  sub,
  road,
  actor,
  targetUserId ?? null,
];

/** For a statement with `proveParts` of the same target and user before it: asks where the proof was taken. */
export function requestPart(request: MoveRequest): Part {
  return {
    name: 'work_requested',
    text: `insert into target_work as w (target, sub, road, actor, target_user_id)
      select $1::text, $2::text, $3::text, $4::text, $5::text from ledger_row
      where target = $1::text and sub = $2::text and state ${MOVABLE} ${ASK}`,
    values: valuesOf(request),
  };
}

export interface Claim {
  readonly row: LedgerRow | undefined;
  /** Undefined: it is somebody else's turn, or there is nothing to do. */
  readonly work: Work | undefined;
  /** Of earlier tries. */
  readonly problem: Problem | undefined;
}

/** Asks, and takes the lease. Nobody gets a row without a proof or a batch; whoever has arrived only if one was left. */
export async function claimWork(q: Queryable, request: MoveRequest): Promise<Claim> {
  const { target, sub } = request;
  const found: Part = {
    name: 'work_found',
    text: 'select problem from target_work where target = $1::text and sub = $2::text',
    values: [target, sub],
  };
  const claimed: Part = {
    name: 'work_claimed',
    text: `insert into target_work as w (target, sub, road, actor, target_user_id, lease, leased_until)
      select $1::text, $2::text, $3::text, $4::text, $5::text, $6::text, ${LEASED} from ledger_found
      where state ${MOVABLE} or (state ${ARRIVED} and exists (select from work_found))
      ${ASK}, lease = excluded.lease, leased_until = excluded.leased_until where ${FREE} returning ${COLUMNS}`,
    values: [...valuesOf(request), randomUUID()],
  };
  const [answer] = await q.runParts<{ row: boolean; work: Work | null; problem: Problem | null } & LedgerRow>(
    [findPart(target, sub), found, claimed],
    `select l.*, (select to_json(w) from work_claimed w) as work, (select problem from work_found) as problem
     from (select) one left join ledger_found l on true`,
  );
  const { work, problem, ...row } = answer ?? { work: null, problem: null, state: null };
  return {
    row: row.state ? (row as LedgerRow) : undefined,
    work: work ?? undefined,
    problem: problem ?? undefined,
  };
}

// Apart, because a subquery may be read once for every row that it is joined with, and locks another row each time.
const CLAIM_DUE = statement(`with due as materialized (
    select target, sub from target_work w where target = any($1::text[]) and due_at <= now() - make_interval(secs => $3::float8) and ${FREE}
    order by due_at limit 1 for update skip locked)
  update target_work w set lease = $2, leased_until = ${LEASED} from due
  where w.target = due.target and w.sub = due.sub returning ${COLUMNS}`);

/** The next that is due at one of these targets, for so long, and that nobody works on. */
export async function claimDue(
  q: Queryable,
  targets: readonly string[],
  sinceSeconds = 0,
): Promise<Work | undefined> {
  const [work] = await q.run<Work>(CLAIM_DUE, [targets, randomUUID(), sinceSeconds]);
  return work;
}

const RENEW = statement(
  `update target_work set leased_until = ${LEASED} where target = $1 and sub = $2 and lease = $3`,
);

/** Renews the lease until it is stopped. What could not be renewed runs out, which does no harm. */
export function keepLease(q: Queryable, { target, sub, lease }: Work): { stop(): void } {
  const renew = () => q.run(RENEW, [target, sub, lease]).catch(() => undefined);
  const timer = setInterval(renew, (LEASE_SECONDS * 1_000) / 3);
  timer.unref();
  return { stop: () => clearInterval(timer) };
}

/** A part named `work_held`: a row while the lease is ours. */
export function heldPart({ target, sub, lease }: Work): Part {
  return {
    name: 'work_held',
    text: `select from target_work where target = $1::text and sub = $2::text and lease = $3::text and leased_until > now()`,
    values: [target, sub, lease],
  };
}

const FINISH = statement(`with gone as (
    delete from target_work where target = $1 and sub = $2 and lease = $3 and due_at = $4::timestamptz)
  update target_work set lease = null, leased_until = null
  where target = $1 and sub = $2 and lease = $3 and due_at <> $4::timestamptz`);

/** All is done; whoever has asked meanwhile is served anew. */
export async function finishWork(q: Queryable, { target, sub, lease, askedAt }: Work): Promise<void> {
  await q.run(FINISH, [target, sub, lease, askedAt]);
}

const POSTPONE =
  statement(`update target_work set lease = null, leased_until = null, attempts = attempts + $5,
    problem = $6, due_at = case when due_at = $4::timestamptz then now() + make_interval(secs => $7) else due_at end
  where target = $1 and sub = $2 and lease = $3`);

export interface Postponement {
  readonly problem: Problem;
  readonly delaySeconds: number;
  /** False: it was no failure, as when the caller has gone. */
  readonly counts: boolean;
}

export async function postponeWork(
  q: Queryable,
  { target, sub, lease, askedAt }: Pick<Work, 'target' | 'sub' | 'lease' | 'askedAt'>,
  { problem, delaySeconds, counts }: Postponement,
): Promise<void> {
  await q.run(POSTPONE, [target, sub, lease, askedAt, counts ? 1 : 0, JSON.stringify(problem), delaySeconds]);
}

/** Nothing more is tried until somebody asks. The row stays with its problem; the ledger says `failed` where it can. */
export async function giveUpWork(
  q: Queryable,
  work: Work,
  { problem, move }: { readonly problem: Problem; readonly move: Omit<Move, 'event'> },
): Promise<void> {
  const { target, sub, lease } = work;
  const { actor, subject } = move;
  const givenUp: Part = {
    name: 'work_given_up',
    text: `update target_work set lease = null, leased_until = null, problem = $4::jsonb, due_at = 'infinity'
      where target = $1::text and sub = $2::text and lease = $3::text returning 1`,
    values: [target, sub, lease, JSON.stringify(problem)],
  };
  const detail = { target, road: work.road, code: problem.code };
  await q.runParts(
    [
      givenUp,
      ...moveParts({ ...move, event: 'fail' }, 'work_given_up'),
      auditPart({ actor, action: 'move.given-up', subject, detail }, 'work_given_up'),
    ],
    'select 1',
  );
}

/** A lease on many people at once. */
export interface Taking {
  readonly target: string;
  readonly actor: string;
  readonly lease: string;
  readonly leaseSeconds: number;
}

/** A part named `work_taken` with sub, target_user_id and asked_at of those in `after` on whom nobody works right now. */
export const takeEachPart = ({ target, actor, lease, leaseSeconds }: Taking, after: string): Part => ({
  name: 'work_taken',
  text: `insert into target_work as w (target, sub, road, actor, lease, leased_until)
    select $1::text, sub, 'batch', $2::text, $3::text, now() + make_interval(secs => $4::float8) from ${after} ${ASK},
      lease = excluded.lease, leased_until = excluded.leased_until where ${FREE}
    returning w.sub, w.target_user_id, w.due_at::text as asked_at`,
  values: [target, actor, lease, leaseSeconds],
});

/** Renews it for all who are still under it. */
export const renewEachPart = ({ lease, leaseSeconds }: Taking): Part => ({
  name: 'work_renewed',
  text: `update target_work set leased_until = now() + make_interval(secs => $2::float8) where lease = $1::text`,
  values: [lease, leaseSeconds],
});

/** A part named `work_held`: sub of those under it. */
export const heldEachPart = ({ lease }: Taking): Part => ({
  name: 'work_held',
  text: 'select sub from target_work where lease = $1::text and leased_until > now()',
  values: [lease],
});

/** For those of the part `after` it is over; whoever was asked for meanwhile is served anew. */
export const finishEachParts = ({ lease }: Taking, askedAt: string, after: string): Part[] => [
  {
    name: 'work_done',
    text: `delete from target_work where lease = $1::text and due_at = $2::timestamptz and sub in (select sub from ${after})`,
    values: [lease, askedAt],
  },
  {
    name: 'work_kept',
    text: `update target_work set lease = null, leased_until = null
      where lease = $1::text and due_at <> $2::timestamptz and sub in (select sub from ${after})`,
    values: [lease, askedAt],
  },
];

/** A part named `work_quiet`: a row when nobody works on this person now. */
export function quietPart(target: string, sub: string): Part {
  return {
    name: 'work_quiet',
    text: `select $1::text as target where not exists (
      select from target_work where target = $1::text and sub = $2::text and leased_until > now())`,
    values: [target, sub],
  };
}

/** Forgets the work of the users in an earlier part with the columns target and sub. */
export const dropPart = (moved: string): Part => ({
  name: 'work_dropped',
  text: `delete from target_work where (target, sub) in (select target, sub from ${moved})`,
  values: [],
});

export interface ListedWork {
  readonly target: string;
  readonly sub: string;
  readonly road: Road;
  readonly attempts: number;
  /** When it is tried again; null: given up. */
  readonly dueAt: Date | null;
  readonly isUnderWay: boolean;
  readonly problem: Problem | null;
  readonly since: Date;
}

const LISTED = `select target, sub, road, attempts, nullif(due_at, 'infinity') as "dueAt", problem,
    coalesce(leased_until > now(), false) as "isUnderWay", created_at as since from target_work`;
const LIST = statement(
  `${LISTED} where $1::text is null or target = $1 order by due_at desc, created_at limit $2`,
);
const OF = statement(`${LISTED} where target = any($1::text[]) and sub = $2`);
export const workOf = (q: Queryable, targets: readonly string[], sub: string): Promise<ListedWork[]> =>
  q.run<ListedWork>(OF, [targets, sub]);

/** Those that were given up first. */
export function listWork(q: Queryable, target: string | undefined, limit: number): Promise<ListedWork[]> {
  return q.run<ListedWork>(LIST, [target ?? null, limit]);
}

const RETRY = statement(`update target_work set attempts = 0, problem = null, due_at = now()
  where target = $1 and sub = $2 returning 1`);

/** Due at once, with all its tries. False: nothing is to be done. */
export async function retryWork(q: Queryable, target: string, sub: string): Promise<boolean> {
  return (await q.run(RETRY, [target, sub])).length > 0;
}

const COUNTS = statement(`select target, count(*) filter (where due_at < 'infinity')::int as waiting,
  count(*) filter (where due_at = 'infinity')::int as "givenUp",
  coalesce(extract(epoch from now() - min(created_at) filter (where due_at < 'infinity')), 0)::float8 as "oldestSeconds"
  from target_work group by target`);

type WorkCount = { readonly [Count in 'waiting' | 'givenUp' | 'oldestSeconds']: number };
/** For metrics; `oldestSeconds` of those that wait. */
export const countWork = (q: Queryable): Promise<(WorkCount & { readonly target: string })[]> =>
  q.run(COUNTS);

/** Who was given up a quarter ago has logged in since, or never will. */
export const SWEEP_WORK = statement(`with gone as (delete from target_work where (target, sub) in (
    select target, sub from target_work where due_at = 'infinity' and created_at < now() - interval '90 days' limit $1)
  returning 1) select count(*)::int as gone from gone`);
