/** A phase as somebody acts on it: found in the plan of this moment, with why nobody may be brought by it now. */
import { FootbridgeError } from '../../errors.ts';
import type { PhaseStanding, Snapshot } from '../../rollout/deciding.ts';
import { freezeAt, switchKey } from '../../rollout/deciding.ts';
import type { Phase } from '../../rollout/plan.ts';
import type { Rollout } from '../../rollout/rollout.ts';

export interface OpenedPhase {
  readonly snapshot: Snapshot;
  readonly phase: Phase;
  readonly standing: PhaseStanding;
}

/** Throws plan_not_found. */
export async function planOf(rollout: Pick<Rollout, 'snapshot'>, target: string): Promise<Snapshot> {
  const snapshot = await rollout.snapshot(target);
  if (snapshot) return snapshot;
  throw new FootbridgeError('plan_not_found', { detail: target });
}

const NOT_BEGUN: PhaseStanding = { state: 'planned', attempt: 1 };

/** Throws plan_not_found, phase_not_found. */
export async function openPhase(
  rollout: Pick<Rollout, 'snapshot'>,
  { target, phase: name }: { readonly target: string; readonly phase: string },
): Promise<OpenedPhase> {
  const snapshot = await planOf(rollout, target);
  const phase = snapshot.plan.phases.find((one) => one.name === name);
  if (!phase) throw new FootbridgeError('phase_not_found', { detail: name });
  return { snapshot, phase, standing: snapshot.phases.get(name) ?? NOT_BEGUN };
}

/** Why nobody new may be brought by it now, as sentences; none: they may. */
export function whyClosed({ snapshot, phase: { name }, standing }: OpenedPhase, nowMs: number): string[] {
  const { plan, switches } = snapshot;
  const freeze = freezeAt(plan, nowMs);
  const isOpen = standing.state === 'running' || standing.state === 'finished';
  return [
    ...(isOpen ? [] : [`The phase ${name} is ${standing.state}.`]),
    ...(switches.has(switchKey('everything')) ? ['The kill switch of the whole plan is on.'] : []),
    ...(switches.has(switchKey('phase', name)) ? [`The kill switch of the phase ${name} is on.`] : []),
    ...(freeze ? [`The plan is frozen until ${freeze.until}: ${freeze.reason}`] : []),
  ];
}

/** Throws phase_state. */
export function checkOpen(opened: OpenedPhase, nowMs: number): void {
  const why = whyClosed(opened, nowMs);
  if (why.length > 0) throw new FootbridgeError('phase_state', { detail: why.join(' ') });
}
