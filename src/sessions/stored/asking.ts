/** Asking an app's store: each question ends within the limit, and one that does not answer is not asked by everybody. */
import { FootbridgeError, isFootbridgeError } from '../../errors.ts';
import { CircuitBreaker } from '../../legacy/circuit-breaker.ts';
import { withinDeadline } from '../../legacy/deadline.ts';
import type { CreateFailure } from '../legacy-app.ts';

export type Ask = <T>(work: () => Promise<T>, signal?: AbortSignal) => Promise<T>;

/** Throws legacy_unavailable for whatever is not an answer. */
export function asking(timeoutMs: number): Ask {
  const breaker = new CircuitBreaker(() => performance.now());
  return (work, signal) =>
    untilAborted(
      breaker.run(() => withinDeadline(work, timeoutMs)),
      signal,
    );
}

async function untilAborted<T>(work: Promise<T>, signal?: AbortSignal): Promise<T> {
  if (!signal) return work;
  let give: (() => void) | undefined;
  const aborted = new Promise<never>((_resolve, reject) => {
    give = () => reject(new FootbridgeError('legacy_unavailable', { detail: 'who asked did not wait' }));
    signal.addEventListener('abort', give, { once: true });
    if (signal.aborted) give();
  });
  try {
    return await Promise.race([work, aborted]);
  } finally {
    signal.removeEventListener('abort', give!);
    // Nobody is there to hear of it.
    work.catch(() => undefined);
  }
}

export function failureOf(error: unknown): CreateFailure {
  if (!isFootbridgeError(error, 'legacy_unavailable')) return 'refused';
  return error.detail?.startsWith('no answer within') ? 'timeout' : 'unreachable';
}
