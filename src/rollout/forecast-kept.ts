/** What was foreseen, and when: kept as it was, and held against what came. */
import type { Queryable } from '../store/db.ts';
import { statement } from '../store/db.ts';
import { ARRIVED, dayOf, riverOf } from './days.ts';
import type { Forecast } from './forecast.ts';

/** A forecast a week for as long as any move takes. */
const MAX_KEPT = 300;
/** More lines nobody tells apart. */
const MAX_COMPARED = 8;
const DAY_MS = 86_400_000;
/** The longest that is drawn: days are kept for five years. */
const MAX_DAYS = 1_830;

const KEEP = statement(`insert into rollout_forecasts (target, at, actor, asked, forecast)
  values ($1, $2, $3, $4::jsonb, $5::jsonb) returning id::text`);
const TRIM = statement(`delete from rollout_forecasts where target = $1 and id in (
  select id from rollout_forecasts where target = $1 order by id desc offset ${MAX_KEPT})`);

/** The oldest give way where there are too many. In a transaction of the caller's, or not. */
export async function keepForecast(q: Queryable, forecast: Forecast, actor: string): Promise<string> {
  const { target, at, asked } = forecast;
  const values = [target, at, actor, JSON.stringify(asked), JSON.stringify(forecast)];
  const [row] = await q.run<{ id: string }>(KEEP, values);
  await q.run(TRIM, [target]);
  return row!.id;
}

export interface KeptForecast {
  readonly id: string;
  readonly at: Date;
  readonly actor: string;
  readonly forecast: Forecast;
}

const KEPT = statement(`select id::text, at, actor, forecast from rollout_forecasts
  where target = $1 order by id desc limit $2`);
/** The newest first. */
export const keptForecasts = (q: Queryable, target: string, limit = MAX_COMPARED): Promise<KeptForecast[]> =>
  q.run<KeptForecast>(KEPT, [target, limit]);

const LAST = statement('select max(at) as at from rollout_forecasts where target = $1');
export const lastKeptAt = async (q: Queryable, target: string): Promise<Date | undefined> =>
  (await q.run<{ at: Date | null }>(LAST, [target]))[0]?.at ?? undefined;

export interface Against {
  /** `2026-12-01`, ascending, a day each. */
  readonly days: readonly string[];
  /** Shares of one; null: not written down. */
  readonly happened: readonly (number | null)[];
  /** The oldest first. */
  readonly foreseen: readonly Foreseen[];
}

export interface Foreseen {
  readonly id: string;
  readonly at: string;
  /** On `days`; null before it was made and after its end. */
  readonly expected: readonly (number | null)[];
  readonly low: readonly (number | null)[];
  readonly high: readonly (number | null)[];
  /** Over the days of which both are known: how far off, and on how many of them it was within its own bounds. */
  readonly off: {
    readonly mean: number;
    readonly worst: number;
    readonly within: number;
    readonly days: number;
  };
}

/** Forecasts of all people, or of one phase, and what came. */
export async function forecastAgainst(
  q: Queryable,
  target: string,
  { phase, limit, nowMs }: { readonly phase?: string; readonly limit?: number; readonly nowMs: number },
): Promise<Against> {
  const kept = (await keptForecasts(q, target, limit)).reverse();
  const lines = kept.flatMap(({ id, at, forecast }) => {
    const line = phase === undefined ? forecast.all : forecast.phases.find(({ name }) => name === phase);
    return line ? [{ id, at, line }] : [];
  });
  const ends = lines.map(({ line }) => line.points.at(-1)?.day ?? '');
  const last = [dayOf(nowMs), ...ends].sort().at(-1)!;
  const river = await riverOf(q, target, { from: dayOf(nowMs - MAX_DAYS * DAY_MS), to: dayOf(nowMs), phase });
  const happened = coverageIn(river);
  const first = [...happened.keys(), ...lines.map(({ at }) => dayOf(at.getTime()))].sort()[0];
  const days = first === undefined ? [] : daysFrom(first, last);
  const came = days.map((day) => happened.get(day) ?? null);
  return { days, happened: came, foreseen: lines.map((one) => foreseenOn(one, days, came)) };
}

/** By day: the share of people who are at the target. */
function coverageIn(river: Awaited<ReturnType<typeof riverOf>>): Map<string, number> {
  const arrived = new Set<string>(ARRIVED);
  return new Map(
    [...Map.groupBy(river, ({ day }) => day)].flatMap(([day, rows]) => {
      const counted = rows.filter(({ state }) => state !== 'deleted');
      const all = counted.reduce((sum, { people }) => sum + people, 0);
      const there = counted.reduce((sum, { state, people }) => sum + (arrived.has(state) ? people : 0), 0);
      return all > 0 ? [[day, there / all] as const] : [];
    }),
  );
}

function daysFrom(first: string, last: string): string[] {
  const days: string[] = [];
  for (let ms = Date.parse(first); ms <= Date.parse(last) && days.length < 2 * MAX_DAYS; ms += DAY_MS)
    days.push(dayOf(ms));
  return days;
}

interface Made {
  readonly id: string;
  readonly at: Date;
  readonly line: Forecast['all'];
}

function foreseenOn(
  { id, at, line }: Made,
  days: readonly string[],
  came: readonly (number | null)[],
): Foreseen {
  const along = (which: 'expected' | 'low' | 'high') => days.map((day) => between(line, day, which));
  const [expected, low, high] = [along('expected'), along('low'), along('high')];
  const known = days.flatMap((_, i) =>
    came[i] == null || expected[i] == null ? [] : [{ i, off: Math.abs(came[i] - expected[i]) }],
  );
  const within = known.filter(({ i }) => came[i]! >= low[i]! && came[i]! <= high[i]!).length;
  return {
    ...{ id, at: at.toISOString(), expected, low, high },
    off: {
      mean: known.length > 0 ? known.reduce((sum, { off }) => sum + off, 0) / known.length : 0,
      worst: Math.max(0, ...known.map(({ off }) => off)),
      ...{ within, days: known.length },
    },
  };
}

/** Between two points of the line it goes straight. */
function between(
  { points }: Forecast['all'],
  day: string,
  which: 'expected' | 'low' | 'high',
): number | null {
  const next = points.findIndex((point) => point.day >= day);
  const to = points[next];
  if (!to) return null;
  if (to.day === day) return to[which];
  const from = points[next - 1];
  if (!from) return null;
  const share = (Date.parse(day) - Date.parse(from.day)) / (Date.parse(to.day) - Date.parse(from.day));
  return from[which] + (to[which] - from[which]) * share;
}
