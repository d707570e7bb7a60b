import { z } from 'zod';
import { FootbridgeError } from '../../errors.ts';
import { batchName } from '../../migration/batch/selection.ts';
import { appendAudit } from '../../store/audit-log.ts';
import { NOTE_CODES } from '../batch/codes.ts';
import { count } from '../batch/status-text.ts';
import { defineOperation } from '../operation.ts';

export const batchPause = defineOperation({
  name: 'batch pause',
  summary: 'Stops a running batch on all servers after the calls that are under way; nobody is lost by it.',
  input: z.strictObject({ batch: batchName.describe('The batch’s name.') }),
  positional: ['batch'],
  changes: true,
  async run({ batches, db, actor }, { batch: id }, { execute }) {
    const before = await batches.status(id);
    if (before.state !== 'running')
      throw new FootbridgeError('batch_state', { detail: `${id} is ${before.state}.` });
    if (execute) {
      const { sentence } = NOTE_CODES.paused_by_operator;
      await batches.pause(id, { code: 'paused_by_operator', sentence });
      await appendAudit(db, { actor, action: 'batch.paused', detail: { batch: id } });
    }
    return { executed: execute, batch: id, waiting: before.counts.waiting };
  },
  print: ({ executed, batch, waiting }) =>
    executed
      ? `${batch} is paused; about ${count(waiting)} people wait. It goes on with: footbridge batch resume ${batch} --execute`
      : `Would pause ${batch}, of which ${count(waiting)} people wait. Nothing was changed: add --execute.`,
});
