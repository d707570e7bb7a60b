/**
 * Censuses in our database: the legacy store read from end to end, and counted by phase, segment and days since the last
 * login. One is under way per target, with a lease; killed at any moment, it goes on.
 */
import type { Db, Queryable } from '../store/db.ts';
import { statement } from '../store/db.ts';
import type { CensusSummary, CensusTally } from './census-tally.ts';

/** Longer than reading a thousand people takes a slow store; whoever was killed is waited for as long. */
const LEASE_SECONDS = 120;

const OPEN_COLUMNS = `id::text, after, tally, started_at as "startedAt"`;
const CLAIM =
  statement(`update rollout_censuses set lease = $3, leased_until = now() + make_interval(secs => ${LEASE_SECONDS})
  where target = $1 and version = $2 and finished_at is null and ($4 or lease is null or leased_until < now())
  returning ${OPEN_COLUMNS}`);
const DROP = statement(`delete from rollout_censuses where target = $1 and finished_at is null
  and ($2 or lease is null or leased_until < now())`);
const BEGIN =
  statement(`insert into rollout_censuses (target, version, tally, actor, started_at, lease, leased_until)
  values ($1, $2, $3::jsonb, $4, $5, $6, now() + make_interval(secs => ${LEASE_SECONDS}))
  on conflict (target) where finished_at is null do nothing returning ${OPEN_COLUMNS}`);
const KEEP = statement(`update rollout_censuses set after = $3, tally = $4::jsonb,
    leased_until = now() + make_interval(secs => ${LEASE_SECONDS})
  where id = $1 and lease = $2 and finished_at is null returning 1`);
const FINISH =
  statement(`update rollout_censuses set tally = $3::jsonb, finished_at = $4, lease = null, leased_until = null
  where id = $1 and lease = $2 and finished_at is null returning 1`);
const RELEASE = statement(
  'update rollout_censuses set lease = null, leased_until = null where id = $1 and lease = $2',
);

export interface OpenCensus {
  readonly id: string;
  readonly after: string;
  readonly tally: CensusTally;
  readonly startedAt: Date;
}

export interface CensusBegin {
  readonly target: string;
  /** Of the plan by which it counts: one that was begun for another is given up. */
  readonly version: number;
  readonly actor: string;
  readonly lease: string;
  readonly now: Date;
  /** Whoever reads it now is to stop: an operator waits for no round. */
  readonly take: boolean;
  /** Gives up what was counted before. */
  readonly restart: boolean;
}

/** The one that was cut off, or a new one; undefined: somebody else reads. */
export function openCensus(
  db: Db,
  { target, version, actor, lease, now, take, restart }: CensusBegin,
  empty: CensusTally,
): Promise<OpenCensus | undefined> {
  return db.transaction(async (tx) => {
    const [known] = restart ? [] : await tx.run<OpenCensus>(CLAIM, [target, version, lease, take]);
    if (known) return known;
    await tx.run(DROP, [target, take]);
    const values = [target, version, JSON.stringify(empty), actor, now, lease];
    const [begun] = await tx.run<OpenCensus>(BEGIN, values);
    return begun;
  });
}

export interface CensusStep {
  readonly id: string;
  readonly lease: string;
  readonly after: string;
  readonly tally: CensusTally;
}

/** False: somebody else goes on with it. */
export const keepCensus = async (q: Queryable, { id, lease, after, tally }: CensusStep): Promise<boolean> =>
  (await q.run(KEEP, [id, lease, after, JSON.stringify(tally)])).length > 0;

export const finishCensus = async (
  q: Queryable,
  { id, lease, tally }: Omit<CensusStep, 'after'>,
  { summary, now }: { readonly summary: CensusSummary; readonly now: Date },
): Promise<boolean> =>
  (await q.run(FINISH, [id, lease, JSON.stringify({ ...tally, summary }), now])).length > 0;

export const releaseCensus = async (q: Queryable, { id, lease }: Pick<CensusStep, 'id' | 'lease'>) =>
  void (await q.run(RELEASE, [id, lease]));

export interface Census extends CensusSummary {
  readonly id: string;
  readonly version: number;
  readonly startedAt: Date;
  /** When it was finished. */
  readonly at: Date;
}
export interface WholeCensus extends Census {
  readonly tally: CensusTally;
}

const COLUMNS = `id::text, version, started_at as "startedAt", finished_at as at, tally->'summary' as summary`;
const UNTIL =
  'where target = $1 and finished_at is not null and ($2::timestamptz is null or finished_at <= $2)';
const LAST = statement(
  `select ${COLUMNS} from rollout_censuses ${UNTIL} order by finished_at desc, id desc limit 1`,
);
const WHOLE = statement(
  `select ${COLUMNS}, tally - 'summary' as tally from rollout_censuses ${UNTIL} order by finished_at desc, id desc limit 1`,
);

type Row<C> = Omit<C, keyof CensusSummary> & { readonly summary: CensusSummary };
const flat = <C extends Census>({ summary, ...row }: Row<C>): C => ({ ...row, ...summary }) as unknown as C;

/** The last that was finished, for gates and figures; undefined: there is none. */
export async function lastCensus(q: Queryable, target: string): Promise<Census | undefined> {
  const [row] = await q.run<Row<Census>>(LAST, [target, null]);
  return row && flat<Census>(row);
}

/** With days and cells: the last, or the last that was finished by then. */
export async function wholeCensus(q: Queryable, target: string, by?: Date): Promise<WholeCensus | undefined> {
  const [row] = await q.run<Row<WholeCensus>>(WHOLE, [target, by ?? null]);
  return row && flat<WholeCensus>(row);
}

const UNDER_WAY = statement(`select version, started_at as "startedAt", tally->'all'->>'people' as people
  from rollout_censuses where target = $1 and finished_at is null`);

/** How far the one that is under way has come. */
export async function censusUnderWay(q: Queryable, target: string) {
  const [row] = await q.run<{ version: number; startedAt: Date; people: string }>(UNDER_WAY, [target]);
  return row && { ...row, people: Number(row.people) };
}

/** Each of the last 60 days, then one a month, for five years: what a phase began with is looked up long after. */
export const SWEEP_CENSUSES = statement(`with gone as (delete from rollout_censuses c where c.id in (
    select o.id from rollout_censuses o where o.finished_at < now() - interval '5 years'
      or (o.finished_at < now() - interval '60 days' and exists (select from rollout_censuses e
        where e.target = o.target and e.finished_at < o.finished_at
          and date_trunc('month', e.finished_at) = date_trunc('month', o.finished_at)))
    limit $1) returning 1)
  select count(*)::int as gone from gone`);
