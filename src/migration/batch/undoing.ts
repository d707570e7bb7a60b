/**
 * Takes a batch back, or a part of it: who is to go is written down first, then everybody goes the way back, and what was
 * changed at the target meanwhile is kept. Saying it again goes on where it was cut off, also beside another that is at it.
 */
import { setTimeout as wait } from 'node:timers/promises';
import { FootbridgeError, isFootbridgeError } from '../../errors.ts';
import type { Json } from '../../store/audit-log.ts';
import { appendAudit, auditPart } from '../../store/audit-log.ts';
import type { TargetConnection } from '../../targets/connection.ts';
import type { Target, Targets } from '../../targets/target.ts';
import { connectionOf } from '../moving/back.ts';
import type { Batch, BatchNote, BatchState } from './batch.ts';
import { beginUndo, endUndo, findBatch, noteUndoPart } from './batch-rows.ts';
import { openGovernor } from './governor.ts';
import type { UndoAsked, UndoNote } from './undo-asked.ts';
import {
  askedWords,
  isSameAsked,
  isWhole,
  plainAsked,
  UNDO_LEFT,
  UNDOING,
  undoNoteOf,
} from './undo-asked.ts';
import { markAsked, untilNobodySends } from './undo-marking.ts';
import type { UndoDeps } from './undo-person.ts';
import type { UndoProblem } from './undo-rows.ts';
import { unmarkPeople } from './undo-rows.ts';
import type { UndoTally } from './undo-tally.ts';
import { countCandidates, restOf, tallyUndo, undoFailures } from './undo-tally.ts';
import type { WorkingDeps } from './undo-working.ts';
import { workOff } from './undo-working.ts';

export interface UndoingDeps extends Omit<UndoDeps, 'target' | 'idpId' | 'targets'> {
  readonly targets: Pick<Targets, 'byName' | 'connection'>;
  /** The id of our identity provider at the target; undefined before it was set up there. */
  readonly ourIdp: (target: Target) => Promise<string | undefined>;
}

export interface UndoRequest {
  readonly id: string;
  readonly asked: UndoAsked;
  /** As the audit log names who asks. */
  readonly actor: string;
}

export interface UndoProgress {
  /** Of whom it is known what became of them; by this process, and before it began. */
  readonly done: number;
  readonly total: number;
  readonly failed: number;
  readonly note: BatchNote | undefined;
}

export interface UndoOptions {
  /** Ends after the people who are under way. */
  readonly signal: AbortSignal;
  /** About twice a second. */
  readonly onProgress?: ((progress: UndoProgress) => void) | undefined;
}

export interface UndoEnd {
  readonly state: BatchState;
  /** Of all that were ever asked for. */
  readonly tally: UndoTally;
  /** The first of them. */
  readonly failures: readonly { readonly sub: string; readonly problem: UndoProblem }[];
}

/** States of a batch of which somebody was sent, and nobody is. */
export const UNDOABLE: readonly BatchState[] = ['paused', 'done', 'undoing'];
const SHOWN_FAILURES = 20;
const OUTAGE_MS = 1_000;
const TELL_MS = 500;
const UNMARKED_AT_ONCE = 1_000;

/** Throws batch_state, with how to get to where it can be undone. */
export function checkUndoable({ id, state }: Pick<Batch, 'id' | 'state'>): void {
  if (UNDOABLE.includes(state) || state === 'undone') return;
  throw new FootbridgeError('batch_state', {
    detail:
      state === 'running'
        ? `${id} is running: pause it first (footbridge batch pause ${id} --execute).`
        : `${id} is ${state}: nobody was sent yet. footbridge batch drop forgets it.`,
  });
}

/** Throws batch_state where something else is being taken back. */
export function checkAsked({ id }: Pick<Batch, 'id'>, note: UndoNote | undefined, asked: UndoAsked): void {
  if (!note || note.code === UNDO_LEFT || isSameAsked(note.asked, asked)) return;
  const words = askedWords(note.asked);
  throw new FootbridgeError('batch_state', {
    detail: `Of ${id} is being taken back: ${words}. Say that again to go on, or end it with footbridge batch undo ${id} --stop --execute.`,
  });
}

/** Opens what one batch's people are taken back with. Throws target_without_api. */
export async function undoDepsFor(deps: UndoingDeps, { target: name }: Pick<Batch, 'target'>) {
  const connection = connectionOf(deps, name);
  const target = deps.targets.byName(name);
  if (!target) throw new FootbridgeError('target_without_api', { detail: name });
  const opened: WorkingDeps & { readonly connection: TargetConnection } = {
    ...deps,
    ...{ target, connection, idpId: await deps.ourIdp(target), governor: openGovernor() },
  };
  return opened;
}

/**
 * Until everybody who is asked for is taken back, or could not be, or the signal says so. Throws batch_not_found,
 * batch_state, target_without_api, storage_unavailable before the first person.
 */
export async function undoBatch(
  deps: UndoingDeps,
  { id, asked, actor }: UndoRequest,
  options: UndoOptions,
): Promise<UndoEnd> {
  const first = await findBatch(deps.db, id);
  checkUndoable(first);
  checkAsked(first, undoNoteOf(first), asked);
  const opened = await undoDepsFor(deps, first);
  const isUnderWay = undoNoteOf(first)?.code !== UNDO_LEFT && first.state === 'undoing';
  if (first.state === 'undone' || (!isUnderWay && (await countCandidates(deps.db, id, asked)) === 0))
    return endOf(deps, id);
  const note = { ...UNDOING, asked: plainAsked(asked), begunAt: new Date().toISOString() };
  const batch = await beginUndo(deps.db, id, note, UNDO_LEFT);
  checkAsked(batch, undoNoteOf(batch), asked);
  if (!(await marked(opened, { batch, actor }, options))) return endOf(deps, id);
  await work(opened, { batch, actor }, options);
  return settle(deps, id);
}

/** Lets go of whoever was not begun with, and finishes those who were. Throws batch_state. */
export async function stopUndo(
  deps: UndoingDeps,
  { id, actor }: Omit<UndoRequest, 'asked'>,
  options: UndoOptions,
): Promise<UndoEnd> {
  const batch = await findBatch(deps.db, id);
  if (batch.state !== 'undoing')
    throw new FootbridgeError('batch_state', { detail: `${id} is ${batch.state}: nothing is to be ended.` });
  const opened = await undoDepsFor(deps, batch);
  const stopped = noteUndoPart(id, { isStopped: true, isMarked: true });
  const record = { actor, action: 'batch.undo-stopped', detail: { batch: id, target: batch.target } };
  await deps.db.runParts([stopped, auditPart(record, 'undo_noted')], 'select 1');
  while ((await unmarkPeople(deps.db, id, UNMARKED_AT_ONCE)) > 0);
  await work(opened, { batch, actor }, options);
  return settle(deps, id);
}

interface Begun {
  readonly batch: Batch;
  readonly actor: string;
}

/** False: it was cut off. Who took how many back is recorded before the first of them goes. */
async function marked(deps: WorkingDeps, { batch, actor }: Begun, { signal }: UndoOptions): Promise<boolean> {
  const { db, pseudonym } = deps;
  const { id, target } = batch;
  const note = undoNoteOf(batch);
  if (!note) return true;
  if (!note.isMarked) {
    const isDone = await patiently(signal, async () => {
      await untilNobodySends(deps, { id, signal });
      // Looked up anew: an outage may have come in between, and pages before it.
      const now = undoNoteOf(await findBatch(db, id)) ?? note;
      await markAsked(deps, { id, target, note: now, signal });
    });
    if (!isDone) return false;
  }
  const { open } = await tallyUndo(db, id);
  const { user, ...rest } = note.asked;
  const detail = { batch: id, target, users: open, ...(isWhole(rest) ? {} : { asked: rest as Json }) };
  const record = {
    ...{ actor, action: 'batch.undone', detail },
    ...(user === undefined ? {} : { subject: pseudonym(user) }),
  };
  if (note.isMarked) await appendAudit(db, record);
  else await db.runParts([noteUndoPart(id, { isMarked: true }), auditPart(record, 'undo_noted')], 'select 1');
  return true;
}

/** Again and again while something of ours does not answer; false: aborted. */
async function patiently(signal: AbortSignal, act: () => Promise<void>): Promise<boolean> {
  for (;;) {
    try {
      await act();
      return true;
    } catch (error) {
      if (signal.aborted) return false;
      const isOutage =
        isFootbridgeError(error, 'storage_unavailable') || isFootbridgeError(error, 'legacy_unavailable');
      if (!isOutage) throw error;
      await wait(OUTAGE_MS, undefined, { signal }).catch(() => undefined);
    }
  }
}

async function work(
  deps: WorkingDeps,
  { batch, actor }: Begun,
  { signal, onProgress }: UndoOptions,
): Promise<void> {
  const { open, ...before } = await tallyUndo(deps.db, batch.id);
  let [done, failed] = [before.removed + before.unlinked + before.nothing + before.failed, before.failed];
  const total = done + open;
  const tell = () => onProgress?.({ done, total, failed, note: deps.governor.note() });
  const timer = setInterval(tell, TELL_MS);
  try {
    await workOff(
      {
        ...{ deps, id: batch.id, actor, signal },
        onTold: (told) => {
          done += told.length;
          failed += told.filter(({ undone }) => undone === 'failed').length;
        },
      },
      batch,
    );
  } finally {
    clearInterval(timer);
    tell();
  }
}

/** Nobody is left: it has ended, unless somebody could not be taken back. */
async function settle(deps: UndoingDeps, id: string): Promise<UndoEnd> {
  const { db } = deps;
  const batch = await findBatch(db, id);
  const note = undoNoteOf(batch);
  const tally = await tallyUndo(db, id);
  if (!note || tally.open > 0) return endOf(deps, id);
  if (tally.failed > 0) {
    const sentence = `${tally.failed} of its people could not be taken back: footbridge batch undo names them, and tries them again.`;
    await db.runParts([noteUndoPart(id, { code: UNDO_LEFT, sentence })], 'select 1 from undo_noted');
  } else {
    const state = await stateAfter(deps, id, note);
    await endUndo(db, id, { state, note: state === 'paused' ? PART_UNDONE : null });
  }
  return endOf(deps, id);
}

const PART_UNDONE: BatchNote = {
  code: 'paused_by_operator',
  sentence: 'An operator has paused it, and taken back a part of it.',
};

/** After a part it is what it was before: somebody is left of it. */
async function stateAfter(
  { db }: UndoingDeps,
  id: string,
  { asked, isStopped }: UndoNote,
): Promise<BatchState> {
  if (isWhole(asked) && !isStopped) return 'undone';
  const { isSomebodyThere, isSomebodyWaiting } = await restOf(db, id);
  if (isSomebodyWaiting) return 'paused';
  return isSomebodyThere ? 'done' : 'undone';
}

/** How far it has come. Throws batch_not_found. */
export async function endOf({ db }: Pick<UndoingDeps, 'db'>, id: string): Promise<UndoEnd> {
  const { state } = await findBatch(db, id);
  const tally = await tallyUndo(db, id);
  const failures = tally.failed > 0 ? await undoFailures(db, id, SHOWN_FAILURES) : [];
  return { state, tally, failures };
}
