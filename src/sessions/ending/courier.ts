/**
 * Tells those who have to be told of endings. Every node has a courier; they share the queue in the database, so that what
 * one of them dies with, another delivers. Telling somebody twice does no harm, and may happen.
 */
import { randomUUID } from 'node:crypto';
import { isFootbridgeError } from '../../errors.ts';
import type { Db } from '../../store/db.ts';
import { openBreaker, SLOTS } from './breaker.ts';
import type { Claimed, Failure } from './deliveries.ts';
import { claimDeliveries, failDelivery, finishDelivery, giveUpLate } from './deliveries.ts';
import type { Delivery, Send } from './delivery.ts';
import { DeliveryError } from './delivery.ts';

export interface CourierDeps {
  readonly db: Db;
  readonly senders: Readonly<Record<Delivery['kind'], Send>>;
  /** For metrics and the log: how a try ended. `dead`: and it was the last. */
  readonly onResult?: (result: {
    readonly kind: Delivery['kind'];
    readonly name: string;
    readonly result: 'done' | 'failed' | 'dead';
    /** Why it failed. */
    readonly code?: string;
  }) => void;
  /** What went wrong here, not there. */
  readonly onError?: (error: unknown) => void;
  /** Milliseconds of a clock that never goes back; the system's by default. */
  readonly nowMs?: () => number;
}

export interface Courier {
  /** Looks at once, not at the next second: something was written down. */
  kick(): void;
  /** Begins nothing more, and waits for what is under way: no longer than a try's own limit. */
  close(): Promise<void>;
}

/** Tries at once on this node. */
const AT_ONCE = 64;
/** Of them, such as nobody waits for. */
const BULK_AT_ONCE = 32;
/** What a recipient may take for its answer; well below the lease, which is not renewed. */
const TRY_MS = 10_000;
const POLL_MS = 1_000;
/** Six minutes: longer than a new configuration takes to reach all nodes. */
const STRANGER_TRIES = 4;
const GIVE_UP_EVERY_MS = 60_000;
const GIVE_UP_BATCH = 1_000;

export function openCourier(deps: CourierDeps): Courier {
  const { db, onError, nowMs = () => performance.now() } = deps;
  const lease = randomUUID();
  const breaker = openBreaker(nowMs);
  const running = new Map<Promise<void>, Claimed>();
  const state = { closed: false, wanted: false, gaveUpAt: Number.NEGATIVE_INFINITY };
  let round: Promise<void> | undefined;

  const start = (claimed: Claimed) => {
    breaker.started(claimed);
    const work = tryOnce(deps, claimed, lease).then((outcome) => {
      breaker.ended(claimed, outcome.how, outcome.retryAfterSeconds);
      running.delete(work);
      kick();
    });
    running.set(work, claimed);
  };
  const claim = async () => {
    const limit = AT_ONCE - running.size;
    if (limit <= 0) return;
    const bulk = [...running.values()].filter(({ lane }) => lane === 1).length;
    const bulkLimit = Math.max(0, BULK_AT_ONCE - bulk);
    const exceptions = breaker.exceptions();
    const claimed = await claimDeliveries(db, { lease, limit, bulkLimit, slots: SLOTS, exceptions });
    for (const delivery of claimed) start(delivery);
  };
  const giveUp = async () => {
    if (nowMs() - state.gaveUpAt < GIVE_UP_EVERY_MS) return;
    state.gaveUpAt = nowMs();
    for (const late of await giveUpLate(db, GIVE_UP_BATCH)) deps.onResult?.({ ...late, result: 'dead' });
  };
  const rounds = async () => {
    while (state.wanted && !state.closed) {
      state.wanted = false;
      await Promise.all([claim(), giveUp()]);
    }
  };
  const kick = () => {
    state.wanted = true;
    if (state.closed || round) return;
    round = rounds()
      .catch((error) => onError?.(error))
      .finally(() => {
        round = undefined;
        if (state.wanted) kick();
      });
  };
  const timer = setInterval(kick, POLL_MS);
  timer.unref();
  return {
    kick,
    async close() {
      state.closed = true;
      clearInterval(timer);
      await round;
      await Promise.all(running.keys());
    },
  };
}

interface Outcome {
  readonly how: 'answered' | 'down';
  readonly retryAfterSeconds?: number | undefined;
}

/** Never throws: what cannot be written down runs out with its lease, and is told again. */
async function tryOnce(deps: CourierDeps, delivery: Claimed, lease: string): Promise<Outcome> {
  const { db, onResult, onError } = deps;
  const { kind, name } = delivery;
  const failure = strangers(delivery, await send(deps, delivery));
  try {
    if (!failure) {
      await finishDelivery(db, delivery, lease);
      onResult?.({ kind, name, result: 'done' });
      return { how: 'answered' };
    }
    const isDead = await failDelivery(db, delivery, { ...failure, lease });
    onResult?.({ kind, name, result: isDead ? 'dead' : 'failed', code: failure.problem.code });
  } catch (error) {
    onError?.(error);
  }
  const isDown = failure && !failure.isFinal && isOutage(failure);
  return isDown ? { how: 'down', retryAfterSeconds: failure.retryAfterSeconds } : { how: 'answered' };
}

/**
 * Settings reach the nodes one after another: whom this one does not know, the next may. After some minutes nobody does.
 */
function strangers({ attempts }: Claimed, failure: Failure | undefined): Failure | undefined {
  const isStranger = failure?.problem.code === 'unknown_recipient' && attempts + 1 < STRANGER_TRIES;
  return isStranger ? { ...failure, isFinal: false } : failure;
}

/** Undefined: it was told. */
async function send({ senders, onError }: CourierDeps, delivery: Claimed): Promise<Failure | undefined> {
  const limit = AbortSignal.timeout(TRY_MS);
  try {
    await within(senders[delivery.kind](delivery, { signal: limit }), limit);
    return undefined;
  } catch (error) {
    return failureOf(error, { isLate: limit.aborted, onError });
  }
}

/** A sender that does not mind its limit is not waited for. */
async function within(work: Promise<void>, limit: AbortSignal): Promise<void> {
  const { promise, reject } = Promise.withResolvers<never>();
  const late = () => reject(limit.reason);
  limit.addEventListener('abort', late, { once: true });
  try {
    await Promise.race([work, promise]);
  } finally {
    limit.removeEventListener('abort', late);
    work.catch(() => undefined);
  }
}

function failureOf(
  error: unknown,
  { isLate, onError }: { readonly isLate: boolean; readonly onError: CourierDeps['onError'] },
): Failure {
  if (error instanceof DeliveryError) {
    const { code, message: sentence, retryAfterSeconds, isFinal } = error;
    return { problem: { code, sentence }, retryAfterSeconds, isFinal };
  }
  if (isFootbridgeError(error)) {
    const problem = { code: error.code, sentence: error.message };
    return { problem, retryAfterSeconds: error.retryAfterSeconds, isFinal: false };
  }
  const [code, sentence] = isLate
    ? ['timeout', 'It did not answer in time.']
    : ['failed', 'It could not be told, for a reason that the log names.'];
  if (!isLate) onError?.(error);
  return { problem: { code, sentence }, retryAfterSeconds: undefined, isFinal: false };
}

/** Whether the next one would fare the same: not where this one alone was refused. */
const isOutage = ({ problem: { code }, retryAfterSeconds }: Failure): boolean =>
  retryAfterSeconds !== undefined || code === 'status_429' || !/^(status_4..|refused)$/.test(code);
