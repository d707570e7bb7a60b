/**
 * Passwords that a target has newer than the legacy store: whoever types one at us is asked for there, not compared with a hash
 * that is out of date, and what was right there is the legacy store's from then on.
 */
import { FootbridgeError, isFootbridgeError } from '../../errors.ts';
import { fingerprintsOf } from '../../migration/captured-passwords.ts';
import { find } from '../../migration/ledger.ts';
import { passwordComparedPart } from '../../migration/reconcile/giving.ts';
import { hasTargetUser } from '../../migration/states.ts';
import { Secret } from '../../settings.ts';
import type { Db } from '../../store/db.ts';
import type { Target, Targets } from '../../targets/target.ts';
import type { LegacyEntry, StoredPassword } from '../../user.ts';
import { allPairs, HEARS } from '../pairs.ts';
import { isSamePassword } from './password-news.ts';
import type { Owner, PasswordState } from './password-states.ts';
import { atTargetsOf, noteCaught, noteOpen } from './password-states.ts';
import type { ToLegacyDeps } from './to-legacy.ts';
import { isOurs, writeToLegacy } from './to-legacy.ts';

export interface ThroughTargetDeps extends ToLegacyDeps {
  readonly db: Db;
  readonly targets: Pick<Targets, 'byName' | 'connection'>;
  /** For what goes wrong without keeping anybody out. */
  readonly onError: (error: unknown) => void;
}

export interface TypedHere {
  /** As the legacy store has them now. */
  readonly entry: LegacyEntry;
  readonly password: string;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Undefined: the legacy store's own password is the one that counts. `right` comes with the person as the legacy store has them
 * afterwards. Throws target_unavailable (nobody's password is wrong because of that), storage_unavailable.
 */
export type ThroughTarget = (
  typed: TypedHere,
) => Promise<
  | { readonly kind: 'right'; readonly entry: LegacyEntry; readonly opened: StoredPassword | undefined }
  | { readonly kind: 'wrong' }
  | undefined
>;

export function throughTarget(deps: ThroughTargetDeps): ThroughTarget {
  return async (typed) => {
    const secret = new Secret(typed.password);
    let right: Caught | undefined;
    for (let tries = 0; tries < MAX_TRIES; tries += 1) {
      const newest = await newestOf(deps, typed.entry.user.sub);
      if (!newest) break;
      const { owner, state, target } = newest;
      if (!(await isRightThere(newest, secret))) {
        // It was right when they typed it.
        if (right) break;
        return hasOwn(deps, { owner, state }, typed) ? undefined : { kind: 'wrong' };
      }
      right = await caught(deps, { owner, state, target }, typed);
      if (!right.isOvertaken) break;
    }
    return right && { kind: 'right', entry: right.entry, opened: right.opened };
  };
}

/** A target that tells of yet another password at that very moment is asked about that one. */
const MAX_TRIES = 3;

interface AtTarget {
  readonly owner: Owner;
  readonly state: PasswordState;
  readonly target: Target;
}

interface Checking extends AtTarget {
  readonly targetUserId: string;
  readonly check: (targetUserId: string, password: Secret) => Promise<boolean>;
}

/** The target that had a new one last, as long as the two are kept equal and it can be asked. */
async function newestOf({ db, targets }: ThroughTargetDeps, sub: string): Promise<Checking | undefined> {
  const states = await atTargetsOf(db, sub);
  if (states.length === 0) return undefined;
  const kept = new Set(
    (await allPairs(db)).flatMap(({ target, state }) => (HEARS.has(state) ? [target] : [])),
  );
  for (const { target: name, ...state } of states) {
    const target = targets.byName(name);
    const connection = targets.connection(name);
    if (!kept.has(name) || !target || !connection?.checkPassword) continue;
    const row = await find(db, name, sub);
    if (!row || !hasTargetUser(row.state) || row.targetUserId === null) continue;
    const check = connection.checkPassword.bind(connection);
    return { owner: { target: name, sub }, state, target, targetUserId: row.targetUserId, check };
  }
  return undefined;
}

async function isRightThere({ check, targetUserId }: Checking, password: Secret): Promise<boolean> {
  try {
    return await check(targetUserId, password);
  } catch (error) {
    if (!isFootbridgeError(error, 'target_refused')) throw error;
    // It was not the password that was refused, but the question: an old password must not open instead.
    throw new FootbridgeError('target_unavailable', { detail: error.detail ?? error.code, cause: error });
  }
}

/** Whether the legacy store has a new one of its own since, which nobody has overruled yet. */
function hasOwn(
  { keyring }: ThroughTargetDeps,
  { owner, state }: Omit<AtTarget, 'target'>,
  { entry }: TypedHere,
) {
  const { passwords } = entry.credentials;
  const fingerprints = fingerprintsOf(keyring, owner, passwords);
  return (
    passwords.length > 0 &&
    !isSamePassword(state.madeOf, fingerprints) &&
    !isOurs(keyring, owner, { entry, state })
  );
}

/** Right at the target; `isOvertaken`: nothing was written, for it has told of another one meanwhile. */
interface Caught {
  readonly entry: LegacyEntry;
  readonly opened: StoredPassword | undefined;
  readonly isOvertaken?: true;
}

async function caught(
  deps: ThroughTargetDeps,
  at: AtTarget,
  { entry, password, signal }: TypedHere,
): Promise<Caught> {
  const { owner, state } = at;
  try {
    const clear = new Secret(password);
    const written = await writeToLegacy(deps, {
      owner,
      entry,
      password: { clear },
      since: state.since,
      signal,
    });
    if (written.kind === 'wrote' || written.kind === 'same') {
      await settle(deps, at, written.entry);
      return { entry: written.entry, opened: written.opened };
    }
    if (written.kind === 'overtaken') return { entry, opened: undefined, isOvertaken: true };
    if (written.kind === 'refused')
      await noteOpen(deps.db, owner, { state: 'at-target', madeOf: state.madeOf, problem: written.code });
  } catch (error) {
    // They have proved who they are: the next time will do.
    if (signal?.aborted) throw error;
    deps.onError(error);
  }
  return { entry, opened: undefined };
}

async function settle({ db, keyring }: ThroughTargetDeps, at: AtTarget, entry: LegacyEntry) {
  const { owner, state, target } = at;
  const { passwords } = entry.credentials;
  const [madeOf = null] = passwords.length > 0 ? fingerprintsOf(keyring, owner, passwords) : [];
  await noteCaught(db, owner, { madeOf, since: state.since });
  const row = await find(db, owner.target, owner.sub);
  if (madeOf && row?.targetUserId) {
    const found = { targetUserId: row.targetUserId };
    const compared = passwordComparedPart({ keyring, target }, { sub: owner.sub, found, password: madeOf });
    await db.runParts([compared], 'select 1');
  }
}
