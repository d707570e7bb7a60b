/** Which of the two sides has another password than when both were equal, as far as that can be known. */
import { capturedPart, openCaptured } from '../../migration/captured-passwords.ts';
import { basesOf } from '../../migration/reconcile/compared.ts';
import { MARK_BYTES } from '../../migration/reconcile/marks.ts';
import type { Queryable } from '../../store/db.ts';
import type { Keyring } from '../../store/encryption.ts';
import type { PasswordInput } from '../people/password-turn.ts';
import type { Hint } from '../queue/change-queue.ts';
import type { Owner, PasswordState } from './password-states.ts';
import { isOurs } from './to-legacy.ts';

export type Known = Omit<PasswordState, 'problem'>;

const NOTHING_WRITTEN = { heardAt: null, writingAt: null, wroteAt: null, intended: null } as const;

/** Of somebody who has never had a turn: what the target was given is what the ledger and the last comparison say. */
export async function firstState(
  db: Queryable,
  { row, found, target }: PasswordInput,
  fingerprints: readonly string[],
): Promise<Known> {
  const since = row.migratedAt ?? row.stateChangedAt;
  const known = { ...NOTHING_WRITTEN, since };
  if (!found?.hasPassword) return { ...known, state: 'waits', madeOf: null };
  const [newest = null] = fingerprints;
  const base = (await basesOf(db, target.name, [row.sub])).get(row.sub)?.password;
  const released = row.releasedOf === 'changed' ? undefined : row.releasedOf?.slice(0, 2 * MARK_BYTES);
  const given = base || released;
  // A password that it had before us, or that nobody has counted, may be this one: nothing is overwritten for a guess.
  const isGiven = row.made === true && given !== undefined && GIVEN.has(row.password ?? '');
  return { ...known, state: 'equal', madeOf: isGiven ? given : newest };
}
const GIVEN = new Set(['carried', 'rehashed', 'captured']);

interface Asked {
  readonly input: PasswordInput;
  readonly owner: Owner;
  readonly known: Known;
  readonly fingerprints: readonly string[];
}

/** `ours`: it is what we have written there. */
export async function hasLegacyChanged(
  { db, keyring }: { readonly db: Queryable; readonly keyring: Keyring },
  { input, owner, known, fingerprints }: Asked,
): Promise<'same' | 'changed' | 'ours'> {
  const { entry, hint } = input;
  const { passwords, storeCheck } = entry.credentials;
  // A store that keeps its hashes to itself says at most that something has changed; what was caught since says what.
  if (passwords.length === 0) {
    if (!storeCheck || (known.state !== 'waits' && hint.legacyAt === undefined)) return 'same';
    return (await isCaught({ db, keyring }, input, owner)) ? 'changed' : 'same';
  }
  if (isSamePassword(known.madeOf, fingerprints)) return known.state === 'waits' ? 'changed' : 'same';
  return isOurs(keyring, owner, { entry, state: known }) ? 'ours' : 'changed';
}

/** Whether it is the one of which `madeOf` is the fingerprint, or the beginning of it. */
export const isSamePassword = (madeOf: string | null, fingerprints: readonly string[]): boolean =>
  madeOf === null || fingerprints.some((fingerprint) => fingerprint.startsWith(madeOf));

async function isCaught(
  { db, keyring }: { readonly db: Queryable; readonly keyring: Keyring },
  { entry }: PasswordInput,
  owner: Owner,
): Promise<boolean> {
  const [found = {}] = await db.runParts<{ sealed: string; madeOf: string }>(
    [capturedPart(owner)],
    'select * from captured',
  );
  return openCaptured(keyring, owner, found, entry.credentials.passwords) !== undefined;
}

/**
 * What a change that the target tells of means. `ours`: it is what we wrote there; `overwritten`: what we have written since is
 * there now.
 */
export function newsOf(
  { heardAt, writingAt, wroteAt }: Known,
  { passwordAt, othersAt }: Hint,
  toleranceMs: number,
): 'none' | 'new' | 'ours' | 'overwritten' {
  if (passwordAt === undefined) return 'none';
  const at = Date.parse(passwordAt);
  if (Number.isNaN(at) || (heardAt && at <= heardAt.getTime())) return 'none';
  if (!writingAt) return 'new';
  if (at < writingAt.getTime() - toleranceMs) return 'overwritten';
  const isMeanwhile = at <= (wroteAt ?? new Date()).getTime() + toleranceMs;
  // Only a target that does not say who it was leaves that open.
  const isSomebodyElse = othersAt !== undefined && Date.parse(othersAt) >= at;
  return isMeanwhile && !isSomebodyElse ? 'ours' : 'new';
}
