/** Who fails to get in again and again waits. A link cannot be guessed: this keeps our database from being asked for nothing. */
import { FootbridgeError } from '../../errors.ts';

/** Failures from one address within the window, before it waits for the rest of it. */
const FAILURES = 10;
const WINDOW_MS = 60_000;
/** Addresses that are remembered; the oldest are forgotten first. */
const ADDRESSES = 1_000;

export interface Tries {
  /** Throws throttled. */
  need(address: string): void;
  failed(address: string): void;
}

export function openTries(nowMs: () => number): Tries {
  const known = new Map<string, { count: number; readonly untilMs: number }>();
  const of = (address: string) => {
    const entry = known.get(address);
    return entry && entry.untilMs > nowMs() ? entry : undefined;
  };
  return {
    need(address) {
      const entry = of(address);
      if (!entry || entry.count < FAILURES) return;
      const retryAfterSeconds = Math.ceil((entry.untilMs - nowMs()) / 1_000);
      throw new FootbridgeError('throttled', { retryAfterSeconds });
    },
    failed(address) {
      const entry = of(address) ?? { count: 0, untilMs: nowMs() + WINDOW_MS };
      entry.count += 1;
      known.delete(address);
      known.set(address, entry);
      if (known.size > ADDRESSES) known.delete(known.keys().next().value!);
    },
  };
}
