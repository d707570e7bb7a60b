import { z } from 'zod';
import { FootbridgeError } from '../../errors.ts';
import type { BatchStatus } from '../../migration/batch/batch.ts';
import { batchName } from '../../migration/batch/selection.ts';
import { appendAudit } from '../../store/audit-log.ts';
import { sectionsText } from '../batch/sections.ts';
import { count, doneOf, statusSections } from '../batch/status-text.ts';
import type { Progress } from '../operation.ts';
import { defineOperation } from '../operation.ts';

export const batchRun = defineOperation({
  name: 'batch run',
  summary:
    'Sends a planned batch, or goes on with one. Every server works along; on the command line this process does too, and shows how far it is, until the batch is done or you press Ctrl-C.',
  input: z.strictObject({ batch: batchName.describe('The batch’s name.') }),
  positional: ['batch'],
  changes: true,
  interruptible: true,
  async run({ batches, batchEngine, db, actor }, { batch: id }, { execute, onProgress, signal }) {
    const before = await batches.status(id);
    // Servers may have been faster.
    if (before.state === 'done') return answer(before, { executed: execute, interrupted: false });
    if (!['planned', 'paused', 'running'].includes(before.state))
      throw new FootbridgeError('batch_state', { detail: `${id} is ${before.state}.` });
    if (!execute) return answer(before, { executed: false, interrupted: false });
    await batches.start(id);
    const { size, perSecond, workers, target } = before;
    const detail = { batch: id, target, users: before.counts.waiting, size, perSecond, workers };
    await appendAudit(db, { actor, action: 'batch.started', detail });
    // Over the API nobody waits: the servers send it.
    if (!onProgress) return answer(await batches.status(id), { executed: true, interrupted: false });
    const show = progressOf(before, onProgress);
    const status = await batchEngine.run(id, {
      signal: signal ?? new AbortController().signal,
      onProgress: show,
    });
    show(status);
    return answer(status, { executed: true, interrupted: status.state === 'running' });
  },
  print: ({ executed, interrupted, ...status }) => {
    const { id, counts, target, size, perSecond, workers } = status;
    if (!executed)
      return `Would send ${count(counts.waiting)} people to ${target}, ${size} per call, ${workers} calls at once on each node${
        perSecond === null ? '' : `, ${count(perSecond)} a second at most`
      }. They get accounts there with their passwords. Nothing was changed: add --execute.`;
    const rest = interrupted
      ? `\n\nThis process has stopped; the batch is still running, and servers go on with it. To hold it: footbridge batch pause ${id} --execute`
      : '';
    return sectionsText(statusSections(status)) + rest;
  },
  foundWrong: ({ counts, state, executed }) => executed && (counts.failed > 0 || state === 'paused'),
});

const answer = (
  { report: _, ...status }: BatchStatus,
  told: { readonly executed: boolean; readonly interrupted: boolean },
) => ({ ...status, ...told, done: doneOf(status), codes: [] });

/** The rate is of the last seconds: that is what somebody who turns a knob looks for. */
function progressOf(before: BatchStatus, onProgress: (progress: Progress) => void) {
  const looks: { readonly atMs: number; readonly done: number }[] = [];
  return (status: BatchStatus) => {
    const done = doneOf(status);
    looks.push({ atMs: performance.now(), done });
    if (looks.length > LOOKS) looks.shift();
    const [first, last] = [looks[0]!, looks.at(-1)!];
    const seconds = Math.max((last.atMs - first.atMs) / 1_000, 0.001);
    const { note, counts } = status;
    onProgress({
      users: done,
      total: counts.users,
      continuedFrom: doneOf(before),
      perSecond: Math.max(0, Math.round((last.done - first.done) / seconds)),
      failed: counts.failed,
      waiting: counts.waiting,
      ...(note ? { note } : {}),
    });
  };
}

/** Twice a second: some ten seconds. */
const LOOKS = 20;
