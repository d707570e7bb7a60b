/**
 * The plan lived through day by day: phases begin when their time has come and what they need is finished, people come by, and
 * finish gates are looked at. Pure, and the same for every speed, so that a slower world also begins its phases later.
 */
import type { Speed } from './calibration.ts';
import type { Cell } from './census-tally.ts';
import { takenBy } from './census-tally.ts';
import type { PhaseState } from './deciding.ts';
import { freezeAt } from './deciding.ts';
import type { Curve } from './forecast-curve.ts';
import { curveOf } from './forecast-curve.ts';
import type { Basis, Stream } from './forecast-streams.ts';
import { frozenMs, isOpen, phaseOrder, streamKey } from './forecast-streams.ts';
import type { Phase } from './plan.ts';

const DAY_MS = 86_400_000;
/** Where other phases wait for one that says nothing of its end: an operator is taken to finish it then. */
export const SUPPOSED_FINISH = { coverage: 0.9, of: 'active', days: 0 } as const;

export interface World {
  readonly basis: Basis;
  readonly streams: ReadonlyMap<string, Stream>;
  readonly speedOf: (phase: string) => Speed;
  readonly success: number;
  readonly horizonDays: number;
}

/** One of the three ways in which it may go. */
export type Pick80 = 'low' | 'factor' | 'high';

export interface Walked {
  /** `all`, `phase:…`, `segment:…`, `app:…` → people who are there, by day from today. */
  readonly series: ReadonlyMap<string, Float64Array>;
  /** Of chance: people come or do not. */
  readonly variance: ReadonlyMap<string, Float64Array>;
  readonly phases: ReadonlyMap<string, { readonly begins: number | null; readonly finishes: number | null }>;
  /** The series that the people of a cell are in. */
  readonly members: ReadonlyMap<Cell, readonly string[]>;
}

/** People who fit the same phases, on their way. */
interface Group {
  readonly cell: Cell;
  readonly keys: readonly string[];
  home: string | undefined;
  curve: Curve;
  readonly arrivedAtFirst: number;
  /** Whoever can arrive at all, with those who have. */
  readonly most: number;
  readonly openAtFirst: number;
  open: number;
  arrived: number;
}

interface Course {
  readonly phase: Phase;
  state: PhaseState;
  begins: number | null;
  finishes: number | null;
  /** Days since it began. */
  readonly age: number;
}

export function walk(world: World, pick: Pick80): Walked {
  const { basis, horizonDays } = world;
  const { plan } = basis.snapshot;
  const order = phaseOrder(plan, basis.phases);
  const groups = Object.values(basis.census.tally.cells).map((cell) => groupOf(world, cell, order));
  const courses = new Map(plan.phases.map((phase) => [phase.name, courseOf(phase, basis)]));
  const keys = [...new Set(groups.flatMap((group) => group.keys))];
  const blank = () => new Map(keys.map((key) => [key, new Float64Array(horizonDays + 1)]));
  const [series, variance] = [blank(), blank()];
  for (let day = 0; day <= horizonDays; day += 1) {
    if (day > 0) for (const group of groups) come(world, group, { day, pick, courses });
    for (const group of groups) note(group, day, { series, variance });
    turn(world, { day, courses, groups, pick });
    for (const group of groups) settle(group, courses, order);
  }
  const members = new Map(groups.map((group) => [group.cell, group.keys]));
  return { series, variance, phases: courses, members };
}

function courseOf(phase: Phase, { phases, nowMs }: Basis): Course {
  const now = phases.find((one) => one.phase === phase.name);
  const state = now?.state ?? 'planned';
  const age = now?.startedAt ? (nowMs - now.startedAt.getTime()) / DAY_MS : 0;
  // A paused phase is taken to go on at once: nobody can foresee when else.
  return {
    phase,
    state: state === 'paused' ? 'running' : state,
    begins: state === 'planned' || state === 'rolled-back' ? null : 0,
    finishes: state === 'finished' ? 0 : null,
    age: state === 'planned' || state === 'rolled-back' ? 0 : age,
  };
}

function groupOf({ streams, basis, success }: World, cell: Cell, order: readonly Phase[]): Group {
  const taken = takenBy(cell.fits, order);
  const stream = taken.map((fit) => streams.get(streamKey(fit))).find((one) => one !== undefined);
  // What is known of a stream is known of all its groups together.
  const share = stream && stream.people > 0 ? cell.people / stream.people : 0;
  const arrived = Math.min(cell.people, (stream?.now.arrived ?? 0) * share);
  const left = cell.people - (stream?.now.leftOut ?? 0) * share;
  return {
    cell,
    keys: keysOf(basis, cell, taken),
    home: stream?.phase,
    curve: stream?.curve ?? curveOf(cell.ages),
    arrivedAtFirst: arrived,
    most: Math.max(arrived, left * success),
    openAtFirst: stream?.openDays ?? 0,
    open: stream?.openDays ?? 0,
    arrived,
  };
}

function keysOf({ snapshot }: Basis, { fits }: Cell, taken: Cell['fits']): string[] {
  const { phases, apps } = snapshot.plan;
  const of = taken.map(({ phase }) => phases.find(({ name }) => name === phase)!);
  return [
    'all',
    ...taken.map(({ phase }) => `phase:${phase}`),
    ...new Set(fits.flatMap(({ segment }) => (segment === null ? [] : [`segment:${segment}`]))),
    ...Object.keys(apps)
      .filter((app) => of.some((phase) => phase.apps === 'all' || phase.apps.includes(app)))
      .map((app) => `app:${app}`),
  ];
}

interface Step {
  readonly day: number;
  readonly pick: Pick80;
  readonly courses: ReadonlyMap<string, Course>;
}

/** The day up to `day`. */
function come({ basis, speedOf }: World, group: Group, { day, pick, courses }: Step): void {
  const course = group.home === undefined ? undefined : courses.get(group.home);
  if (!course || !isOpen(course.state)) return;
  const startMs = basis.nowMs + (day - 1) * DAY_MS;
  const open = 1 - frozenMs(basis.snapshot.plan, startMs, startMs + DAY_MS) / DAY_MS;
  if (open <= 0) return;
  if (course.phase.identities === 'bulk') {
    group.arrived = group.most;
    return;
  }
  group.open += open;
  const speed = speedOf(course.phase.name)[pick];
  const share = group.curve.between(group.openAtFirst * speed, group.open * speed);
  group.arrived = group.arrivedAtFirst + (group.most - group.arrivedAtFirst) * share;
}

function note(group: Group, day: number, { series, variance }: Pick<Walked, 'series' | 'variance'>): void {
  const left = group.most - group.arrivedAtFirst;
  const share = left > 0 ? (group.arrived - group.arrivedAtFirst) / left : 0;
  for (const key of group.keys) {
    series.get(key)![day]! += group.arrived;
    // Once for the people, and once for the curve, which was drawn from no more of them.
    variance.get(key)![day]! += 2 * left * share * (1 - share);
  }
}

interface Turning extends Step {
  readonly groups: readonly Group[];
}

/** Phases end and begin, at the end of `day`. */
function turn({ basis, speedOf }: World, { day, courses, groups, pick }: Turning): void {
  const { plan } = basis.snapshot;
  const nowMs = basis.nowMs + day * DAY_MS;
  const needed = new Set(plan.phases.flatMap(({ needs }) => needs));
  for (const course of courses.values()) {
    const { phase, state } = course;
    if (state === 'running') {
      const gate = phase.finish ?? (needed.has(phase.name) ? SUPPOSED_FINISH : undefined);
      if (!gate || course.age + day - course.begins! < gate.days) continue;
      const speed = speedOf(phase.name)[pick];
      if (coverageOf(phase, groups, { of: gate.of, speed }) < (gate.coverage ?? 0)) continue;
      course.state = 'finished';
      course.finishes = day;
    } else if (state === 'planned') {
      const isDue = phase.starts === undefined || Date.parse(phase.starts) <= nowMs;
      const isReady = phase.needs.every((name) => courses.get(name)?.state === 'finished');
      if (!isDue || !isReady || freezeAt(plan, nowMs)) continue;
      course.state = 'running';
      course.begins = day;
    }
  }
}

function coverageOf(
  { name, identities }: Phase,
  groups: readonly Group[],
  { of, speed }: { readonly of: 'active' | 'everybody'; readonly speed: number },
): number {
  let [arrived, all] = [0, 0];
  for (const { cell, keys, ...group } of groups) {
    if (!keys.includes(`phase:${name}`)) continue;
    const isAll = of === 'everybody' || identities === 'bulk';
    const people = isAll ? cell.people : cell.active;
    all += people;
    arrived += people * (isAll ? group.arrived / Math.max(1, cell.people) : activeShare(cell, group, speed));
  }
  // A phase for nobody has nothing to wait for.
  return all === 0 ? 1 : arrived / all;
}

/** Active people come before the idle ones; if more or fewer came than the curve says, so did of them. */
function activeShare(
  cell: Cell,
  { curve, open, arrived }: Omit<Group, 'cell' | 'keys'>,
  speed: number,
): number {
  const expected = curve.within(open * speed) * cell.people;
  return expected <= 0 ? 0 : Math.min(1, (curve.activeWithin(open * speed) * arrived) / expected);
}

/** Whoever has no phase yet goes with the first that is open for them, and stays with it. */
function settle(group: Group, courses: ReadonlyMap<string, Course>, order: readonly Phase[]): void {
  if (group.home !== undefined) return;
  const open = order.filter(({ name }) => isOpen(courses.get(name)!.state));
  group.home = takenBy(group.cell.fits, open)[0]?.phase;
}
