/**
 * Works through running batches: several workers on a node, several nodes, each taking what nobody else has. What an
 * operator changes meanwhile holds from the next chunk on.
 */
import { randomUUID } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import { FootbridgeError, isFootbridgeError } from '../../errors.ts';
import type { InSpan } from '../../observability/tracing.ts';
import { noSpan } from '../../observability/tracing.ts';
import type { Db } from '../../store/db.ts';
import type { Target, Targets } from '../../targets/target.ts';
import type { Batch, BatchNote, BatchStatus } from './batch.ts';
import {
  findBatch,
  finishBatch,
  giveTokens,
  noteBatch,
  pause,
  runningBatches,
  takeTokens,
} from './batch-rows.ts';
import type { Place } from './batch-users.ts';
import { firstWaiting, secondsToNext } from './batch-users.ts';
import type { Batches } from './batches.ts';
import { keepChunk, takeChunk } from './chunk.ts';
import type { Governor } from './governor.ts';
import { openGovernor } from './governor.ts';
import { heldByPhase } from './phase-hold.ts';
import type { SendingDeps } from './sending.ts';
import { sendChunk } from './sending.ts';

export interface EngineDeps
  extends Omit<SendingDeps, 'target' | 'connection' | 'governor' | 'worker' | 'db'> {
  /** Opened `forMany`. */
  readonly db: Db;
  readonly targets: Pick<Targets, 'byName' | 'connection'>;
  readonly batches: Batches;
  /** For traces. */
  readonly inSpan?: InSpan;
  /** Told of errors that are ours. */
  readonly onError?: (error: unknown) => void;
}

export interface RunBatchOptions {
  /** Stops after the calls that are under way. */
  readonly signal: AbortSignal;
  /** About twice a second. */
  readonly onProgress?: (status: BatchStatus) => void;
}

export interface BatchEngine {
  /** Works on one batch until it is not running any more, or the signal says so. Throws batch_not_found, target_without_api. */
  run(id: string, options: RunBatchOptions): Promise<BatchStatus>;
  /** Works on all that are running, now and later, until the signal says so. */
  follow(signal: AbortSignal): Promise<void>;
}

/** The governor knows how many it lets in. */
const MOST_WORKERS = 1_000;
/** How often a node looks for batches that were started elsewhere, and tells how far one has come. */
const LOOK_MS = 1_000;
const TELL_MS = 500;
/** Where nobody is due, or something of ours does not answer. */
const IDLE_MS = 500;
const OUTAGE_MS = 1_000;
/** Where rows that are done are not looked at again, this is looked up anew. */
const PLACE_MS = 2_000;
/** A batch stops by itself when more than a fifth of all have failed, if it is more than chance. */
const MAX_FAILED_SHARE = 0.2;
const MIN_FAILED = 50;

const NO_PLACE: Place = { rank: String(-(2n ** 63n)), sub: '' };

export function openBatchEngine(deps: EngineDeps): BatchEngine {
  const governors = new Map<string, Governor>();
  const governorOf = (target: string) => {
    const known = governors.get(target) ?? openGovernor();
    governors.set(target, known);
    return known;
  };
  const run = (id: string, options: RunBatchOptions) => runBatch(deps, governorOf, { id, ...options });
  return { run, follow: (signal) => follow(deps, run, signal) };
}

type GovernorOf = (target: string) => Governor;

async function follow(deps: EngineDeps, run: BatchEngine['run'], signal: AbortSignal): Promise<void> {
  const under = new Map<string, Promise<unknown>>();
  while (!signal.aborted) {
    const running = await runningBatches(deps.db).catch(() => []);
    for (const { id, target } of running) {
      if (under.has(id) || !deps.targets.connection(target)) continue;
      const work = run(id, { signal })
        .catch((error) => deps.onError?.(error))
        .finally(() => under.delete(id));
      under.set(id, work);
    }
    await wait(LOOK_MS, undefined, { signal }).catch(() => undefined);
  }
  await Promise.all(under.values());
}

interface Run extends RunBatchOptions {
  readonly id: string;
}

async function runBatch(deps: EngineDeps, governorOf: GovernorOf, { id, signal, onProgress }: Run) {
  const first = await findBatch(deps.db, id);
  const ends = endsOf(deps, first.target);
  const stop = new AbortController();
  const both = AbortSignal.any([signal, stop.signal]);
  const working: Working = {
    deps: { ...deps, ...ends, governor: governorOf(first.target), worker: randomUUID() },
    id,
    signal: both,
    place: { at: NO_PLACE, untilMs: 0 },
  };
  const told = tell(working, onProgress);
  const workers = new Map<number, Promise<void>>();
  try {
    for (let batch = first; batch.state === 'running' && !signal.aborted; ) {
      for (let index = 0; index < batch.workers; index += 1) {
        if (workers.has(index)) continue;
        workers.set(
          index,
          work(working, index).finally(() => workers.delete(index)),
        );
      }
      await wait(LOOK_MS / 4, undefined, { signal: both }).catch(() => undefined);
      batch = await findBatch(deps.db, id).catch((error) => orOutage(error, batch));
    }
    await Promise.all(workers.values());
  } finally {
    stop.abort();
    await told;
  }
  return deps.batches.status(id);
}

function endsOf({ targets }: EngineDeps, name: string): Pick<SendingDeps, 'connection'> & { target: Target } {
  const [target, connection] = [targets.byName(name), targets.connection(name)];
  if (target && connection) return { target, connection };
  throw new FootbridgeError('target_without_api', { detail: name });
}

function orOutage<T>(error: unknown, otherwise: T): T {
  if (isFootbridgeError(error, 'storage_unavailable')) return otherwise;
  throw error;
}

interface Working {
  readonly deps: SendingDeps & EngineDeps;
  readonly id: string;
  readonly signal: AbortSignal;
  /** Shared by the workers of one run. */
  readonly place: { at: Place; untilMs: number };
}

/** One worker: a chunk after the other, until the batch is not running any more or has fewer workers. */
async function work(working: Working, index: number): Promise<void> {
  const { deps, id, signal } = working;
  while (!signal.aborted) {
    try {
      await deps.governor.opened(MOST_WORKERS, signal);
      const batch = await findBatch(deps.db, id);
      if (batch.state !== 'running' || index >= batch.workers) return;
      const held = await heldByPhase(deps.db, batch);
      if (held !== undefined) return void (await hold(deps, id, held));
      if (!(await oneChunk(working, batch))) await idle(working, batch);
    } catch (error) {
      if (signal.aborted) return;
      if (!isFootbridgeError(error)) deps.onError?.(error);
      if (isFootbridgeError(error, 'legacy_unavailable'))
        await noteBatch(deps.db, id, LEGACY_DOWN).catch(() => undefined);
      await wait(OUTAGE_MS, undefined, { signal }).catch(() => undefined);
    }
  }
}

const LEGACY_DOWN: BatchNote = { code: 'legacy_down', sentence: 'The legacy store does not answer.' };
/** Noted where they were met, and gone with the next chunk. */
const OURS: readonly string[] = [LEGACY_DOWN.code];
const TOO_MANY: BatchNote = {
  code: 'too_many_failures',
  sentence: 'More than a fifth of all have failed: look at the codes, mend what is wrong, replay and resume.',
};

/** False: nobody was sent. */
async function oneChunk(working: Working, batch: Batch): Promise<boolean> {
  const { deps, signal } = working;
  const wanted = deps.governor.isProbing() ? 1 : batch.size;
  const { users: size, waitSeconds } = await granted(working, batch, wanted);
  if (size === 0) {
    await wait(Math.min(waitSeconds, 1) * 1_000, undefined, { signal });
    return true;
  }
  const chunk = await takeChunk(deps.db, batch, { from: await placeOf(working), size });
  const users = chunk?.people.length ?? 0;
  if (batch.perSecond !== null) await giveTokens(deps.db, batch.id, size - users);
  if (!chunk) return false;
  const lease = keepChunk(deps.db, chunk);
  try {
    const { inSpan = noSpan } = deps;
    const failed = await inSpan('batch chunk', { 'footbridge.target': batch.target, users }, () =>
      sendChunk(deps, chunk, signal),
    );
    if (failed > 0) await stopIfTooMany(deps, batch.id);
    if (batch.note && OURS.includes(batch.note.code)) await noteBatch(deps.db, batch.id, null);
    return true;
  } finally {
    lease.stop();
  }
}

async function granted({ deps }: Working, { id, perSecond }: Batch, wanted: number) {
  return perSecond === null ? { users: wanted, waitSeconds: 0 } : takeTokens(deps.db, id, wanted);
}

async function placeOf({ deps, id, place }: Working): Promise<Place> {
  if (performance.now() < place.untilMs) return place.at;
  place.untilMs = performance.now() + PLACE_MS;
  place.at = (await firstWaiting(deps.db, id)) ?? place.at;
  return place.at;
}

/** Nobody is due: everybody has an outcome, or the next one is waited for. */
async function idle({ deps, signal }: Working, { id }: Batch): Promise<void> {
  const seconds = await secondsToNext(deps.db, id);
  if (seconds === undefined) return void (await finishBatch(deps.db, id));
  const waitMs = Math.min(IDLE_MS, Math.max(20, seconds * 1_000));
  await wait(waitMs, undefined, { signal }).catch(() => undefined);
}

/** Another worker may have been quicker. */
async function hold({ db }: EngineDeps, id: string, sentence: string): Promise<void> {
  await pause(db, id, { code: 'phase_held', sentence }).catch((error) => {
    if (!isFootbridgeError(error, 'batch_state')) throw error;
  });
}

async function stopIfTooMany({ batches, db }: Working['deps'], id: string): Promise<void> {
  const { counts, state } = await batches.status(id);
  const done = counts.users - counts.waiting;
  if (state !== 'running' || counts.failed < MIN_FAILED || counts.failed < done * MAX_FAILED_SHARE) return;
  await pause(db, id, TOO_MANY).catch(() => undefined);
}

/** Writes down why it is slow, and tells how far it has come. */
async function tell(
  { deps, id, signal }: Working,
  onProgress?: RunBatchOptions['onProgress'],
): Promise<void> {
  const own: BatchNote = { code: 'own_limit', sentence: 'As fast as its own limit allows.' };
  while (!signal.aborted) {
    try {
      const status = await deps.batches.status(id);
      if (status.state === 'running') {
        const note = deps.governor.note() ?? (status.perSecond === null ? null : own);
        const isStale = status.note?.code !== note?.code && !OURS.includes(status.note?.code ?? '');
        if (isStale) await noteBatch(deps.db, id, note);
      }
      onProgress?.(status);
    } catch (error) {
      if (!isFootbridgeError(error)) deps.onError?.(error);
    }
    await wait(TELL_MS, undefined, { signal }).catch(() => undefined);
  }
}
