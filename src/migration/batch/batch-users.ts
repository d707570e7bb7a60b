/** The people of batches: rows that are leased, one chunk at a time, until each has an outcome. */
import type { Queryable } from '../../store/db.ts';
import { statement } from '../../store/db.ts';
import type { Part } from '../../store/statement.ts';
import type { BatchUser, Member, Outcome } from './batch.ts';
import { OUTCOMES } from './batch.ts';
import type { UsersFilter } from './batches.ts';

/** A dead worker's people are taken over after this; a living one renews three times in between. */
export const LEASE_SECONDS = 5;
/** Whom somebody else is moving right now is looked at again after this. */
const BUSY_SECONDS = 1;
/** After each try that failed a chunk is this much smaller: a poisoned record is soon alone. */
const SPLIT = 4;

/** Rows `b` of the people in an earlier part, by the index on `sub`: with few rows the planner would rather look at a whole batch. */
const keyed = (after: string) => `b.sub = any(array(select sub from ${after})) and b.batch || '' = $1::text`;

/** A last login in the year 300 million is a mistake of the store's, and no reason to plan nobody. */
const LAST_RANK = Number.MAX_SAFE_INTEGER;

/** A part named `members_added`: the rows that are new. */
export const membersPart = (batch: string, members: readonly Member[]): Part => ({
  name: 'members_added',
  text: `insert into batch_users (batch, rank, sub, legacy_id)
    select $1::text, rank, sub, legacy_id from unnest($2::bigint[], $3::text[], $4::text[]) as u(rank, sub, legacy_id)
    where exists (select from batch_moved) on conflict (batch, sub) do nothing returning 1`,
  values: [
    batch,
    members.map(({ rank }) => String(Math.round(Math.min(Math.max(rank, -LAST_RANK), LAST_RANK)))),
    members.map(({ sub }) => sub),
    members.map(({ legacyId }) => legacyId),
  ],
});

/** Where a batch has come to: nobody before it is left to be sent. */
export interface Place {
  readonly rank: string;
  readonly sub: string;
}

const FIRST = statement(
  'select rank::text, sub from batch_users where batch = $1 and outcome is null order by batch_users.rank, sub limit 1',
);

/** The first who is left; undefined: everybody has an outcome. */
export async function firstWaiting(q: Queryable, batch: string): Promise<Place | undefined> {
  const [first] = await q.run<Place>(FIRST, [batch]);
  return first;
}

const NEXT_DUE = statement(`select extract(epoch from min(due_at) - now())::float8 as seconds
  from (select due_at from batch_users where batch = $1 and outcome is null order by rank, sub limit 1000) b`);

/** Seconds until somebody is due again, looking at the first thousand. */
export async function secondsToNext(q: Queryable, batch: string): Promise<number | undefined> {
  const [next] = await q.run<{ seconds: number | null }>(NEXT_DUE, [batch]);
  return next?.seconds ?? undefined;
}

export interface ChunkRequest {
  readonly batch: string;
  readonly lease: string;
  /** People at most. */
  readonly size: number;
  /** Where to begin to look: rows that are done need not be read again. */
  readonly from: Place;
}

/**
 * Parts, of which `chunk_due` has rank, sub, legacy_id, attempts and in_flight (somebody died over them): those who are due, all with as many failed tries as the
 * first of them, and the fewer of them the more there were.
 */
export const dueParts = ({ batch, size, from }: ChunkRequest): Part[] => {
  const due = `batch = $1::text and outcome is null and (rank, sub) >= ($2::bigint, $3::text) and due_at <= now()`;
  return [
    {
      name: 'chunk_head',
      text: `select attempts from batch_users where ${due} order by rank, sub limit 1`,
      values: [batch, from.rank, from.sub],
    },
    {
      name: 'chunk_due',
      text: `select rank, sub, legacy_id, attempts, lease is not null as in_flight from batch_users
        where ${due} and attempts = (select attempts from chunk_head) order by rank, sub
        limit (select greatest(1, $4::int / power(${SPLIT}, attempts)::int) from chunk_head)
        for update skip locked`,
      values: [batch, from.rank, from.sub, size],
    },
  ];
};

/** Stamps the chunk: `chunk_mine` has those of `chunk_due` whose work was taken, by sub, in the part named `work_taken`. */
export const stampPart = ({ batch, lease }: ChunkRequest): Part => ({
  name: 'chunk_mine',
  text: `update batch_users b set lease = case when w.sub is null then null else $2::text end,
      attempts = b.attempts + (d.in_flight and w.sub is not null)::int,
      due_at = now() + case when w.sub is null then interval '${BUSY_SECONDS} seconds' else interval '${LEASE_SECONDS} seconds' end
    from chunk_due d left join work_taken w on w.sub = d.sub
    where ${keyed('chunk_due')} and b.sub = d.sub returning b.rank, b.sub, b.lease`,
  values: [batch, lease],
});

/** Renews the lease of those who are still ours. */
export const renewPart = (batch: string, lease: string, subs: readonly string[]): Part => ({
  name: 'chunk_renewed',
  text: `update batch_users set due_at = now() + interval '${LEASE_SECONDS} seconds'
    where batch = $1::text and sub = any($3::text[]) and lease = $2::text and outcome is null`,
  values: [batch, lease, subs],
});

/**
 * The outcomes of the earlier part `after` (sub, outcome, problem, target_user_id): `chunk_told` has outcome of each that
 * was ours and had none.
 */
export const tellPart = (batch: string, lease: string, after: string): Part => ({
  name: 'chunk_told',
  text: `update batch_users b set outcome = t.outcome, problem = t.problem, finished_at = now(), lease = null,
      target_user_id = coalesce(t.target_user_id, b.target_user_id)
    from ${after} t where ${keyed(after)} and b.sub = t.sub
      and b.lease = $2::text and b.outcome is null
    returning b.sub, b.outcome`,
  values: [batch, lease],
});

/** Whom nothing became of yet: of the earlier part `after` (sub, seconds, counts, problem). */
export const postponePart = (batch: string, lease: string, after: string): Part => ({
  name: 'chunk_postponed',
  text: `update batch_users b set lease = null, due_at = now() + make_interval(secs => t.seconds),
      attempts = b.attempts + t.counts, problem = t.problem
    from ${after} t where ${keyed(after)} and b.sub = t.sub
      and b.lease = $2::text and b.outcome is null
    returning b.sub`,
  values: [batch, lease],
});

const COLUMNS = `rank::text, sub, legacy_id as "legacyId", outcome, problem, attempts, target_user_id as "targetUserId",
  finished_at as "finishedAt", undone`;
const MAX_PAGE = 1_000;
const LOWEST: Place = { rank: String(-(2n ** 63n)), sub: '' };

const page = (condition: string) =>
  statement(`select ${COLUMNS} from batch_users where batch = $1 and ${condition}
    and ($2::text is null or problem->>'code' = $2) and (rank, sub) > ($3::bigint, $4::text)
    order by batch_users.rank, sub limit $5`);
const EVERYBODY = page('true');
const WAITING = page('outcome is null');
// Each with its own word, so that the index of those who are left fits.
const WITH_OUTCOME = Object.fromEntries(OUTCOMES.map((outcome) => [outcome, page(`outcome = '${outcome}'`)]));

export function listUsers(
  q: Queryable,
  batch: string,
  { outcome, code, after = LOWEST, limit }: UsersFilter,
): Promise<BatchUser[]> {
  const values = [batch, code ?? null, after.rank, after.sub, Math.min(limit, MAX_PAGE)];
  if (outcome === undefined) return q.run<BatchUser>(EVERYBODY, values);
  if (outcome === 'waiting') return q.run<BatchUser>(WAITING, values);
  return q.run<BatchUser>(WITH_OUTCOME[outcome]!, values);
}

const CODES =
  statement(`select outcome, coalesce(problem->>'code', '') as code, count(*)::int as users from batch_users
  where batch = $1 and outcome in ('created', 'skipped', 'failed') group by 1, 2 order by 3 desc, 2 limit 200`);

export function countCodes(
  q: Queryable,
  batch: string,
): Promise<{ readonly outcome: Outcome; readonly code: string; readonly users: number }[]> {
  return q.run(CODES, [batch]);
}

/** Per statement. */
const REPLAY_USERS = 5_000;

/** Dead letters wait again, some at a time: `replayed` has the outcome that each had. */
export const replayPart = (batch: string, { code, sub }: { code?: string; sub?: string }): Part => ({
  name: 'replayed',
  text: `update batch_users set outcome = null, attempts = 0, due_at = now(), lease = null, finished_at = null
    where (sub, batch) in (select sub, batch from batch_users
      where batch = $1::text and outcome = 'failed' and undone is null and exists (select from batch_moved)
        and ($2::text is null or problem->>'code' = $2::text) and ($3::text is null or sub = $3::text) limit ${REPLAY_USERS})
    returning sub, 'failed' as outcome`,
  values: [batch, code ?? null, sub ?? null],
});

const DROP = statement('delete from batch_users where batch = $1');
export const dropUsers = (q: Queryable, batch: string) => q.run(DROP, [batch]);

/** For `undo-rows.ts`: what taking people back reads and writes of the same rows, as `b`. */
export const readUsers = (columns: string, rest: string): string =>
  `select ${columns} from batch_users b ${rest}`;
export const writeUsers = (set: string, rest: string): string => `update batch_users b set ${set} ${rest}`;

const SUBJECTS = statement('select sub from batch_users where batch = $1 and sub > $2 order by sub limit $3');

/** A page of everybody in it, in the order of their subjects. */
export async function subjectsIn(
  q: Queryable,
  batch: string,
  { after, limit }: { readonly after: string; readonly limit: number },
): Promise<string[]> {
  const rows = await q.run<{ sub: string }>(SUBJECTS, [batch, after, limit]);
  return rows.map(({ sub }) => sub);
}

const OF_PERSON = statement(`select batch, ${COLUMNS} from batch_users b where b.sub = $1
  order by coalesce(finished_at, due_at) desc limit $2`);
/** What became of one person in which batches. */
export const batchesOfPerson = (
  q: Queryable,
  sub: string,
  limit: number,
): Promise<(BatchUser & { readonly batch: string })[]> => q.run(OF_PERSON, [sub, limit]);

/** A chunk or two of the fastest batches; more would tell of earlier times. */
const LATELY_USERS = 2_000;
const LATELY = statement(`select count(*)::int as users, min(finished_at) as since, max(finished_at) as until
  from (select finished_at from batch_users where batch = $1 and (rank, sub) < ($2::bigint, $3::text)
    order by batch_users.rank desc, sub desc limit ${LATELY_USERS}) b where finished_at is not null`);

/** Of those before the first who is left: how many were done between which moments. */
export async function doneLately(q: Queryable, batch: string) {
  const first = await firstWaiting(q, batch);
  if (!first) return undefined;
  const [row] = await q.run<{ users: number; since: Date | null; until: Date | null }>(LATELY, [
    batch,
    first.rank,
    first.sub,
  ]);
  return row?.since && row.until ? { users: row.users, since: row.since, until: row.until } : undefined;
}

const FORGET = statement('update batch_users set kept = null where sub = $1 and kept is not null');
/** Somebody is forgotten: what an undo has kept of them goes; that they were in the batch stays. */
export const forgetKept = async (q: Queryable, sub: string): Promise<void> => {
  await q.run(FORGET, [sub]);
};
