/** What a target is given of a user's password, whether it fetches or we store it there. */
import { createHash } from 'node:crypto';
import type { AcceptedFormat } from '../credentials/accepted-format.ts';
import type { Passwords, Translation } from '../credentials/passwords.ts';
import { isRefusal, refuse } from '../credentials/reasons.ts';
import type { Json } from '../store/audit-log.ts';
import type { LegacyEntry, StoredPassword } from '../user.ts';
import type { Captured } from './captured-passwords.ts';
import type { PasswordOutcome } from './ledger.ts';

export interface GivenInput {
  readonly entry: LegacyEntry;
  /** Of a login at the facade. */
  readonly captured?: Captured | undefined;
  /** Ways of rewriting that are not to be trusted: `[format, write]`. */
  readonly blocked: readonly (readonly [format: string, write: string])[];
}

export interface GivenPassword {
  readonly password: Translation;
  readonly outcome: PasswordOutcome;
}

type Carries = Pick<Passwords, 'translate' | 'rehash' | 'identify'>;

/**
 * What was captured of this very password, else the first stored one that can be rewritten, else one that can be
 * recovered. Throws hashing_overloaded.
 */
export async function passwordFor(
  passwords: Carries,
  accepts: readonly AcceptedFormat[],
  { entry, captured, blocked }: GivenInput,
): Promise<GivenPassword> {
  const known = captured && accepts.some(({ write }) => write === captured.format) ? captured : undefined;
  if (known) return { password: known as Translation, outcome: 'captured' };
  let refusal: Translation | undefined;
  for (const stored of entry.credentials.passwords) {
    const translation = translate(passwords, stored, accepts, blocked);
    if (!isRefusal(translation)) return { password: translation, outcome: 'carried' };
    if (translation.reason === 'recoverable') {
      const fresh = await passwords.rehash(stored, accepts);
      if (!isRefusal(fresh)) return { password: fresh, outcome: 'rehashed' };
    }
    refusal ??= translation;
  }
  return { password: refusal ?? refuse('no_hash'), outcome: refusal ? 'reset' : 'none' };
}

function translate(
  passwords: Carries,
  stored: StoredPassword,
  accepts: readonly AcceptedFormat[],
  blocked: GivenInput['blocked'],
): Translation {
  const identified = passwords.identify(stored);
  const format = isRefusal(identified) ? stored.format : identified.format;
  const isBlocked = (write: string) => blocked.some(([from, into]) => from === format && into === write);
  const trusted = accepts.filter(({ write }) => !isBlocked(write));
  const translation = passwords.translate(stored, trusted);
  const lost = isRefusal(translation) && trusted.length < accepts.length;
  return lost && !isRefusal(passwords.translate(stored, accepts)) ? refuse('rewrite_blocked') : translation;
}

/** What the audit record says of it: a fingerprint that proves which hash it was, and opens nothing. */
export function auditOf(password: Translation): Json {
  if (isRefusal(password)) return { reason: password.reason };
  const { encoded, format } = password;
  const text = typeof encoded === 'string' ? encoded : JSON.stringify(encoded);
  return { format, sha256: createHash('sha256').update(text).digest('hex') };
}
