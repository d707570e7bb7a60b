/**
 * Where everybody stood at the end of each day (UTC). A day is written again and again while it lasts, and then never more:
 * it is what forecasts are held against.
 */
import type { Db, Queryable } from '../store/db.ts';
import { statement } from '../store/db.ts';

/** Words of the ledger, which is above us: who came by since, and who of them arrived at the target. */
export const ARRIVED = ['created', 'migrated', 'cut-over', 'retired'] as const;
export const CAME = [...ARRIVED, 'authenticated', 'queued', 'releasing', 'failed'] as const;
/** Nobody waits for these any more. */
export const LEFT_OUT = ['excluded'] as const;
/** Gone from the store as well, so no census counts them. */
const GONE = 'deleted';
const LEGACY = 'legacy';
/** In place of a state: how many there are in all. */
const ALL = '';

export interface Standing {
  /** Empty: all people. */
  readonly phase: string;
  /** Empty: all of the phase. */
  readonly segment: string;
  readonly state: string;
  readonly people: number;
}
export interface Total extends Omit<Standing, 'state'> {
  /** Of the phase itself. */
  readonly phaseState?: string | undefined;
}

export interface Day {
  readonly target: string;
  /** `2026-12-01`. */
  readonly day: string;
  /** Whoever has no row in the ledger is in none of them. */
  readonly standings: readonly Standing[];
  /** As the last census has it; none without a census. */
  readonly totals: readonly Total[];
  readonly now: Date;
}

const CLEAR = statement('delete from rollout_days where target = $1 and day = $2::date');
const WRITE =
  statement(`insert into rollout_days (target, day, phase, segment, state, people, phase_state, noted_at)
  select $1, $2::date, phase, segment, state, people, phase_state, $8
  from unnest($3::text[], $4::text[], $5::text[], $6::int[], $7::text[]) as r(phase, segment, state, people, phase_state)
  on conflict (target, day, phase, segment, state) do update
    set people = excluded.people, phase_state = excluded.phase_state, noted_at = excluded.noted_at`);

/** The last that is written of a day counts. */
export function noteDay(db: Db, { target, day, standings, totals, now }: Day): Promise<void> {
  const rows = [
    ...standings.map((one) => ({ ...one, phaseState: undefined })),
    ...totals.map((one) => ({ ...one, state: ALL })),
  ];
  return db.transaction(async (tx) => {
    await tx.run(CLEAR, [target, day]);
    await tx.run(WRITE, [
      target,
      day,
      rows.map(({ phase }) => phase),
      rows.map(({ segment }) => segment),
      rows.map(({ state }) => state),
      rows.map(({ people }) => people),
      rows.map(({ phaseState }) => phaseState ?? null),
      now,
    ]);
  });
}

const NOTED = statement('select max(noted_at) as at from rollout_days where target = $1 and day = $2::date');
export const notedAt = async (q: Queryable, target: string, day: string): Promise<Date | undefined> =>
  (await q.run<{ at: Date | null }>(NOTED, [target, day]))[0]?.at ?? undefined;

export interface RiverAsked {
  /** Days, both included: `2026-12-01`. */
  readonly from: string;
  readonly to: string;
  readonly phase?: string | undefined;
  /** Without a phase: of all phases that take people by it. */
  readonly segment?: string | undefined;
}

export interface RiverPoint {
  readonly day: string;
  readonly state: string;
  readonly people: number;
}

const RIVER = statement(`select day::text, state, sum(people)::int as people from rollout_days
  where target = $1 and day between $2::date and $3::date and segment = $5
    and case when $4::text is null then phase <> '' else phase = $4 end
  group by day, state order by day, state`);

/** Day by day, ascending; days that nobody wrote down are left out. People without a row in the ledger are `legacy`. */
export async function riverOf(q: Queryable, target: string, asked: RiverAsked): Promise<RiverPoint[]> {
  const { from, to, segment = '' } = asked;
  const phase = asked.phase ?? (segment === '' ? '' : null);
  const rows = await q.run<RiverPoint>(RIVER, [target, from, to, phase, segment]);
  const days = Map.groupBy(rows, ({ day }) => day);
  const totals = new Map(rows.flatMap((row) => (row.state === ALL ? [[row.day, row.people] as const] : [])));
  const known = [...totals.keys()];
  return [...days].flatMap(([day, standings]) => {
    // Days before the first census are told with what it found then.
    const nearest = known.find((one) => one >= day) ?? known.at(-1);
    return withLegacy(day, standings, nearest === undefined ? undefined : totals.get(nearest));
  });
}

function withLegacy(day: string, rows: readonly RiverPoint[], total: number | undefined): RiverPoint[] {
  const known = rows.filter(({ state }) => state !== ALL && state !== LEGACY);
  const inStore = known.reduce((sum, { state, people }) => sum + (state === GONE ? 0 : people), 0);
  const back = rows.find(({ state }) => state === LEGACY)?.people ?? 0;
  // A store that has lost people since it was counted makes nobody negative.
  const legacy = total === undefined ? back : Math.max(back, total - inStore);
  return [...(legacy > 0 ? [{ day, state: LEGACY, people: legacy }] : []), ...known];
}

export interface DayCount {
  readonly phase: string;
  readonly segment: string;
  readonly day: string;
  /** Who has come by, whatever came of it. */
  readonly came: number;
  /** Who of them is at the target. */
  readonly arrived: number;
  readonly failed: number;
  readonly leftOut: number;
  readonly phaseState: string | null;
}

const COUNTS = statement(`select phase, segment, day::text,
    coalesce(sum(people) filter (where state = any($3::text[])), 0)::int as came,
    coalesce(sum(people) filter (where state = any($4::text[])), 0)::int as arrived,
    coalesce(sum(people) filter (where state = 'failed'), 0)::int as failed,
    coalesce(sum(people) filter (where state = any($5::text[])), 0)::int as "leftOut",
    max(phase_state) as "phaseState"
  from rollout_days where target = $1 and day >= $2::date group by phase, segment, day order by day`);

/** Since this day: a row per day, phase and segment, ascending by day. */
export const dayCounts = (q: Queryable, target: string, from: string): Promise<DayCount[]> =>
  q.run<DayCount>(COUNTS, [target, from, CAME, ARRIVED, LEFT_OUT]);

/** The same of one day that is not written down yet. */
export function countsOf({ day, standings, totals }: Omit<Day, 'target' | 'now'>): DayCount[] {
  const keyOf = ({ phase, segment }: Pick<Standing, 'phase' | 'segment'>) => JSON.stringify([phase, segment]);
  const states = new Map(totals.map((one) => [keyOf(one), one.phaseState ?? null]));
  const all = Map.groupBy(standings, keyOf);
  return [...new Set([...all.keys(), ...states.keys()])].map((key) => {
    const [phase, segment] = JSON.parse(key) as [string, string];
    const rows = all.get(key) ?? [];
    const sum = (of: readonly string[]) =>
      rows.reduce((total, { state, people }) => total + (of.includes(state) ? people : 0), 0);
    return {
      ...{ phase, segment, day, came: sum(CAME), arrived: sum(ARRIVED) },
      ...{ failed: sum(['failed']), leftOut: sum(LEFT_OUT), phaseState: states.get(key) ?? null },
    };
  });
}

/** Longer than any move takes. */
export const SWEEP_DAYS = statement(`with gone as (delete from rollout_days where ctid = any(array(
    select ctid from rollout_days where day < (now() - interval '5 years')::date limit $1)) returning 1)
  select count(*)::int as gone from gone`);

/** `2026-12-01`, in UTC. */
export const dayOf = (ms: number): string => new Date(ms).toISOString().slice(0, 10);
