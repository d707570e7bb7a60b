/** Where everybody stands: today in figures, and day by day as a river. */
import { counts } from '../../migration/ledger.ts';
import type { State } from '../../migration/states.ts';
import { hasTargetUser, STATES } from '../../migration/states.ts';
import type { Census } from '../../rollout/census.ts';
import { lastCensus } from '../../rollout/census.ts';
import type { RiverPoint } from '../../rollout/days.ts';
import { dayOf, riverOf } from '../../rollout/days.ts';
import type { Queryable } from '../../store/db.ts';
import type { Drawn } from './charts.ts';
import type { SharesView } from './shares.ts';
import { sharesView } from './shares.ts';

/**
 * From the top of the river to its bed: who is not to move, who is still at the old store, who is on the way, and below them
 * who has arrived, so that the level of those rises from the ground. Tombstones are nobody any more.
 */
const ORDER: readonly State[] = [
  'excluded',
  'legacy',
  'failed',
  'authenticated',
  'queued',
  'releasing',
  'created',
  'migrated',
  'cut-over',
  'retired',
];

export const STATE_SAYS: Readonly<Record<State, string>> = {
  legacy: 'at the old store',
  authenticated: 'proved a password, and their move has not begun',
  queued: 'in a batch',
  releasing: 'being made at the target',
  created: 'at the target, something is still missing',
  migrated: 'at the target with everything',
  'cut-over': 'at the target, the old login is closed',
  retired: 'at the target, nothing secret of theirs is left here',
  failed: 'could not be made at the target',
  excluded: 'not to be moved',
  deleted: 'deleted',
};

export interface Standing {
  readonly target: string;
  /** Null: the old store was never read from end to end, so nobody knows how many there are. */
  readonly people: number | null;
  readonly censusAt: Date | null;
  readonly byState: Readonly<Partial<Record<State, number>>>;
  readonly there: number;
  /** From 0 to 1. */
  readonly coverage: number | null;
  readonly shares: SharesView;
}

/** As it is now. Looks at the whole ledger: some 100 ms for a million people. */
export async function standingOf(q: Queryable, target: string): Promise<Standing> {
  const [all, census] = await Promise.all([counts(q), lastCensus(q, target)]);
  const rows = all.filter((row) => row.target === target).map(({ state, users }) => [state, users] as const);
  const ledger: Partial<Record<State, number>> = Object.fromEntries(rows);
  const inStore = rows.reduce((sum, [state, users]) => sum + (isInStore(state) ? users : 0), 0);
  // Whoever has no row has never come; a store that has lost people since the census makes nobody negative.
  const legacy = Math.max(ledger.legacy ?? 0, census ? census.people - inStore : 0);
  const byState = legacy > 0 ? { ...ledger, legacy } : ledger;
  const there = rows.reduce((sum, [state, users]) => sum + (hasTargetUser(state) ? users : 0), 0);
  const people = census ? Math.max(census.people, inStore + legacy) : null;
  return {
    target,
    people,
    censusAt: census?.at ?? null,
    byState,
    there,
    coverage: people === null || people === 0 ? null : there / people,
    shares: sharesView(
      // In the order of the story, as it is read.
      STATES.filter((state) => state !== 'deleted').map((state) => ({
        name: state,
        says: STATE_SAYS[state],
        slot: state,
        value: byState[state] ?? 0,
      })),
    ),
  };
}

const isInStore = (state: State) => state !== 'legacy' && state !== 'deleted';

const DAY_MS = 86_400_000;

export interface RiverAsked {
  readonly target: string;
  readonly days: number;
  readonly now: Date;
  readonly phase?: string;
  readonly segment?: string;
  /** What is known of today beyond what is written down every hour. */
  readonly today?: Standing['byState'];
}

/** Undefined: less than two days are written down, and a river needs a way to flow. */
export async function riverChart(
  q: Queryable,
  { target, days, now, phase, segment, today }: RiverAsked,
  marks: NonNullable<Drawn['marks']> = [],
): Promise<Drawn | undefined> {
  const [from, to] = [dayOf(now.getTime() - (days - 1) * DAY_MS), dayOf(now.getTime())];
  const kept = await riverOf(q, target, { from, to, phase, segment });
  const points = today ? [...kept.filter(({ day }) => day !== to), ...pointsOf(to, today)] : kept;
  return riverFrom(points, { title: phase ? `The river of ${phase}` : 'The river', marks });
}

const pointsOf = (day: string, byState: Standing['byState']): RiverPoint[] =>
  Object.entries(byState).map(([state, people]) => ({ day, state, people }));

export function riverFrom(
  points: readonly RiverPoint[],
  { title, marks = [] }: { readonly title: string; readonly marks?: Drawn['marks'] },
): Drawn | undefined {
  const known = [...new Set(points.map(({ day }) => day))].sort();
  if (known.length < 2) return undefined;
  const found = new Map(points.map(({ day, state, people }) => [`${day} ${state}`, people]));
  const seen = ORDER.filter((state) => points.some((point) => point.state === state && point.people > 0));
  return {
    title,
    caption:
      'Everybody by where they stand, day by day: the old store on top, whoever has arrived below, rising from the ground.',
    kind: 'river',
    unit: 'people',
    x: known.map((day) => Date.parse(day) / 1_000),
    series: seen.map((state) => ({
      name: state,
      values: known.map((day) => found.get(`${day} ${state}`) ?? 0),
    })),
    marks: marks ?? [],
  };
}

/** Too long ago to be believed without a word. */
const OLD_CENSUS_MS = 7 * DAY_MS;
export const isOld = ({ at }: Pick<Census, 'at'>, now: Date): boolean =>
  now.getTime() - at.getTime() > OLD_CENSUS_MS;
