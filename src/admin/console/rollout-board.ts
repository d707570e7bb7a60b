/** One target’s rollout as it stands: phases with their figures and gates, switches, freezes, apps and segments. */
import { phaseStandings } from '../../migration/phase-standings.ts';
import type { Census } from '../../rollout/census.ts';
import { lastCensus } from '../../rollout/census.ts';
import type { DayCount } from '../../rollout/days.ts';
import { dayCounts, dayOf } from '../../rollout/days.ts';
import type { Snapshot } from '../../rollout/deciding.ts';
import { freezeAt } from '../../rollout/deciding.ts';
import type { PhaseFigures, PhaseStandings } from '../../rollout/figures.ts';
import { openFigures } from '../../rollout/figures.ts';
import type { Coverage, Verdicts } from '../../rollout/gates.ts';
import { coverageOf, errorRate, supportPerThousand, verdicts } from '../../rollout/gates.ts';
import type { PhaseRow, SwitchRow } from '../../rollout/phases.ts';
import { phaseRows, readSnapshot, switchRows } from '../../rollout/phases.ts';
import type { Phase, Plan } from '../../rollout/plan.ts';
import type { Start } from '../../rollout/schedule.ts';
import { startOf } from '../../rollout/schedule.ts';
import type { Queryable } from '../../store/db.ts';

export interface PhaseCard {
  readonly phase: Phase;
  readonly row: PhaseRow;
  readonly figures: PhaseFigures;
  readonly coverage: Coverage | null;
  /** Of what was tried within the last day, from 0 to 1; null: nothing was. */
  readonly errorRate: number | null;
  readonly supportPerThousand: number | null;
  readonly verdicts: Verdicts;
  /** Of one that has not begun. */
  readonly start: Start | null;
}

export interface Progress {
  readonly name: string;
  readonly title: string;
  /** Null: there was no census since it is in the plan. */
  readonly people: number | null;
  /** Null: not counted yet. */
  readonly there: number | null;
  /** From 0 to 1. */
  readonly share: number | null;
}

export interface AppProgress extends Progress {
  readonly phases: readonly string[];
  readonly isOff: boolean;
}

export interface Board {
  readonly snapshot: Snapshot;
  readonly census: Census | null;
  /** The census is of an earlier plan. */
  readonly isCensusOfEarlier: boolean;
  readonly cards: readonly PhaseCard[];
  readonly apps: readonly AppProgress[];
  readonly switches: readonly SwitchRow[];
  readonly freezes: readonly (Plan['freezes'][number] & { readonly isNow: boolean })[];
  /** Where people stand was counted now, or is what was written down of this day. */
  readonly isLive: boolean;
}

/** Beyond it nobody is looked at one by one for a page: the figures of the hour are shown. */
const LIVE_PEOPLE = 100_000;
const DAY_MS = 86_400_000;

/** Undefined: there is no plan. Throws storage_unavailable. */
export async function boardOf(q: Queryable, target: string, now: Date): Promise<Board | undefined> {
  const [snapshot, rows, switches, census] = await Promise.all([
    readSnapshot(q, target),
    phaseRows(q, target),
    switchRows(q, target),
    lastCensus(q, target),
  ]);
  if (!snapshot) return undefined;
  const nowMs = now.getTime();
  const isLive = (census?.people ?? 0) <= LIVE_PEOPLE;
  const figuresOf = openFigures({
    db: q,
    standingsOf: isLive ? phaseStandings : (_, asked) => keptStandings(q, target, { now, ...asked }),
    censusOf: async () => census,
  });
  const figures = await figuresOf({ snapshot, rows, nowMs, everybody: true });
  const cards = snapshot.plan.phases.flatMap((phase): PhaseCard[] => {
    const [row, own] = [rows.find((one) => one.phase === phase.name), figures.get(phase.name)];
    return row && own ? [cardOf(snapshot, { phase, row, figures: own }, nowMs)] : [];
  });
  return {
    snapshot,
    census: census ?? null,
    isCensusOfEarlier: census !== undefined && census.version < snapshot.version,
    cards,
    apps: appProgress(snapshot, cards, census),
    switches,
    freezes: comingFreezes(snapshot.plan, nowMs),
    isLive,
  };
}

function cardOf(
  snapshot: Snapshot,
  { phase, row, figures }: Pick<PhaseCard, 'phase' | 'row' | 'figures'>,
  nowMs: number,
): PhaseCard {
  return {
    phase,
    row,
    figures,
    coverage: coverageOf(figures, 'everybody') ?? null,
    errorRate: errorRate(figures.day) ?? null,
    supportPerThousand: supportPerThousand(figures) ?? null,
    verdicts: verdicts(phase, figures, nowMs),
    start: startOf(snapshot, phase, nowMs) ?? null,
  };
}

/** As the hour before has written it down. */
async function keptStandings(
  q: Queryable,
  target: string,
  { now, phases }: { readonly now: Date; readonly phases: readonly { readonly phase: string }[] },
): Promise<ReadonlyMap<string, PhaseStandings>> {
  const kept = await latestCounts(q, target, now);
  return new Map(
    phases.flatMap(({ phase }) => {
      const row = kept.find((one) => one.phase === phase && one.segment === '');
      return row ? [[phase, { assigned: row.came, there: row.arrived, failed: row.failed }] as const] : [];
    }),
  );
}

/** Of yesterday and today: shortly after midnight today is not written down yet. */
async function latestCounts(q: Queryable, target: string, now: Date): Promise<DayCount[]> {
  const counts = await dayCounts(q, target, dayOf(now.getTime() - DAY_MS));
  const newest = counts.at(-1)?.day;
  return counts.filter(({ day }) => day === newest);
}

/** An app is as far as the phases that send its people. */
function appProgress(
  { plan, switches }: Snapshot,
  cards: readonly PhaseCard[],
  census: Census | undefined,
): AppProgress[] {
  return Object.entries(plan.apps).map(([name, { title }]) => {
    const own = cards.filter(({ phase: { apps } }) => apps === 'all' || apps.includes(name));
    const known = own.flatMap(({ figures: { standings } }) => standings?.there ?? []);
    const there = own.length > 0 && known.length === 0 ? null : known.reduce((sum, one) => sum + one, 0);
    return {
      ...progress(census?.apps[name]?.people, there),
      name,
      title: title ?? name,
      phases: own.map(({ phase }) => phase.name),
      isOff: switches.has(`app:${name}`),
    };
  });
}

/** Somebody may have come by two phases: nobody counts as more than everybody. */
const progress = (people: number | undefined, there: number | null) => {
  const arrived = there !== null && people !== undefined ? Math.min(there, people) : there;
  return {
    people: people ?? null,
    there: arrived,
    share: arrived === null || !people ? null : arrived / people,
  };
};

/** Of one phase, in the order in which it asks for them. */
export async function segmentProgress(
  q: Queryable,
  { snapshot, census, isLive }: Pick<Board, 'snapshot' | 'census' | 'isLive'>,
  { card: { phase, row }, now }: { readonly card: PhaseCard; readonly now: Date },
): Promise<Progress[]> {
  const { target } = snapshot;
  const kept = isLive ? [] : await latestCounts(q, target, now);
  return Promise.all(
    phase.segments.map(async (name) => {
      const asked = { target, phases: [{ phase: phase.name, attempt: row.attempt }], segment: name };
      const there = isLive
        ? (await phaseStandings(q, asked)).get(phase.name)?.there
        : kept.find((one) => one.phase === phase.name && one.segment === name)?.arrived;
      const people = census?.phaseSegments[`${phase.name}/${name}`]?.people;
      return { ...progress(people, there ?? null), name, title: name };
    }),
  );
}

/** Those that are over say nothing any more. */
const comingFreezes = (plan: Plan, nowMs: number): Board['freezes'] =>
  plan.freezes
    .filter(({ until }) => Date.parse(until) > nowMs)
    .sort((a, b) => a.from.localeCompare(b.from))
    .map((freeze) => ({ ...freeze, isNow: freezeAt(plan, nowMs) === freeze }));
