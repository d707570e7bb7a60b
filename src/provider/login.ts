/**
 * Proving who somebody is, first step: identifier and password. No HTTP here. What the person learns before the right
 * password is proved is the same in every case; only afterwards do we say locked, disabled or moved.
 */

import { factorsOf } from './login-factors.ts';
import type { LoginDeps, Proof } from './login-limits.ts';
import type { PasswordTry } from './password-try.ts';
import { tryPassword } from './password-try.ts';

export interface LoginTry {
  readonly username: string;
  readonly password: string;
  readonly network: string;
  readonly clientId: string;
  /** The request's login_hint: a target may know somebody by our subject only, which nobody would type. */
  readonly hint?: string | undefined;
  readonly signal?: AbortSignal;
}

/** First step. Throws legacy_unavailable, storage_unavailable, hashing_overloaded: none of them counts as a failure. */
export async function provePassword(deps: LoginDeps, attempt: LoginTry): Promise<Proof> {
  const tried = await tryPassword(deps, await whoIsMeant(deps, attempt));
  if (tried.kind !== 'matched') return tried;
  const { entry, moved, carried, cleared } = tried;
  const { user, credentials } = entry;
  if (moved) return { kind: 'moved', user, target: moved };
  const factors = factorsOf(credentials, deps.relyingParty);
  if (factors) return { kind: 'factor_needed', user, factors, writes: carried };
  const mark = deps.watch?.markOf(entry);
  return { kind: 'proved', user, amr: ['pwd'], writes: [...cleared, ...carried], mark };
}

/** What was typed; where that is the hint itself and nobody's login, but a subject of ours, the one with that subject. */
async function whoIsMeant(deps: LoginDeps, attempt: LoginTry): Promise<PasswordTry> {
  const { username, hint, clientId, ...common } = attempt;
  const shared = { ...common, clientId, ledgerPart: (sub: string) => deps.ledgerStatePart(sub, clientId) };
  return (await isSubject(deps, username, hint))
    ? { ...shared, sub: username }
    : { ...shared, login: username };
}

async function isSubject({ directory }: LoginDeps, username: string, hint: string | undefined) {
  if (hint !== username || directory.legacyIdOf(username) === undefined) return false;
  // What cannot be asked now will fail, and be told, where the password is tried.
  const user = await directory.userBySub(username).catch(() => undefined);
  return user !== undefined && !(await directory.findByLogin(username).catch(() => undefined));
}
