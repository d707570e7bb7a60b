import { defineOperation } from '../operation.ts';
import { stepInput, stepLines, stepPhase } from '../rollout/stepping.ts';

export const rolloutStart = defineOperation({
  name: 'rollout start',
  summary:
    'Begins a phase of the rollout plan, or its next attempt after a rollback: whoever fits it is assigned from the next decision on, on every server.',
  input: stepInput,
  positional: ['phase'],
  changes: true,
  run: (desk, input, { execute }) => stepPhase(desk, { ...input, step: 'start', execute }),
  print: stepLines,
});
