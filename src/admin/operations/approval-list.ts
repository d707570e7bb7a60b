import { z } from 'zod';
import { approvalLine } from '../approvals/approval-desk.ts';
import { listApprovals } from '../approvals/approvals.ts';
import { defineOperation } from '../operation.ts';

/** Older ones are in the audit log. */
const LISTED = 200;

export const approvalList = defineOperation({
  name: 'approval list',
  summary:
    'Lists what waits for a second pair of eyes, newest first; all: also what is decided, used or expired.',
  input: z.strictObject({
    all: z.boolean().default(false).describe('Also what can no longer be decided or used.'),
  }),
  changes: false,
  run: async ({ db }, { all }) => ({
    approvals: await listApprovals(db, { nowMs: Date.now(), onlyOpen: !all, limit: LISTED }),
  }),
  print: ({ approvals }) =>
    approvals.length === 0 ? 'Nothing waits for an approval.' : approvals.map(approvalLine).join('\n'),
});
