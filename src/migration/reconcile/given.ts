/** The password that a target is to be given of somebody now: what was caught at a login, or what can be rewritten. */
import type { Passwords } from '../../credentials/passwords.ts';
import type { Queryable } from '../../store/db.ts';
import type { Keyring } from '../../store/encryption.ts';
import type { Target } from '../../targets/target.ts';
import type { LegacyEntry } from '../../user.ts';
import { blockedPart } from '../blocked-rewrites.ts';
import { capturedPart, openCaptured } from '../captured-passwords.ts';
import type { GivenInput, GivenPassword } from '../given-password.ts';
import { passwordFor } from '../given-password.ts';

export interface GivenDeps {
  readonly db: Queryable;
  readonly keyring: Keyring;
  readonly passwords: Pick<Passwords, 'translate' | 'rehash' | 'identify'>;
}

/** Throws hashing_overloaded, storage_unavailable. */
export async function givenNow(
  { db, keyring, passwords }: GivenDeps,
  target: Target,
  entry: LegacyEntry,
): Promise<{ readonly given: GivenPassword; readonly blocked: GivenInput['blocked'] }> {
  const owner = { target: target.name, sub: entry.user.sub };
  const [found] = await db.runParts<{
    sealed: string | null;
    madeOf: string | null;
    blocked: GivenInput['blocked'];
  }>(
    [capturedPart(owner), blockedPart(target.name)],
    'select c.sealed, c."madeOf", b.blocked from rewrites_blocked b left join captured c on true',
  );
  const { sealed = null, madeOf = null, blocked = [] } = found ?? {};
  const captured = openCaptured(keyring, owner, { sealed, madeOf }, entry.credentials.passwords);
  return { given: await passwordFor(passwords, target.accepts, { entry, captured, blocked }), blocked };
}
