import { z } from 'zod';
import { approvalLines, decideAtDesk, requestNumber, why } from '../approvals/approval-desk.ts';
import { defineOperation } from '../operation.ts';

export const approvalRefuse = defineOperation({
  name: 'approval refuse',
  summary:
    'Refuses what somebody has asked for, withdraws what you have asked for, or takes a grant back that nobody has used.',
  input: z.strictObject({ id: requestNumber, note: why }),
  positional: ['id'],
  changes: true,
  run: (desk, { id, note }, { execute }) => decideAtDesk(desk, { id, note, state: 'refused' }, execute),
  print: ({ executed, approval }) =>
    [
      ...approvalLines(approval),
      executed ? 'It is refused.' : 'Would be refused. Nothing was changed: add --execute.',
    ].join('\n'),
});
