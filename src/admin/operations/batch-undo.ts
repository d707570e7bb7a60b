import { z } from 'zod';
import { batchName } from '../../migration/batch/selection.ts';
import { askedWords, undoNoteOf } from '../../migration/batch/undo-asked.ts';
import { foresee } from '../../migration/batch/undo-foresight.ts';
import type { UndoEnd, UndoProgress } from '../../migration/batch/undoing.ts';
import {
  checkAsked,
  checkUndoable,
  endOf,
  stopUndo,
  undoBatch,
  undoDepsFor,
} from '../../migration/batch/undoing.ts';
import { sectionsPage, sectionsText } from '../batch/sections.ts';
import { askedOf, checkStop, segmentShape, undoingDeps } from '../batch/undo-desk.ts';
import type { UndoOutput } from '../batch/undo-text.ts';
import { doneSections, foresightSections } from '../batch/undo-text.ts';
import type { Progress, RunOptions } from '../operation.ts';
import { defineOperation } from '../operation.ts';

/** Over the API one call does what it can do in this time; saying it again goes on. */
const API_SECONDS = 20;

export const batchUndo = defineOperation({
  name: 'batch undo',
  summary:
    'Takes a batch back, or a part of it: says what would be lost, removes at the target whom the batch has made there, unlinks whom it had before, and keeps what was changed there.',
  input: z.strictObject({
    batch: batchName.describe('The batch’s name.'),
    user: z.string().min(1).max(255).optional().describe('Only this person: the sub.'),
    outcome: z.enum(['created', 'migrated']).optional().describe('Only people with this outcome.'),
    code: z.string().min(1).max(200).optional().describe('Only people with this code.'),
    ...segmentShape,
    stop: z
      .boolean()
      .default(false)
      .describe('Ends one that is under way: whoever was not begun with stays at the target.'),
  }),
  positional: ['batch'],
  changes: true,
  // One person is a case of the support's, and ending an undo takes nobody back.
  danger: ({ user, stop }) => user === undefined && !stop,
  interruptible: true,
  async run(desk, { batch: id, stop, ...given }, options): Promise<UndoOutput> {
    const asked = askedOf(given);
    const { report: _, ...batch } = await desk.batches.status(id);
    checkUndoable(batch);
    if (stop) checkStop(asked);
    else checkAsked(batch, undoNoteOf(batch), asked);
    const { there, skipped, failed, waiting } = batch.counts;
    const common = {
      ...{ batch: id, target: batch.target, leftAlone: { there, skipped, failed, waiting } },
      who: askedWords((stop && undoNoteOf(batch)?.asked) || asked),
    };
    const deps = undoingDeps(desk);
    if (!options.execute && stop) {
      const { state, ...done } = await endOf(deps, id);
      return { executed: false, ...common, state, done, isInterrupted: false };
    }
    if (!options.execute) {
      const opened = await undoDepsFor(deps, batch);
      const foresight = await foresee(opened, { batch: { ...batch, report: null }, asked }, options);
      return { executed: false, ...common, state: batch.state, foresight, isInterrupted: false };
    }
    const { state, ...done } = await executed(options, (limits) =>
      stop
        ? stopUndo(deps, { id, actor: desk.actor }, limits)
        : undoBatch(deps, { id, asked, actor: desk.actor }, limits),
    );
    const isInterrupted = state === 'undoing' && done.tally.open > 0;
    return { executed: true, ...common, state, done, isInterrupted };
  },
  print: (output) => sectionsText(sectionsOf(output)),
  page: (output) => sectionsPage(`Undoing ${output.batch}`, sectionsOf(output)),
  foundWrong: ({ done, foresight }) =>
    (done?.tally.failed ?? 0) > 0 || (foresight?.will.refused.people ?? 0) > 0,
});

const sectionsOf = (output: UndoOutput) =>
  output.done ? doneSections(output, output.done) : foresightSections(output, output.foresight!);

interface Limits {
  readonly signal: AbortSignal;
  readonly onProgress?: (progress: UndoProgress) => void;
}

/** Somebody waits on the command line; over the API nobody does for long. */
function executed(
  { signal, onProgress }: RunOptions,
  act: (limits: Limits) => Promise<UndoEnd>,
): Promise<UndoEnd> {
  if (onProgress)
    return act({ signal: signal ?? new AbortController().signal, onProgress: progressOf(onProgress) });
  const time = AbortSignal.timeout(API_SECONDS * 1_000);
  return act({ signal: signal ? AbortSignal.any([signal, time]) : time });
}

function progressOf(onProgress: (progress: Progress) => void) {
  let first: { readonly atMs: number; readonly done: number } | undefined;
  return ({ done, total, failed, note }: UndoProgress) => {
    first ??= { atMs: performance.now(), done };
    const seconds = Math.max((performance.now() - first.atMs) / 1_000, 0.001);
    onProgress({
      ...{ users: done, total, failed, continuedFrom: first.done },
      perSecond: Math.round((done - first.done) / seconds),
      ...(note ? { note } : {}),
    });
  };
}
