import { defineOperation } from '../operation.ts';
import { stepInput, stepLines, stepPhase } from '../rollout/stepping.ts';

export const rolloutResume = defineOperation({
  name: 'rollout resume',
  summary:
    'Goes on with a phase that was paused, by an operator or by its gate, or opens a finished one again.',
  input: stepInput,
  positional: ['phase'],
  changes: true,
  run: (desk, input, { execute }) => stepPhase(desk, { ...input, step: 'resume', execute }),
  print: stepLines,
});
