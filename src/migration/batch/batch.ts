/**
 * Batches: people who are moved many at once, because an operator said so. The words that the engine, the operator's
 * desk and the reports share.
 */
import type { NotStored } from '../../targets/connection.ts';

export const BATCH_STATES = [
  'planning',
  'planned',
  'running',
  'paused',
  'done',
  'undoing',
  'undone',
] as const;
export type BatchState = (typeof BATCH_STATES)[number];

/**
 * `migrated`: everything is at the target; `created`: they are there and something is missing, see `problem.missing`;
 * `there`: they had arrived by another road before their turn; `skipped`: not to be moved (deleted, disabled or excluded
 * meanwhile); `failed`: a dead letter, until somebody replays it.
 */
export const OUTCOMES = ['migrated', 'created', 'there', 'skipped', 'failed'] as const;
export type Outcome = (typeof OUTCOMES)[number];

/** Why somebody is not, or not wholly, there; no secrets, and nothing that the target echoed of theirs. */
export interface UserProblem {
  /** Stable: one of ours (docs/reference/batch-codes.md), or `target:` and the target's own. */
  readonly code: string;
  readonly sentence: string;
  /** The target's own code or words. */
  readonly detail?: string;
  /** With `created`. */
  readonly missing?: readonly NotStored[];
}

/** How a batch is sent; each can be changed while it runs. */
export interface BatchPace {
  /** Users per call. */
  readonly size: number;
  /** Users per second over all nodes; null: what the target takes. */
  readonly perSecond: number | null;
  /** Calls at once, per node. */
  readonly workers: number;
}

export interface Batch extends BatchPace {
  readonly id: string;
  readonly target: string;
  readonly state: BatchState;
  /** As it was asked for: `selection.ts`. */
  readonly plan: unknown;
  /** What the plan foresaw. */
  readonly report: unknown;
  readonly note: BatchNote | null;
  readonly actor: string;
  readonly plannedAt: Date;
  readonly startedAt: Date | null;
  readonly finishedAt: Date | null;
}

/** Why it is slow, or stands still. */
export interface BatchNote {
  /** `paused_by_operator`, `phase_held`, `too_many_failures`, `target_throttles`, `target_down`, `own_limit`, `legacy_down`. */
  readonly code: string;
  readonly sentence: string;
  /** When it is tried again; ISO 8601. */
  readonly until?: string;
}

export type BatchCounts = Readonly<Record<Outcome, number>> & {
  readonly users: number;
  /** Still to be sent. */
  readonly waiting: number;
};

export interface BatchStatus extends Batch {
  readonly counts: BatchCounts;
}

/** Somebody who is to be in a batch. */
export interface Member {
  readonly sub: string;
  readonly legacyId: string;
  /** Lower goes first; people with the same go in the order of their subjects. */
  readonly rank: number;
}

/** Somebody in a batch, as lists and exports show them. */
export interface BatchUser {
  readonly rank: string;
  readonly sub: string;
  readonly legacyId: string | null;
  readonly outcome: Outcome | null;
  readonly problem: UserProblem | null;
  readonly attempts: number;
  readonly targetUserId: string | null;
  readonly finishedAt: Date | null;
  readonly undone: string | null;
}
