/** Writes down who is to be taken back, page by page, before anybody is: it goes on after any kill, and nobody is added later. */
import { setTimeout as wait } from 'node:timers/promises';
import type { Directory } from '../../legacy/directory.ts';
import type { Queryable } from '../../store/db.ts';
import { findBatch, noteUndoPart } from './batch-rows.ts';
import type { Selection } from './selection.ts';
import type { UndoNote } from './undo-asked.ts';
import { inSegment, segmentOf, undoNoteOf } from './undo-asked.ts';
import { isSending, markPeople, NO_PLACE, pageOfCandidates } from './undo-rows.ts';

export interface MarkingDeps {
  readonly db: Queryable;
  readonly directory: Pick<Directory, 'findBySubs'>;
}

export interface Marking {
  readonly id: string;
  readonly target: string;
  readonly note: UndoNote;
  readonly signal: AbortSignal;
}

const PAGE_USERS = 1_000;
/** Records of one question to the legacy store. */
const RECORDS = 200;
const LOOK_MS = 200;

/** Calls that were under way when it was paused are waited for: they bring people too. Throws when aborted. */
export async function untilNobodySends(
  { db }: Pick<MarkingDeps, 'db'>,
  { id, signal }: Pick<Marking, 'id' | 'signal'>,
): Promise<void> {
  while (await isSending(db, id)) await wait(LOOK_MS, undefined, { signal });
}

/** Throws legacy_unavailable, storage_unavailable, and when aborted. */
export async function markAsked(deps: MarkingDeps, marking: Marking): Promise<void> {
  const { db } = deps;
  const { id, target, note, signal } = marking;
  const segment = segmentOf(note.asked, target);
  const nowSeconds = Date.parse(note.begunAt) / 1_000;
  for (let after = note.after ?? NO_PLACE; ; ) {
    signal.throwIfAborted();
    const now = undoNoteOf(await findBatch(db, id));
    if (!now || now.isStopped) return;
    const page = await pageOfCandidates(db, id, { asked: note.asked, after, limit: PAGE_USERS });
    const subs = page.map(({ sub }) => sub);
    const wanted = segment ? await subsIn(deps, subs, { segment, nowSeconds }) : subs;
    if (wanted.length > 0) await markPeople(db, id, wanted);
    const last = page.at(-1);
    if (!last || page.length < PAGE_USERS) return;
    after = last;
    await db.runParts([noteUndoPart(id, { after })], 'select 1 from undo_noted');
  }
}

export interface Segment {
  readonly segment: Selection;
  /** What ages are counted from. */
  readonly nowSeconds: number;
}

/** Those of them who are in it, as the legacy store has them now. Throws legacy_unavailable. */
export async function subsIn(
  { directory }: Pick<MarkingDeps, 'directory'>,
  subs: readonly string[],
  { segment, nowSeconds }: Segment,
): Promise<string[]> {
  const found: string[] = [];
  for (let at = 0; at < subs.length; at += RECORDS) {
    const some = subs.slice(at, at + RECORDS);
    const entries = await directory.findBySubs(some);
    found.push(...some.filter((sub) => inSegment(segment, entries.get(sub), nowSeconds)));
  }
  return found;
}
