/**
 * Making people at a target: what the roads that lead there share. Whatever asks for a move, it is the same move, and
 * asking twice moves once.
 */
import type { Part } from '../../store/statement.ts';
import type { NotStored } from '../../targets/connection.ts';
import type { Target } from '../../targets/target.ts';
import type { LegacyEntry } from '../../user.ts';
import type { Work } from './target-work.ts';

/**
 * `login`: a login at our page; `fetch`: the target fetched and flagged; `event`: the target said that it made or linked
 * the user; `typed`: the password was typed at the target; `ensure`: a legacy app asked; `batch`; `operator`.
 */
export type Road = 'login' | 'fetch' | 'event' | 'typed' | 'ensure' | 'batch' | 'operator';

export interface MoveRequest {
  readonly target: string;
  readonly sub: string;
  readonly road: Road;
  /** As the audit log names who asked. */
  readonly actor: string;
  /** Where the target has said which of its users it is. */
  readonly targetUserId?: string;
}

export type MoveResult =
  /** `created` where something that the user needs is `missing` at the target, `migrated` where nothing is. */
  | {
      readonly kind: 'moved';
      readonly state: 'created' | 'migrated' | 'cut-over' | 'retired';
      readonly targetUserId: string;
      /** What the target takes as login hint. */
      readonly loginName: string;
      readonly missing: readonly NotStored[];
    }
  /** Never, as things are. */
  | { readonly kind: 'refused'; readonly code: string; readonly sentence: string }
  /** The work is kept and goes on by itself. */
  | { readonly kind: 'later'; readonly code: string; readonly retryAfterSeconds?: number }
  /** Neither a password proof nor a batch: nothing was asked of the target. */
  | { readonly kind: 'not-proved' };

export interface Mover {
  /** For the statement that stores a login: whatever happens afterwards, the move will be made. */
  requestParts(request: MoveRequest): readonly Part[];
  /** Throws legacy_unavailable, storage_unavailable; the work is kept then too. */
  move(request: MoveRequest, options?: { readonly signal?: AbortSignal }): Promise<MoveResult>;
  /** One try for somebody whose lease is held already; see `move`. */
  goOn(work: Work, options?: { readonly signal?: AbortSignal }): Promise<MoveResult>;
  /** Goes on with what was left half-made and is due for so long, at most so many; several nodes may do so at once. How many were done. */
  resume(limit?: number, sinceSeconds?: number): Promise<number>;
}

/** A password that somebody typed elsewhere than at our login page. */
export interface TypedPassword {
  /** Absent: whoever asks belongs to none of ours. */
  readonly target?: Target;
  /** One of the two. */
  readonly login?: string;
  readonly sub?: string;
  readonly password: string;
  /** Where it comes from, for the throttle: an address. */
  readonly network: string;
  readonly signal?: AbortSignal;
}

/** Throws legacy_unavailable, storage_unavailable, hashing_overloaded: none of them counts as a failure. */
export type ProvePassword = (typed: TypedPassword) => Promise<
  | {
      readonly kind: 'proved';
      readonly entry: LegacyEntry;
      readonly amr: readonly string[];
      /** What the proof writes: to be stored in one statement with the ledger's `prove`. */
      readonly writes: readonly Part[];
    }
  | { readonly kind: 'wrong' | 'disabled' }
  | { readonly kind: 'throttled'; readonly waitSeconds: number }
>;
