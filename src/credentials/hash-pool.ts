/**
 * Hashing away from the event loop: slots, a bounded first-come queue before them, and a worker thread behind each that needs one.
 *
 * More hashes at once than cores only make every login slower, and an unbounded queue turns a storm into an outage:
 * what cannot be served in time is refused at once, before any work, and what waits far longer than was expected, when its
 * turn comes.
 */
import { Worker } from 'node:worker_threads';
import { FootbridgeError } from '../errors.ts';
import type { ParsedHash } from './hash.ts';

export interface HashJob {
  readonly hash: ParsedHash;
  /** UTF-8. */
  readonly password: Uint8Array;
  /** `digest`: what comes out, instead of whether it is the one. */
  readonly wants?: 'digest';
}

export interface HashAnswer {
  /** `undefined`: the primitive refused to compute this hash. */
  readonly matches: boolean | undefined;
  readonly digest?: Uint8Array;
}

export interface HashPoolOptions {
  readonly slots: number;
  /** What all slots together have to compute on. */
  readonly cores: number;
  /** How many of the slots may compute on libuv's threads at once. */
  readonly threadPoolSlots: number;
  readonly queueLength: number;
  readonly queueWaitSeconds: number;
  /** The module that workers run. */
  readonly worker: URL;
}

export interface RunOptions {
  readonly signal?: AbortSignal | undefined;
  readonly usesThreadPool?: boolean | undefined;
  /** So many threads compute it at once; by default one. */
  readonly threads?: number | undefined;
  /** Computes it instead of a worker: for what is away from the event loop by itself. */
  readonly aside?: ((job: HashJob) => Promise<HashAnswer>) | undefined;
}

interface Waiting {
  readonly job: HashJob;
  readonly usesThreadPool: boolean;
  readonly threads: number;
  readonly aside: RunOptions['aside'];
  readonly sinceMs: number;
  readonly resolve: (answer: HashAnswer) => void;
  readonly reject: (error: unknown) => void;
  /** Ends the watch over the caller's signal. */
  readonly forget: () => void;
}

interface Slot {
  waiting?: Waiting | undefined;
  startedMs: number;
  /** How many ran when it began, with it. */
  besides: number;
}

interface WorkerSlot extends Slot {
  readonly worker: Worker;
}

/** How long a core is taken to be at a hash before any was measured: Argon2id with 64 MiB. */
const FIRST_GUESS_MS = 350;
/** Weight of the newest measurement in the running mean: about the last five count. */
const NEWEST_WEIGHT = 0.2;
/** How far the expected wait may be out before it is no use to anybody any more. */
const OVERDUE_AFTER = 2;
const MAX_RETRY_AFTER_SECONDS = 60;

export class HashPool {
  readonly #options: HashPoolOptions;
  readonly #queue: Waiting[] = [];
  readonly #idle: WorkerSlot[] = [];
  readonly #busy = new Set<Slot>();
  #threadPoolJobs = 0;
  #announced = 0;
  /** Of one core. How long a hash takes says little: on four threads it is fast alone, and slow beside others like it. */
  #meanMs = FIRST_GUESS_MS;
  /** Of the newest that was measured. */
  #threads = 1;
  #isMeasured = false;
  #closing: (() => void) | undefined;

  constructor(options: HashPoolOptions) {
    this.#options = options;
  }

  stats(): { slots: number; running: number; queued: number } {
    return { slots: this.#options.slots, running: this.#busy.size, queued: this.#queue.length };
  }

  /**
   * Throws `hashing_overloaded` when the queue is full or the wait became too long, the signal's reason when it is aborted before
   * the work began, and `internal` when the worker died. Work that has begun is finished: its slot is not free before.
   */
  run(
    job: HashJob,
    { signal, usesThreadPool = false, threads = 1, aside }: RunOptions = {},
  ): Promise<HashAnswer> {
    if (signal?.aborted) return Promise.reject(signal.reason);
    if (this.#closing || (!this.#mayStart(usesThreadPool) && this.#isFull(usesThreadPool))) {
      return Promise.reject(this.#overloaded(usesThreadPool));
    }
    return new Promise((resolve, reject) => {
      const drop = () => {
        this.#queue.splice(this.#queue.indexOf(waiting), 1);
        reject(signal?.reason);
      };
      const forget = () => signal?.removeEventListener('abort', drop);
      const sinceMs = performance.now();
      const waiting: Waiting = { job, usesThreadPool, threads, aside, sinceMs, resolve, reject, forget };
      signal?.addEventListener('abort', drop, { once: true });
      this.#queue.push(waiting);
      this.#startNext();
    });
  }

  /**
   * A job is about to come, and there is something else to do before it. Throws `hashing_overloaded` where jobs wait, and the
   * ones that are about to come fill the queue. What it returns is called when this one comes, or will not.
   */
  announce(): () => void {
    if (this.#queue.length > 0 && this.#isFull(false, this.#announced)) throw this.#overloaded(false);
    this.#announced += 1;
    let isOver = false;
    return () => {
      if (!isOver) this.#announced -= 1;
      isOver = true;
    };
  }

  /** Refuses what waits and what comes, lets running hashes finish, and ends the workers. */
  async close(): Promise<void> {
    if (!this.#closing) {
      const finished = new Promise<void>((resolve) => {
        this.#closing = resolve;
      });
      for (const waiting of this.#queue.splice(0)) this.#refuse(waiting);
      if (this.#busy.size > 0) await finished;
    }
    await Promise.all(this.#idle.splice(0).map(({ worker }) => worker.terminate()));
  }

  #mayStart(usesThreadPool: boolean): boolean {
    const { slots, threadPoolSlots } = this.#options;
    return this.#busy.size < slots && (!usesThreadPool || this.#threadPoolJobs < threadPoolSlots);
  }

  /** How long one more of this kind can expect to wait. */
  #waitSeconds(usesThreadPool: boolean, coming = 0): number {
    const { slots, threadPoolSlots, cores } = this.#options;
    const atOnce = usesThreadPool ? Math.min(slots, threadPoolSlots) : slots;
    const computing = Math.min(cores, atOnce * this.#threads);
    return ((this.#queue.length + coming + 1) * this.#meanMs) / computing / 1000;
  }

  #isFull(usesThreadPool: boolean, coming = 0): boolean {
    const { queueLength, queueWaitSeconds } = this.#options;
    const isTooLong = this.#waitSeconds(usesThreadPool, coming) > queueWaitSeconds;
    return this.#queue.length + coming >= queueLength || isTooLong;
  }

  /** The speed was guessed wrong, or the machine has become slow: who asked has given up, or is about to. */
  #isOverdue({ sinceMs }: Waiting): boolean {
    return performance.now() - sinceMs > OVERDUE_AFTER * this.#options.queueWaitSeconds * 1000;
  }

  #refuse({ forget, reject, usesThreadPool }: Waiting): void {
    forget();
    reject(this.#overloaded(usesThreadPool));
  }

  #overloaded(usesThreadPool: boolean): FootbridgeError {
    const retryAfterSeconds = Math.min(MAX_RETRY_AFTER_SECONDS, Math.ceil(this.#waitSeconds(usesThreadPool)));
    return new FootbridgeError('hashing_overloaded', { retryAfterSeconds });
  }

  /** The first that may start: a hash on libuv's threads lets others pass while it has to wait for one. */
  #startNext(): void {
    for (;;) {
      const at = this.#queue.findIndex(({ usesThreadPool }) => this.#mayStart(usesThreadPool));
      const [next] = at < 0 ? [] : this.#queue.splice(at, 1);
      if (!next) return;
      if (this.#isOverdue(next)) this.#refuse(next);
      else this.#start(next);
    }
  }

  #start(waiting: Waiting): void {
    waiting.forget();
    if (waiting.usesThreadPool) this.#threadPoolJobs += 1;
    if (waiting.aside) this.#runAside(waiting, waiting.aside);
    else this.#runInWorker(waiting);
  }

  #runInWorker(waiting: Waiting): void {
    const slot = this.#idle.pop() ?? this.#spawn();
    this.#begin(slot, waiting);
    slot.worker.ref();
    slot.worker.postMessage(waiting.job);
  }

  #begin(slot: Slot, waiting: Waiting): void {
    slot.waiting = waiting;
    slot.startedMs = performance.now();
    this.#busy.add(slot);
    slot.besides = this.#busy.size;
  }

  #runAside(waiting: Waiting, aside: NonNullable<RunOptions['aside']>): void {
    const slot: Slot = { startedMs: 0, besides: 1 };
    this.#begin(slot, waiting);
    aside(waiting.job).then(
      (answer) => {
        this.#measured(slot);
        this.#release(slot)?.resolve(answer);
      },
      (cause) => this.#release(slot)?.reject(new FootbridgeError('internal', { detail: 'a hash', cause })),
    );
  }

  /** A worker that dies takes its one job with it and is replaced when the next needs it. */
  #spawn(): WorkerSlot {
    const slot: WorkerSlot = { worker: new Worker(this.#options.worker), startedMs: 0, besides: 1 };
    let cause: unknown;
    slot.worker.on('message', (answer: HashAnswer) => {
      this.#measured(slot);
      this.#idle.push(slot);
      // Idle workers do not keep the process alive.
      slot.worker.unref();
      this.#release(slot)?.resolve(answer);
    });
    slot.worker.on('error', (error) => {
      cause = error;
    });
    slot.worker.on('exit', () => {
      const at = this.#idle.indexOf(slot);
      if (at >= 0) this.#idle.splice(at, 1);
      this.#release(slot)?.reject(new FootbridgeError('internal', { detail: 'a hash worker died', cause }));
    });
    return slot;
  }

  #measured({ startedMs, besides, waiting }: Slot): void {
    this.#threads = waiting?.threads ?? 1;
    const atOnce = (besides + this.#busy.size) / 2;
    const cores = Math.min(this.#threads, this.#options.cores / atOnce);
    const ms = (performance.now() - startedMs) * cores;
    this.#meanMs += (this.#isMeasured ? NEWEST_WEIGHT : 1) * (ms - this.#meanMs);
    this.#isMeasured = true;
  }

  #release(slot: Slot): Waiting | undefined {
    const { waiting } = slot;
    slot.waiting = undefined;
    if (!this.#busy.delete(slot)) return undefined;
    if (waiting?.usesThreadPool) this.#threadPoolJobs -= 1;
    if (this.#busy.size === 0) this.#closing?.();
    this.#startNext();
    return waiting;
  }
}
