/**
 * The queue of turns in our PostgreSQL. The table `sync_changes` keeps what was heard, so that it counts once; `sync_turns` has
 * one row for each person whose turn it is, which goes when nothing more was heard while it lasted.
 */
import { randomUUID } from 'node:crypto';
import { FootbridgeError } from '../../errors.ts';
import type { Db } from '../../store/db.ts';
import { statement } from '../../store/db.ts';
import type {
  Change,
  ChangeQueue,
  DeadLetter,
  Hint,
  Lane,
  Problem,
  QueueStats,
  Settlement,
  Turn,
} from './change-queue.ts';
import { LANES } from './change-queue.ts';
import { hintOf, mergedOfGroupSql, mergedSql } from './hints.ts';

/** In one statement: more go in several. */
const PUT_AT_ONCE = 1_000;
const LANE_NAMES = Object.fromEntries(Object.entries(LANES).map(([name, n]) => [n, name])) as Record<
  number,
  Lane
>;

/** In the order of their keys: two nodes that hear of the same people do not wait for each other in a circle. */
const TURNED = (from: string) => `insert into sync_turns as t (target, person, lane, hint)
    select target, person, lane, hint from ${from} order by target, person
    on conflict (target, person) do update set version = t.version + 1, lane = least(t.lane, excluded.lane),
      hint = ${mergedSql('t.hint', 'excluded.hint')}, due_at = least(t.due_at, now()),
      attempts = case when t.died_at is null then t.attempts else 0 end, died_at = null`;
const PUT = statement(`with heard as (
    insert into sync_changes (source, id, target, person, lane, hint)
    select c.source, c.id, c.target, c.person, c.lane, c.hint::jsonb
    from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::smallint[], $6::text[])
      as c(source, id, target, person, lane, hint)
    on conflict do nothing returning target, person, lane, hint),
  merged as (select target, person, min(lane) as lane, ${mergedOfGroupSql('hint')} as hint
    from heard group by target, person),
  turned as (${TURNED('merged')})
  select count(*)::int as put from heard`);

const FREE = '(t.leased_until is null or t.leased_until < now())';
/**
 * Each lane by itself, so that who has to wait in one is not looked at again and again. By the rows' places: how many `limit $2`
 * lets through is not known to a plan for all values, which would read the whole table to join the few with it.
 */
const TAKE = statement(`with due as materialized (
    select d.place from unnest($1::text[]) as w(target)
    cross join (values (0), (1)) as l(lane) cross join lateral (
      select t.ctid as place, t.lane, t.due_at, t.person from sync_turns t
      where t.target = w.target and t.lane = l.lane and t.due_at <= now() and ${FREE}
      order by t.due_at, t.person limit $2 for update skip locked) d
    order by d.lane, d.due_at, d.person limit $2)
  update sync_turns t set lease = $3, leased_until = now() + make_interval(secs => $4),
    taken = ${mergedSql("coalesce(t.taken, '{}')", 't.hint')}, hint = '{}'
  where t.ctid = any(array(select place from due))
  returning t.target, t.person, t.lane, t.taken as hint, t.attempts, t.first_at as since, t.version`);

/** Locked first: what is heard while this is on its way is seen, and makes another turn. */
const SETTLE = statement(`with s as materialized (
    select * from unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::text[], $6::float8[], $7::int[], $8::text[])
      as s(target, person, lease, version, result, seconds, counts, problem)),
  held as materialized (
    select t.target, t.person, s.result, s.seconds, s.counts, s.problem, t.version = s.version as is_all
    from sync_turns t join s on t.target = s.target and t.person = s.person and t.lease = s.lease
    where t.leased_until > now() order by t.target, t.person for update of t),
  gone as (delete from sync_turns t using held h
    where t.target = h.target and t.person = h.person and h.result = 'done' and h.is_all),
  kept as (update sync_turns t set lease = null, leased_until = null, taken = null,
      hint = case when h.result = 'done' then t.hint else ${mergedSql('t.taken', 't.hint')} end,
      first_at = case when h.result = 'done' then now() else t.first_at end,
      attempts = case when h.result = 'done' then 0 else t.attempts + h.counts end,
      problem = h.problem::jsonb,
      died_at = case when h.result = 'dead' and h.is_all then now() end,
      due_at = case when not h.is_all then now()
        when h.result = 'dead' then 'infinity' else now() + make_interval(secs => h.seconds) end
    from held h where t.target = h.target and t.person = h.person and not (h.result = 'done' and h.is_all))
  select 1`);

const STATS = statement(`select target, lane, count(*) filter (where died_at is null)::int as people,
    count(*) filter (where leased_until > now())::int as "underWay",
    count(*) filter (where due_at > now() and died_at is null)::int as waiting,
    count(*) filter (where died_at is not null)::int as dead,
    coalesce(extract(epoch from now() - min(first_at) filter (where due_at <= now())), 0)::float8 as oldest
  from sync_turns group by target, lane`);
const DEAD =
  statement(`select target, person, problem, attempts, first_at as since, died_at as "diedAt" from sync_turns
  where died_at is not null and ($1::text is null or target = $1) order by died_at desc limit $2`);
const REDRIVE =
  statement(`with again as (update sync_turns set due_at = now(), died_at = null, attempts = 0, version = version + 1
    where target = $1 and died_at is not null and ($2::text is null or person = $2) returning 1)
  select count(*)::int as again from again`);
const REPLAY = statement(`with heard as (
    select target, person, ${mergedOfGroupSql('hint')} - 'sealedPassword' as hint, ${LANES.backlog} as lane
    from sync_changes where target = $1 and received_at >= $2 and received_at <= $3 group by target, person),
  turned as (${TURNED('heard')} returning 1)
  select count(*)::int as turned from turned`);

export function openPostgresQueue(db: Db): ChangeQueue {
  const listeners = new Set<() => void>();
  return {
    async put(changes) {
      let put = 0;
      for (let at = 0; at < changes.length; at += PUT_AT_ONCE)
        put += await putSome(db, changes.slice(at, at + PUT_AT_ONCE));
      if (put > 0) for (const listener of listeners) listener();
      return put;
    },
    async take({ targets, limit, leaseSeconds }) {
      if (limit <= 0 || targets.length === 0) return [];
      const lease = randomUUID();
      const rows = await db.run<TurnRow>(TAKE, [targets, limit, lease, leaseSeconds]);
      return rows.sort(inOrder).map((row) => turnOf(row, lease));
    },
    settle: (settlements) => settle(db, settlements),
    stats: async () => statsOf(await db.run<StatsRow>(STATS)),
    onPut(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    dead: ({ target, limit }) => db.run<DeadLetter>(DEAD, [target ?? null, limit]),
    async redrive({ target, person }) {
      const [row] = await db.run<{ again: number }>(REDRIVE, [target, person ?? null]);
      return row?.again ?? 0;
    },
    async replay({ target, since, until }) {
      const [row] = await db.run<{ turned: number }>(REPLAY, [target, since, until]);
      return row?.turned ?? 0;
    },
    close: async () => undefined,
  };
}

async function putSome(db: Db, changes: readonly Change[]): Promise<number> {
  const now = Date.now();
  const [row] = await db.run<{ put: number }>(PUT, [
    changes.map(({ source }) => source),
    changes.map(({ id }) => storable(id)),
    changes.map(({ target }) => target),
    changes.map(({ person }) => storable(person)),
    changes.map(({ lane }) => LANES[lane]),
    changes.map(({ hint }) => JSON.stringify(hintOf(hint, now))),
  ]);
  return row?.put ?? 0;
}

const MAX_TEXT = 500;
function storable(text: string): string {
  if (text !== '' && text.length <= MAX_TEXT && !text.includes('\0') && text.isWellFormed()) return text;
  throw new FootbridgeError('bad_request', { detail: 'a change with an id or person that is none' });
}

interface TurnRow {
  readonly target: string;
  readonly person: string;
  readonly lane: number;
  readonly hint: Hint;
  readonly attempts: number;
  readonly since: Date;
  readonly version: string;
}

/** The same each time, whatever the table looks like inside. */
const inOrder = (a: TurnRow, b: TurnRow) => a.lane - b.lane || (a.person < b.person ? -1 : 1);

const turnOf = ({ lane, since, version, ...row }: TurnRow, lease: string): Turn => ({
  ...row,
  lane: LANE_NAMES[lane] ?? 'backlog',
  since: since.toISOString(),
  ticket: `${lease} ${version}`,
});

async function settle(db: Db, settlements: readonly Settlement[]): Promise<void> {
  if (settlements.length === 0) return;
  const tickets = settlements.map(({ turn }) => turn.ticket.split(' '));
  const problemIn = (one: Settlement): Problem | undefined => ('problem' in one ? one.problem : undefined);
  await db.run(SETTLE, [
    settlements.map(({ turn }) => turn.target),
    settlements.map(({ turn }) => turn.person),
    tickets.map(([lease]) => lease),
    tickets.map(([, version]) => version),
    settlements.map(({ result }) => result),
    settlements.map((one) => (one.result === 'later' ? one.seconds : 0)),
    settlements.map((one) => (one.result === 'dead' || (one.result === 'later' && one.counts) ? 1 : 0)),
    settlements.map((one) => (problemIn(one) ? JSON.stringify(problemIn(one)) : null)),
  ]);
}

interface StatsRow {
  readonly target: string;
  readonly lane: number;
  readonly people: number;
  readonly underWay: number;
  readonly waiting: number;
  readonly dead: number;
  readonly oldest: number;
}

function statsOf(rows: readonly StatsRow[]): QueueStats[] {
  return [...Map.groupBy(rows, ({ target }) => target)].map(([target, own]) => {
    const sum = (count: (row: StatsRow) => number, lane?: Lane) =>
      own
        .filter((row) => lane === undefined || row.lane === LANES[lane])
        .reduce((total, row) => total + count(row), 0);
    return {
      target,
      live: sum(({ people }) => people, 'live'),
      backlog: sum(({ people }) => people, 'backlog'),
      underWay: sum(({ underWay }) => underWay),
      waiting: sum(({ waiting }) => waiting),
      dead: sum(({ dead }) => dead),
      oldestLiveSeconds: sum(({ oldest }) => oldest, 'live'),
      oldestBacklogSeconds: sum(({ oldest }) => oldest, 'backlog'),
    };
  });
}

/** At most $1 of what was heard before so many days. */
export const SWEEP_CHANGES = statement(`with gone as (delete from sync_changes where ctid = any(array(
    select ctid from sync_changes where received_at < now() - make_interval(days => $2) limit $1)) returning 1)
  select count(*)::int as gone from gone`);
