/**
 * Making people at a target, whoever asks for it. What is asked for is written down first and done then; what dies in
 * between is gone on with by whoever comes next, on any node, and ends with one user at the target, complete.
 */
import { setTimeout } from 'node:timers/promises';
import { isFootbridgeError } from '../../errors.ts';
import { appendAudit } from '../../store/audit-log.ts';
import type { NotStored, TargetConnection } from '../../targets/connection.ts';
import type { Target, Targets } from '../../targets/target.ts';
import { flagLegacy } from '../flagging.ts';
import type { LedgerRow } from '../ledger.ts';
import { move as moveInLedger } from '../ledger.ts';
import { comparedPart } from '../reconcile/compared.ts';
import { digestsOf } from '../reconcile/marks.ts';
import type { State } from '../states.ts';
import { isMovable } from '../states.ts';
import type { EndDeps } from './ends.ts';
import { failed, moved, postponeOrGiveUp, refusal, withoutWork } from './ends.ts';
import { alreadyThere } from './found.ts';
import type { MoveRequest, MoveResult, Mover, Road } from './mover.ts';
import type { Arrival } from './steps.ts';
import { arrivalOf, complete, personFor, record, release, standingOf, store } from './steps.ts';
import { targetUserIdOf } from './target-user.ts';
import type { Problem } from './target-work.ts';
import { claimDue, claimWork, finishWork, keepLease, requestPart } from './target-work.ts';
import type { Moving, Person, StepDeps } from './try.ts';
import { done, moveOf } from './try.ts';

export interface MoverDeps extends StepDeps, EndDeps {
  /** The rollout plan leaves them where they are, and they are not at the target yet. Batches and operators do not ask. */
  readonly waits?: (target: string, sub: string) => Promise<boolean>;
  readonly targets: Pick<Targets, 'all' | 'byName' | 'connection'>;
  /** For metrics and the log: how a try ended. `code` says why it did not end at the target. */
  readonly onMove?: (move: {
    readonly target: string;
    readonly sub: string;
    readonly road: Road;
    readonly result: Exclude<MoveResult['kind'], 'moved'> | 'created' | 'migrated';
    readonly code?: string;
    readonly seconds: number;
  }) => void;
}

/** Asked at once, two wait for one another so long: most moves take less. */
const WAIT_MS = 200;
const MAX_WAITS = 25;
/** People per round of `resume`, and how many of them at once on a node. */
const RESUME_USERS = 100;
const AT_ONCE = 4;
/** What the ledger forbids because somebody else has just moved the person is tried once more, from what is now. */
const ROUNDS = 2;
const NOT_FLAGGED: Problem = {
  code: 'legacy_not_flagged',
  sentence: 'The legacy store did not take the mark that this person has moved.',
};

export function openMover(deps: MoverDeps): Mover {
  return {
    requestParts: (request) => (deps.targets.connection(request.target) ? [requestPart(request)] : []),
    move: (request, { signal } = {}) => move(deps, request, signal),
    goOn: async (work, { signal } = {}) => {
      const ends = endsOf(deps, work.target);
      return ends ? run(deps, { ...deps, ...ends, work, signal }) : refusal('target_without_api');
    },
    resume: (limit = RESUME_USERS, sinceSeconds = 0) => resume(deps, limit, sinceSeconds),
  };
}

interface Ends {
  readonly target: Target;
  readonly connection: TargetConnection;
}

function endsOf({ targets }: MoverDeps, name: string): Ends | undefined {
  const [target, connection] = [targets.byName(name), targets.connection(name)];
  return target && connection && { target, connection };
}

async function move(deps: MoverDeps, request: MoveRequest, signal?: AbortSignal): Promise<MoveResult> {
  const ends = endsOf(deps, request.target);
  if (!ends) return refusal('target_without_api');
  for (let waits = 0; ; waits += 1) {
    const { row, work, problem } = await claimWork(deps.db, request);
    if (work) return run(deps, { ...deps, ...ends, work, signal });
    if (!row || !isMovable(row.state)) return withoutWork(ends.connection, row, problem);
    if (waits === MAX_WAITS) return { kind: 'later', code: 'under_way', retryAfterSeconds: 1 };
    await setTimeout(WAIT_MS, undefined, signal ? { signal } : {}).catch(() => undefined);
    if (signal?.aborted) return { kind: 'later', code: 'aborted' };
  }
}

async function resume(deps: MoverDeps, limit: number, sinceSeconds: number): Promise<number> {
  const names = deps.targets.all.map(({ name }) => name).filter((name) => endsOf(deps, name));
  let left = limit;
  const next = async (): Promise<number> => {
    if (left === 0 || names.length === 0) return 0;
    left -= 1;
    const work = await claimDue(deps.db, names, sinceSeconds);
    if (!work) return 0;
    // Kept with its problem, and told to `onMove`.
    await run(deps, { ...deps, ...endsOf(deps, work.target)!, work }).catch(() => undefined);
    return 1 + (await next());
  };
  const counts = await Promise.all(Array.from({ length: Math.min(AT_ONCE, limit) }, next));
  return counts.reduce((sum, count) => sum + count, 0);
}

/** One try, however it ends; the lease is kept meanwhile. */
async function run(deps: MoverDeps, moving: Moving): Promise<MoveResult> {
  const { target, sub, road } = moving.work;
  const start = performance.now();
  const told = (result: MoveResult) => {
    const seconds = (performance.now() - start) / 1_000;
    const code = 'code' in result ? { code: result.code } : {};
    const end =
      result.kind !== 'moved' ? result.kind : result.state === 'created' ? 'created' : ('migrated' as const);
    deps.onMove?.({ target, sub, road, result: end, ...code, seconds });
  };
  const lease = keepLease(moving.db, moving.work);
  try {
    const result = await rounds(moving).catch((error) => failed(deps, moving, error));
    told(result);
    return result;
  } catch (error) {
    told({ kind: 'later', code: isFootbridgeError(error) ? error.code : 'internal' });
    throw error;
  } finally {
    lease.stop();
  }
}

async function rounds(moving: Moving): Promise<MoveResult> {
  for (let round = 1; ; round += 1) {
    try {
      return await attempt(moving);
    } catch (error) {
      if (round === ROUNDS || !isFootbridgeError(error, 'illegal_transition')) throw error;
    }
  }
}

async function attempt(moving: Moving): Promise<MoveResult> {
  await done(moving, 'claimed');
  const standing = await standingOf(moving);
  const { row } = standing;
  if (!row || !isMovable(row.state)) return settled(moving, row);
  if (await isHeld(moving)) return leftWhereTheyAre(moving);
  const person = await personFor(moving, { ...standing, row });
  await release(moving, person);
  await done(moving, 'released');
  const found = await alreadyThere(moving, person.user, row);
  await done(moving, 'looked');
  const arrival = found ? arrivalOf(found, person, row) : await store(moving, person, row);
  await done(moving, 'stored');
  await record(moving, row, arrival);
  if (!arrival.found) await compared(moving, person, arrival);
  await done(moving, 'recorded');
  const { now, missing } = await complete(moving, person, arrival);
  if (missing.length > 0) {
    await finishIncomplete(moving, missing);
    return moved('created', now, missing);
  }
  await moveInLedger(moving.db, { ...moveOf(moving), event: 'confirm', detail: { road: moving.work.road } });
  await done(moving, 'confirmed');
  await flagAndFinish(moving);
  return moved('migrated', now, missing);
}

/** Both sides have the same now: whoever compares them later can tell which of them has changed. */
async function compared({ db, keyring, work }: Moving, { user }: Person, { targetUserId }: Arrival) {
  const { target, sub } = work;
  const digests = digestsOf(keyring, target, { ...user, targetUserId });
  await db.runParts([comparedPart(target, { sub, digests })], 'select 1');
}

const PLANNED_ROADS: readonly Road[] = ['login', 'fetch', 'event', 'typed', 'ensure'];

async function isHeld({ waits, work: { target, sub, road } }: Held): Promise<boolean> {
  return PLANNED_ROADS.includes(road) && ((await waits?.(target, sub)) ?? false);
}
type Held = Moving & Pick<MoverDeps, 'waits'>;

/** Asked for before the plan was taken back: their next login asks again, when it is their turn. */
async function leftWhereTheyAre(moving: Moving): Promise<MoveResult> {
  await finishWork(moving.db, moving.work);
  return { kind: 'later', code: 'rollout_stays' };
}

/** The auditor can tell why somebody who is there does not count as moved. */
async function finishIncomplete(moving: Moving, missing: readonly NotStored[]): Promise<void> {
  const { target, actor, subject } = moveOf(moving);
  const detail = { target, missing: missing.map(({ what, code }) => `${what}: ${code}`) };
  await appendAudit(moving.db, { actor, action: 'target.incomplete', subject, detail });
  await finishWork(moving.db, moving.work);
}

/** A mark that the legacy store did not take is tried again with the work; the ledger knows without it. */
async function flagAndFinish(moving: Moving): Promise<void> {
  const { work, db } = moving;
  const isFlagged = await flagLegacy(moving, { sub: work.sub, migrated: true, actor: work.actor });
  if (!isFlagged) return void (await postponeOrGiveUp(moving, NOT_FLAGGED));
  await done(moving, 'flagged');
  await finishWork(db, work);
  await done(moving, 'finished');
}

/** Whom nobody may have at the target: what was made of them while that was decided must not stay open. */
const NEVER_THERE: readonly State[] = ['excluded', 'deleted'];

async function deactivateOurs({ connection, work }: Moving, { removals }: LedgerRow): Promise<void> {
  const ours = await connection.userById(targetUserIdOf(work.target, work.sub, removals));
  if (ours && ours.state !== 'deleted') await connection.deactivate(ours.targetUserId);
}

/** Nothing is left to be made: they have arrived, or are not to be moved any more. */
async function settled(moving: Moving, row: LedgerRow | undefined): Promise<MoveResult> {
  if (row && NEVER_THERE.includes(row.state)) await deactivateOurs(moving, row);
  if (row?.state === 'migrated') await flagAndFinish(moving);
  else await finishWork(moving.db, moving.work);
  return withoutWork(moving.connection, row, undefined);
}
