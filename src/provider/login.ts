/**
 * Proving who somebody is: identifier, password, second factor. No HTTP here. What the person learns before the right
 * password is proved is the same in every case; only afterwards do we say locked, disabled or moved.
 */

import type { Passwords } from '../credentials/passwords.ts';
import { verifyTotp } from '../credentials/totp.ts';
import type { FootbridgeError } from '../errors.ts';
import { isFootbridgeError } from '../errors.ts';
import type { Directory } from '../legacy/directory.ts';
import type { Db } from '../store/db.ts';
import type { Part } from '../store/statement.ts';
import type { Credentials, User } from '../user.ts';
import type { Bucket, Standing, Throttle } from './throttle.ts';

export type Proof =
  | {
      readonly kind: 'proved';
      readonly user: User;
      readonly amr: readonly string[];
      readonly cleanUp: readonly Part[];
    }
  | { readonly kind: 'code_needed'; readonly user: User }
  | { readonly kind: 'moved'; readonly user: User; readonly target: string }
  | { readonly kind: 'wrong' | 'locked' }
  | { readonly kind: 'throttled'; readonly waitSeconds: number };

export interface LoginDeps {
  readonly db: Db;
  readonly directory: Directory;
  readonly passwords: Passwords;
  readonly throttle: Throttle;
  /** A part named `ledger_state` with columns target and state: where this user stands at this client's target. */
  readonly ledgerStatePart: (sub: string, clientId: string) => Part | undefined;
  readonly failureFloorMs: number;
  /** A record that lets nobody in: ambiguous, or not to be mapped. The person is told nothing; the operator should be. */
  readonly onUnusableRecord?: (error: FootbridgeError) => void;
}

export interface LoginTry {
  readonly username: string;
  readonly password: string;
  readonly network: string;
  readonly clientId: string;
  readonly signal?: AbortSignal;
}

/** A password of more than this is refused before any work (security.md A1.8). */
const PASSWORD_BYTES = 1_024;
const MOVED = new Set(['cut-over', 'retired']);

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
  return withinLimits(deps, { buckets, ledger, signal: attempt.signal }, async ({ failures, moved }) => {
    if (!(await passwordMatches(deps.passwords, entry?.credentials, attempt)) || !entry) {
      await throttle.fail(buckets);
      return { kind: 'wrong' };
    }
    const { user, credentials } = entry;
    if (user.state !== 'active') return { kind: 'locked' };
    if (moved) return { kind: 'moved', user, target: moved };
    if (credentials.totp) return { kind: 'code_needed', user };
    return {
      kind: 'proved',
      user,
      amr: ['pwd'],
      cleanUp: failures[0] ? [throttle.clearPart(buckets[0]!)] : [],
    };
  });
}

interface Circumstances extends Standing {
  /** The target this user has moved to for good. */
  readonly moved: string | undefined;
}

/** Tries when the limits allow it; behind others of the same bucket it waits for their outcome and looks again. */
async function withinLimits(
  deps: LoginDeps,
  asked: { buckets: Bucket[]; ledger?: Part | undefined; signal?: AbortSignal | undefined },
  work: (circumstances: Circumstances) => Promise<Proof>,
): Promise<Proof> {
  const { throttle } = deps;
  for (;;) {
    const [circumstances, look] = await throttle.look(asked.buckets, () => readCircumstances(deps, asked));
    if (circumstances.waitSeconds > 0) return { kind: 'throttled', waitSeconds: circumstances.waitSeconds };
    if (throttle.enter(asked.buckets, circumstances, look)) {
      return work(circumstances).finally(() => throttle.leave(asked.buckets));
    }
    if (look.isOld) continue;
    if (!(await throttle.afterAnother(asked.buckets, asked.signal)))
      return { kind: 'throttled', waitSeconds: 1 };
  }
}

/** Failures so far and where the user stands in the ledger, in one statement. */
async function readCircumstances(
  deps: LoginDeps,
  { buckets, ledger }: { buckets: Bucket[]; ledger?: Part | undefined },
): Promise<Circumstances> {
  const parts = [deps.throttle.statePart(buckets), ...(ledger ? [ledger] : [])];
  const [row] = await deps.db.runParts<{
    attempts: { bucket: string; failures: number; wait: number | null }[] | null;
    ledger: { target: string; state: string } | null;
  }>(
    parts,
    `select (select json_agg(a) from attempts a) as attempts, ${ledger ? '(select row_to_json(l) from ledger_state l limit 1)' : 'null::json'} as ledger`,
  );
  const standing = deps.throttle.judge(buckets, row?.attempts ?? []);
  return { ...standing, moved: row?.ledger && MOVED.has(row.ledger.state) ? row.ledger.target : undefined };
}

/** Spends the same effort whether or not there is such a user and such a password. */
async function passwordMatches(
  passwords: Passwords,
  credentials: Credentials | undefined,
  attempt: LoginTry,
): Promise<boolean> {
  const { password } = attempt;
  const options = attempt.signal ? { signal: attempt.signal } : {};
  if (!password || Buffer.byteLength(password) > PASSWORD_BYTES || password.includes('\0')) return false;
  const check = credentials?.storeCheck;
  const stored = check?.only ? [] : (credentials?.passwords ?? []);
  let worked = false;
  for (const candidate of stored) {
    const result = await passwords.verify(candidate, password, options);
    if (result.verified) return true;
    worked ||= result.reason === undefined;
  }
  if (check && (await check.verify(password))) return true;
  if (!worked) await passwords.decoy(password, options);
  return false;
}

/** Second step: the code of a user whose password was proved a moment ago. */
export async function proveCode(
  deps: LoginDeps,
  { sub, code, network }: { sub: string; code: string; network: string },
): Promise<Proof> {
  const { throttle } = deps;
  const buckets = [throttle.factor(sub), throttle.network(network)];
  const entry = await deps.directory.findBySub(sub);
  return withinLimits(deps, { buckets }, async ({ failures }) => {
    if (entry?.user.state !== 'active') return { kind: 'locked' };
    const totp = entry.credentials.totp;
    // Removed in the legacy store since the password was proved: the first step has to be done again.
    if (!totp) return { kind: 'wrong' };
    const match = verifyTotp(totp, code.replace(/\s/g, ''), { nowMs: Date.now() });
    if (!match || !(await throttle.spendStep(sub, match.step))) {
      await throttle.fail(buckets);
      return { kind: 'wrong' };
    }
    return {
      kind: 'proved',
      user: entry.user,
      amr: ['pwd', 'otp'],
      cleanUp: failures[0] ? [throttle.clearPart(buckets[0]!)] : [],
    };
  });
}

function restOf(startedAt: number, floorMs: number): Promise<void> {
  const left = floorMs - (performance.now() - startedAt);
  return left > 0 ? new Promise((resolve) => setTimeout(resolve, left)) : Promise.resolve();
}
