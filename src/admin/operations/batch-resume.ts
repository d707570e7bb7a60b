import { z } from 'zod';
import { FootbridgeError } from '../../errors.ts';
import { batchName } from '../../migration/batch/selection.ts';
import { appendAudit } from '../../store/audit-log.ts';
import { count } from '../batch/status-text.ts';
import { defineOperation } from '../operation.ts';

export const batchResume = defineOperation({
  name: 'batch resume',
  summary: 'Lets a paused batch go on where it stopped: running servers take it up within seconds.',
  input: z.strictObject({ batch: batchName.describe('The batch’s name.') }),
  positional: ['batch'],
  changes: true,
  async run({ batches, db, actor }, { batch: id }, { execute }) {
    const { state, counts, note } = await batches.status(id);
    if (state !== 'paused')
      throw new FootbridgeError('batch_state', {
        detail: `${id} is ${state}.${state === 'planned' ? ` Begin it with footbridge batch run ${id} --execute.` : ''}`,
      });
    if (execute) {
      await batches.start(id);
      await appendAudit(db, { actor, action: 'batch.resumed', detail: { batch: id } });
    }
    return { executed: execute, batch: id, waiting: counts.waiting, pausedBecause: note };
  },
  print: ({ executed, batch, waiting, pausedBecause }) =>
    [
      ...(pausedBecause ? [`It was paused: ${pausedBecause.sentence}`] : []),
      executed
        ? `${batch} goes on with ${count(waiting)} people, on every server that runs (or footbridge batch run ${batch} --execute).`
        : `Would let ${batch} go on with ${count(waiting)} people. Nothing was changed: add --execute.`,
    ].join('\n'),
});
