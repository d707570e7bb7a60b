/**
 * How hard a target is driven: calls at once grow while it is well and halve when it is not (AIMD), it is left alone for as
 * long as it asks, and when it fails again and again it is only asked once a second until it is well. Per target and node.
 */
import { setTimeout as wait } from 'node:timers/promises';
import type { BatchNote } from './batch.ts';

export type Verdict =
  | { readonly kind: 'well' }
  /** It is well, did nothing, and wants fewer calls (429). */
  | { readonly kind: 'throttled'; readonly retryAfterSeconds?: number | undefined }
  /** It answered with an error of its own, or not at all. */
  | { readonly kind: 'down'; readonly retryAfterSeconds?: number | undefined }
  /** Nothing was asked. */
  | { readonly kind: 'untried' };

export interface Governor {
  /** Waits until there is one to be had, and takes none: whoever reads people now need not keep them waiting. */
  opened(workers: number, signal: AbortSignal): Promise<void>;
  /** Waits for a turn, among `workers` at most; whoever has it says how it went, exactly once. Throws when aborted. */
  enter(workers: number, signal: AbortSignal): Promise<(verdict: Verdict) => void>;
  /** The next call is only to find out whether it is well again: one person is enough. */
  isProbing(): boolean;
  /** Why it is slow; undefined: it is not. */
  note(): BatchNote | undefined;
}

/** So many failures in a row, and it is taken for down: with the calls under way at the first of them, five at most. */
const FAILURES = 3;
const PROBE_SECONDS = 1;
/** A target that says when to come back is believed up to here. */
const MAX_HOLD_SECONDS = 300;
/** Where it does not say: a second, and twice as long each time. */
const FIRST_HOLD_SECONDS = 1;
const LONGEST_UNSAID_SECONDS = 60;

export function openGovernor(nowMs: () => number = () => performance.now()): Governor {
  let limit = 1;
  let running = 0;
  let failures = 0;
  let unsaidSeconds = FIRST_HOLD_SECONDS;
  let heldUntilMs = 0;
  let held: 'throttled' | 'down' | undefined;
  let waiting: (() => void)[] = [];

  const isDown = () => failures >= FAILURES;
  const wake = () => {
    const all = waiting;
    waiting = [];
    for (const go of all) go();
  };
  const hold = (kind: 'throttled' | 'down', seconds: number) => {
    held = kind;
    heldUntilMs = Math.max(heldUntilMs, nowMs() + Math.min(seconds, MAX_HOLD_SECONDS) * 1_000);
  };
  const learn = (verdict: Verdict, workers: number) => {
    if (verdict.kind === 'untried') return;
    if (verdict.kind === 'well') {
      limit = Math.min(workers, limit + 1 / limit);
      failures = 0;
      unsaidSeconds = FIRST_HOLD_SECONDS;
      if (nowMs() >= heldUntilMs) held = undefined;
      return;
    }
    limit = Math.max(1, limit / 2);
    const said = verdict.retryAfterSeconds;
    if (verdict.kind === 'throttled') {
      hold('throttled', said ?? unsaidSeconds);
      if (said === undefined) unsaidSeconds = Math.min(unsaidSeconds * 2, LONGEST_UNSAID_SECONDS);
      return;
    }
    failures += 1;
    if (isDown()) hold('down', said ?? PROBE_SECONDS);
    else if (said !== undefined) hold('down', said);
  };

  const opened = async (workers: number, signal: AbortSignal) => {
    for (;;) {
      signal.throwIfAborted();
      const leftMs = heldUntilMs - nowMs();
      const most = isDown() ? 1 : Math.min(workers, Math.floor(limit));
      if (leftMs <= 0 && running < most) return;
      await (leftMs > 0 ? wait(Math.min(leftMs, 1_000), undefined, { signal }) : turn(waiting, signal));
    }
  };

  return {
    opened,
    async enter(workers, signal) {
      await opened(workers, signal);
      running += 1;
      let isOpen = true;
      return (verdict) => {
        if (!isOpen) return;
        isOpen = false;
        running -= 1;
        learn(verdict, workers);
        wake();
      };
    },
    isProbing: isDown,
    note() {
      const leftMs = heldUntilMs - nowMs();
      if (!isDown() && (leftMs <= 0 || held === undefined)) return undefined;
      const until = new Date(Date.now() + Math.max(0, leftMs)).toISOString();
      return held === 'throttled' && !isDown()
        ? { code: 'target_throttles', sentence: 'The target asks to be left alone for a while.', until }
        : { code: 'target_down', sentence: 'The target does not answer; it is asked once a second.', until };
    },
  };
}

function turn(waiting: (() => void)[], signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason);
    signal.addEventListener('abort', abort, { once: true });
    waiting.push(() => {
      signal.removeEventListener('abort', abort);
      resolve();
    });
  });
}
