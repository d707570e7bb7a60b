/** So many a second, on average: whoever sends many at once is let in, and pays for it before the next. */
import { FootbridgeError } from '../../errors.ts';

export interface Rate {
  /** Throws throttled, with the seconds after which there is room. */
  check(): void;
  spend(count: number): void;
}

export function openRate(perSecond: number, elapsed: () => number = () => performance.now()): Rate {
  let room = perSecond;
  let atMs = elapsed();
  const refill = () => {
    const nowMs = elapsed();
    room = Math.min(perSecond, room + ((nowMs - atMs) / 1_000) * perSecond);
    atMs = nowMs;
  };
  return {
    check() {
      refill();
      if (room > 0) return;
      throw new FootbridgeError('throttled', {
        retryAfterSeconds: Math.max(1, Math.ceil(-room / perSecond)),
      });
    },
    spend(count) {
      refill();
      room -= count;
    },
  };
}
