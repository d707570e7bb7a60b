/** How often we call: evenly, so that a batch of ours never uses up what a target allows its other users. */
import { setTimeout as wait } from 'node:timers/promises';
import { Unanswered } from './exchange.ts';

/** So much of the time that nobody called may be made up for at once. */
const BURST_MS = 250;

/** One answer must not silence us for longer; the next call hears it again. */
const MAX_HOLD_SECONDS = 60;

export class Pace {
  readonly #intervalMs: number;
  #nextMs = Number.NEGATIVE_INFINITY;

  constructor(perSecond: number) {
    this.#intervalMs = 1_000 / perSecond;
  }

  /** Waits for the next call's turn; throws Unanswered at once when that is after `untilMs` (`performance.now`). */
  async turn(untilMs: number, signal: AbortSignal): Promise<void> {
    const now = performance.now();
    const dueMs = Math.max(this.#nextMs, now - BURST_MS);
    if (dueMs > untilMs) {
      const retryAfterSeconds = Math.ceil((dueMs - now) / 1_000);
      throw new Unanswered('too many calls are waiting', { retryAfterSeconds });
    }
    this.#nextMs = dueMs + this.#intervalMs;
    if (dueMs > now) await wait(dueMs - now, undefined, { signal });
  }

  /** The target wants to be left alone for so long. */
  hold(seconds: number): void {
    const heldMs = Math.min(seconds, MAX_HOLD_SECONDS) * 1_000;
    this.#nextMs = Math.max(this.#nextMs, performance.now() + heldMs);
  }
}
