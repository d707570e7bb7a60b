/**
 * One chunk of a batch: prepared, released, sent, recorded, told. Each step is durable before the next begins, so that
 * whoever dies anywhere leaves people whom the next one finds as far as they have come.
 */
import { isFootbridgeError } from '../../errors.ts';
import type { Directory } from '../../legacy/directory.ts';
import { sqlStateOf, UNIQUE_VIOLATION } from '../../store/db.ts';
import type { ImportOutcome, NotStored, TargetConnection } from '../../targets/connection.ts';
import { flagLegacy } from '../flagging.ts';
import { lackOf } from '../moving/found.ts';
import { arrivalOf } from '../moving/steps.ts';
import { hasPassword, hasSecondFactor } from '../moving/target-user.ts';
import { postponeWork } from '../moving/target-work.ts';
import type { Moving } from '../moving/try.ts';
import type { UserProblem } from './batch.ts';
import type { Chunk, Taken } from './chunk.ts';
import type { Verdict } from './governor.ts';
import type { AloneDeps } from './one-by-one.ts';
import { afterFailure, byOneself, usesUpTries } from './one-by-one.ts';
import type { Prepared, PreparingDeps } from './preparing.ts';
import { prepare } from './preparing.ts';
import type { Arrived, Postponed, Ready, Told } from './settling.ts';
import { postponeEach, recordEach, releaseEach, tellEach } from './settling.ts';

/** What a chunk passes through; `afterStep` is told of each as soon as it is done. */
export const CHUNK_STEPS = ['taken', 'released', 'sent', 'recorded', 'flagged', 'told'] as const;
export type ChunkStep = (typeof CHUNK_STEPS)[number];

export interface SendingDeps extends Omit<PreparingDeps, 'directory'>, AloneDeps {
  readonly directory: Directory;
  readonly connection: TargetConnection;
  readonly ourIdp: Moving['ourIdp'];
  readonly afterStep?: ((step: ChunkStep) => Promise<void> | void) | undefined;
}

/** What becomes of whoever was sent. */
interface Sorted {
  readonly arrived: readonly Arrived[];
  readonly told: readonly Told[];
  readonly slow: readonly Taken[];
  readonly postponed: readonly Postponed[];
}

/** How many have failed for good. Throws legacy_unavailable, storage_unavailable, and what aborts it. */
export async function sendChunk(deps: SendingDeps, chunk: Chunk, signal: AbortSignal): Promise<number> {
  try {
    return await send({ ...deps, pseudonym: remembering(deps.pseudonym) }, chunk, signal);
  } catch (error) {
    // Nobody has to wait for the lease to run out. Whoever was told of is not in it any more.
    if (signal.aborted) await postponeEach(deps, chunk, chunk.people.map(goesBack)).catch(() => undefined);
    throw error;
  }
}

/** Asked for at several steps. */
function remembering(pseudonym: SendingDeps['pseudonym']): SendingDeps['pseudonym'] {
  const known = new Map<string, Buffer>();
  return (sub) => {
    const made = known.get(sub) ?? pseudonym(sub);
    known.set(sub, made);
    return made;
  };
}

async function send(deps: SendingDeps, chunk: Chunk, signal: AbortSignal): Promise<number> {
  await deps.afterStep?.('taken');
  const prepared = await prepareOrPostpone(deps, chunk);
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
  const leave = await governor.enter(chunk.batch.workers, signal);
  let verdict: Verdict = { kind: 'well' };
  try {
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

const goesBack = ({ sub }: Pick<Taken, 'sub'>): Postponed => ({
  sub,
  seconds: 0,
  counts: false,
  problem: unavailableProblem('waiting_for_target'),
});

function verdictOf(outcomes: readonly ImportOutcome[]): Verdict {
  const unavailable = outcomes.flatMap((outcome) => (outcome.kind === 'unavailable' ? [outcome] : []));
  const waits = unavailable.flatMap(({ retryAfterSeconds }) => retryAfterSeconds ?? []);
  const retryAfterSeconds = waits.length > 0 ? Math.max(...waits) : undefined;
  if (unavailable.some(({ isThrottled }) => isThrottled)) return { kind: 'throttled', retryAfterSeconds };
  const isDown = unavailable.length > 0 && unavailable.length === outcomes.length;
  return isDown ? { kind: 'down', retryAfterSeconds } : { kind: 'well' };
}

interface Answered {
  readonly outcomes: readonly ImportOutcome[];
  readonly verdict: Verdict;
}

async function sort(
  deps: SendingDeps,
  sent: readonly Ready[],
  { outcomes, verdict }: Answered,
): Promise<Sorted> {
  const arrived: Arrived[] = [];
  const told: Told[] = [];
  const slow: Taken[] = [];
  const postponed: Postponed[] = [];
  const isOwn = verdict.kind === 'well' || (verdict.kind === 'down' && (await usesUpTries(deps)));
  for (const [index, ready] of sent.entries()) {
    const { taken } = ready;
    const outcome = outcomes[index] ?? { kind: 'unavailable', code: 'no_answer' };
    const arrival = outcome.kind === 'created' ? whole(ready, outcome) : await known(deps, ready, outcome);
    if (arrival) arrived.push(arrival);
    else if (outcome.kind === 'refused') {
      const problem = { code: `target:${outcome.code}`, sentence: outcome.sentence };
      told.push({ sub: taken.sub, outcome: 'failed', problem });
    } else if (outcome.kind === 'unavailable') {
      const result = afterFailure(taken, unavailableProblem(outcome.code), {
        counts: !outcome.isThrottled && isOwn,
        retryAfterSeconds: outcome.retryAfterSeconds,
      });
      if ('outcome' in result) told.push(result);
      else postponed.push(result);
    } else slow.push(taken);
  }
  return { arrived, told, slow, postponed };
}

const unavailableProblem = (code: string): UserProblem => ({
  code: 'target_unavailable',
  sentence: 'The target did not answer, or not with an answer about this person.',
  detail: code,
});

/** Undefined: something is neither stored nor said to be missing, so it has to be looked at. */
function whole(
  { taken, person }: Ready,
  { targetUserId, stored, missing }: Extract<ImportOutcome, { kind: 'created' }>,
): Arrived | undefined {
  const lacking = [...person.missing, ...missing];
  const { credentials } = person.entry;
  const isSaid = (what: NotStored['what']) =>
    stored.includes(what) || lacking.some((one) => one.what === what);
  const isFactorSaid = !hasSecondFactor(credentials) || isSaid('totp') || stored.includes('passkeys');
  if (!isSaid('links') || !isFactorSaid || (hasPassword(credentials) && !isSaid('password')))
    return undefined;
  return { sub: taken.sub, targetUserId, made: true, user: person.user, ...outcomeOf(lacking) };
}

/** Somebody whom an earlier try of ours has made, and who lacks nothing that another try could add. */
async function known(
  deps: SendingDeps,
  { taken, person }: Ready,
  outcome: ImportOutcome,
): Promise<Arrived | undefined> {
  if (outcome.kind !== 'exists' || person.hasNewPassword) return undefined;
  const row = taken.row ?? { made: null, targetUserId: null };
  const { targetUserId, made, found } = arrivalOf(outcome.found, person, row);
  if (!made || !found || found.state !== 'active') return undefined;
  const { missing, unseen } = await lackOf(deps, person, { now: found, told: [] });
  const isLeft = missing.some(
    ({ what, code }) => !person.missing.some((one) => one.what === what && one.code === code),
  );
  return unseen || isLeft
    ? undefined
    : { sub: taken.sub, targetUserId, made, user: person.user, ...outcomeOf(missing) };
}

function outcomeOf(missing: readonly NotStored[]): Pick<Arrived, 'outcome' | 'problem'> {
  const [first] = missing;
  if (!first) return { outcome: 'migrated' };
  const problem = {
    code: `${first.what}_missing`,
    sentence: 'The person is at the target, and something could not be carried over.',
    missing,
  };
  return { outcome: 'created', problem };
}

/** What was recorded is told; who could not be recorded goes the careful way. */
async function settle(deps: SendingDeps, chunk: Chunk, sorted: Sorted) {
  await postponeEach(deps, chunk, sorted.postponed);
  const recorded = await recordOrNone(deps, chunk, sorted.arrived);
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
  for (let at = 0; at < arrived.length; at += FLAGS_AT_ONCE) {
    const some = arrived.slice(at, at + FLAGS_AT_ONCE).map(async ({ sub }) => {
      if (await flagLegacy(deps, { sub, migrated: true, actor })) return;
      const problem = { code: 'legacy_not_flagged', sentence: 'The legacy store did not take the mark.' };
      const work = { target, sub, lease: chunk.lease, askedAt: chunk.askedAt };
      await postponeWork(db, work, { problem, delaySeconds: FLAG_RETRY_SECONDS, counts: true });
    });
    await Promise.all(some);
  }
  await deps.afterStep?.('flagged');
}
