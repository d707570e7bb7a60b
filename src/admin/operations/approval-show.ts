import { z } from 'zod';
import { approvalLines, requestNumber } from '../approvals/approval-desk.ts';
import { approvalById } from '../approvals/approvals.ts';
import { defineOperation } from '../operation.ts';

export const approvalShow = defineOperation({
  name: 'approval show',
  summary:
    'Shows one request for an approval: what is to be done, what its dry run said, who asked and who decided.',
  input: z.strictObject({ id: requestNumber }),
  positional: ['id'],
  changes: false,
  run: ({ db }, { id }) => approvalById(db, id, Date.now()),
  print: (approval) => approvalLines(approval).join('\n'),
});
