import { defineOperation } from '../operation.ts';
import { stepInput, stepLines, stepPhase } from '../rollout/stepping.ts';

export const rolloutPause = defineOperation({
  name: 'rollout pause',
  summary: 'Pauses a phase: nobody new is assigned, whoever is assigned goes on.',
  input: stepInput,
  positional: ['phase'],
  changes: true,
  run: (desk, input, { execute }) => stepPhase(desk, { ...input, step: 'pause', execute }),
  print: stepLines,
});
