/**
 * Who of a chunk can be sent as they are: read afresh from the legacy store, and written as the target is to have them.
 * People of whom something is known at the target already go the careful way, one by one.
 */
import { ERRORS } from '../../errors.ts';
import type { Directory } from '../../legacy/directory.ts';
import type { DirectoryEntry } from '../../legacy/entries.ts';
import type { DescribingDeps } from '../moving/steps.ts';
import { personOf } from '../moving/steps.ts';
import { NeverMoves } from '../moving/try.ts';
import { hasTargetUser, nextState } from '../states.ts';
import type { UserProblem } from './batch.ts';
import type { Chunk, Taken } from './chunk.ts';
import type { Ready, Told } from './settling.ts';

export interface PreparingDeps extends Omit<DescribingDeps, 'work'> {
  readonly directory: Pick<Directory, 'findBySubs' | 'flag'>;
}

export interface Prepared {
  readonly ready: readonly Ready[];
  /** Of whom nothing has to be asked. */
  readonly told: readonly Told[];
  /** For one try each, as after a login. */
  readonly slow: readonly Taken[];
}

type Fate = { readonly ready: Ready } | { readonly told: Told } | { readonly slow: Taken };

const NEW = { removals: 0, releasedOf: null } as const;

/** Throws legacy_unavailable, hashing_overloaded. */
export async function prepare(deps: PreparingDeps, chunk: Chunk): Promise<Prepared> {
  const entries = await deps.directory.findBySubs(chunk.people.map(({ sub }) => sub));
  const fates = await Promise.all(
    chunk.people.map((taken) => fateOf(deps, chunk, { taken, entry: entries.get(taken.sub) })),
  );
  return {
    ready: fates.flatMap((fate) => ('ready' in fate ? [fate.ready] : [])),
    told: fates.flatMap((fate) => ('told' in fate ? [fate.told] : [])),
    slow: fates.flatMap((fate) => ('slow' in fate ? [fate.slow] : [])),
  };
}

interface Somebody {
  readonly taken: Taken;
  readonly entry: DirectoryEntry | undefined;
}

async function fateOf(deps: PreparingDeps, chunk: Chunk, { taken, entry }: Somebody): Promise<Fate> {
  const { sub, row } = taken;
  const { state = 'legacy' } = row ?? {};
  if (hasTargetUser(state) && state !== 'created') return arrived(deps, taken);
  if (state === 'excluded' || state === 'deleted')
    return skipped(sub, state === 'excluded' ? 'user_excluded' : 'user_not_found');
  // The target has told of a user of its own, or has one half-made.
  if (state === 'created' || taken.targetUserId !== null) return { slow: taken };
  if (entry?.error)
    return failed(sub, { code: entry.error.code, sentence: entry.error.message, ...detail(entry.error) });
  if (entry?.user.state !== 'active') {
    // Somebody who was sent before may be there by now, and must not log in there either.
    if (row?.releasedOf) return { slow: taken };
    return skipped(sub, entry ? 'user_disabled' : 'user_not_found');
  }
  if (!nextState(state, 'enqueue') && !nextState(state, 'release'))
    return failed(sub, known('illegal_transition'));
  return described(deps, chunk, { taken, entry });
}

/** Brought by this batch, whose worker died before it could say so; or there before their turn. */
function arrived({ directory }: PreparingDeps, taken: Taken): Fate {
  const { sub, row, isInFlight } = taken;
  if (isInFlight && directory.flag) return { slow: taken };
  const id = row?.targetUserId ? { targetUserId: row.targetUserId } : {};
  return { told: { sub, outcome: isInFlight ? 'migrated' : 'there', ...id } };
}

async function described(
  deps: PreparingDeps,
  chunk: Chunk,
  { taken, entry }: { readonly taken: Taken; readonly entry: Exclude<DirectoryEntry, { error: Error }> },
): Promise<Fate> {
  const { sub, row, captured } = taken;
  const moving = { ...deps, work: { target: chunk.batch.target, sub } };
  const standing = { row: row ?? NEW, captured, blocked: chunk.blocked };
  try {
    const { error: _, sub: __, ...rest } = entry;
    return { ready: { taken, person: await personOf(moving, standing, rest) } };
  } catch (error) {
    if (!(error instanceof NeverMoves)) throw error;
    return failed(sub, { code: error.code, sentence: error.message, ...detail(error) });
  }
}

const known = (code: keyof typeof ERRORS): UserProblem => ({ code, sentence: ERRORS[code][1] });
const detail = ({ detail }: { readonly detail?: string | undefined }) => (detail ? { detail } : {});
const skipped = (sub: string, code: keyof typeof ERRORS): Fate => ({
  told: { sub, outcome: 'skipped', problem: known(code) },
});
const failed = (sub: string, problem: UserProblem): Fate => ({ told: { sub, outcome: 'failed', problem } });
