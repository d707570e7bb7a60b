/** What is being done for one person at a target, and why a try at it failed. */
import type { Road } from './mover.ts';

export interface Work {
  readonly target: string;
  readonly sub: string;
  readonly road: Road;
  readonly actor: string;
  /** Where the target has said which of its users it is. */
  readonly targetUserId: string | null;
  /** Tries that failed since somebody asked. */
  readonly attempts: number;
  readonly lease: string;
  /** When somebody asked last, to the microsecond. */
  readonly askedAt: string;
}

/** Why a try failed; no secrets. */
export interface Problem {
  readonly code: string;
  readonly sentence: string;
  /** The target's own words. */
  readonly detail?: string;
}
