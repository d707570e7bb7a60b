/** What should be at the target of somebody of the legacy store: the operator's rules, applied, without any work on hashes. */
import type { Passwords } from '../../credentials/passwords.ts';
import { isFootbridgeError } from '../../errors.ts';
import type { DirectoryEntry } from '../../legacy/entries.ts';
import type { Keyring } from '../../store/encryption.ts';
import type { Target } from '../../targets/target.ts';
import type { LegacyEntry } from '../../user.ts';
import { fingerprintsOf } from '../captured-passwords.ts';
import { passwordFor } from '../given-password.ts';
import { targetUserFor } from '../moving/target-user.ts';
import type { Left } from './classify.ts';
import { MARK_BYTES, markingOf, wantedProfile } from './marks.ts';

export interface ShouldBeDeps {
  readonly keyring: Keyring;
  readonly target: Target;
  readonly passwords: Pick<Passwords, 'translate' | 'identify'>;
  /** Ways of rewriting that are not to be trusted. */
  readonly blocked: readonly (readonly [format: string, write: string])[];
  /** How many the keyring has. */
  readonly masterKeys: number;
}

/** Of an entry as `entries` or `findBySub` gave it; undefined: there is nobody. */
export async function leftOf(
  deps: ShouldBeDeps,
  entry: DirectoryEntry | LegacyEntry | undefined,
): Promise<Left> {
  if (!entry) return { kind: 'gone' };
  if ('error' in entry && entry.error) return { kind: 'unreadable', code: entry.error.code };
  const { user, credentials } = entry as LegacyEntry;
  const made = await wantedOf(deps, { user, credentials });
  const { keyring, target } = deps;
  return {
    kind: 'there',
    state: user.state,
    legacyId: user.legacyId,
    user: made,
    profile: (targetUserId) =>
      made ? wantedProfile(markingOf(keyring, target.name, targetUserId), made) : {},
    fingerprints:
      credentials.passwords.length > 0
        ? marksOf(deps, { sub: user.sub, passwords: credentials.passwords })
        : [],
  };
}

/** Nothing is hashed: that a password can be recovered is enough to know that it should be there. */
const RECOVERED = { encoded: '', format: 'bcrypt' } as const;

async function wantedOf({ passwords, target, blocked }: ShouldBeDeps, entry: LegacyEntry) {
  const carries = {
    translate: passwords.translate,
    identify: passwords.identify,
    rehash: async () => RECOVERED,
  };
  const given = await passwordFor(carries, target.accepts, { entry, blocked });
  const answer = targetUserFor({ entry, target, given, targetUserId: '', blocked });
  return answer.kind === 'user' ? answer.user : undefined;
}

function marksOf(
  { keyring, target, masterKeys }: ShouldBeDeps,
  { sub, passwords }: { readonly sub: string; readonly passwords: LegacyEntry['credentials']['passwords'] },
): string[] {
  return fingerprintsOf(keyring, { target: target.name, sub }, passwords, masterKeys).map((mark) =>
    mark.slice(0, 2 * MARK_BYTES),
  );
}

/** One person, read afresh; whose record cannot be mapped, or is there twice, is unreadable. */
export async function freshLeft(
  deps: ShouldBeDeps,
  find: () => Promise<LegacyEntry | undefined>,
): Promise<{ readonly left: Left; readonly entry: LegacyEntry | undefined }> {
  try {
    const entry = await find();
    return { left: await leftOf(deps, entry), entry };
  } catch (error) {
    if (!isFootbridgeError(error, 'mapping_failed') && !isFootbridgeError(error, 'user_ambiguous'))
      throw error;
    return { left: { kind: 'unreadable', code: error.code }, entry: undefined };
  }
}
