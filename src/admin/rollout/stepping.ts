/** An operator's step with a phase: whether there is a way, what comes of it, and the step itself. */
import { z } from 'zod';
import { FootbridgeError } from '../../errors.ts';
import type { PhaseState } from '../../rollout/deciding.ts';
import type { PhaseRow } from '../../rollout/phases.ts';
import { obstacles } from '../../rollout/schedule.ts';
import type { Step } from '../../rollout/turning.ts';
import { STEPS, takeStep } from '../../rollout/turning.ts';
import { NOTHING_CHANGED } from '../claim-tokens/claim-desk.ts';
import type { Desk } from '../operation.ts';
import { phaseOf, reasonText, standingOf, whichTarget } from './rollout-desk.ts';
import { stepWords } from './step-words.ts';

export const stepInput = z.strictObject({
  phase: z.string().min(1).describe('The phase’s name in the plan.'),
  target: whichTarget,
  reason: reasonText.optional().describe('Why, for whoever looks at it later.'),
});

export interface StepOutput {
  readonly executed: boolean;
  readonly target: string;
  readonly phase: string;
  readonly before: PhaseState;
  readonly state: PhaseState;
  readonly attempt: number;
  /** What comes of it, in sentences. */
  readonly says: readonly string[];
}

export interface StepAsked extends z.output<typeof stepInput> {
  readonly step: Exclude<Step, 'rollback'>;
  readonly execute: boolean;
}

/** Throws plan_not_found, phase_not_found, phase_state. */
export async function stepPhase(desk: Desk, asked: StepAsked): Promise<StepOutput> {
  const { step, execute, reason } = asked;
  const nowMs = Date.now();
  const standing = await standingOf(desk, asked.target);
  const { target, snapshot } = standing;
  const { phase, row } = phaseOf(standing, asked.phase);
  checkFrom(row, step);
  const inTheWay = step === 'start' ? obstacles(snapshot, phase, nowMs) : [];
  if (inTheWay.length > 0) throw new FootbridgeError('phase_state', { detail: inTheWay.join(' ') });
  const says = await stepWords(desk, standing, { step, phase, row, nowMs });
  const turn = { step, target, phase: phase.name, reason, actor: desk.actor, nowMs } as const;
  const { attempt } = execute
    ? await takeStep(desk.db, { ...turn, cause: 'operator', from: [row.state] })
    : { attempt: nextAttempt(row) };
  const { to: state } = STEPS[step];
  return { executed: execute, target, phase: phase.name, before: row.state, state, attempt, says };
}

export const nextAttempt = ({ state, attempt }: Pick<PhaseRow, 'state' | 'attempt'>): number =>
  state === 'rolled-back' ? attempt + 1 : attempt;

/** Before anything is said of what would be done. Throws phase_state. */
export function checkFrom({ phase, state }: Pick<PhaseRow, 'phase' | 'state'>, step: Step): void {
  const from: readonly PhaseState[] = STEPS[step].from;
  if (from.includes(state)) return;
  throw new FootbridgeError('phase_state', { detail: `${phase} is ${state}, and not ${from.join(' or ')}.` });
}

export const stepLines = ({ executed, target, phase, before, state, says }: StepOutput): string =>
  [
    `${phase} for ${target} ${executed ? 'is' : 'would be'} ${state}, and ${executed ? 'was' : 'is'} ${before}.`,
    ...says.map((sentence) => `  ${sentence}`),
    ...(executed ? [] : [NOTHING_CHANGED]),
  ].join('\n');
