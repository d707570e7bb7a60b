/**
 * How many tries each recipient may get at once, on this node. One that does not answer is left alone for a while and then
 * asked by one delivery: its ten thousand others wait without using up their tries.
 */
import type { Slots } from './deliveries.ts';
import type { Delivery } from './delivery.ts';

export type Recipient = Pick<Delivery, 'kind' | 'name'>;

/** Tries at once per recipient: enough for a living one, few enough not to flood it. */
export const SLOTS = 4;
/** Failures in a row after which it counts as down. */
const FAILURES = 3;
const FIRST_PAUSE_MS = 5_000;
/** A recipient that is back is noticed after this. */
const MAX_PAUSE_MS = 60_000;
/** A recipient may wish for more; a forgotten wish ends here. */
const MAX_WISH_MS = 900_000;

interface State extends Recipient {
  running: number;
  failures: number;
  /** Milliseconds of the monotonic clock. */
  pausedUntil: number;
}

export interface Breaker {
  started(recipient: Recipient): void;
  /** `down`: it did not answer, or asked to be left alone. */
  ended(recipient: Recipient, how: 'answered' | 'down', retryAfterSeconds?: number): void;
  /** Where it is not `SLOTS`. */
  exceptions(): readonly Slots[];
}

/** `nowMs`: a clock that never goes back. */
export function openBreaker(nowMs: () => number): Breaker {
  const states = new Map<string, State>();
  const key = ({ kind, name }: Recipient) => `${kind} ${name}`;
  const of = ({ kind, name }: Recipient): State => {
    const state = states.get(key({ kind, name })) ?? {
      kind,
      name,
      running: 0,
      failures: 0,
      pausedUntil: 0,
    };
    states.set(key(state), state);
    return state;
  };
  return {
    started(recipient) {
      of(recipient).running += 1;
    },
    ended(recipient, how, retryAfterSeconds = 0) {
      const state = of(recipient);
      state.running -= 1;
      state.failures = how === 'down' ? state.failures + 1 : 0;
      const wish = Math.min(retryAfterSeconds * 1_000, MAX_WISH_MS);
      const pause = how === 'down' ? Math.max(pauseMs(state.failures), wish) : 0;
      // What was under way when it went down does not shorten the pause.
      if (pause > 0) state.pausedUntil = Math.max(state.pausedUntil, nowMs() + pause);
      else if (how === 'answered') state.pausedUntil = 0;
      if (state.running === 0 && state.failures === 0) states.delete(key(state));
    },
    exceptions: () =>
      [...states.values()].map((state) => ({
        kind: state.kind,
        name: state.name,
        slots: slotsOf(state, nowMs()),
      })),
  };
}

function pauseMs(failures: number): number {
  return failures < FAILURES ? 0 : Math.min(FIRST_PAUSE_MS * 2 ** (failures - FAILURES), MAX_PAUSE_MS);
}

function slotsOf({ running, failures, pausedUntil }: State, now: number): number {
  if (pausedUntil > now) return 0;
  return Math.max(0, (failures < FAILURES ? SLOTS : 1) - running);
}
