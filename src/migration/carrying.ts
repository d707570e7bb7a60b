/**
 * Carrying a password over, at the login that proves it. What would be exported is proved with the person's own
 * password (shadow verification); where the target cannot read the stored hash, or this password, a fresh hash is
 * captured. Its parts go into the statement that stores the login.
 */
import type { Passwords, Shadow } from '../credentials/passwords.ts';
import { isRefusal } from '../credentials/reasons.ts';
import type { Keyring } from '../store/encryption.ts';
import type { Part } from '../store/statement.ts';
import type { Target, Targets } from '../targets/target.ts';
import type { StoredPassword } from '../user.ts';
import type { Rewrite } from './blocked-rewrites.ts';
import { blockPart } from './blocked-rewrites.ts';
import { capturePart, fingerprintOf } from './captured-passwords.ts';

export interface CarryingDeps {
  readonly passwords: Pick<Passwords, 'prove' | 'hash'>;
  readonly keyring: Keyring;
  /** For metrics and the log. */
  readonly onProof?: (rewrite: Rewrite, result: 'proved' | 'failed') => void;
  readonly onCapture?: (capture: { readonly target: string; readonly reason: string }) => void;
  readonly onError?: (error: unknown) => void;
  /**
   * For targets that are kept equal with the legacy store: what they still need of people who have arrived there, as parts of
   * other names. `except`: the target that has just been carried to.
   */
  readonly synced?: (
    login: Pick<ProvedPassword, 'sub' | 'password' | 'stored' | 'opened' | 'signal'>,
    except: string | undefined,
  ) => Promise<readonly Part[]>;
}

/** For logins of any client, or at a target that is named. A login never fails because nothing could be carried over: the next one will do it. */
export function carryFor(deps: CarryingDeps, targets: Pick<Targets, 'byClient'>) {
  return async (
    login: Omit<ProvedPassword, 'target'> & { readonly clientId: string; readonly target?: Target },
  ): Promise<readonly Part[]> => {
    const named = login.target ?? targets.byClient(login.clientId);
    const target = named && !hasLeft(login.state, named) ? named : undefined;
    try {
      const own = target ? await carry(deps, { ...login, target }) : [];
      return [...own, ...((await deps.synced?.(login, target?.name)) ?? [])];
    } catch (error) {
      deps.onError?.(error);
      return [];
    }
  };
}

export interface ProvedPassword {
  readonly target: Target;
  readonly sub: string;
  readonly password: string;
  /** All that the store holds for this user. */
  readonly stored: readonly StoredPassword[];
  /** The one that opened; undefined where the store itself was asked. */
  readonly opened: StoredPassword | undefined;
  /** Where the user stands at this target; undefined before the first login. */
  readonly state: string | undefined;
  /** The fingerprint of what was captured before. */
  readonly captured: string | undefined;
  /** Ways of rewriting that failed their proof: `[format, write]`. */
  readonly blocked: readonly (readonly [format: string, write: string])[];
  readonly signal?: AbortSignal | undefined;
}

/** Nothing is released any more of whom the target has, unless it may go back on it, nor of whom it never gets. */
function hasLeft(state: string | undefined, { rollbackWindowSeconds }: Target): boolean {
  return state === 'migrated' ? rollbackWindowSeconds === 0 : state === 'excluded' || state === 'deleted';
}

/** Throws hashing_overloaded, and what aborted the login. */
export async function carry(deps: CarryingDeps, proved: ProvedPassword): Promise<readonly Part[]> {
  const { target, sub, password, stored, opened, captured, signal } = proved;
  const options = signal ? { signal } : {};
  const parts: Part[] = [];
  let reason = 'no_hash';
  if (opened) {
    const shadow = await proveTrusted(deps, proved, opened);
    if (shadow.kind === 'proved' || shadow.kind === 'failed') {
      const rewrite = { target: target.name, format: shadow.format, write: shadow.write };
      deps.onProof?.(rewrite, shadow.kind);
      if (shadow.kind === 'proved') return parts;
      parts.push(blockPart(rewrite));
    }
    reason = shadow.reason;
  }
  const owner = { target: target.name, sub };
  const madeOf = fingerprintOf(deps.keyring, owner, stored);
  // Of a hash that the store keeps to itself nobody can tell whether it has changed.
  if (captured === madeOf && stored.length > 0) return parts;
  const hash = await deps.passwords.hash(password, target.accepts, options);
  if (isRefusal(hash)) return parts;
  deps.onCapture?.({ target: target.name, reason });
  return [...parts, capturePart(deps.keyring, owner, { hash, madeOf, reason })];
}

/** What a release would export: not in a way that has failed before, however this password fares in it. */
async function proveTrusted(
  { passwords }: CarryingDeps,
  { target, password, blocked, signal }: ProvedPassword,
  opened: StoredPassword,
): Promise<Shadow> {
  let { accepts } = target;
  for (;;) {
    const shadow = await passwords.prove(opened, password, accepts, signal ? { signal } : {});
    const isBlocked =
      shadow.kind === 'proved' &&
      blocked.some(([format, write]) => format === shadow.format && write === shadow.write);
    if (!isBlocked) return shadow;
    accepts = accepts.filter(({ write }) => write !== shadow.write);
    if (accepts.length === 0) return { kind: 'unfit', reason: 'rewrite_blocked' };
  }
}
