/** People of a batch whom something is known of already: each gets one try, as after a login. */

import type { TargetConnection } from '../../targets/connection.ts';
import { move } from '../ledger.ts';
import type { MoveResult, Mover } from '../moving/mover.ts';
import { isMovable, nextState } from '../states.ts';
import { afterFailure } from './attempts.ts';
import type { UserProblem } from './batch.ts';
import type { Chunk, Taken } from './chunk.ts';
import type { Governor, Verdict } from './governor.ts';
import type { Postponed, SettlingDeps, Told } from './settling.ts';
import { postponeEach, tellEach } from './settling.ts';

const AT_ONCE = 4;
/** Not to be moved: nothing has gone wrong. */
const STOPPED: UserProblem = { code: 'aborted', sentence: 'The process that had this person was stopped.' };
const SKIPPED = ['user_excluded', 'user_not_found', 'user_disabled'];

/** Nobody has this id. */
const NOBODY = 'footbridge-nobody';

/**
 * In an outage nobody's tries are used up. While the target is taken for down, a failure is somebody's own only if it still
 * answers a question about nobody.
 */
export function usesUpTries({
  governor,
  connection,
}: Pick<AloneDeps, 'governor' | 'connection'>): Promise<boolean> {
  if (!governor.isProbing()) return Promise.resolve(true);
  return connection.userById(NOBODY).then(
    () => true,
    () => false,
  );
}

export interface AloneDeps extends SettlingDeps {
  readonly mover: Pick<Mover, 'goOn'>;
  readonly governor: Governor;
  readonly connection: Pick<TargetConnection, 'userById'>;
}

interface Some {
  readonly people: readonly Taken[];
  readonly signal: AbortSignal;
}

/** Those of whom something is known for good. */
export async function byOneself(
  deps: AloneDeps,
  chunk: Chunk,
  { people, signal }: Some,
): Promise<readonly Told[]> {
  const told: Told[] = [];
  for (let at = 0; at < people.length; at += AT_ONCE) {
    const results = await governed(deps, chunk, { people: people.slice(at, at + AT_ONCE), signal });
    const done = results.flatMap((result) => ('outcome' in result ? [result] : []));
    const again = results.flatMap((result) => ('outcome' in result ? [] : [result]));
    await tellEach(deps, chunk, done);
    await postponeEach(deps, chunk, again);
    told.push(...done);
  }
  return told;
}

async function governed({ governor, ...deps }: AloneDeps, chunk: Chunk, { people, signal }: Some) {
  const leave = await governor.enter(chunk.batch.workers, signal);
  let kind: Verdict['kind'] = 'well';
  try {
    const results = await Promise.all(people.map((taken) => oneTry(deps, chunk, { taken, signal })));
    if (results.every(({ code }) => code === 'target_unavailable')) kind = 'down';
    const counts = kind === 'well' || (await usesUpTries({ governor, connection: deps.connection }));
    return results.map(({ taken, result }) => resultOf(taken, result, counts));
  } finally {
    leave({ kind });
  }
}

async function oneTry(
  { db, pseudonym, mover }: Omit<AloneDeps, 'governor'>,
  { batch, lease, askedAt }: Chunk,
  { taken, signal }: { readonly taken: Taken; readonly signal: AbortSignal },
) {
  const { sub, legacyId, row, targetUserId } = taken;
  const { target, actor } = batch;
  const state = row?.state ?? 'legacy';
  // Nobody is asked for at the target without a proof or a batch: this is the batch.
  if (!isMovable(state) && nextState(state, 'enqueue'))
    await move(db, { target, sub, event: 'enqueue', actor, subject: pseudonym(sub), legacyId }).catch(
      () => undefined,
    );
  const work = { target, sub, road: 'batch' as const, actor, targetUserId, attempts: 0, lease, askedAt };
  const result = await mover.goOn(work, { signal });
  return { taken, result, code: result.kind === 'later' ? result.code : undefined };
}

function resultOf(taken: Taken, result: MoveResult, counts: boolean): Told | Postponed {
  const { sub } = taken;
  switch (result.kind) {
    case 'moved': {
      const { missing, targetUserId } = result;
      const [first] = missing;
      const isWhole = result.state !== 'created' || !first;
      if (isWhole) return { sub, outcome: 'migrated', targetUserId };
      const sentence = 'The person is at the target, and something could not be carried over.';
      return {
        sub,
        outcome: 'created',
        targetUserId,
        problem: { code: `${first.what}_missing`, sentence, missing },
      };
    }
    case 'refused': {
      const { code, sentence } = result;
      return { sub, outcome: SKIPPED.includes(code) ? 'skipped' : 'failed', problem: { code, sentence } };
    }
    case 'later': {
      if (result.code === 'aborted') return { sub, seconds: 0, counts: false, problem: STOPPED };
      const problem = { code: result.code, sentence: 'It could not be done now, and is tried again.' };
      return afterFailure(taken, problem, { counts, retryAfterSeconds: result.retryAfterSeconds });
    }
    case 'not-proved':
      return afterFailure(
        taken,
        { code: 'illegal_transition', sentence: 'Somebody else has just moved this person.' },
        { counts: true },
      );
  }
}
