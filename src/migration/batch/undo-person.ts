/**
 * One person taken back. What is about to be done, and what it takes away, is written down before the target is asked;
 * another try finds out from there how far this one has come.
 */
import { FootbridgeError, isFootbridgeError } from '../../errors.ts';
import type { Directory } from '../../legacy/directory.ts';
import type { DirectoryEntry } from '../../legacy/entries.ts';
import type { Db } from '../../store/db.ts';
import type { Keyring } from '../../store/encryption.ts';
import type { Target } from '../../targets/target.ts';
import { flagLegacy } from '../flagging.ts';
import type { BackDeps, WayBack } from '../moving/back.ts';
import { goBack, wayBack } from '../moving/back.ts';
import type { Batch, UserProblem } from './batch.ts';
import type { Fate, Left } from './undo-judging.ts';
import { fateOf, refusal, undoneBy } from './undo-judging.ts';
import type { Changes } from './undo-kept.ts';
import { changesAt, sealKept } from './undo-kept.ts';
import type { UndoMember, Undone } from './undo-rows.ts';
import { intend } from './undo-rows.ts';

export interface UndoDeps extends BackDeps {
  readonly db: Db;
  readonly keyring: Keyring;
  readonly target: Target;
  /** The id of our identity provider at the target. */
  readonly idpId: string | undefined;
  /** Told of errors that are ours. */
  readonly onError?: ((error: unknown) => void) | undefined;
}

export interface Somebody {
  readonly batch: Batch;
  readonly member: UndoMember;
  /** As the legacy store has them now; undefined: it has nobody. */
  readonly entry: DirectoryEntry | undefined;
}

/** Somebody, and where they stand at the target; nothing is changed. */
export interface Look {
  readonly way: WayBack;
  readonly fate: Fate;
  /** What would be taken away there; of whoever is only unlinked nothing is. */
  readonly changes: Changes;
}

export const leftOf = (entry: DirectoryEntry | undefined): Left =>
  entry ? (entry.error ? 'unreadable' : 'there') : 'gone';

/** Throws target_unavailable, target_refused, storage_unavailable. */
export async function lookAt(deps: UndoDeps, { batch, member, entry }: Somebody): Promise<Look> {
  const way = await wayBack(deps, { target: batch.target, sub: member.sub });
  const fate = fateOf({ batch, member, way, left: leftOf(entry) });
  return { way, fate, changes: takenAway(deps, { way, fate, entry }) };
}

/** What goes with whoever is removed there; nothing of anybody else's does. */
export function takenAway(
  { target, idpId: ourIdp }: Pick<UndoDeps, 'target' | 'idpId'>,
  { way: { found }, fate, entry }: Omit<Look, 'changes'> & Pick<Somebody, 'entry'>,
): Changes {
  const isTaken = fate.kind === 'go' && fate.mark === 'removing';
  return isTaken && found && entry && !entry.error ? changesAt({ target, found, entry, ourIdp }) : {};
}

export type Result = { readonly kind: 'done'; readonly undone: Undone } | Ended;

/** It did not go through, or not yet. */
export type Ended =
  | { readonly kind: 'failed'; readonly problem: UserProblem }
  | {
      readonly kind: 'later';
      readonly problem: UserProblem;
      /** Whether it counts as a failed try. */
      readonly counts: boolean;
      readonly retryAfterSeconds?: number | undefined;
    }
  /** Somebody else has them by now. */
  | { readonly kind: 'lost' };

interface Held extends Somebody {
  readonly lease: string;
  readonly actor: string;
}

/** Throws storage_unavailable; everything else is the person's result. */
export async function takeBack(deps: UndoDeps, held: Held): Promise<Result> {
  try {
    const look = await lookAt(deps, held);
    const { fate } = look;
    switch (fate.kind) {
      case 'leave':
        return { kind: 'done', undone: fate.undone };
      case 'refuse':
        return { kind: 'failed', problem: fate.problem };
      case 'finish':
        return unflag(deps, held, fate.undone);
      case 'go':
        return await go(deps, held, { look, mark: fate.mark });
    }
  } catch (error) {
    return endedBy(error, deps);
  }
}

/** Throws storage_unavailable on: it says nothing about the person. */
export function endedBy(error: unknown, { onError }: Pick<UndoDeps, 'onError'>): Ended {
  if (isFootbridgeError(error, 'storage_unavailable')) throw error;
  if (!isFootbridgeError(error)) onError?.(error);
  return resultOf(isFootbridgeError(error) ? error : new FootbridgeError('internal', { cause: error }));
}

interface Going {
  readonly look: Look;
  readonly mark: 'removing' | 'unlinking' | 'reverting';
}

async function go(deps: UndoDeps, held: Held, { look, mark }: Going): Promise<Result> {
  const { batch, member, lease, actor } = held;
  const { sub } = member;
  const kept = sealKept(deps.keyring, { batch: batch.id, sub, changes: look.changes });
  if (kept === 'too_large') return { kind: 'failed', problem: refusal('kept_too_large').problem };
  // Gone at the target since an earlier try of ours: that one has removed them.
  const before = member.undone === 'removing' || member.undone === 'unlinking' ? member.undone : undefined;
  const meant = (mark === 'reverting' && before) || mark;
  if (!(await intend(deps.db, batch.id, { sub, lease, mark: meant, kept }))) return { kind: 'lost' };
  const flagging = watched(deps.directory);
  await goBack({ ...deps, directory: flagging.directory }, look.way, { event: 'revert', actor });
  return flagging.hasFailed() ? NOT_FLAGGED : { kind: 'done', undone: undoneBy(meant) };
}

/** The way back does not end for the sake of a mark in the legacy store; here another try makes up for it. */
export function watched(directory: Directory): { readonly directory: Directory; hasFailed(): boolean } {
  let failed = false;
  const flag: Directory['flag'] = async (sub, migrated) => {
    try {
      await directory.flag?.(sub, migrated);
    } catch (error) {
      failed = true;
      throw error;
    }
  };
  return { directory: { ...directory, flag }, hasFailed: () => failed };
}

export const NOT_FLAGGED: Ended = {
  kind: 'later',
  counts: true,
  problem: {
    code: 'legacy_not_flagged',
    sentence:
      'They are taken back, and the legacy store did not let go of the mark that they have moved. Look whether the flag statement may write.',
  },
};

async function unflag(deps: UndoDeps, { member, actor }: Held, undone: Undone): Promise<Result> {
  const isCleared = await flagLegacy(deps, { sub: member.sub, migrated: false, actor });
  return isCleared ? { kind: 'done', undone } : NOT_FLAGGED;
}

const UNDER_WAY: UserProblem = {
  code: 'under_way',
  sentence: 'Somebody is moving this person right now, or was half a minute ago.',
};

/** What a refusal says is the target's word on this person; the rest may be otherwise in a moment. */
function resultOf({ code, message, detail, retryAfterSeconds }: FootbridgeError): Ended {
  const problem = { code, sentence: message, ...(detail ? { detail } : {}) };
  switch (code) {
    case 'illegal_transition':
      return { kind: 'later', problem: UNDER_WAY, counts: false, retryAfterSeconds: BUSY_SECONDS };
    case 'target_refused':
      return { kind: 'failed', problem };
    default:
      return { kind: 'later', problem, counts: true, retryAfterSeconds };
  }
}

const BUSY_SECONDS = 2;
