import { z } from 'zod';
import { approvalLines, decideAtDesk, requestNumber, why } from '../approvals/approval-desk.ts';
import { defineOperation } from '../operation.ts';

export const approvalGrant = defineOperation({
  name: 'approval grant',
  summary:
    'Approves what somebody else has asked for: exactly that, once, within the hour. Nobody approves what they have asked for themselves.',
  input: z.strictObject({ id: requestNumber, note: why }),
  positional: ['id'],
  changes: true,
  run: (desk, { id, note }, { execute }) => decideAtDesk(desk, { id, note, state: 'granted' }, execute),
  print: ({ executed, approval }) =>
    [
      ...approvalLines(approval),
      executed
        ? `${approval.askedBy} may say it again now, with --execute.`
        : 'Would be granted. Nothing was changed: add --execute.',
    ].join('\n'),
});
