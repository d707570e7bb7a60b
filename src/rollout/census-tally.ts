/** What a census has counted: plain JSON of bounded size, whatever the number of people. */
import type { Snapshot } from './deciding.ts';
import type { Person } from './membership.ts';
import { bucketOf, isInSegment, segmentFor } from './membership.ts';
import type { Phase, Plan } from './plan.ts';

/** Two years of days: whoever has not come for longer is hardly told apart by when. */
export const DAYS_KNOWN = 730;
/** Places of an `Ages` after the days: the last login is longer ago, never was, or there can be none. */
export const LONGER = DAYS_KNOWN + 1;
export const NEVER = DAYS_KNOWN + 2;
export const BARRED = DAYS_KNOWN + 3;
/** Who logged in within so many days counts as active. */
export const ACTIVE_DAYS = 90;
/**
 * Different sets of phases that somebody fits. Nested shares of one hundred make as many as there are phases; with more
 * than this a plan is beyond what anybody foresees, and people count under the first phase alone.
 */
const MAX_CELLS = 300;
const DAY_SECONDS = 86_400;

/** People by whole days since their last login; zeros at the end are left out. */
export type Ages = number[];

export interface Counted {
  people: number;
  active: number;
  readonly ages: Ages;
}

/** The people who fit the very same phases, each by the same segment. */
export interface Cell extends Counted {
  /** In the plan's order; none: no phase is for them. */
  readonly fits: readonly Fit[];
}
export interface Fit {
  readonly phase: string;
  /** Null: the phase is for everybody. */
  readonly segment: string | null;
}

export interface CensusTally {
  /** With those who cannot be mapped. */
  readonly all: Counted;
  /** Of the legacy store, but no user: nobody of them can move. */
  unmappable: number;
  readonly cells: Record<string, Cell>;
  /** Whoever is in a segment, whether a phase takes them by it or not. */
  readonly segments: Record<string, Counted>;
}

export interface CensusPerson {
  readonly person: Person & { readonly state?: string };
  readonly nowSeconds: number;
}

const nobody = (): Counted => ({ people: 0, active: 0, ages: [] });

export const emptyCensus = ({ segments }: Plan): CensusTally => ({
  all: nobody(),
  unmappable: 0,
  cells: {},
  segments: Object.fromEntries(Object.keys(segments).map((name) => [name, nobody()])),
});

export function countPerson(
  tally: CensusTally,
  { plan, salt }: Pick<Snapshot, 'plan' | 'salt'>,
  { person, nowSeconds }: CensusPerson,
): void {
  const age = ageOf(person, nowSeconds);
  const standing = { person, bucket: bucketOf(salt, person.sub), nowSeconds };
  const fits = plan.phases.flatMap((phase): Fit[] => {
    const segment = segmentFor(plan, phase, standing);
    return segment === undefined ? [] : [{ phase: phase.name, segment }];
  });
  addOne(tally.all, age);
  addOne(cellFor(tally.cells, fits), age);
  for (const name of Object.keys(plan.segments)) {
    tally.segments[name] ??= nobody();
    if (isInSegment(plan, name, standing)) addOne(tally.segments[name], age);
  }
}

/** They are in the store, and nobody knows more of them. */
export function countUnmappable(tally: CensusTally): void {
  tally.unmappable += 1;
  addOne(tally.all, BARRED);
  addOne(cellFor(tally.cells, []), BARRED);
}

function ageOf({ state, lastLoginAt }: CensusPerson['person'], nowSeconds: number): number {
  if (state === 'disabled') return BARRED;
  if (lastLoginAt === undefined) return NEVER;
  // A clock of the store's that is ahead of ours makes nobody a login of tomorrow.
  const days = Math.max(0, Math.floor((nowSeconds - lastLoginAt) / DAY_SECONDS));
  return days > DAYS_KNOWN ? LONGER : days;
}

function addOne(counted: Counted, age: number): void {
  counted.people += 1;
  counted.active += Number(age <= ACTIVE_DAYS);
  while (counted.ages.length <= age) counted.ages.push(0);
  counted.ages[age]! += 1;
}

function cellFor(cells: CensusTally['cells'], all: readonly Fit[]): Cell {
  const keyOf = (fits: readonly Fit[]) =>
    fits.map(({ phase, segment }) => `${phase}/${segment ?? ''}`).join(' ');
  const isKnown = Object.hasOwn(cells, keyOf(all)) || Object.keys(cells).length < MAX_CELLS;
  const fits = isKnown ? all : all.slice(0, 1).map(({ phase }) => ({ phase, segment: null }));
  const key = keyOf(fits);
  cells[key] ??= { fits, ...nobody() };
  return cells[key];
}

/** Together; with nobody: nobody. */
export function summed(all: readonly Counted[]): Counted {
  const sum = nobody();
  for (const { people, active, ages } of all) {
    sum.people += people;
    sum.active += active;
    for (const [age, n] of ages.entries()) sum.ages[age] = (sum.ages[age] ?? 0) + n;
  }
  return { ...sum, ages: Array.from(sum.ages, (n) => n ?? 0) };
}

/** Whether whoever comes to `first` for its apps has come to `later` as well: then the first takes them. */
export const covers = (first: Phase, later: Phase): boolean =>
  first.apps === 'all' || (later.apps !== 'all' && later.apps.every((app) => first.apps.includes(app)));

/**
 * The phases that take these people, of those that they fit, in this order: an earlier one for the same apps leaves
 * nobody to a later one.
 */
export function takenBy(fits: readonly Fit[], order: readonly Phase[]): Fit[] {
  const taken: { readonly fit: Fit; readonly phase: Phase }[] = [];
  for (const phase of order) {
    const fit = fits.find((one) => one.phase === phase.name);
    if (fit && !taken.some((before) => covers(before.phase, phase))) taken.push({ fit, phase });
  }
  return taken.map(({ fit }) => fit);
}

export interface Headcount {
  readonly people: number;
  readonly active: number;
}

/** What gates and figures want to know, without the days. */
export interface CensusSummary extends Headcount {
  readonly unmappable: number;
  /** Nobody counts in two phases for the same apps: the first of the plan has them. */
  readonly phases: Readonly<Record<string, Headcount>>;
  /** Of a phase, by the segment by which it takes them: `phase/segment`. */
  readonly phaseSegments: Readonly<Record<string, Headcount>>;
  readonly segments: Readonly<Record<string, Headcount>>;
  readonly apps: Readonly<Record<string, Headcount>>;
}

export function summaryOf({ all, unmappable, cells, segments }: CensusTally, plan: Plan): CensusSummary {
  const known = Object.values(cells).map((cell) => ({ cell, taken: takenBy(cell.fits, plan.phases) }));
  const where = (test: (taken: readonly Fit[]) => boolean) =>
    heads(summed(known.filter(({ taken }) => test(taken)).map(({ cell }) => cell)));
  const phasesOf = (app: string) =>
    plan.phases.filter(({ apps }) => apps === 'all' || apps.includes(app)).map(({ name }) => name);
  return {
    ...heads(all),
    unmappable,
    phases: Object.fromEntries(
      plan.phases.map(({ name }) => [name, where((taken) => taken.some(({ phase }) => phase === name))]),
    ),
    phaseSegments: Object.fromEntries(
      plan.phases.flatMap(({ name, segments: of }) =>
        of.map((segment) => [
          `${name}/${segment}`,
          where((taken) => taken.some((fit) => fit.phase === name && fit.segment === segment)),
        ]),
      ),
    ),
    segments: Object.fromEntries(Object.entries(segments).map(([name, counted]) => [name, heads(counted)])),
    apps: Object.fromEntries(
      Object.keys(plan.apps).map((app) => {
        const phases = phasesOf(app);
        return [app, where((taken) => taken.some(({ phase }) => phases.includes(phase)))];
      }),
    ),
  };
}

const heads = ({ people, active }: Counted): Headcount => ({ people, active });
