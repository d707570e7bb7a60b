import { z } from 'zod';
import type { BatchStatus } from '../../migration/batch/batch.ts';
import { tableText } from '../batch/sections.ts';
import { bar, count, doneOf } from '../batch/status-text.ts';
import { defineOperation } from '../operation.ts';

const BAR_WIDTH = 12;

export const batchList = defineOperation({
  name: 'batch list',
  summary: 'Lists the batches, newest first: how far each has come, and how many failed.',
  input: z.strictObject({ target: z.string().min(1).optional().describe('Only this target’s.') }),
  changes: false,
  run: async ({ batches }, { target }) => ({
    batches: (await batches.list())
      .filter((batch) => target === undefined || batch.target === target)
      // Of each its report is long: `batch status` and the plan have it.
      .map(({ report: _, ...batch }) => batch),
  }),
  print: ({ batches }) =>
    batches.length === 0
      ? 'There are no batches. footbridge batch plan makes one.'
      : tableText({ head: HEAD, rows: batches.map(row) }).join('\n'),
});

const HEAD = ['batch', 'target', 'state', 'done', '', 'people', 'failed', 'planned', 'note'];

function row(batch: Omit<BatchStatus, 'report'>): string[] {
  const { id, target, state, counts, plannedAt, note } = batch;
  const share = counts.users === 0 ? 0 : doneOf(batch) / counts.users;
  return [
    id,
    target,
    state,
    `${(share * 100).toFixed(1)} %`,
    bar(share, BAR_WIDTH),
    count(counts.users),
    count(counts.failed),
    plannedAt.toISOString().slice(0, 16).replace('T', ' '),
    note?.code ?? '',
  ];
}
