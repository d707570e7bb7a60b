/**
 * What a plan does by itself: phases start when it is time, are finished when their gate holds, and paused when it breaks.
 * One node at a time looks; every step is a commit of its own, from the state it was decided in, so that whoever dies or comes
 * second leaves nothing half. Nothing goes on by itself: that is an operator's to say.
 */
import { randomUUID } from 'node:crypto';
import { isFootbridgeError } from '../errors.ts';
import type { Log } from '../observability/log.ts';
import type { Db } from '../store/db.ts';
import type { Snapshot } from './deciding.ts';
import type { FiguresOf } from './figures.ts';
import type { Verdict } from './gates.ts';
import { verdicts } from './gates.ts';
import { leaseRound, phaseRows, plannedTargets, releaseRound } from './phases.ts';
import type { Phase } from './plan.ts';
import type { Rollout } from './rollout.ts';
import { startOf } from './schedule.ts';
import type { Step } from './turning.ts';
import { takeStep } from './turning.ts';

export interface RoundDeps {
  readonly db: Db;
  readonly rollout: Pick<Rollout, 'snapshot'>;
  readonly figuresOf: FiguresOf;
  readonly nowMs?: () => number;
  readonly log: Pick<Log, 'info' | 'warn'>;
}

/** Who has arrived takes a look at everybody, and nobody waits for a phase to be finished by the minute. */
const LOOK_EVERY_MS = 300_000;

/** A target whose plan cannot be looked at never keeps others from it. Throws storage_unavailable. */
export async function rolloutRound({ nowMs = Date.now, ...deps }: RoundDeps): Promise<void> {
  for (const target of await plannedTargets(deps.db)) {
    const lease = randomUUID();
    const leased = await leaseRound(deps.db, target, { lease, nowMs: nowMs() });
    if (!leased) continue;
    // Also where somebody's clock was ahead: nobody waits until it is as late as it said.
    const isTime = leased.lookedAt === null || Math.abs(nowMs() - leased.lookedAt.getTime()) >= LOOK_EVERY_MS;
    let lookedAt: Date | undefined;
    try {
      const looked = await lookAt({ ...deps, nowMs: nowMs() }, target, isTime);
      if (looked) lookedAt = new Date(nowMs());
    } catch (error) {
      deps.log.warn({ error, target }, 'a rollout plan could not be looked at');
      // Though it failed it has cost as much: the next look is as far away.
      if (isTime) lookedAt = new Date(nowMs());
    } finally {
      await releaseRound(deps.db, target, { lease, lookedAt });
    }
  }
}

type LookDeps = Omit<RoundDeps, 'nowMs'> & { readonly nowMs: number };

/** Whether everybody was looked at. */
async function lookAt(deps: LookDeps, target: string, isTime: boolean): Promise<boolean> {
  const snapshot = await deps.rollout.snapshot(target);
  if (!snapshot) return false;
  const running = snapshot.plan.phases.filter(({ name }) => snapshot.phases.get(name)?.state === 'running');
  const gated = running.filter(({ finish, pause }) => finish !== undefined || pause !== undefined);
  const everybody = isTime && gated.some(needsEverybody);
  if (gated.length > 0) await passGates(deps, { snapshot, running: gated, everybody });
  await startDue(deps, target);
  return everybody;
}

const needsEverybody = ({ finish, pause }: Phase) =>
  finish !== undefined || pause?.supportPerThousand !== undefined;

async function passGates(
  deps: LookDeps,
  {
    snapshot,
    running,
    everybody,
  }: { readonly snapshot: Snapshot; readonly running: readonly Phase[]; readonly everybody: boolean },
): Promise<void> {
  const { db, figuresOf, nowMs } = deps;
  const rows = await phaseRows(db, snapshot.target);
  const figures = await figuresOf({ snapshot, rows, nowMs, everybody });
  for (const phase of running) {
    const own = figures.get(phase.name);
    if (!own) continue;
    const { pause, finish } = verdicts(phase, own, nowMs);
    if (pause && !pause.holds)
      await stepBy(deps, snapshot.target, {
        step: 'pause',
        phase,
        reason: reasonOf(pause, false),
        cause: 'gate',
      });
    else if (everybody && finish?.holds)
      await stepBy(deps, snapshot.target, {
        step: 'finish',
        phase,
        reason: reasonOf(finish, true),
        cause: 'gate',
      });
  }
}

const reasonOf = ({ checks }: Verdict, holds: boolean) =>
  checks
    .filter((check) => check.holds === holds)
    .map(({ sentence }) => sentence)
    .join(' ');

/** As it is now: what was finished a moment ago may be what another phase has waited for. */
async function startDue(deps: LookDeps, target: string): Promise<void> {
  const snapshot = await deps.rollout.snapshot(target);
  if (!snapshot) return;
  for (const phase of snapshot.plan.phases)
    if (startOf(snapshot, phase, deps.nowMs)?.isDue)
      await stepBy(deps, target, { step: 'start', phase, reason: 'Its time has come.', cause: 'schedule' });
}

interface StepDue {
  readonly step: Step;
  readonly phase: Phase;
  readonly reason: string;
  readonly cause: 'gate' | 'schedule';
}

async function stepBy({ db, log, nowMs }: LookDeps, target: string, due: StepDue): Promise<void> {
  const { step, phase, reason, cause } = due;
  const from = step === 'start' ? (['planned'] as const) : (['running'] as const);
  try {
    await takeStep(db, { step, target, phase: phase.name, reason, cause, actor: 'rollout', from, nowMs });
    log.info({ target, phase: phase.name, step, cause, reason }, 'a phase was turned by the plan itself');
  } catch (error) {
    // Somebody was first.
    if (!isFootbridgeError(error, 'phase_state') && !isFootbridgeError(error, 'phase_not_found')) throw error;
  }
}
