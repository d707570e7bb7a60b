/** One try of a password, wherever it was typed: the limits, the comparison, and what a right one leaves behind. */

import type { Passwords } from '../credentials/passwords.ts';
import { isFootbridgeError } from '../errors.ts';
import type { Part } from '../store/statement.ts';
import type { Target } from '../targets/target.ts';
import type { Credentials, LegacyEntry, StoredPassword } from '../user.ts';
import { restOf } from './answer-floor.ts';
import type { Circumstances, PasswordDeps, Throttled } from './login-limits.ts';
import { withinLimits } from './login-limits.ts';
import type { Bucket } from './throttle.ts';

export interface PasswordTry {
  /** What was typed, or else `sub`. */
  readonly login?: string;
  readonly sub?: string;
  readonly password: string;
  readonly network: string;
  /** For carrying; empty where `target` says where to. */
  readonly clientId: string;
  readonly target?: Target;
  /** As `LoginDeps.ledgerStatePart`. */
  readonly ledgerPart: (sub: string) => Part | undefined;
  readonly signal?: AbortSignal;
}

/** The password is right, and the user may log in. */
export interface Matched {
  readonly kind: 'matched';
  readonly entry: LegacyEntry;
  /** The target this user has moved to for good: the legacy password is no longer theirs. */
  readonly moved: string | undefined;
  /** For the target. */
  readonly carried: readonly Part[];
  /** Forgets the failures before. */
  readonly cleared: readonly Part[];
}

type Tried = Matched | { readonly kind: 'wrong' | 'locked' } | Throttled;

/** A password of more than this is refused before any work (security.md A1.8). */
const PASSWORD_BYTES = 1_024;

/**
 * Throws legacy_unavailable, target_unavailable, storage_unavailable, hashing_overloaded: none of them counts as a failure.
 */
export async function tryPassword(deps: PasswordDeps, attempt: PasswordTry): Promise<Tried> {
  const startedAt = performance.now();
  // In a storm most are turned away: that is not to cost them, or the stores, a lookup each.
  const comes = deps.passwords.announce();
  const tried = await withinThrottle(deps, attempt, comes).finally(comes);
  if (tried.kind === 'wrong' || tried.kind === 'locked') await restOf(startedAt, deps.failureFloorMs);
  return tried;
}

async function withinThrottle(deps: PasswordDeps, attempt: PasswordTry, comes: () => void): Promise<Tried> {
  const { throttle } = deps;
  const accounts = (await identifiersOf(deps, attempt)).map((identifier) => throttle.account(identifier));
  const buckets = [...accounts, throttle.network(attempt.network)];
  const wait = throttle.knownWait(buckets);
  if (wait > 0) return { kind: 'throttled', waitSeconds: wait };
  const known = await usable(deps, findEntry(deps, attempt));
  const ledger = known && attempt.ledgerPart(known.user.sub);
  const watched = known && deps.watch?.knownPart(known.user.sub);
  const { signal } = attempt;
  return withinLimits(deps, { buckets, ledger, watched, signal }, async (circumstances) => {
    comes();
    const match = await matchAnywhere(deps, known, attempt);
    if (!match) {
      await throttle.fail(buckets);
      return { kind: 'wrong' };
    }
    const { entry } = match;
    if (entry.user.state !== 'active') return { kind: 'locked' };
    const { moved, failures } = circumstances;
    await deps.watch?.proved(entry, circumstances.watched);
    const carried = moved ? [] : await carry(deps, attempt, { entry, match, circumstances });
    const cleared = clearing(deps, accounts, failures);
    return { kind: 'matched', entry, moved, carried, cleared };
  });
}

/** A subject is throttled as the account it belongs to: whoever guesses at one door has guessed at all of them. */
async function identifiersOf(deps: PasswordDeps, { login, sub }: PasswordTry): Promise<readonly string[]> {
  if (sub === undefined) return [login ?? ''];
  const user = await usable(deps, deps.directory.userBySub(sub));
  const typed = [user?.username, user?.email].filter((identifier) => identifier !== undefined);
  return typed.length > 0 ? [...new Set(typed)] : [sub];
}

function findEntry({ directory }: PasswordDeps, { login, sub }: PasswordTry) {
  return sub === undefined ? directory.findByLogin(login ?? '') : directory.findBySub(sub);
}

/** Two records for one login, or one that cannot be mapped: nobody can be let in, and nobody may learn why. */
function usable<T>({ onUnusableRecord }: PasswordDeps, found: Promise<T | undefined>) {
  return found.catch((error: unknown) => {
    if (!isFootbridgeError(error, 'user_ambiguous') && !isFootbridgeError(error, 'mapping_failed'))
      throw error;
    onUnusableRecord?.(error);
    return undefined;
  });
}

/** What opened: one of the stored passwords, the store itself, or a target. */
interface Match {
  readonly opened: StoredPassword | undefined;
}

/** As the legacy store has them, also where it has just been given a newer password that a target has. */
async function matchAnywhere(
  { passwords, throughTarget }: PasswordDeps,
  entry: LegacyEntry | undefined,
  attempt: PasswordTry,
): Promise<(Match & { readonly entry: LegacyEntry }) | undefined> {
  const { password, signal } = attempt;
  const there =
    entry && isPossible(password) ? await throughTarget?.({ entry, password, signal }) : undefined;
  if (there?.kind === 'wrong') return undefined;
  if (there) return { entry: there.entry, opened: there.opened };
  const match = await matchPassword(passwords, entry?.credentials, attempt);
  return match && entry && { ...match, entry };
}

const isPossible = (password: string) =>
  password !== '' && Buffer.byteLength(password) <= PASSWORD_BYTES && !password.includes('\0');

/** Spends the same effort whether or not there is such a user and such a password. */
async function matchPassword(
  passwords: Passwords,
  credentials: Credentials | undefined,
  attempt: PasswordTry,
): Promise<Match | undefined> {
  const { password } = attempt;
  const options = attempt.signal ? { signal: attempt.signal } : {};
  if (!isPossible(password)) return undefined;
  const check = credentials?.storeCheck;
  const stored = check?.only ? [] : (credentials?.passwords ?? []);
  let worked = false;
  for (const candidate of stored) {
    const result = await passwords.verify(candidate, password, options);
    if (result.verified) return { opened: candidate };
    worked ||= result.reason === undefined;
  }
  if (check && (await check.verify(password))) return { opened: undefined };
  if (!worked) await passwords.decoy(password, options);
  return undefined;
}

async function carry(
  deps: PasswordDeps,
  { clientId, target, password, signal }: PasswordTry,
  matched: { entry: LegacyEntry; match: Match; circumstances: Circumstances },
): Promise<readonly Part[]> {
  const { user, credentials } = matched.entry;
  const { state, captured, blocked } = matched.circumstances;
  const known = { state, captured, blocked, signal };
  const login = { sub: user.sub, clientId, password, stored: credentials.passwords, ...matched.match };
  return (await deps.carry?.({ ...login, ...known, ...(target ? { target } : {}) })) ?? [];
}

function clearing({ throttle }: PasswordDeps, accounts: readonly Bucket[], failures: readonly number[]) {
  return accounts.some((_, index) => failures[index]) ? [throttle.clearPart(...accounts)] : [];
}
