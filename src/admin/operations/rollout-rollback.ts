import { z } from 'zod';
import { defineOperation } from '../operation.ts';
import { rollBack, rolledBackLines } from '../rollout/rolling-back.ts';
import { reasonText, whichTarget } from '../rollout/rollout-desk.ts';

export const rolloutRollback = defineOperation({
  name: 'rollout rollback',
  summary:
    'The fast way back: a phase, an app or a segment is at the old login again from the next decision on, on every server. Says before how many are assigned, at the target, and with another password there. Accounts stay as they are.',
  input: z.strictObject({
    phase: z.string().min(1).optional().describe('This phase: it is rolled back until its next attempt.'),
    app: z.string().min(1).optional().describe('Or this app of the plan, for everybody.'),
    segment: z.string().min(1).optional().describe('Or whoever is assigned by this segment.'),
    target: whichTarget,
    reason: reasonText.describe('Why: it is kept, and shown to whoever asks.'),
  }),
  changes: true,
  run: (desk, { target, reason, ...given }, { execute }) =>
    rollBack(desk, { given, target, reason, execute }),
  print: rolledBackLines,
});
