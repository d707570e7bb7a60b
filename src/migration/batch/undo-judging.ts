/** What is to become of somebody, by where they stand now: only what this batch has brought is taken back. */
import type { WayBack } from '../moving/back.ts';
import { hasTargetUser } from '../states.ts';
import type { Batch, UserProblem } from './batch.ts';
import type { UndoMark, UndoMember, Undone } from './undo-rows.ts';

export type Fate =
  /** The way back is gone, and this is written down before. */
  | { readonly kind: 'go'; readonly mark: 'removing' | 'unlinking' | 'reverting' }
  /** The ledger is back already: only the mark in the legacy store may be left. */
  | { readonly kind: 'finish'; readonly undone: Undone }
  /** Not brought by this batch, or not any more. */
  | { readonly kind: 'leave'; readonly undone: Undone }
  | { readonly kind: 'refuse'; readonly problem: UserProblem };

/** As the legacy store has them: `gone`: it has nobody; `unreadable`: nobody can be made of the record. */
export type Left = 'there' | 'gone' | 'unreadable';

export interface Judged {
  readonly batch: Pick<Batch, 'startedAt'>;
  readonly member: UndoMember;
  readonly way: WayBack;
  readonly left: Left;
}

const MARKS = { remove: 'removing', unlink: 'unlinking', nothing: 'reverting' } as const;
const DONE: Readonly<Partial<Record<UndoMark | 'failed', Undone>>> = {
  removing: 'removed',
  unlinking: 'unlinked',
};

/** What an earlier try that was cut off has done. */
export const undoneBy = (mark: UndoMember['undone']): Undone => (mark && DONE[mark]) ?? 'nothing';

export const REFUSALS = {
  cut_over:
    'They were cut over: the target is theirs by now. footbridge user rollback takes back one person.',
  retired: 'They were retired: nothing of the legacy store is theirs any more.',
  legacy_user_gone:
    'The legacy store has nobody of this id any more: taken back, they could log in nowhere. footbridge user forget removes them.',
  legacy_user_unreadable:
    'Their legacy record cannot be read: taken back, they could log in nowhere. Mend it first.',
  kept_too_large: 'What would be taken away at the target is too much to be kept.',
} as const;

export const refusal = (code: keyof typeof REFUSALS): Fate & { readonly kind: 'refuse' } => ({
  kind: 'refuse',
  problem: { code, sentence: REFUSALS[code] },
});

export function fateOf(judged: Judged): Fate {
  const { member, way } = judged;
  if (hasTargetUser(way.state)) {
    if (!isOfBatch(judged)) return leaves(member);
    if (way.state === 'cut-over') return refusal('cut_over');
    return way.state === 'retired' ? refusal('retired') : goes(judged);
  }
  if (way.state === 'legacy' && isLeftThere(judged)) return goes(judged);
  if (isBack(judged)) return { kind: 'finish', undone: undoneBy(member.undone) };
  // The batch had only begun with them.
  const isHalfMade = ['queued', 'releasing', 'failed'].includes(way.state) || way.found !== undefined;
  return !member.finishedAt && isHalfMade ? goes(judged) : leaves(member);
}

const leaves = ({ undone }: UndoMember): Fate => ({ kind: 'leave', undone: undoneBy(undone) });

function goes({ way: { does }, left }: Judged): Fate {
  if (does !== 'nothing' && left === 'gone') return refusal('legacy_user_gone');
  if (does !== 'nothing' && left === 'unreadable') return refusal('legacy_user_unreadable');
  return { kind: 'go', mark: MARKS[does] };
}

/** By another road before the batch began, or once more since it was done with them, is not by this batch. */
function isOfBatch({ batch, member, way: { row, state } }: Judged): boolean {
  const createdAt = row?.createdAt ?? null;
  if (createdAt && batch.startedAt && createdAt < batch.startedAt) return false;
  if (member.finishedAt) return createdAt === null || createdAt <= member.finishedAt;
  return member.undone !== 'unsure' || state === 'created';
}

/** Whoever has logged in since they were taken back may still have the mark in the legacy store. */
const isBack = ({ member: { undone, finishedAt }, way: { state } }: Judged): boolean =>
  state === 'legacy' ? finishedAt !== null : state === 'authenticated' && undoneBy(undone) !== 'nothing';

/** The ledger is back, and the very user that the batch has made was left at the target. */
const isLeftThere = ({ member, way: { found, does } }: Judged): boolean =>
  found !== undefined && does === 'remove' && found.targetUserId === member.targetUserId;
