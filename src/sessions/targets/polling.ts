/**
 * Events get lost: so the target is asked about every live session from time to time. What does not answer, or does not
 * let us look, leaves everything as it is.
 */
import { FootbridgeError } from '../../errors.ts';
import type { Target } from '../../targets/target.ts';
import type { TargetSessionRow } from '../target-sessions.ts';
import { claimTargetChecks, forgetTargetSession } from '../target-sessions.ts';
import { identified } from './beginning.ts';
import { ended } from './following.ts';
import type { TargetSessionsDeps } from './target-people.ts';
import { personAt } from './target-people.ts';

const CLAIMED_AT_ONCE = 40;
const ASKED_AT_ONCE = 4;
/** A round ends then, and the rest has its turn in the next one. */
const ROUND_MS = 20_000;
/** Whoever the target makes after a login is in our ledger by then. */
const STRANGER_SECONDS = 600;

/** Never throws: what goes wrong at one target does not keep the others from being asked. */
export async function poll(deps: TargetSessionsDeps): Promise<void> {
  await Promise.all(
    deps.targets.all
      .filter(({ name, sessions }) => sessions.follow && deps.targets.connection(name)?.sessionById)
      .map((target) => round(deps, target).catch((error) => deps.onError?.(error, target.name))),
  );
}

async function round(deps: TargetSessionsDeps, target: Target): Promise<void> {
  const untilMs = performance.now() + ROUND_MS;
  const claim = {
    target: target.name,
    olderThanSeconds: target.sessions.pollSeconds,
    limit: CLAIMED_AT_ONCE,
  };
  for (let claimed = CLAIMED_AT_ONCE; claimed === CLAIMED_AT_ONCE && performance.now() < untilMs; ) {
    const rows = await claimTargetChecks(deps.db, claim);
    claimed = rows.length;
    await checkAll(deps, target, rows);
  }
}

/** The first that goes wrong is the last that is asked for this time. */
async function checkAll(deps: TargetSessionsDeps, target: Target, rows: readonly TargetSessionRow[]) {
  const left = [...rows];
  const worker = async () => {
    for (let row = left.shift(); row; row = left.shift()) {
      await check(deps, target, row).catch((error) => {
        left.length = 0;
        throw error;
      });
    }
  };
  const done = await Promise.allSettled(Array.from({ length: ASKED_AT_ONCE }, worker));
  for (const one of done) if (one.status === 'rejected') throw one.reason;
}

async function check(deps: TargetSessionsDeps, target: Target, row: TargetSessionRow): Promise<void> {
  const { id, targetUserId } = row;
  if (row.sub === null) return checkNobodys(deps, target, row);
  const connection = deps.targets.connection(target.name);
  if (!connection?.sessionById) throw new FootbridgeError('target_without_api', { detail: target.name });
  if (!(await connection.sessionById(id))) await ended(deps, target, { targetSessionId: id, targetUserId });
}

async function checkNobodys(deps: TargetSessionsDeps, target: Target, row: TargetSessionRow): Promise<void> {
  if (await personAt(deps, target, row)) return identified(deps, target, row);
  const isOld = Date.now() - row.startedAt.getTime() > STRANGER_SECONDS * 1_000;
  if (isOld) await forgetTargetSession(deps.db, target.name, row.id);
}
