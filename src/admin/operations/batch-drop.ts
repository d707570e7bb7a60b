import { z } from 'zod';
import { FootbridgeError } from '../../errors.ts';
import { batchName } from '../../migration/batch/selection.ts';
import { appendAudit } from '../../store/audit-log.ts';
import { count } from '../batch/status-text.ts';
import { defineOperation } from '../operation.ts';

export const batchDrop = defineOperation({
  name: 'batch drop',
  summary: 'Forgets a batch of which nobody was sent yet: a plan that is not wanted any more.',
  input: z.strictObject({ batch: batchName.describe('The batch’s name.') }),
  positional: ['batch'],
  changes: true,
  async run({ batches, db, actor }, { batch: id }, { execute }) {
    const { state, counts, target } = await batches.status(id);
    if (state !== 'planning' && state !== 'planned')
      throw new FootbridgeError('batch_state', {
        detail: `${id} is ${state}: what was sent stays written down. footbridge batch undo takes people back.`,
      });
    if (execute) {
      await batches.drop(id);
      await appendAudit(db, {
        actor,
        action: 'batch.dropped',
        detail: { batch: id, target, users: counts.users },
      });
    }
    return { executed: execute, batch: id, users: counts.users };
  },
  print: ({ executed, batch, users }) =>
    executed
      ? `${batch} is forgotten, with ${count(users)} people of whom nobody was sent.`
      : `Would forget ${batch}, with ${count(users)} people of whom nobody was sent. Nothing was changed: add --execute.`,
});
