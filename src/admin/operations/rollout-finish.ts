import { defineOperation } from '../operation.ts';
import { stepInput, stepLines, stepPhase } from '../rollout/stepping.ts';

export const rolloutFinish = defineOperation({
  name: 'rollout finish',
  summary: 'Finishes a phase, whatever its gate says: phases that need it may start.',
  input: stepInput,
  positional: ['phase'],
  changes: true,
  run: (desk, input, { execute }) => stepPhase(desk, { ...input, step: 'finish', execute }),
  print: stepLines,
});
