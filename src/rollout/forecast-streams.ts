/** What a forecast begins with: who comes through which phase, how long that phase has been open to them, and what came of it. */
import type { Speed, Trial } from './calibration.ts';
import { BLANK, speedFrom, speedOfPhase } from './calibration.ts';
import type { WholeCensus } from './census.ts';
import type { Cell, Counted, Fit } from './census-tally.ts';
import { summed, takenBy } from './census-tally.ts';
import type { DayCount } from './days.ts';
import { dayOf } from './days.ts';
import type { PhaseState, Snapshot } from './deciding.ts';
import type { Curve } from './forecast-curve.ts';
import { curveOf } from './forecast-curve.ts';
import type { Phase, Plan } from './plan.ts';

const DAY_MS = 86_400_000;
/** A week at a time, less the morning on which a phase began: weekends are in every trial alike, and less teaches nothing. */
const TRIAL_DAYS = 6.5;

export interface PhaseNow {
  readonly phase: string;
  readonly state: PhaseState;
  readonly startedAt: Date | null;
}

export interface Basis {
  readonly nowMs: number;
  readonly snapshot: Pick<Snapshot, 'plan' | 'version' | 'switches'>;
  readonly phases: readonly PhaseNow[];
  /** The last. */
  readonly census: WholeCensus;
  /** Phase → the last census before it began: who has moved since logs in at the target, and looks idle in later ones. */
  readonly baselines: ReadonlyMap<string, WholeCensus>;
  /** Since the first phase began, today with what is so now. */
  readonly days: readonly DayCount[];
}

/** The people of one phase by one segment. */
export interface Stream extends Fit {
  readonly curve: Curve;
  readonly trials: readonly Trial[];
  /** Days in which they could come. */
  readonly openDays: number;
  readonly now: Pick<DayCount, 'came' | 'arrived' | 'failed' | 'leftOut'>;
  readonly people: number;
}

export const isOpen = (state: PhaseState): boolean => state === 'running' || state === 'finished';
/** Paused ones have people already. */
const isBegun = (state: PhaseState): boolean => isOpen(state) || state === 'paused';

/** Those that have begun in the plan's order, then those to come, then those that were rolled back. */
export function phaseOrder({ phases }: Plan, now: readonly PhaseNow[]): Phase[] {
  const state = ({ name }: Phase) => now.find(({ phase }) => phase === name)?.state ?? 'planned';
  return [
    ...phases.filter((one) => isBegun(state(one))),
    ...phases.filter((one) => state(one) === 'planned'),
    ...phases.filter((one) => state(one) === 'rolled-back'),
  ];
}

export const streamKey = ({ phase, segment }: Fit): string => JSON.stringify([phase, segment]);

/** Of the phases that have begun, those who come through each; by `streamKey`. */
export function streamsOf(basis: Basis): ReadonlyMap<string, Stream> {
  const { snapshot, phases, census } = basis;
  const order = phaseOrder(snapshot.plan, phases);
  const begun = order.filter(({ name }) =>
    phases.some(({ phase, state }) => phase === name && isBegun(state)),
  );
  const homes = homesIn(census, begun);
  return new Map(
    [...homes].map(([key, { fit, cells }]) => [key, streamOf(basis, fit, { cells, order: begun })]),
  );
}

/** Who logs in takes the first open phase that fits. */
function homesIn({ tally }: WholeCensus, order: readonly Phase[]) {
  const homes = new Map<string, { readonly fit: Fit; readonly cells: Cell[] }>();
  for (const cell of Object.values(tally.cells)) {
    const [fit] = takenBy(cell.fits, order);
    if (!fit) continue;
    const key = streamKey(fit);
    if (!homes.has(key)) homes.set(key, { fit, cells: [] });
    homes.get(key)!.cells.push(cell);
  }
  return homes;
}

interface Home {
  readonly cells: readonly Counted[];
  readonly order: readonly Phase[];
}

function streamOf(basis: Basis, fit: Fit, { cells, order }: Home): Stream {
  const { census, baselines, nowMs } = basis;
  const own = summed(cells);
  const before = baselines.get(fit.phase);
  const then = before && summed(homesIn(before, order).get(streamKey(fit))?.cells ?? []);
  const isKnown = then !== undefined && then.people > 0;
  const curve = curveOf(isKnown ? then.ages : own.ages);
  const isBulk = basis.snapshot.plan.phases.find(({ name }) => name === fit.phase)?.identities === 'bulk';
  const noted = basis.days.filter(
    ({ phase, segment }) => phase === fit.phase && segment === (fit.segment ?? ''),
  );
  const startedMs = basis.phases.find(({ phase }) => phase === fit.phase)?.startedAt?.getTime() ?? nowMs;
  const open = openDaysOf(basis, fit.phase, startedMs);
  const { came, arrived, failed, leftOut } = noted.at(-1) ?? { came: 0, arrived: 0, failed: 0, leftOut: 0 };
  // With a census that was made later, the days before it say nothing that it does not say itself.
  const knownFrom = isKnown ? 0 : open(census.at.getTime());
  const rest = own.people - leftOut;
  return {
    ...fit,
    curve,
    people: own.people,
    now: { came, arrived, failed, leftOut },
    // Nothing was written down: whoever has come meanwhile is not known, so it is as if the phase began today.
    openDays: noted.length === 0 ? 0 : open(nowMs),
    // How fast a batch sends says nothing of how soon people come.
    trials: isBulk
      ? []
      : trialsOf(noted, { startedMs, open, curve, rest, nowMs }).filter(({ from }) => from >= knownFrom),
  };
}

interface Trying {
  readonly startedMs: number;
  readonly nowMs: number;
  readonly open: (ms: number) => number;
  readonly curve: Curve;
  readonly rest: number;
}

function trialsOf(noted: readonly DayCount[], { startedMs, nowMs, open, curve, rest }: Trying): Trial[] {
  const trials: Trial[] = [];
  let [from, had] = [0, 0];
  const mine = noted.filter(({ day }) => day >= dayOf(startedMs));
  for (const { day, came } of mine) {
    const to = open(Math.min(nowMs, Date.parse(day) + DAY_MS));
    if (to - from < TRIAL_DAYS) continue;
    trials.push({ curve, from, to, before: rest - had, came: came - had });
    [from, had] = [to, Math.max(had, came)];
  }
  return trials;
}

/** For a moment: how many days the phase had been open by then, without freezes and pauses. */
function openDaysOf({ snapshot, days }: Basis, phase: string, startedMs: number): (ms: number) => number {
  const states = new Map(
    days.flatMap((one) =>
      one.phase === phase && one.phaseState !== null ? [[one.day, one.phaseState as PhaseState]] : [],
    ),
  );
  const ends: { readonly ms: number; readonly open: number; readonly state: PhaseState }[] = [];
  return (ms) => {
    let [at, open, state] = [startedMs, 0, 'running' as PhaseState];
    const known = ends.findLast((end) => end.ms <= ms);
    if (known) [at, open, state] = [known.ms, known.open, known.state];
    while (at < ms) {
      const day = dayOf(at);
      const end = Math.min(ms, Date.parse(day) + DAY_MS);
      state = states.get(day) ?? state;
      if (isOpen(state)) open += (end - at - frozenMs(snapshot.plan, at, end)) / DAY_MS;
      at = end;
    }
    ends.push({ ms, open, state });
    return open;
  };
}

/** Freezes may overlap: what is frozen twice is frozen once. */
export function frozenMs({ freezes }: Plan, fromMs: number, toMs: number): number {
  const parts = freezes
    .map(
      ({ from, until }) => [Math.max(fromMs, Date.parse(from)), Math.min(toMs, Date.parse(until))] as const,
    )
    .filter(([from, until]) => until > from)
    .sort(([a], [b]) => a - b);
  let [frozen, end] = [0, fromMs];
  for (const [from, until] of parts) {
    frozen += Math.max(0, until - Math.max(from, end));
    end = Math.max(end, until);
  }
  return frozen;
}

export interface Speeds {
  readonly whole: Speed;
  /** Of a phase that has not begun: the whole's. */
  of(phase: string): Speed;
}

export function speedsOf(streams: ReadonlyMap<string, Stream>): Speeds {
  const all = [...streams.values()];
  const whole = speedFrom(
    all.flatMap(({ trials }) => trials),
    BLANK,
  );
  const blank = speedOfPhase(whole, []);
  const own = new Map(
    [...Map.groupBy(all, ({ phase }) => phase)].map(([phase, streamsOfIt]) => [
      phase,
      speedOfPhase(
        whole,
        streamsOfIt.flatMap(({ trials }) => trials),
      ),
    ]),
  );
  return { whole, of: (phase) => own.get(phase) ?? blank };
}

/** As if fifty people had moved before anything happened, and half of one had failed. */
const SUPPOSED = { people: 50, failed: 0.5 };

/** Of those who come by, the share that arrives. */
export function successOf(streams: ReadonlyMap<string, Stream>): number {
  let [arrived, failed] = [0, 0];
  for (const { now } of streams.values()) {
    arrived += now.arrived;
    failed += now.failed;
  }
  return (arrived + SUPPOSED.people - SUPPOSED.failed) / (arrived + failed + SUPPOSED.people);
}
