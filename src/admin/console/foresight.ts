/** A forecast that was kept, held against what came of it, for the eye. */
import type { Ending, Forecast, Line } from '../../rollout/forecast.ts';
import type { Against, KeptForecast } from '../../rollout/forecast-kept.ts';
import type { Drawn } from './charts.ts';

/** A picture has no room for more points. */
const MAX_POINTS = 400;
const DAY_SECONDS = 86_400;

export interface Asked {
  readonly kept: KeptForecast;
  readonly against: Against;
  /** Undefined: everybody. */
  readonly phase?: string | undefined;
  readonly now: Date;
}

const seconds = (day: string): number => Date.parse(day) / 1_000;

/** Undefined: this forecast says nothing of the phase. */
export function againstChart({ kept, against, phase, now }: Asked): Drawn | undefined {
  const own = against.foreseen.find(({ id }) => id === kept.id);
  if (!own) return undefined;
  const step = Math.max(1, Math.ceil(against.days.length / MAX_POINTS));
  const shown = against.days.map((_, index) => index).filter((index) => index % step === 0);
  const percent = (values: readonly (number | null)[]) =>
    shown.map((index) => {
      const value = values[index];
      return value == null ? null : value * 100;
    });
  const of = phase ? `of ${phase} ` : '';
  return {
    title: 'Foreseen and happened',
    caption: `The share of everybody ${of}who is at the target: what was foreseen on ${own.at.slice(0, 10)}, within which it was expected four times of five, and what came.`,
    kind: 'lines',
    unit: 'percent',
    x: shown.map((index) => seconds(against.days[index]!)),
    series: [
      { name: 'happened', slot: 'migrated', values: percent(against.happened) },
      { name: 'expected', slot: '1', isForeseen: true, values: percent(own.expected) },
    ],
    band: { name: 'four times of five', low: percent(own.low), high: percent(own.high) },
    marks: marksOf(kept.forecast, phase, now),
  };
}

function marksOf(
  { end, phases }: Forecast,
  phase: string | undefined,
  now: Date,
): NonNullable<Drawn['marks']> {
  const today = Math.floor(now.getTime() / 1_000 / DAY_SECONDS) * DAY_SECONDS;
  const begins = phases
    .filter(({ name, state }) => state === 'planned' && (phase === undefined || name === phase))
    .flatMap(({ name, begins: day }) => (day ? [{ at: seconds(day), name }] : []));
  return [
    ...begins,
    { at: today, name: 'today' },
    ...(end && phase === undefined ? [{ at: seconds(end.day), name: 'the old store can go' }] : []),
  ].sort((a, b) => a.at - b.at);
}

export interface ForecastSummary {
  /** Null: not within the time that was looked at. */
  readonly end: Ending | null;
  readonly goal: number;
  readonly horizonDays: number;
  /** What is expected at the end of the time. */
  readonly reaches: number | null;
  readonly tail: Forecast['tail'];
  readonly speed: Forecast['speed'];
  readonly success: number;
  readonly census: Forecast['census'];
  readonly restsOn: readonly string[];
}

export const summaryOf = (forecast: Forecast): ForecastSummary => ({
  end: forecast.end,
  goal: forecast.asked.goal,
  horizonDays: forecast.asked.horizonDays,
  reaches: forecast.all.points.at(-1)?.expected ?? null,
  tail: forecast.tail,
  speed: forecast.speed,
  success: forecast.success,
  census: forecast.census,
  restsOn: forecast.restsOn,
});

export const lineOf = (forecast: Forecast, phase: string | undefined): Line | undefined =>
  phase === undefined ? forecast.all : forecast.phases.find(({ name }) => name === phase);
