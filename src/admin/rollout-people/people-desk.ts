/** The desk as moving the people of a phase sees it: forth by batches, and back. */
import { FootbridgeError } from '../../errors.ts';
import { openGovernor } from '../../migration/batch/governor.ts';
import { connectionOf } from '../../migration/moving/back.ts';
import type { CutOverDeps } from '../../migration/phases/cutting-over.ts';
import type { GatherDeps } from '../../migration/phases/gathering.ts';
import { batchesOf } from '../../migration/phases/phase-batches.ts';
import type { ReturnScope } from '../../migration/phases/return-rows.ts';
import type { ReturningDeps } from '../../migration/phases/returning.ts';
import type { Rollout } from '../../rollout/rollout.ts';
import { idpIdOf } from '../../targets/resources.ts';
import type { Desk, RunOptions } from '../operation.ts';
import { openPasswordsKnown } from './passwords-known.ts';

export function rolloutOf({ rollout }: Desk): Rollout {
  if (rollout) return rollout;
  throw new FootbridgeError('internal', { detail: 'the desk was opened without rollout plans' });
}

export const gatherDepsOf = (desk: Desk): GatherDeps => {
  const { db, directory, batches } = desk;
  return { db, directory, batches, rollout: rolloutOf(desk), nowMs: Date.now };
};

/** Throws target_without_api. */
export async function returningDepsOf(desk: Desk, name: string): Promise<ReturningDeps> {
  const { db, keyring, directory, targets, audit, batches } = desk;
  const connection = connectionOf(desk, name);
  const target = targets.byName(name);
  if (!target) throw new FootbridgeError('target_without_api', { detail: name });
  const known = await openPasswordsKnown(desk, name);
  return {
    ...{ db, keyring, directory, targets, target, connection, batches },
    pseudonym: audit.pseudonym,
    idpId: await idpIdOf(db, target),
    governor: openGovernor(),
    passwordOf: (of) => known.standingOf(of),
  };
}

export async function cutOverDepsOf({ db, audit, ...desk }: Desk, name: string): Promise<CutOverDeps> {
  const known = await openPasswordsKnown({ db, audit, ...desk }, name);
  return { db, pseudonym: audit.pseudonym, lacksPassword: (sub) => known.lacks(sub), nowMs: Date.now };
}

/**
 * Of a part of a phase nobody holds its batches: one that runs would bring people again, and has to be paused first. As
 * sentences.
 */
export async function batchesInTheWay(
  { batches }: Pick<Desk, 'batches'>,
  { target, phases, segment, user }: ReturnScope,
): Promise<string[]> {
  if (segment === null && user === null) return [];
  const all = await Promise.all(phases.map((phase) => batchesOf(batches, { target, phase })));
  return all
    .flat()
    .filter(({ state }) => state === 'running')
    .map(({ id }) => `The batch ${id} is running. First: footbridge batch pause ${id} --execute`);
}

/** Over the API one call does what it can do in this time; saying it again goes on. */
const API_SECONDS = 20;

/** Somebody waits on the command line; over the API nobody does for long. */
export function limited({ signal, onProgress }: RunOptions): AbortSignal {
  if (onProgress) return signal ?? new AbortController().signal;
  const time = AbortSignal.timeout(API_SECONDS * 1_000);
  return signal ? AbortSignal.any([signal, time]) : time;
}
