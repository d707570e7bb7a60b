/** Evenly, so that no mail server takes us for a flood. */
import { setTimeout as wait } from 'node:timers/promises';

/** Time, so that a test can be ahead of it. */
export interface Clock {
  /** Milliseconds since the epoch. */
  nowMs(): number;
  sleep(ms: number): Promise<void>;
}

export const systemClock: Clock = {
  nowMs: () => Date.now(),
  sleep: (ms) => wait(ms),
};

export interface Pace {
  /** Each turn comes `intervalMs` after the one before; nothing is made up for. */
  turn(): Promise<void>;
}

export function openPace(intervalMs: number, clock: Clock): Pace {
  let nextMs = Number.NEGATIVE_INFINITY;
  return {
    async turn() {
      const now = clock.nowMs();
      // A clock that was set back must not stop the mail for as long.
      const dueMs = Math.min(Math.max(nextMs, now), now + MAX_WAITING_TURNS * intervalMs);
      nextMs = dueMs + intervalMs;
      if (dueMs > now) await clock.sleep(dueMs - now);
    },
  };
}

/** Nobody asks for more turns at once. */
const MAX_WAITING_TURNS = 1_000;
