/**
 * When who will be at the target: the plan, lived through with people who come by as their history says and as they have
 * been seen to, three times over: slower, as expected, faster. A pure function; `docs/forecast.md` says what it rests on.
 */
import type { Speed } from './calibration.ts';
import { dayOf } from './days.ts';
import type { PhaseState } from './deciding.ts';
import type { Basis } from './forecast-streams.ts';
import { speedsOf, streamsOf, successOf } from './forecast-streams.ts';
import type { Campaign, End, Tail } from './forecast-tail.ts';
import { endOf, tailOf } from './forecast-tail.ts';
import type { Walked, World } from './forecast-walk.ts';
import { walk } from './forecast-walk.ts';
import { told } from './forecast-words.ts';
import type { Phase } from './plan.ts';

const DAY_MS = 86_400_000;
/** Four of five times it is within. */
const Z80 = 1.2816;
/** A point a week is enough for any eye, and keeps a snapshot small. */
const POINT_DAYS = 7;
export const MILESTONES = [0.5, 0.8, 0.9, 0.95, 0.99] as const;

export interface ForecastAsked {
  readonly goal: number;
  readonly horizonDays: number;
  readonly campaign: Campaign;
}

/** Shares of one. */
export interface Point {
  readonly day: string;
  readonly expected: number;
  readonly low: number;
  readonly high: number;
}

/** Null: not within the time that was looked at. */
export interface Milestone {
  readonly share: number;
  readonly day: string | null;
  readonly earliest: string | null;
  readonly latest: string | null;
}

export interface Line {
  readonly name: string;
  readonly people: number;
  readonly points: readonly Point[];
  readonly milestones: readonly Milestone[];
}

export interface PhaseLine extends Line {
  readonly title?: string | undefined;
  readonly state: PhaseState;
  readonly identities: Phase['identities'];
  /** Today where it has begun. */
  readonly begins: string | null;
  readonly finishes: string | null;
  readonly speed: number;
}

export interface Ending extends Omit<End, 'day' | 'campaign'> {
  readonly day: string;
  readonly campaign: Omit<End['campaign'], 'begins'> & { readonly begins: string };
  readonly earliest: string | null;
  readonly latest: string | null;
}

export interface Forecast {
  readonly target: string;
  /** ISO 8601. */
  readonly at: string;
  readonly version: number;
  readonly census: {
    readonly id: string;
    readonly at: string;
    readonly people: number;
    readonly active: number;
  };
  readonly asked: ForecastAsked;
  readonly all: Line;
  readonly phases: readonly PhaseLine[];
  readonly segments: readonly Line[];
  readonly apps: readonly Line[];
  readonly speed: Speed;
  readonly success: number;
  readonly tail: Tail;
  /** Null: not within the time that was looked at. */
  readonly end: Ending | null;
  /** What it rests on, first of all in one sentence, and what it takes for granted. */
  readonly restsOn: readonly string[];
}

export function foresee(target: string, basis: Basis, asked: ForecastAsked): Forecast {
  const { census, nowMs, snapshot } = basis;
  const streams = streamsOf(basis);
  const speeds = speedsOf(streams);
  const success = successOf(streams);
  const world: World = { basis, streams, speedOf: speeds.of, success, horizonDays: asked.horizonDays };
  const [low, expected, high] = [walk(world, 'low'), walk(world, 'factor'), walk(world, 'high')];
  const walks = { low, expected, high };
  const on = (day: number) => dayOf(nowMs + day * DAY_MS);
  const people = new Map<string, number>();
  const count = (key: string, n: number) => people.set(key, (people.get(key) ?? 0) + n);
  for (const { key, n } of headcounts(basis, expected)) count(key, n);
  const all = bandOf(walks, 'all', { people: census.people, apart: apartOf(basis, expected) });
  const line = (key: string, name: string) => {
    const n = people.get(key) ?? 0;
    return lineOf({ name, people: n, band: bandOf(walks, key, { people: n, apart: 0 }), on });
  };
  const whole = lineOf({ name: 'all', people: census.people, band: all, on });
  const forecast = {
    ...{ target, at: new Date(nowMs).toISOString(), version: snapshot.version, asked },
    census: { id: census.id, at: census.at.toISOString(), people: census.people, active: census.active },
    all: whole,
    phases: snapshot.plan.phases.map((phase) => ({
      ...line(`phase:${phase.name}`, phase.name),
      ...phaseOf(phase, { basis, walked: expected, on }),
      speed: speeds.of(phase.name).factor,
    })),
    segments: keysOf(expected, 'segment:').map((name) => line(`segment:${name}`, name)),
    apps: keysOf(expected, 'app:').map((name) => line(`app:${name}`, name)),
    ...{ speed: speeds.whole, success },
    tail: tailOf(census.tally, all?.expected.at(-1) ?? 0),
    end: endingOf(basis, asked, { band: all, walks, on }),
  };
  return { ...forecast, restsOn: told(basis, forecast) };
}

const keysOf = ({ series }: Walked, prefix: string): string[] =>
  [...series.keys()].filter((key) => key.startsWith(prefix)).map((key) => key.slice(prefix.length));

/** How many people each series is about. */
function headcounts({ census }: Basis, { members }: Walked) {
  return Object.values(census.tally.cells).flatMap((cell) =>
    (members.get(cell) ?? []).map((key) => ({ key, n: cell.people })),
  );
}

/** Who is there and came through no phase of the plan: before it, by hand, or kept when a phase was rolled back. */
function apartOf({ days, census }: Basis, { series }: Walked): number {
  const there = days.findLast(({ phase, segment }) => phase === '' && segment === '')?.arrived ?? 0;
  const through = series.get('all')?.[0] ?? 0;
  return Math.max(0, Math.min(census.people, there) - through);
}

interface Band {
  readonly expected: Float64Array;
  readonly low: Float64Array;
  readonly high: Float64Array;
}
type Walks = Readonly<Record<'low' | 'expected' | 'high', Walked>>;

/** Undefined: there is nobody in it. `apart` are there already, and are among those who would still come. */
function bandOf(
  { low, expected, high }: Walks,
  key: string,
  { people, apart }: { readonly people: number; readonly apart: number },
): Band | undefined {
  const [middle, variance] = [expected.series.get(key), expected.variance.get(key)];
  if (!middle || !variance || people === 0) return undefined;
  const first = middle[0]!;
  const scale = people > first ? 1 - apart / (people - first) : 0;
  const placed = (value: number) => Math.min(people, first + apart + (value - first) * scale);
  const edge = (walked: Walked, sign: 1 | -1) =>
    middle.map((value, day) => {
      const away = sign * (walked.series.get(key)![day]! - value) * scale;
      const off = Math.hypot(Math.max(0, away), Z80 * Math.sqrt(variance[day]!) * scale);
      return Math.min(people, Math.max(first + apart, placed(value) + sign * off));
    });
  // What is seen may rise and fall; who is there stays.
  return { expected: middle.map(placed), low: rising(edge(low, -1)), high: rising(edge(high, 1)) };
}

const rising = (values: Float64Array): Float64Array => {
  let most = 0;
  return values.map((value) => {
    most = Math.max(most, value);
    return most;
  });
};

interface LineParts {
  readonly name: string;
  readonly people: number;
  readonly band: Band | undefined;
  readonly on: (day: number) => string;
}

function lineOf({ name, people, band, on }: LineParts): Line {
  if (!band) return { name, people, points: [], milestones: [] };
  const days = [...band.expected.keys()].filter(
    (day) => day % POINT_DAYS === 0 || day === band.expected.length - 1,
  );
  const share = (value: number) => Math.round((value / people) * 1e5) / 1e5;
  const reached = (values: Float64Array, wanted: number) => {
    const day = values.findIndex((value) => value >= wanted * people - 1e-9);
    return day < 0 ? null : on(day);
  };
  return {
    ...{ name, people },
    points: days.map((day) => ({
      day: on(day),
      expected: share(band.expected[day]!),
      low: share(band.low[day]!),
      high: share(band.high[day]!),
    })),
    milestones: MILESTONES.map((wanted) => ({
      share: wanted,
      day: reached(band.expected, wanted),
      earliest: reached(band.high, wanted),
      latest: reached(band.low, wanted),
    })),
  };
}

interface Placed {
  readonly basis: Basis;
  readonly walked: Walked;
  readonly on: (day: number) => string;
}

function phaseOf({ name, title, identities }: Phase, { basis, walked, on }: Placed) {
  const { begins = null, finishes = null } = walked.phases.get(name) ?? {};
  return {
    ...{ title, identities },
    state: basis.phases.find(({ phase }) => phase === name)?.state ?? ('planned' as const),
    begins: begins === null ? null : on(begins),
    finishes: finishes === null ? null : on(finishes),
  };
}

interface Ends {
  readonly band: Band | undefined;
  readonly walks: Walks;
  readonly on: (day: number) => string;
}

function endingOf(basis: Basis, { goal, campaign }: ForecastAsked, { band, walks, on }: Ends): Ending | null {
  if (!band) return null;
  const { census, phases, snapshot } = basis;
  const rolledBack = new Set(phases.flatMap(({ phase, state }) => (state === 'rolled-back' ? [phase] : [])));
  const end = (which: 'expected' | 'low' | 'high') => {
    const begun = snapshot.plan.phases
      .filter(({ name }) => !rolledBack.has(name))
      .map(({ name }) => walks[which].phases.get(name)?.begins ?? null);
    const ready = begun.includes(null) ? null : Math.max(0, ...(begun as number[]));
    const barred = tailOf(census.tally, 0).barred;
    return endOf({ arrived: band[which], people: census.people, barred, goal, campaign, ready });
  };
  const [expected, earliest, latest] = [end('expected'), end('high'), end('low')];
  if (!expected) return null;
  return {
    ...expected,
    day: on(expected.day),
    campaign: { ...expected.campaign, begins: on(expected.campaign.begins) },
    earliest: earliest ? on(earliest.day) : null,
    latest: latest ? on(latest.day) : null,
  };
}
