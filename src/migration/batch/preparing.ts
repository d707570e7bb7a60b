/**
 * Who of a chunk can be sent as they are: read afresh from the legacy store, and written as the target is to have them.
 * People of whom something is known at the target already go the careful way, one by one.
 */
import { ERRORS, isFootbridgeError } from '../../errors.ts';
import type { Directory } from '../../legacy/directory.ts';
import type { DirectoryEntry } from '../../legacy/entries.ts';
import type { DescribingDeps } from '../moving/steps.ts';
import { personOf } from '../moving/steps.ts';
import { NeverMoves } from '../moving/try.ts';
import { hasTargetUser, nextState } from '../states.ts';
import { LAST_ATTEMPT } from './attempts.ts';
import type { UserProblem } from './batch.ts';
import type { Chunk, Taken } from './chunk.ts';
import type { Postponed, Ready, Told } from './settling.ts';

export interface PreparingDeps extends Omit<DescribingDeps, 'work'> {
  readonly directory: Pick<Directory, 'findBySubs' | 'flag'>;
}

export interface Prepared {
  readonly ready: readonly Ready[];
  /** Of whom nothing has to be asked. */
  readonly told: readonly Told[];
  /** For one try each, as after a login. */
  readonly slow: readonly Taken[];
  readonly again: readonly Postponed[];
}

type Fate =
  | { readonly ready: Ready }
  | { readonly told: Told }
  | { readonly slow: Taken }
  | { readonly again: Postponed };

/** Some have to be hashed afresh: a batch leaves most of the hashing to people who wait at a login page. */
const HASHED_AT_ONCE = 2;
/** Whoever found no room for their hash comes back. */
const OVERLOADED_SECONDS = 2;
/** A chunk is not prepared for longer, whatever its size. */
const PREPARE_MS = 2_000;

const NEW = { removals: 0, releasedOf: null } as const;

/** Throws legacy_unavailable. */
export async function prepare(deps: PreparingDeps, chunk: Chunk): Promise<Prepared> {
  const entries = await deps.directory.findBySubs(chunk.people.map(({ sub }) => sub));
  const fates: Fate[] = [];
  const { people } = chunk;
  const untilMs = performance.now() + PREPARE_MS;
  for (let at = 0; at < people.length; at += HASHED_AT_ONCE) {
    // Whoever is ready does not wait for all who have to be hashed.
    if (performance.now() > untilMs) {
      fates.push(...people.slice(at).map((taken) => comesBack(taken, 0)));
      break;
    }
    const some = people.slice(at, at + HASHED_AT_ONCE);
    const found = some.map((taken) => fateOf(deps, chunk, { taken, entry: entries.get(taken.sub) }));
    fates.push(...(await Promise.all(found)));
  }
  return {
    ready: fates.flatMap((fate) => ('ready' in fate ? [fate.ready] : [])),
    told: fates.flatMap((fate) => ('told' in fate ? [fate.told] : [])),
    slow: fates.flatMap((fate) => ('slow' in fate ? [fate.slow] : [])),
    again: fates.flatMap((fate) => ('again' in fate ? [fate.again] : [])),
  };
}

interface Somebody {
  readonly taken: Taken;
  readonly entry: DirectoryEntry | undefined;
}

async function fateOf(deps: PreparingDeps, chunk: Chunk, { taken, entry }: Somebody): Promise<Fate> {
  const { sub, row } = taken;
  const { state = 'legacy' } = row ?? {};
  // Somebody who was sent before may be there by now, and must not log in there if nobody may.
  const isSent = Boolean(row?.releasedOf);
  if (hasTargetUser(state) && state !== 'created') return arrived(deps, taken);
  if (taken.attempts >= LAST_ATTEMPT) return failed(sub, DIED);
  if (state === 'excluded' || state === 'deleted')
    return isSent ? { slow: taken } : skipped(sub, state === 'excluded' ? 'user_excluded' : 'user_not_found');
  // The target has told of a user of its own, or has one half-made.
  if (state === 'created' || taken.targetUserId !== null) return { slow: taken };
  if (entry?.error)
    return failed(sub, { code: entry.error.code, sentence: entry.error.message, ...detail(entry.error) });
  if (entry?.user.state !== 'active') {
    if (isSent) return { slow: taken };
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
    if (isFootbridgeError(error, 'hashing_overloaded')) return comesBack(taken, OVERLOADED_SECONDS);
    if (!(error instanceof NeverMoves)) throw error;
    return failed(sub, { code: error.code, sentence: error.message, ...detail(error) });
  }
}

const DIED: UserProblem = {
  code: 'internal',
  sentence: 'A process has died over this person again and again.',
};
const known = (code: keyof typeof ERRORS): UserProblem => ({ code, sentence: ERRORS[code][1] });
const detail = ({ detail }: { readonly detail?: string | undefined }) => (detail ? { detail } : {});
const comesBack = ({ sub }: Taken, seconds: number): Fate => ({
  again: { sub, seconds, counts: false, problem: known('hashing_overloaded') },
});
const skipped = (sub: string, code: keyof typeof ERRORS): Fate => ({
  told: { sub, outcome: 'skipped', problem: known(code) },
});
const failed = (sub: string, problem: UserProblem): Fate => ({ told: { sub, outcome: 'failed', problem } });
