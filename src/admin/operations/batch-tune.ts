import { z } from 'zod';
import { FootbridgeError } from '../../errors.ts';
import type { BatchPace } from '../../migration/batch/batch.ts';
import { batchName } from '../../migration/batch/selection.ts';
import { appendAudit } from '../../store/audit-log.ts';
import { checkSize, MAX_PER_SECOND, MAX_WORKERS, reachable } from '../batch/making.ts';
import { paceWords } from '../batch/status-text.ts';
import { defineOperation } from '../operation.ts';

export const batchTune = defineOperation({
  name: 'batch tune',
  summary: 'Changes how a batch is sent, also while it runs: users per call, per second, and calls at once.',
  input: z.strictObject({
    batch: batchName.describe('The batch’s name.'),
    size: z.coerce.number().int().min(1).optional().describe('Users per call.'),
    perSecond: z.coerce
      .number()
      .int()
      .min(0)
      .max(MAX_PER_SECOND)
      .optional()
      .describe('Users per second over all servers; 0: what the target takes.'),
    workers: z.coerce
      .number()
      .int()
      .min(1)
      .max(MAX_WORKERS)
      .optional()
      .describe('Calls at once, per server.'),
  }),
  positional: ['batch'],
  changes: true,
  async run({ batches, targets, db, actor }, { batch: id, size, perSecond, workers }, { execute }) {
    const before = await batches.status(id);
    const pace: Partial<BatchPace> = {
      ...(size === undefined ? {} : { size }),
      ...(perSecond === undefined ? {} : { perSecond: perSecond || null }),
      ...(workers === undefined ? {} : { workers }),
    };
    if (Object.keys(pace).length === 0)
      throw new FootbridgeError('bad_request', { detail: 'Give one of --size, --per-second, --workers.' });
    if (size !== undefined) checkSize(size, reachable(targets, before.target).capabilities, before.target);
    const was = paceOf(before);
    if (!execute) return { executed: false, batch: id, was, pace: { ...was, ...pace } };
    const after = paceOf(await batches.tune(id, pace));
    await appendAudit(db, { actor, action: 'batch.tuned', detail: { batch: id, ...after } });
    return { executed: true, batch: id, was, pace: after };
  },
  print: ({ executed, batch, was, pace }) =>
    [
      `${executed ? 'Before:' : 'Now:   '} ${paceWords(was)}.`,
      `${executed ? 'Now:   ' : 'Then:  '} ${paceWords(pace)}.`,
      executed ? `${batch} is sent so from the next call on.` : 'Nothing was changed: add --execute.',
    ].join('\n'),
});

const paceOf = ({ size, perSecond, workers }: BatchPace): BatchPace => ({ size, perSecond, workers });
