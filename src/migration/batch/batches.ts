/** What the operator's desk does with batches; the engine's own part is `worker.ts`. */
import type { Batch, BatchNote, BatchPace, BatchStatus, BatchUser, Member, Outcome } from './batch.ts';

export interface NewBatch extends BatchPace {
  readonly id: string;
  readonly target: string;
  readonly plan: unknown;
  readonly actor: string;
}

export interface UsersFilter {
  readonly outcome?: Outcome | 'waiting';
  readonly code?: string;
  /** The last one of the page before. */
  readonly after?: Pick<BatchUser, 'rank' | 'sub'>;
  /** At most 1,000. */
  readonly limit: number;
}

/** All throw storage_unavailable, and with an id that there is not, batch_not_found. */
export interface Batches {
  /** Begins to plan, or goes on with one of the same id and plan that was cut off: the subject to go on after. Throws batch_exists. */
  begin(batch: NewBatch): Promise<{ readonly after: string; readonly members: number }>;
  /** People of the next pages, with how far the store has been read; all or nothing. Whoever is in the batch already stays once. */
  add(id: string, members: readonly Member[], after: string): Promise<void>;
  /** Everybody is written down: `planned`. */
  planned(id: string, report: unknown): Promise<void>;
  /** Newest first. */
  list(): Promise<BatchStatus[]>;
  status(id: string): Promise<BatchStatus>;
  /** `planned` or `paused` → `running`. Throws batch_state, phase_state where its phase does not let it. */
  start(id: string): Promise<Batch>;
  /** `running` → `paused`; workers stop after the call that is under way. Throws batch_state. */
  pause(id: string, note: BatchNote): Promise<Batch>;
  tune(id: string, pace: Partial<BatchPace>): Promise<Batch>;
  /** In the batch's order. */
  users(id: string, filter: UsersFilter): Promise<BatchUser[]>;
  /** How many have which code, by outcome. */
  codes(id: string): Promise<{ readonly outcome: Outcome; readonly code: string; readonly users: number }[]>;
  /** Dead letters are sent again: all, those with this code, or one person. How many. A batch that was done runs again. */
  replay(id: string, which: { readonly code?: string; readonly sub?: string }): Promise<number>;
  /** Forgets a batch of which nobody was sent. Throws batch_state. */
  drop(id: string): Promise<void>;
}
