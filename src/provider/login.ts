/**
 * Proving who somebody is, first step: identifier and password. No HTTP here. What the person learns before the right
 * password is proved is the same in every case; only afterwards do we say locked, disabled or moved.
 */

import type { Passwords } from '../credentials/passwords.ts';
import { isFootbridgeError } from '../errors.ts';
import type { Credentials, StoredPassword } from '../user.ts';
import { factorsOf } from './login-factors.ts';
import type { LoginDeps, Proof } from './login-limits.ts';
import { withinLimits } from './login-limits.ts';

export interface LoginTry {
  readonly username: string;
  readonly password: string;
  readonly network: string;
  readonly clientId: string;
  readonly signal?: AbortSignal;
}

/** A password of more than this is refused before any work (security.md A1.8). */
const PASSWORD_BYTES = 1_024;

/** First step. Throws legacy_unavailable, storage_unavailable, hashing_overloaded: none of them counts as a failure. */
export async function provePassword(deps: LoginDeps, attempt: LoginTry): Promise<Proof> {
  const startedAt = performance.now();
  const proof = await tryPassword(deps, attempt);
  if (proof.kind === 'wrong') await restOf(startedAt, deps.failureFloorMs);
  return proof;
}

async function tryPassword(deps: LoginDeps, attempt: LoginTry): Promise<Proof> {
  const { throttle, directory } = deps;
  const buckets = [throttle.account(attempt.username), throttle.network(attempt.network)];
  const known = throttle.knownWait(buckets);
  if (known > 0) return { kind: 'throttled', waitSeconds: known };
  const entry = await directory.findByLogin(attempt.username).catch((error: unknown) => {
    // Two records for one login: nobody can be let in, and nobody may learn why.
    if (isFootbridgeError(error, 'user_ambiguous') || isFootbridgeError(error, 'mapping_failed'))
      return undefined;
    throw error;
  });
  const ledger = entry && deps.ledgerStatePart(entry.user.sub, attempt.clientId);
  return withinLimits(
    deps,
    { buckets, ledger, signal: attempt.signal },
    async ({ failures, moved, ...known }) => {
      const match = await matchPassword(deps.passwords, entry?.credentials, attempt);
      if (!match || !entry) {
        await throttle.fail(buckets);
        return { kind: 'wrong' };
      }
      const { user, credentials } = entry;
      if (user.state !== 'active') return { kind: 'locked' };
      if (moved) return { kind: 'moved', user, target: moved };
      const factors = factorsOf(credentials, deps.relyingParty);
      const { sub } = user;
      const { password, clientId, signal } = attempt;
      const stored = credentials.passwords;
      const { state, captured, blocked } = known;
      const login = { sub, clientId, password, stored, ...match, state, captured, blocked, signal };
      const carried = (await deps.carry?.(login)) ?? [];
      if (factors) return { kind: 'factor_needed', user, factors, writes: carried };
      const cleared = failures[0] ? [throttle.clearPart(buckets[0]!)] : [];
      return { kind: 'proved', user, amr: ['pwd'], writes: [...cleared, ...carried] };
    },
  );
}

/** What opened: one of the stored passwords, or the store itself. */
interface Match {
  readonly opened: StoredPassword | undefined;
}

/** Spends the same effort whether or not there is such a user and such a password. */
async function matchPassword(
  passwords: Passwords,
  credentials: Credentials | undefined,
  attempt: LoginTry,
): Promise<Match | undefined> {
  const { password } = attempt;
  const options = attempt.signal ? { signal: attempt.signal } : {};
  if (!password || Buffer.byteLength(password) > PASSWORD_BYTES || password.includes('\0')) return undefined;
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

function restOf(startedAt: number, floorMs: number): Promise<void> {
  const left = floorMs - (performance.now() - startedAt);
  return left > 0 ? new Promise((resolve) => setTimeout(resolve, left)) : Promise.resolve();
}
