/** Puts together what a forecast begins with: the plan, the censuses, and where everybody stands now and has stood. */
import { FootbridgeError } from '../../errors.ts';
import { dayStandings } from '../../migration/day-standings.ts';
import type { Census, WholeCensus } from '../../rollout/census.ts';
import { lastCensus, wholeCensus } from '../../rollout/census.ts';
import type { Standing, Total } from '../../rollout/days.ts';
import { countsOf, dayCounts, dayOf, noteDay, notedAt } from '../../rollout/days.ts';
import type { Snapshot } from '../../rollout/deciding.ts';
import type { Forecast, ForecastAsked } from '../../rollout/forecast.ts';
import { foresee } from '../../rollout/forecast.ts';
import { keepForecast, lastKeptAt } from '../../rollout/forecast-kept.ts';
import { phaseRows, plannedTargets, readSnapshot } from '../../rollout/phases.ts';
import type { Db } from '../../store/db.ts';

export interface ForeseeingDeps {
  readonly db: Db;
  readonly nowMs?: () => number;
}

/** Letters are cheap and calls are not; who is asked in a letter to do something mostly does not. */
export const USUAL: ForecastAsked = {
  goal: 0.95,
  horizonDays: 540,
  campaign: { costPerMail: 0.01, supportShare: 0.03, costPerRequest: 12, answerShare: 0.25, days: 30 },
};

/** As it is now; nothing is written. Throws plan_not_found, forecast_needs_census, storage_unavailable. */
export async function forecastFor(
  { db, nowMs = Date.now }: ForeseeingDeps,
  target: string,
  asked: ForecastAsked = USUAL,
): Promise<Forecast> {
  const snapshot = await readSnapshot(db, target);
  if (!snapshot) throw new FootbridgeError('plan_not_found', { detail: target });
  const census = await wholeCensus(db, target);
  if (!census) throw new FootbridgeError('forecast_needs_census', { detail: target });
  const now = nowMs();
  const phases = await phaseRows(db, target);
  const inPlan = snapshot.plan.phases.flatMap(({ name }) => phases.find(({ phase }) => phase === name) ?? []);
  const starts = inPlan.flatMap(({ startedAt }) => (startedAt ? [startedAt.getTime()] : []));
  const noted = await dayCounts(db, target, dayOf(Math.min(now, ...starts)));
  const today = await standingToday(db, snapshot, now, census);
  const basis = {
    ...{ nowMs: now, snapshot, phases: inPlan, census },
    baselines: await baselinesOf(db, target, inPlan),
    // What stands written of today is older than what is counted now.
    days: [...noted.filter(({ day }) => day < today.day), ...countsOf(today)],
  };
  return foresee(target, basis, asked);
}

async function baselinesOf(
  db: Db,
  target: string,
  phases: readonly { readonly phase: string; readonly startedAt: Date | null }[],
): Promise<ReadonlyMap<string, WholeCensus>> {
  const found = new Map<string, WholeCensus>();
  // Phases that began together have the same: it is read once.
  const known = new Map<number, WholeCensus | undefined>();
  for (const { phase, startedAt } of phases) {
    if (!startedAt) continue;
    const at = startedAt.getTime();
    if (!known.has(at)) known.set(at, await wholeCensus(db, target, startedAt));
    const census = known.get(at);
    if (census) found.set(phase, census);
  }
  return found;
}

interface Today {
  readonly day: string;
  readonly standings: readonly Standing[];
  readonly totals: readonly Total[];
}

async function standingToday(
  db: Db,
  { target, phases, plan }: Snapshot,
  nowMs: number,
  census: Census | undefined,
): Promise<Today> {
  const attempts = plan.phases.flatMap(({ name }) => {
    const phase = phases.get(name);
    return phase ? [{ phase: name, attempt: phase.attempt }] : [];
  });
  const standings = await dayStandings(db, { target, phases: attempts });
  return { day: dayOf(nowMs), standings, totals: census ? totalsOf(census, phases) : [] };
}

function totalsOf(census: Census, phases: Snapshot['phases']): Total[] {
  const all = { phase: '', segment: '', people: census.people };
  const ofPhases = Object.entries(census.phases).map(([phase, { people }]) => ({
    ...{ phase, segment: '', people },
    phaseState: phases.get(phase)?.state,
  }));
  const ofSegments = Object.entries(census.phaseSegments).map(([key, { people }]) => {
    const [phase = '', segment = ''] = key.split('/');
    return { phase, segment, people, phaseState: phases.get(phase)?.state };
  });
  return [all, ...ofPhases, ...ofSegments];
}

export interface RoundDeps extends ForeseeingDeps {
  readonly onError?: (error: unknown, target: string) => void;
}

const HOUR_MS = 3_600_000;
const WEEK_MS = 7 * 86_400_000;

/** Writes down where everybody stands today, once an hour, whichever node comes first. Cheap to be asked often. */
export const daysRound = (deps: RoundDeps): Promise<void> =>
  ofEach(deps, async (target, nowMs) => {
    const last = await notedAt(deps.db, target, dayOf(nowMs));
    if (last && nowMs - last.getTime() < HOUR_MS) return;
    const snapshot = await readSnapshot(deps.db, target);
    if (!snapshot) return;
    const today = await standingToday(deps.db, snapshot, nowMs, await lastCensus(deps.db, target));
    await noteDay(deps.db, { target, ...today, now: new Date(nowMs) });
  });

/** Keeps a forecast a week, so that there is one to be held against what comes. Cheap to be asked often. */
export const forecastRound = (deps: RoundDeps): Promise<void> =>
  ofEach(deps, async (target, nowMs) => {
    const isKept = async () => nowMs - ((await lastKeptAt(deps.db, target))?.getTime() ?? 0) < WEEK_MS;
    if ((await isKept()) || !(await lastCensus(deps.db, target))) return;
    const forecast = await forecastFor({ db: deps.db, nowMs: () => nowMs }, target);
    // Another node may have been faster meanwhile.
    if (!(await isKept())) await keepForecast(deps.db, forecast, 'footbridge');
  });

/** One target’s trouble is not the next one’s. */
async function ofEach(
  { db, nowMs = Date.now, onError }: RoundDeps,
  work: (target: string, nowMs: number) => Promise<void>,
): Promise<void> {
  for (const target of await plannedTargets(db)) {
    try {
      await work(target, nowMs());
    } catch (error) {
      onError?.(error, target);
    }
  }
}
