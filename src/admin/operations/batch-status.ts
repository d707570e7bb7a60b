import { setTimeout } from 'node:timers/promises';
import { z } from 'zod';
import { batchName } from '../../migration/batch/selection.ts';
import { sectionsText } from '../batch/sections.ts';
import type { StatusOutput } from '../batch/status-text.ts';
import { doneOf, statusSections } from '../batch/status-text.ts';
import { defineOperation } from '../operation.ts';

const MAX_LOOK_SECONDS = 60;

export const batchStatus = defineOperation({
  name: 'batch status',
  summary:
    'Says how far a batch has come, how fast it is, why it stands still, which codes people have and what to do about them.',
  input: z.strictObject({
    batch: batchName.describe('The batch’s name.'),
    look: z.coerce
      .number()
      .min(0)
      .max(MAX_LOOK_SECONDS)
      .default(2)
      .describe('Seconds between two looks at a running batch, which tell how fast it is; 0: one look.'),
  }),
  positional: ['batch'],
  changes: false,
  async run({ batches }, { batch: id, look }): Promise<StatusOutput> {
    const first = await batches.status(id);
    const startMs = performance.now();
    const isTwice = look > 0 && first.state === 'running';
    if (isTwice) await setTimeout(look * 1_000);
    const { report: _, ...now } = isTwice ? await batches.status(id) : first;
    const seconds = (performance.now() - startMs) / 1_000;
    const rate = isTwice ? Math.max(0, doneOf(now) - doneOf(first)) / seconds : null;
    return {
      ...now,
      done: doneOf(now),
      usersPerSecond: rate === null ? null : Number(rate.toFixed(1)),
      secondsLeft: rate ? Math.ceil(now.counts.waiting / rate) : null,
      codes: await batches.codes(id),
    };
  },
  print: (status) => sectionsText(statusSections(status)),
  foundWrong: ({ counts, note }) => counts.failed > 0 || note?.code === 'too_many_failures',
});
