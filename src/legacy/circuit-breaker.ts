/**
 * Stops asking a store that does not answer. After a few failures in a row everybody is told at once, and one caller
 * at a time, every two seconds at most, is let through to see whether it is back: so nobody waits out a deadline in
 * vain, and the first success opens the way for all.
 */
import { FootbridgeError, isFootbridgeError } from '../errors.ts';

/** Fewer would let one lost packet or one slow query shut everybody out. */
const FAILURES_TO_OPEN = 5;
const PROBE_EVERY_MS = 2_000;

export class CircuitBreaker {
  readonly #now: () => number;
  #failures = 0;
  #lastTryMs = Number.NEGATIVE_INFINITY;
  #probing = false;
  #lastDetail: string | undefined;

  constructor(now: () => number) {
    this.#now = now;
  }

  /** Only `legacy_unavailable` counts as a failure: any other error is an answer. */
  async run<T>(work: () => Promise<T>): Promise<T> {
    const isProbe = this.#failures >= FAILURES_TO_OPEN;
    if (isProbe) this.#refuseUnlessDue();
    this.#lastTryMs = this.#now();
    this.#probing = isProbe;
    try {
      const result = await work();
      this.#failures = 0;
      return result;
    } catch (error) {
      if (isFootbridgeError(error, 'legacy_unavailable')) this.#failed(error);
      else this.#failures = 0;
      throw error;
    } finally {
      if (isProbe) this.#probing = false;
    }
  }

  #failed(error: FootbridgeError): void {
    this.#failures += 1;
    this.#lastDetail = error.detail;
  }

  #refuseUnlessDue(): void {
    if (!this.#probing && this.#now() - this.#lastTryMs >= PROBE_EVERY_MS) return;
    const detail = `not asked again so soon after: ${this.#lastDetail ?? 'a failure'}`;
    throw new FootbridgeError('legacy_unavailable', { detail, retryAfterSeconds: PROBE_EVERY_MS / 1_000 });
  }
}
