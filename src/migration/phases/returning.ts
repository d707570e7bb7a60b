/**
 * Takes the people of a phase back: who is asked for is written down first, then everybody goes the way back, a few at a time and
 * each under a lease. Saying it again goes on where it was cut off, also beside another that is at it.
 */
import { randomUUID } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import { isFootbridgeError } from '../../errors.ts';
import { appendAudit } from '../../store/audit-log.ts';
import { LAST_ATTEMPT } from '../batch/attempts.ts';
import type { BatchNote } from '../batch/batch.ts';
import type { Batches } from '../batch/batches.ts';
import type { Governor, Verdict } from '../batch/governor.ts';
import { usesUpTries } from '../batch/one-by-one.ts';
import { holdBatches } from './phase-batches.ts';
import type { ReturnDeps, ReturnResult } from './return-person.ts';
import { returnOne } from './return-person.ts';
import type { ReturnLater, ReturnMember, ReturnScope, ReturnTold } from './return-rows.ts';
import {
  askBack,
  RETURN_LEASE_SECONDS,
  renewReturning,
  secondsToNextReturn,
  settleReturning,
  takeReturning,
} from './return-rows.ts';
import type { ReturnTally } from './return-tally.ts';
import { tallyReturning } from './return-tally.ts';

export interface ReturningDeps extends ReturnDeps {
  readonly batches: Pick<Batches, 'list' | 'pause' | 'drop'>;
  readonly governor: Governor;
}

export interface ReturnRequest {
  readonly scope: ReturnScope;
  /** As the audit log names who asks. */
  readonly actor: string;
  readonly losePasswords: boolean;
}

export interface ReturnProgress {
  readonly done: number;
  readonly total: number;
  readonly failed: number;
  readonly note: BatchNote | undefined;
}

export interface ReturnOptions {
  /** Ends after the people who are under way. */
  readonly signal: AbortSignal;
  readonly onProgress?: ((progress: ReturnProgress) => void) | undefined;
}

/** Calls at once: two groups of four people keep a target busy, and leave room for logins. */
const LANES = 2;
const AT_ONCE = 4;
const IDLE_MS = 500;
const OUTAGE_MS = 1_000;
const FIRST_DELAY_SECONDS = 0.5;
const MAX_DELAY_SECONDS = 60;
const HELD: BatchNote = { code: 'phase_held', sentence: 'People of its phase are being taken back.' };

/** Until everybody who is asked for is back, or could not go, or the signal says so. Throws storage_unavailable before the first person. */
export async function returnPeople(
  deps: ReturningDeps,
  request: ReturnRequest,
  options: ReturnOptions,
): Promise<ReturnTally> {
  const { scope, actor } = request;
  const { target, phases, segment, user } = scope;
  if (segment === null && user === null)
    for (const phase of phases)
      await holdBatches(deps, { target, phase }, { note: HELD, signal: options.signal });
  const asked = await askBack(deps.db, scope);
  const { open } = await tallyReturning(deps.db, scope);
  if (open > 0)
    await appendAudit(deps.db, {
      ...{ actor, action: 'rollout.returned' },
      ...(user === null ? {} : { subject: deps.pseudonym(user) }),
      detail: { target, phases: [...phases], ...(segment === null ? {} : { segment }), people: open, asked },
    });
  await workOff({ deps, request, total: open, ...options });
  return tallyReturning(deps.db, scope);
}

interface Working extends ReturnOptions {
  readonly deps: ReturningDeps;
  readonly request: ReturnRequest;
  readonly total: number;
}

interface Lane extends Working {
  readonly onTold: (told: readonly ReturnTold[]) => void;
}

async function workOff(working: Working): Promise<void> {
  const { deps, total, onProgress } = working;
  const stop = new AbortController();
  const signal = AbortSignal.any([working.signal, stop.signal]);
  let [done, failed] = [0, 0];
  const onTold = (told: readonly ReturnTold[]) => {
    done += told.length;
    failed += told.filter(({ back }) => back === 'failed' || back === 'refused').length;
    onProgress?.({ done, total, failed, note: deps.governor.note() });
  };
  // A lane more than there are groups would only wait for the others.
  const length = Math.max(1, Math.min(LANES, Math.ceil(total / AT_ONCE)));
  const lanes = Array.from({ length }, () =>
    laneOf({ ...working, signal, onTold }).catch((error) => {
      stop.abort();
      throw error;
    }),
  );
  // Nobody is let go of while one of them is still at work.
  await Promise.allSettled(lanes);
  await Promise.all(lanes);
}

async function laneOf(lane: Lane): Promise<void> {
  const { deps, request, signal } = lane;
  while (!signal.aborted) {
    try {
      const lease = randomUUID();
      const size = deps.governor.isProbing() ? 1 : AT_ONCE;
      const members = await takeReturning(deps.db, request.scope, { lease, size });
      if (members.length > 0) await takeGroup(lane, { lease, members });
      else if (await isOver(lane)) return;
    } catch (error) {
      if (signal.aborted) return;
      if (!isOutage(error)) throw error;
      await wait(OUTAGE_MS, undefined, { signal }).catch(() => undefined);
    }
  }
}

const isOutage = (error: unknown) =>
  isFootbridgeError(error, 'storage_unavailable') || isFootbridgeError(error, 'legacy_unavailable');

interface Group {
  readonly lease: string;
  readonly members: readonly ReturnMember[];
}

async function takeGroup(lane: Lane, { lease, members }: Group): Promise<void> {
  const { deps, request, signal, onTold } = lane;
  const { target } = request.scope;
  const subs = members.map(({ sub }) => sub);
  const renew = () => void renewReturning(deps.db, target, lease, subs).catch(() => undefined);
  const timer = setInterval(renew, (RETURN_LEASE_SECONDS * 1_000) / 3);
  timer.unref();
  try {
    const leave = await deps.governor.enter(LANES, signal);
    const results = await governed(lane, { lease, members }, leave);
    const told = results.flatMap((one) => ('back' in one ? [one] : []));
    const later = results.flatMap((one) => ('seconds' in one ? [one] : []));
    await settleReturning(deps.db, { target, lease }, { told, later });
    onTold(told);
  } catch (error) {
    // Nobody has to wait for the lease to run out. Whoever was told of is not under it any more.
    const later = members.map(({ sub, phase }) => ({ sub, phase, seconds: 0 }));
    await settleReturning(deps.db, { target, lease }, { told: [], later }).catch(() => undefined);
    throw error;
  } finally {
    clearInterval(timer);
  }
}

async function governed(
  lane: Lane,
  group: Group,
  leave: (verdict: Verdict) => void,
): Promise<(ReturnTold | ReturnLater)[]> {
  let verdict: Verdict = { kind: 'untried' };
  try {
    const results = await triedEach(lane, group);
    verdict = verdictOf(results.map(({ result }) => result));
    const counts = verdict.kind === 'well' || (await usesUpTries(lane.deps));
    return results.flatMap(({ member, result }) => outcomeOf(member, result, counts) ?? []);
  } finally {
    leave(verdict);
  }
}

/** Somebody of two phases goes once, and then once more, which finds that they are back. */
async function triedEach({ deps, request }: Lane, { lease, members }: Group) {
  const { scope, actor, losePasswords } = request;
  const entries = await deps.directory.findBySubs(members.map(({ sub }) => sub));
  const tries = [...Map.groupBy(members, ({ sub }) => sub)].map(async ([sub, rows]) => {
    const results: { readonly member: ReturnMember; readonly result: ReturnResult }[] = [];
    for (const member of rows) {
      const held = { target: scope.target, member, entry: entries.get(sub), lease, actor, losePasswords };
      results.push({ member, result: await returnOne(deps, held) });
    }
    return results;
  });
  await Promise.allSettled(tries);
  return (await Promise.all(tries)).flat();
}

function verdictOf(results: readonly ReturnResult[]): Verdict {
  const waits: number[] = [];
  for (const result of results) {
    if (result.kind !== 'later' || result.problem.code !== 'target_unavailable') return { kind: 'well' };
    waits.push(result.retryAfterSeconds ?? 0);
  }
  const longest = Math.max(0, ...waits);
  return { kind: 'down', ...(longest > 0 ? { retryAfterSeconds: longest } : {}) };
}

/** Undefined: somebody else has them by now. */
function outcomeOf(
  { sub, phase, detail }: ReturnMember,
  result: ReturnResult,
  isWell: boolean,
): ReturnTold | ReturnLater | undefined {
  switch (result.kind) {
    case 'lost':
      return undefined;
    case 'done':
      return { sub, phase, back: result.back };
    case 'refused':
    case 'failed':
      return { sub, phase, back: result.kind, problem: result.problem };
    case 'later': {
      const before = detail.attempts ?? 0;
      // The store is away: that is nobody's try.
      const counts = result.counts && isWell && result.problem.code !== 'legacy_unavailable';
      const attempts = before + Number(counts);
      if (attempts >= LAST_ATTEMPT) return { sub, phase, back: 'failed', problem: result.problem };
      const delay = Math.max(FIRST_DELAY_SECONDS * 2 ** before, result.retryAfterSeconds ?? 0);
      return { sub, phase, seconds: Math.min(delay, MAX_DELAY_SECONDS), problem: result.problem, attempts };
    }
  }
}

/** Waits until somebody may be free again; true: nobody is left. */
async function isOver({ deps, request, signal }: Lane): Promise<boolean> {
  const seconds = await secondsToNextReturn(deps.db, request.scope);
  if (seconds === undefined) return true;
  const waitMs = Math.min(IDLE_MS, Math.max(20, seconds * 1_000));
  await wait(waitMs, undefined, { signal }).catch(() => undefined);
  return false;
}
