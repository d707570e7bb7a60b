/** The steps of a phase, each with its record, all or nothing. */
import type { Db } from '../store/db.ts';
import type { PhaseState } from './deciding.ts';
import type { Turn } from './phases.ts';
import { turnPhase } from './phases.ts';
import { noteStep } from './steps.ts';

interface Way {
  readonly from: readonly PhaseState[];
  readonly to: PhaseState;
  readonly action: string;
}

export const STEPS = {
  start: { from: ['planned', 'rolled-back'], to: 'running', action: 'rollout.started' },
  resume: { from: ['paused', 'finished'], to: 'running', action: 'rollout.resumed' },
  pause: { from: ['running'], to: 'paused', action: 'rollout.paused' },
  finish: { from: ['running', 'paused'], to: 'finished', action: 'rollout.finished' },
  rollback: { from: ['running', 'paused', 'finished'], to: 'rolled-back', action: 'rollout.rolled-back' },
} as const satisfies Record<string, Way>;
export type Step = keyof typeof STEPS;

export type StepAsked = Omit<Turn, 'to'> & { readonly step: Step };

/** Throws phase_state where the phase is not where the step begins, phase_not_found. */
export function takeStep(db: Db, { step, from, ...asked }: StepAsked): Promise<{ readonly attempt: number }> {
  const { to, action, from: ways } = STEPS[step];
  return db.transaction(async (tx) => {
    const turned = await turnPhase(tx, { ...asked, to, from: from ?? ways });
    const { target, phase, actor, reason, cause, nowMs } = asked;
    const detail = { phase, attempt: turned.attempt, cause, ...(reason ? { reason } : {}) };
    await noteStep(tx, { target, actor, action, at: new Date(nowMs), detail });
    return turned;
  });
}
