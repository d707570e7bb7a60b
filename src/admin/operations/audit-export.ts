import { z } from 'zod';
import type { AuditEntry } from '../../store/audit-log.ts';
import { defineOperation } from '../operation.ts';

/** One answer holds no more; the next begins after the last id. */
const RECORDS = 1_000;

export const auditExport = defineOperation({
  name: 'audit export',
  summary:
    'Writes audit records as JSON lines, oldest first, at most 1,000 at a time: go on after the last ID.',
  input: z.strictObject({
    after: z
      .string()
      .regex(/^\d{1,19}$/)
      .optional()
      .describe('Only records after this id.'),
    user: z.string().optional().describe('Only records about this sub.'),
    action: z.string().optional().describe('Only this action, like secrets.released.'),
  }),
  changes: false,
  run: async ({ audit }, { after, user, action }) => ({
    records: (
      await audit.records({
        ...(after ? { after } : {}),
        ...(user ? { sub: user } : {}),
        ...(action ? { action } : {}),
        limit: RECORDS,
      })
    ).map(readable),
  }),
  print: ({ records }) => records.map((record) => JSON.stringify(record)).join('\n'),
});

const readable = ({ subject, ...entry }: AuditEntry) => ({
  ...entry,
  ...(subject ? { subject: subject.toString('hex') } : {}),
});
