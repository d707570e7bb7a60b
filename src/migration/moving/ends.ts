/** How a try ends: what whoever asked is told, and when another one is made. */
import type { ErrorCode } from '../../errors.ts';
import { ERRORS, FootbridgeError, isFootbridgeError } from '../../errors.ts';
import type { FoundUser, NotStored, TargetConnection } from '../../targets/connection.ts';
import type { LedgerRow } from '../ledger.ts';
import type { State } from '../states.ts';
import { hasTargetUser } from '../states.ts';
import type { MoveResult } from './mover.ts';
import type { Problem, Work } from './target-work.ts';
import { giveUpWork, MAX_ATTEMPTS, postponeWork } from './target-work.ts';
import type { Moving } from './try.ts';
import { moveOf, NeverMoves } from './try.ts';

export interface EndDeps {
  /** Told of errors that are ours. */
  readonly onError?: (error: unknown) => void;
}

const FIRST_DELAY_SECONDS = 2;
const MAX_DELAY_SECONDS = 3_600;
/** A target that says when to come back is believed up to here. */
const MAX_RETRY_AFTER_SECONDS = 300;

/** What is to be said of somebody there is nothing to do for. */
export async function withoutWork(
  connection: TargetConnection,
  row: LedgerRow | undefined,
  problem: Problem | undefined,
): Promise<MoveResult> {
  switch (row?.state) {
    case 'excluded':
      return refusal('user_excluded');
    case 'deleted':
      return refusal('user_not_found');
    case 'failed':
      return problem
        ? { kind: 'refused', code: problem.code, sentence: problem.sentence }
        : { kind: 'not-proved' };
    default:
      return row && hasTargetUser(row.state) ? arrived(connection, row) : { kind: 'not-proved' };
  }
}

async function arrived(connection: TargetConnection, row: LedgerRow): Promise<MoveResult> {
  try {
    const found = await connection.userById(row.targetUserId ?? '');
    if (found && found.state !== 'deleted') return moved(row.state, found, []);
    const sentence = 'The user was removed at the target.';
    return { kind: 'refused', code: 'target_user_gone', sentence };
  } catch (error) {
    if (isFootbridgeError(error)) return later(error);
    throw error;
  }
}

export function moved(state: State, found: FoundUser, missing: readonly NotStored[]): MoveResult {
  const { targetUserId, loginName } = found;
  return { kind: 'moved', state: state as 'created', targetUserId, loginName, missing };
}

export function refusal(code: ErrorCode): MoveResult {
  return { kind: 'refused', code, sentence: ERRORS[code][1] };
}

function later({ code, retryAfterSeconds }: FootbridgeError): MoveResult {
  return { kind: 'later', code, ...(retryAfterSeconds === undefined ? {} : { retryAfterSeconds }) };
}

/** About this person's record: another try reads the same. */
const FINAL: readonly ErrorCode[] = ['already_linked', 'mapping_failed', 'user_ambiguous'];
/** Whoever asked is told of these as errors. */
const THROWN: readonly ErrorCode[] = ['legacy_unavailable', 'storage_unavailable'];

/** Writes down why a try ended early, and says what becomes of it. */
export async function failed(deps: EndDeps, moving: Moving, error: unknown): Promise<MoveResult> {
  const { signal } = moving;
  if (signal?.aborted && error === signal.reason) {
    const problem = { code: 'aborted', sentence: 'Whoever asked has gone.' };
    await postponeWork(moving.db, moving.work, { problem, delaySeconds: 0, counts: false });
    return { kind: 'later', code: 'aborted' };
  }
  if (error instanceof NeverMoves) return giveUp(moving, error);
  if (!isFootbridgeError(error)) deps.onError?.(error);
  const known = isFootbridgeError(error) ? error : new FootbridgeError('internal', { cause: error });
  const problem = problemOf(known.code, known.detail);
  if (FINAL.includes(known.code)) return giveUp(moving, new NeverMoves(known.code, known.message));
  if (THROWN.includes(known.code)) {
    await postponeOrGiveUp(moving, problem, known.retryAfterSeconds).catch(() => undefined);
    throw known;
  }
  const isGivenUp = await postponeOrGiveUp(moving, problem, known.retryAfterSeconds);
  return isGivenUp ? { kind: 'refused', code: known.code, sentence: known.message } : later(known);
}

function problemOf(code: ErrorCode, detail?: string): Problem {
  return { code, sentence: ERRORS[code][1], ...(detail ? { detail } : {}) };
}

async function giveUp(moving: Moving, { code, message, detail }: NeverMoves): Promise<MoveResult> {
  const problem = { code, sentence: message, ...(detail ? { detail } : {}) };
  await giveUpWork(moving.db, moving.work, { problem, move: moveOf(moving) });
  return { kind: 'refused', code, sentence: message };
}

/** Whether it was given up. */
export async function postponeOrGiveUp(
  moving: Moving,
  problem: Problem,
  retryAfterSeconds = 0,
): Promise<boolean> {
  const { db, work } = moving;
  if (work.attempts + 1 >= MAX_ATTEMPTS) {
    await giveUpWork(db, work, { problem, move: moveOf(moving) });
    return true;
  }
  const delaySeconds = Math.max(delayAfter(work), Math.min(retryAfterSeconds, MAX_RETRY_AFTER_SECONDS));
  await postponeWork(db, work, { problem, delaySeconds, counts: true });
  return false;
}

/** Twice as long each time, and never in step with the others who failed at the same moment. */
function delayAfter({ attempts }: Work): number {
  const longest = Math.min(FIRST_DELAY_SECONDS * 2 ** attempts, MAX_DELAY_SECONDS);
  return longest * (0.5 + Math.random() / 2);
}
