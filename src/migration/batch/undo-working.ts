/**
 * Takes back whoever is marked: several at once, each leased, in this process and in others; as fast as the target and the
 * batch's own limit allow. An outage costs nobody a try.
 */
import { randomUUID } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import { isFootbridgeError } from '../../errors.ts';
import type { TargetConnection } from '../../targets/connection.ts';
import { LAST_ATTEMPT } from './attempts.ts';
import type { Batch } from './batch.ts';
import { findBatch, giveTokens, noteUndoPart, takeTokens } from './batch-rows.ts';
import type { Place } from './batch-users.ts';
import type { Governor, Verdict } from './governor.ts';
import { usesUpTries } from './one-by-one.ts';
import { UNDOING } from './undo-asked.ts';
import type { Result, UndoDeps } from './undo-person.ts';
import { takeBack } from './undo-person.ts';
import type { UndoMember, UndoPostponed, UndoProblem, UndoTold } from './undo-rows.ts';
import {
  firstOpen,
  NO_PLACE,
  renewMembers,
  secondsToNextOpen,
  settleMembers,
  takeMembers,
  UNDO_LEASE_SECONDS,
} from './undo-rows.ts';

export interface WorkingDeps extends UndoDeps {
  readonly connection: Pick<TargetConnection, 'userById'>;
  readonly governor: Governor;
}

export interface Working {
  readonly deps: WorkingDeps;
  readonly id: string;
  /** As the audit log names who takes them back. */
  readonly actor: string;
  readonly signal: AbortSignal;
  /** Told of those of whom it is known what became of them. */
  readonly onTold: (told: readonly UndoTold[]) => void;
}

/** Shared by the workers of one run. */
interface Shared extends Working {
  readonly place: { at: Place; untilMs: number };
  readonly legacy: { isDown: boolean };
}

/** Calls at once of one worker; each is one person. */
const AT_ONCE = 4;
const IDLE_MS = 500;
const OUTAGE_MS = 1_000;
const TELL_MS = 500;
/** Where rows that are done are not looked at again, this is looked up anew. */
const PLACE_MS = 2_000;
const FIRST_DELAY_SECONDS = 0.5;
const MAX_DELAY_SECONDS = 60;

/** Until nobody is left, somebody has ended it, or the signal says so. Throws what is our own mistake. */
export async function workOff(working: Working, { workers }: Pick<Batch, 'workers'>): Promise<void> {
  const stop = new AbortController();
  const signal = AbortSignal.any([working.signal, stop.signal]);
  const place = { at: NO_PLACE, untilMs: 0 };
  const own = { ...working, signal, place, legacy: { isDown: false } };
  const telling = tell(own);
  try {
    await Promise.all(
      Array.from({ length: workers }, () =>
        lane(own).catch((error) => {
          stop.abort();
          throw error;
        }),
      ),
    );
  } finally {
    stop.abort();
    await telling;
  }
}

async function lane(working: Shared): Promise<void> {
  const { deps, id, signal } = working;
  while (!signal.aborted) {
    try {
      const batch = await findBatch(deps.db, id);
      if (batch.state !== 'undoing') return;
      if (!(await oneGroup(working, batch)) && (await isOver(working))) return;
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
  readonly batch: Batch;
  readonly lease: string;
  readonly members: readonly UndoMember[];
}

/** Rows that are done need not be read again. */
async function placeOf({ deps, id, place }: Shared): Promise<Place> {
  if (performance.now() < place.untilMs) return place.at;
  place.untilMs = performance.now() + PLACE_MS;
  place.at = (await firstOpen(deps.db, id, place.at)) ?? place.at;
  return place.at;
}

/** False: nobody was free. */
async function oneGroup(working: Shared, batch: Batch): Promise<boolean> {
  const { deps, id } = working;
  const wanted = deps.governor.isProbing() ? 1 : AT_ONCE;
  const size = batch.perSecond === null ? wanted : (await takeTokens(deps.db, id, wanted)).users;
  if (size === 0) return false;
  const lease = randomUUID();
  const members = await takeMembers(deps.db, id, { lease, size, from: await placeOf(working) });
  if (batch.perSecond !== null) await giveTokens(deps.db, id, size - members.length);
  if (members.length === 0) return false;
  const kept = keep(working, { lease, members });
  try {
    await takeBackEach(working, { batch, lease, members });
    return true;
  } finally {
    kept.stop();
  }
}

/** Keeps the lease until it is stopped. What could not be renewed runs out, which does no harm. */
function keep({ deps, id }: Working, { lease, members }: Omit<Group, 'batch'>): { stop(): void } {
  const subs = members.map(({ sub }) => sub);
  const renew = () => void renewMembers(deps.db, id, { lease, subs }).catch(() => undefined);
  const timer = setInterval(renew, (UNDO_LEASE_SECONDS * 1_000) / 3);
  timer.unref();
  return { stop: () => clearInterval(timer) };
}

async function takeBackEach(working: Shared, group: Group): Promise<void> {
  const { deps, id, signal, legacy } = working;
  const { lease, members } = group;
  try {
    const leave = await deps.governor.enter(group.batch.workers, signal);
    const results = await governed(working, group, leave);
    legacy.isDown = false;
    const told = results.flatMap((result) => ('undone' in result ? [result] : []));
    const postponed = results.flatMap((result) => ('undone' in result ? [] : [result]));
    await settleMembers(deps.db, id, { lease, told, postponed });
    working.onTold(told);
  } catch (error) {
    legacy.isDown = isFootbridgeError(error, 'legacy_unavailable');
    // Nobody has to wait for the lease to run out. Whoever was told of is not under it any more.
    const postponed = members.map(({ sub }) => ({ sub, seconds: 0 }));
    await settleMembers(deps.db, id, { lease, told: [], postponed }).catch(() => undefined);
    throw error;
  }
}

async function governed(
  working: Working,
  group: Group,
  leave: (verdict: Verdict) => void,
): Promise<readonly (UndoTold | UndoPostponed)[]> {
  const { deps } = working;
  let verdict: Verdict = { kind: 'untried' };
  try {
    const results = await triedEach(working, group);
    verdict = verdictOf(results.map(({ result }) => result));
    const counts = verdict.kind === 'well' || (await usesUpTries(deps));
    return results.flatMap(({ member, result }) => outcomeOf(member, result, counts) ?? []);
  } finally {
    leave(verdict);
  }
}

/** Nobody is let go of while one of them is still at work. */
async function triedEach({ deps, actor }: Working, { batch, lease, members }: Group) {
  const entries = await deps.directory.findBySubs(members.map(({ sub }) => sub));
  const tries = members.map(async (member) => {
    const entry = entries.get(member.sub);
    return { member, result: await takeBack(deps, { batch, member, entry, lease, actor }) };
  });
  await Promise.allSettled(tries);
  return Promise.all(tries);
}

function verdictOf(results: readonly Result[]): Verdict {
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
  { sub, attempts: before }: UndoMember,
  result: Result,
  isWell: boolean,
): UndoTold | UndoPostponed | undefined {
  if (result.kind === 'lost') return undefined;
  if (result.kind === 'done') return { sub, undone: result.undone };
  if (result.kind === 'failed')
    return { sub, undone: 'failed', problem: { ...result.problem, attempts: before + 1 } };
  const attempts = before + Number(result.counts && isWell);
  const problem: UndoProblem = { ...result.problem, attempts };
  if (attempts >= LAST_ATTEMPT) return { sub, undone: 'failed', problem };
  const delay = Math.max(FIRST_DELAY_SECONDS * 2 ** before, result.retryAfterSeconds ?? 0);
  return { sub, seconds: Math.min(delay, MAX_DELAY_SECONDS), problem };
}

/** Waits until somebody may be free again; true: nobody is left. */
async function isOver({ deps, id, signal, place }: Shared): Promise<boolean> {
  const seconds = await secondsToNextOpen(deps.db, id, place.at);
  if (seconds === undefined) return true;
  const waitMs = Math.min(IDLE_MS, Math.max(20, seconds * 1_000));
  await wait(waitMs, undefined, { signal }).catch(() => undefined);
  return false;
}

const LEGACY_DOWN = { code: 'legacy_down', sentence: 'The legacy store does not answer.' } as const;

/** Writes down why it is slow. */
async function tell({ deps, id, signal, legacy }: Shared): Promise<void> {
  while (!signal.aborted) {
    await wait(TELL_MS, undefined, { signal }).catch(() => undefined);
    if (signal.aborted) return;
    const note = legacy.isDown ? LEGACY_DOWN : (deps.governor.note() ?? UNDOING);
    await deps.db.runParts([noteUndoPart(id, note)], 'select 1 from undo_noted').catch(() => undefined);
  }
}
