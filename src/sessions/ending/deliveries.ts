/**
 * The table `logout_deliveries`: who still has to be told of an ending. A row is there with the ending itself and stays
 * until it is done or given up; a lease says whose turn it is, so that another node goes on where one has died.
 */
import type { Queryable } from '../../store/db.ts';
import { statement } from '../../store/db.ts';
import type { Part } from '../../store/statement.ts';
import type { Delivery } from './delivery.ts';

export interface Claimed extends Delivery {
  /** 0: somebody waits for it; 1: one of many. */
  readonly lane: 0 | 1;
}

/** A dead node's deliveries are taken over after this; no living one needs as long for a try. */
export const LEASE_SECONDS = 20;
/** Between the eight tries: soon at first, for a restart; a day in all, for an outage. */
const RETRY_AFTER_SECONDS = [5, 30, 120, 900, 3_600, 4 * 3_600, 18 * 3_600] as const;
const DAY_SECONDS = 86_400;
/** A recipient that wishes for more is asked sooner: it may have forgotten. */
const MAX_RETRY_AFTER_SECONDS = 6 * 3_600;

/** The errands of an earlier part `ending_errands (kind, name, sub, handle)`, if `ending_row` was written. Named `ending_told`. */
export const toldPart = (ending: string, lane: 0 | 1): Part => ({
  name: 'ending_told',
  text: `insert into logout_deliveries (ending, kind, name, sub, handle, lane)
    select $1::uuid, e.kind, e.name, e.sub, e.handle, $2::smallint from ending_errands e
    where exists (select from ending_row) returning 1`,
  values: [ending, lane],
});

/** How many a recipient may get now, where it is not as many as everybody. */
export interface Slots {
  readonly kind: Delivery['kind'];
  readonly name: string;
  readonly slots: number;
}

/** Looks at each recipient apart, so that ten thousand that one of them waits for are nobody else's business. */
const CLAIM = statement(`with recursive recipients as (
    (select kind, name from logout_deliveries where done_at is null order by kind, name limit 1)
    union all
    select n.kind, n.name from recipients r cross join lateral (select kind, name from logout_deliveries
      where done_at is null and (kind, name) > (r.kind, r.name) order by kind, name limit 1) n),
  free as (select kind, name, coalesce(b.slots, $3::int) as slots from recipients
    left join unnest($4::text[], $5::text[], $6::int[]) as b(kind, name, slots) using (kind, name)),
  found as materialized (select d.id, d.due_at, f.kind, f.name, f.slots, l.lane
    from free f cross join (values (0::smallint), (1::smallint)) l(lane) cross join lateral (
      select id, due_at from logout_deliveries
      where done_at is null and kind = f.kind and name = f.name and lane = l.lane and due_at <= now()
        and (leased_until is null or leased_until < now())
      order by due_at limit f.slots for update skip locked) d),
  ranked as (select *, row_number() over (partition by kind, name order by lane, due_at, id) as turn from found),
  placed as (select id, lane, row_number() over (order by lane, due_at, id) as place,
      row_number() over (partition by lane order by due_at, id) as place_in_lane from ranked where turn <= slots)
  update logout_deliveries set lease = $1, leased_until = now() + interval '${LEASE_SECONDS} seconds'
  where id in (select id from placed where place <= $2::int and (lane = 0 or place_in_lane <= $7::int))
  returning id, ending, kind, name, sub, handle, attempts, lane`);

export interface ClaimOptions {
  /** The node's own name. */
  readonly lease: string;
  readonly limit: number;
  /** Of them, those of lane 1. */
  readonly bulkLimit: number;
  readonly slots: number;
  readonly exceptions: readonly Slots[];
}

/** What is due and nobody's, those first for whom somebody waits. */
export function claimDeliveries(q: Queryable, options: ClaimOptions): Promise<Claimed[]> {
  const { lease, limit, bulkLimit, slots, exceptions } = options;
  return q.run<Claimed>(CLAIM, [
    lease,
    limit,
    slots,
    exceptions.map(({ kind }) => kind),
    exceptions.map(({ name }) => name),
    exceptions.map((exception) => exception.slots),
    bulkLimit,
  ]);
}

const FINISH =
  statement(`update logout_deliveries set done_at = now(), attempts = attempts + 1, problem = null,
  lease = null, leased_until = null where id = $1 and lease = $2 and done_at is null`);
export async function finishDelivery(q: Queryable, { id }: Delivery, lease: string): Promise<void> {
  await q.run(FINISH, [id, lease]);
}

/** Why a try failed; no secrets. */
export interface DeliveryProblem {
  readonly code: string;
  readonly sentence: string;
}

export interface Failure {
  readonly problem: DeliveryProblem;
  readonly retryAfterSeconds: number | undefined;
  readonly isFinal: boolean;
}

// The last try is made when the day is over, however long the recipient wished us away.
const FAIL =
  statement(`update logout_deliveries set attempts = attempts + 1, problem = $3::jsonb, lease = null, leased_until = null,
  due_at = case when $4::float8 is null or created_at <= now() - interval '${DAY_SECONDS} seconds' then 'infinity'
    else least(now() + make_interval(secs => $4::float8), created_at + interval '${DAY_SECONDS} seconds') end
  where id = $1 and lease = $2 and done_at is null returning due_at = 'infinity' as dead`);

/** Whether nothing more is tried. */
export async function failDelivery(
  q: Queryable,
  { id, attempts }: Delivery,
  { lease, problem, retryAfterSeconds = 0, isFinal }: Failure & { readonly lease: string },
): Promise<boolean> {
  const next = isFinal ? undefined : RETRY_AFTER_SECONDS[attempts];
  const wished = Math.min(retryAfterSeconds, MAX_RETRY_AFTER_SECONDS);
  const delay = next === undefined ? null : Math.max(next, wished);
  const [row] = await q.run<{ dead: boolean }>(FAIL, [id, lease, JSON.stringify(problem), delay]);
  return row?.dead ?? false;
}

const GIVE_UP = statement(`with late as materialized (select id from logout_deliveries
    where done_at is null and due_at < 'infinity' and created_at < now() - interval '${DAY_SECONDS + 1_800} seconds'
      and (leased_until is null or leased_until < now()) limit $1 for update skip locked)
  update logout_deliveries set due_at = 'infinity', lease = null, leased_until = null,
    problem = coalesce(problem, '{"code":"too_late","sentence":"Nobody could be told for a day."}')
  where id in (select id from late) returning kind, name`);
/** Those whose day is over without their turn having come, because their recipient did not answer anybody. */
export const giveUpLate = (q: Queryable, limit: number): Promise<Pick<Delivery, 'kind' | 'name'>[]> =>
  q.run<Pick<Delivery, 'kind' | 'name'>>(GIVE_UP, [limit]);

/** `done`; `under-way`; `later`: it failed and is tried again; `failed`: given up. */
export type DeliveryState = 'done' | 'under-way' | 'later' | 'failed';

export interface ToldRecipient {
  readonly kind: Delivery['kind'];
  readonly name: string;
  readonly state: DeliveryState;
}

const MAX_SHOWN = 50;
const OF_ENDING = statement(`select kind, name, case when bool_and(done_at is not null) then 'done'
      when bool_or(done_at is null and due_at = 'infinity') then 'failed'
      when bool_or(done_at is null and (attempts > 0 or created_at < now() - interval '15 seconds')) then 'later'
      else 'under-way' end as state
  from logout_deliveries where ending = $1 group by kind, name order by kind, name limit ${MAX_SHOWN}`);
/** How far an ending is, for each recipient the worst of what it is told. */
export const deliveriesOf = (q: Queryable, ending: string): Promise<ToldRecipient[]> =>
  q.run<ToldRecipient>(OF_ENDING, [ending]);

export interface ListedDelivery extends Delivery {
  readonly problem: DeliveryProblem | null;
  /** When it is tried again; null: given up. */
  readonly dueAt: Date | null;
  readonly createdAt: Date;
  readonly doneAt: Date | null;
}

const LIST =
  statement(`select id, ending, kind, name, sub, handle, attempts, problem, nullif(due_at, 'infinity') as "dueAt",
    created_at as "createdAt", done_at as "doneAt" from logout_deliveries
  where done_at is null and ($1::boolean is null or (due_at = 'infinity') = $1) order by created_at desc, id desc limit $2`);
/** What is not done, newest first; `dead`: only those given up, or only those that are not. */
export const listDeliveries = (
  q: Queryable,
  { dead, limit }: { readonly dead?: boolean; readonly limit: number },
): Promise<ListedDelivery[]> => q.run<ListedDelivery>(LIST, [dead ?? null, limit]);

const RETRY =
  statement(`update logout_deliveries set attempts = 0, due_at = now(), problem = null, created_at = now()
  where done_at is null and lease is null and (id = $1::bigint or ($1::bigint is null and due_at = 'infinity'
    and ($2::text is null or kind = $2) and ($3::text is null or name = $3))) returning 1`);
/** One, or what was given up, of one recipient where it is named: due at once, with all its tries. How many. */
export async function retryDeliveries(
  q: Queryable,
  which: { readonly id: string } | { readonly kind?: Delivery['kind']; readonly name?: string },
): Promise<number> {
  const values = 'id' in which ? [which.id, null, null] : [null, which.kind ?? null, which.name ?? null];
  return (await q.run(RETRY, values)).length;
}

const COUNTS = statement(`select kind, name, count(*) filter (where due_at < 'infinity')::int as waiting,
  count(*) filter (where due_at = 'infinity')::int as dead from logout_deliveries where done_at is null group by kind, name`);
/** For metrics. */
export const countDeliveries = (
  q: Queryable,
): Promise<
  {
    readonly kind: Delivery['kind'];
    readonly name: string;
    readonly waiting: number;
    readonly dead: number;
  }[]
> => q.run(COUNTS);

/** At most $1 rows that are older than $2 days and done or given up. */
export const SWEEP_DELIVERIES = statement(`with gone as (delete from logout_deliveries where id in (
    select id from logout_deliveries where created_at < now() - make_interval(days => $2::int)
      and (done_at is not null or due_at = 'infinity') limit $1::int) returning 1)
  select count(*)::int as gone from gone`);

const OLDEST = statement(`select coalesce(extract(epoch from now() - min(created_at)), 0)::int as seconds
  from logout_deliveries where done_at is null and due_at < 'infinity'`);
/** For how long the one that waits longest has waited; 0: none waits. For metrics. */
export async function oldestWaitingSeconds(q: Queryable): Promise<number> {
  return (await q.run<{ seconds: number }>(OLDEST))[0]?.seconds ?? 0;
}
