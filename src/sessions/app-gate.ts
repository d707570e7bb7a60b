/**
 * How much of us an app has to bear. So many questions at once and no more, and an app that does not answer is left alone:
 * after a few failures in a row only one question every two seconds is let through, and the first answer opens the way.
 *
 * Unlike `legacy/circuit-breaker.ts` it knows that a question was perhaps never put: a browser without the app's cookie
 * must not be taken for a sign of life.
 */
import { FootbridgeError } from '../errors.ts';
import { withinDeadline } from '../legacy/deadline.ts';

/** Whoever sends made-up cookies takes up this much of an app, and no more. */
const AT_ONCE = 32;
const FAILURES_TO_CLOSE = 5;
const PROBE_EVERY_MS = 2_000;

export interface GateOptions {
  readonly timeoutMs: number;
  /** False: the app was not asked at all. Looked at when the work is done. */
  readonly wasAsked?: () => boolean;
}

export interface Gate {
  /** Throws legacy_unavailable when the app is not to be asked, or does not answer in time, or whatever `work` throws. */
  run<T>(work: (signal: AbortSignal) => Promise<T>, options: GateOptions): Promise<T>;
}

/** `elapsed`: milliseconds that no change of the clock moves. */
export function openGate(name: string, elapsed: () => number = () => performance.now()): Gate {
  let running = 0;
  let failures = 0;
  let lastFailureMs = Number.NEGATIVE_INFINITY;
  let isProbing = false;

  const enter = (): boolean => {
    if (running >= AT_ONCE) throw unavailable(`${name} is asked ${AT_ONCE} things already`);
    const isProbe = failures >= FAILURES_TO_CLOSE;
    if (isProbe && (isProbing || elapsed() - lastFailureMs < PROBE_EVERY_MS))
      throw unavailable(`${name} is not asked again so soon after it failed`);
    running += 1;
    if (isProbe) isProbing = true;
    return isProbe;
  };

  return {
    async run(work, { timeoutMs, wasAsked }) {
      const isProbe = enter();
      try {
        const answer = await withinDeadline(() => work(AbortSignal.timeout(timeoutMs)), timeoutMs);
        if (wasAsked?.() ?? true) failures = 0;
        return answer;
      } catch (error) {
        failures += 1;
        lastFailureMs = elapsed();
        throw error;
      } finally {
        running -= 1;
        if (isProbe) isProbing = false;
      }
    },
  };
}

const unavailable = (detail: string) =>
  new FootbridgeError('legacy_unavailable', { detail, retryAfterSeconds: PROBE_EVERY_MS / 1_000 });
