/**
 * One chunk of a batch: prepared, released, sent, recorded, told. Each step is durable before the next begins, so that
 * whoever dies anywhere leaves people whom the next one finds as far as they have come.
 */
import { isFootbridgeError } from '../../errors.ts';
import type { Directory } from '../../legacy/directory.ts';
import { sqlStateOf, UNIQUE_VIOLATION } from '../../store/db.ts';
import type { TargetConnection } from '../../targets/connection.ts';
import { inParallel } from '../../targets/in-parallel.ts';
import { flagLegacy } from '../flagging.ts';
import { postponeWork } from '../moving/target-work.ts';
import type { Moving } from '../moving/try.ts';
import { afterFailure } from './attempts.ts';
import type { UserProblem } from './batch.ts';
import type { Chunk, Taken } from './chunk.ts';
import type { Verdict } from './governor.ts';
import type { AloneDeps } from './one-by-one.ts';
import { byOneself } from './one-by-one.ts';
import type { Prepared, PreparingDeps } from './preparing.ts';
import { prepare } from './preparing.ts';
import type { Arrived, Postponed } from './settling.ts';
import { postponeEach, recordEach, releaseEach, tellEach } from './settling.ts';
import type { Sorted } from './sorting.ts';
import { sort, unavailableProblem, verdictOf } from './sorting.ts';

/** What a chunk passes through; `afterStep` is told of each as soon as it is done. */
export const CHUNK_STEPS = ['taken', 'released', 'sent', 'recorded', 'flagged', 'told'] as const;
export type ChunkStep = (typeof CHUNK_STEPS)[number];

export interface SendingDeps extends Omit<PreparingDeps, 'directory'>, AloneDeps {
  readonly directory: Directory;
  readonly connection: TargetConnection;
  readonly ourIdp: Moving['ourIdp'];
  readonly afterStep?: ((step: ChunkStep) => Promise<void> | void) | undefined;
}

/** With those of the chunk who are in the ledger already. */
interface Sent extends SendingDeps {
  readonly recorded: Set<string>;
}

/** How many have failed for good. Throws legacy_unavailable, storage_unavailable, and what aborts it. */
export async function sendChunk(deps: SendingDeps, chunk: Chunk, signal: AbortSignal): Promise<number> {
  const recorded = new Set<string>();
  try {
    return await send({ ...deps, recorded, pseudonym: remembering(deps.pseudonym) }, chunk, signal);
  } catch (error) {
    await giveBack({ ...deps, recorded }, chunk, { error, isStopped: signal.aborted }).catch(() => undefined);
    throw error;
  }
}

interface Ended {
  readonly error: unknown;
  readonly isStopped: boolean;
}

/**
 * Nobody has to wait for the lease to run out; whoever was told of is not in it any more. What is nobody's outage is
 * somebody's fault: it counts, so that they are soon alone. Whoever is there already keeps the lease, by which the next one
 * knows that it was us.
 */
async function giveBack(deps: Sent, chunk: Chunk, { error, isStopped }: Ended): Promise<void> {
  const left = chunk.people.filter(({ sub }) => !deps.recorded.has(sub));
  if (isStopped) return postponeEach(deps, chunk, left.map(goesBack));
  if (OUTAGES.some((code) => isFootbridgeError(error, code))) return;
  const results = left.map((taken) => afterFailure(taken, FAULT, { counts: true }));
  await postponeEach(
    deps,
    chunk,
    results.flatMap((result) => ('seconds' in result ? [result] : [])),
  );
  await tellEach(
    deps,
    chunk,
    results.flatMap((result) => ('outcome' in result ? [result] : [])),
  );
}

const OUTAGES = ['legacy_unavailable', 'storage_unavailable'] as const;
const FAULT: UserProblem = {
  code: 'internal',
  sentence: 'Something of ours failed over this person, or over one in the same call.',
};

/** Asked for at several steps. */
function remembering(pseudonym: SendingDeps['pseudonym']): SendingDeps['pseudonym'] {
  const known = new Map<string, Buffer>();
  return (sub) => {
    const made = known.get(sub) ?? pseudonym(sub);
    known.set(sub, made);
    return made;
  };
}

async function send(deps: Sent, chunk: Chunk, signal: AbortSignal): Promise<number> {
  await deps.afterStep?.('taken');
  const prepared = await prepareOrPostpone(deps, chunk);
  await postponeEach(deps, chunk, prepared.again);
  const sorted = prepared.ready.length > 0 ? await sendReady(deps, chunk, { prepared, signal }) : NOBODY;
  const { told, slow } = await settle(deps, chunk, sorted);
  const all = [...prepared.told, ...told];
  await tellEach(deps, chunk, all);
  const alone = await byOneself(deps, chunk, { people: [...prepared.slow, ...slow], signal });
  await deps.afterStep?.('told');
  return [...all, ...alone].filter(({ outcome }) => outcome === 'failed').length;
}

const NOBODY: Sorted = { arrived: [], told: [], slow: [], postponed: [] };
/** The legacy store is asked again after this. */
const LEGACY_SECONDS = 5;

async function prepareOrPostpone(deps: SendingDeps, chunk: Chunk): Promise<Prepared> {
  try {
    return await prepare(deps, chunk);
  } catch (error) {
    if (isFootbridgeError(error)) {
      const problem = { code: error.code, sentence: error.message };
      const postponed = chunk.people.map(({ sub }) => ({
        sub,
        seconds: LEGACY_SECONDS,
        counts: false,
        problem,
      }));
      await postponeEach(deps, chunk, postponed).catch(() => undefined);
    }
    throw error;
  }
}

interface Sending {
  readonly prepared: Prepared;
  readonly signal: AbortSignal;
}

async function sendReady(deps: SendingDeps, chunk: Chunk, { prepared, signal }: Sending): Promise<Sorted> {
  const { connection, governor, afterStep } = deps;
  const startMs = performance.now();
  const leave = await governor.enter(chunk.batch.workers, signal);
  let verdict: Verdict = { kind: 'untried' };
  try {
    // What was read before a long wait is not what is so now, and the operator may have paused meanwhile.
    if (performance.now() - startMs > STALE_MS) {
      await postponeEach(
        deps,
        chunk,
        prepared.ready.map(({ taken }) => goesBack(taken)),
      );
      return NOBODY;
    }
    // Whoever waited for a turn while the target went down goes back: one of them finds out for all.
    const [first, ...others] = prepared.ready;
    const next = governor.isProbing() && first ? [first] : prepared.ready;
    if (next.length < prepared.ready.length)
      await postponeEach(
        deps,
        chunk,
        others.map(({ taken }) => goesBack(taken)),
      );
    const mayGo = await releaseEach(deps, chunk, next);
    await afterStep?.('released');
    const going = next.filter(({ taken }) => mayGo.has(taken.sub));
    const users = going.map(({ person }) => person.user);
    const outcomes = users.length > 0 ? await connection.importUsers(users, { bulk: true }) : [];
    verdict = verdictOf(outcomes);
    await afterStep?.('sent');
    return await sort(deps, going, { outcomes, verdict });
  } finally {
    leave(verdict);
  }
}

const STALE_MS = 1_000;

const goesBack = ({ sub }: Pick<Taken, 'sub'>): Postponed => ({
  sub,
  seconds: 0,
  counts: false,
  problem: unavailableProblem('waiting_for_target'),
});

/** What was recorded is told; who could not be recorded goes the careful way. */
async function settle(deps: Sent, chunk: Chunk, sorted: Sorted) {
  await postponeEach(deps, chunk, sorted.postponed);
  const recorded = await recordOrNone(deps, chunk, sorted.arrived);
  for (const sub of recorded) deps.recorded.add(sub);
  if (sorted.arrived.length > 0) await deps.afterStep?.('recorded');
  const done = sorted.arrived.filter(({ sub }) => recorded.has(sub));
  await flag(
    deps,
    chunk,
    done.filter(({ outcome }) => outcome === 'migrated'),
  );
  const left = new Set(sorted.arrived.flatMap(({ sub }) => (recorded.has(sub) ? [] : [sub])));
  return {
    told: [...sorted.told, ...done],
    slow: [...sorted.slow, ...chunk.people.filter(({ sub }) => left.has(sub))],
  };
}

/** One whose target user is somebody else's already keeps all from being recorded together. */
async function recordOrNone(deps: SendingDeps, chunk: Chunk, arrived: readonly Arrived[]) {
  try {
    return await recordEach(deps, chunk, arrived);
  } catch (error) {
    if (sqlStateOf(error) !== UNIQUE_VIOLATION) throw error;
    return new Set<string>();
  }
}

const FLAGS_AT_ONCE = 4;
const FLAG_RETRY_SECONDS = 2;

/** A mark that the legacy store did not take is made up for by itself: the work is left for it. */
async function flag(deps: SendingDeps, chunk: Chunk, arrived: readonly Arrived[]): Promise<void> {
  const { directory, db } = deps;
  if (!directory.flag || arrived.length === 0) return;
  const { target, actor } = chunk.batch;
  await inParallel(arrived, FLAGS_AT_ONCE, async ({ sub }) => {
    if (await flagLegacy(deps, { sub, migrated: true, actor })) return;
    const problem = { code: 'legacy_not_flagged', sentence: 'The legacy store did not take the mark.' };
    const work = { target, sub, lease: chunk.lease, askedAt: chunk.askedAt };
    await postponeWork(db, work, { problem, delaySeconds: FLAG_RETRY_SECONDS, counts: true });
  });
  await deps.afterStep?.('flagged');
}
