/** Translation is no code: parse with one format, write with the first that the target accepts. */
import type { AcceptedFormat } from './accepted-format.ts';
import { DIGEST_BYTES } from './algorithm.ts';
import { singlePass } from './digests.ts';
import type { ParsedHash } from './hash.ts';
import { algorithmOf } from './hash.ts';
import { isConditional, prepare } from './preparation.ts';
import { readBack } from './read-back.ts';
import type { ReasonCode, Refusal } from './reasons.ts';
import { isRefusal, refuse } from './reasons.ts';
import { WRITERS } from './writers/index.ts';
import type { Written } from './written.ts';

export interface Translated {
  /** What to import. */
  readonly encoded: string | object;
  /** How it is written: the accepted format's `write`. */
  readonly format: AcceptedFormat['write'];
  /** Under what condition it verifies, or what importing it gives away: the first of `caveats`. */
  readonly caveat?: ReasonCode;
  /** All of them; absent where there are none. */
  readonly caveats?: readonly ReasonCode[];
}

export type Translation = Translated | Refusal;

/** What the target itself would not read, such as an empty salt where it wants one, is not written. */
function write(hash: ParsedHash, accepted: AcceptedFormat): Written {
  const writer = WRITERS[accepted.write] as (hash: ParsedHash, accepted: AcceptedFormat) => Written;
  const written = writer(hash, accepted);
  if (!written || !('encoded' in written) || !isRefusal(readBack(accepted, written.encoded))) return written;
  return { reason: 'salt_not_representable' };
}

function maxPasswordBytes(accepted: AcceptedFormat): number | undefined {
  return 'maxPasswordBytes' in accepted ? accepted.maxPasswordBytes : undefined;
}

function caveatsOf(hash: ParsedHash, accepted: AcceptedFormat): readonly ReasonCode[] {
  return [
    ...(hash.preparation.length > 0 ? (['unchanged_passwords_only'] as const) : []),
    ...(hash.caveat ? [hash.caveat] : []),
    ...(maxPasswordBytes(accepted) === undefined ? [] : (['password_length_limited'] as const)),
  ];
}

/** Cut off, or of another digest than its format says: no password comes to it, and no target reads it. */
function isOfItsLength(hash: ParsedHash): boolean {
  if (hash.algorithm !== 'digest' && hash.algorithm !== 'hmac') return true;
  return hash.digest.length === DIGEST_BYTES[hash.parameters.digest];
}

/** The reason given is the first that a writer of the same algorithm gives: it is the one to act upon. */
export function translateHash(stored: ParsedHash, accepts: readonly AcceptedFormat[]): Translation {
  if (algorithmOf(stored).recoverable) return refuse('recoverable');
  // What stands around every password is part of the message.
  const hash = singlePass(stored) ?? stored;
  if (!hash.preparation.every(isConditional)) return refuse('password_prepared');
  if (!isOfItsLength(hash)) return refuse('malformed');
  let reason: ReasonCode = 'untranslatable_algorithm';
  for (const accepted of accepts) {
    const written = write(hash, accepted);
    if (written && 'encoded' in written) {
      const caveats = caveatsOf(hash, accepted);
      const [caveat] = caveats;
      return { encoded: written.encoded, format: accepted.write, ...(caveat && { caveat, caveats }) };
    }
    if (written && reason === 'untranslatable_algorithm') reason = written.reason;
  }
  return refuse(reason);
}

/**
 * Whether the conditions of a translation are met by this password: the store leaves it as entered, and the target
 * takes its length. Where they are not, the exported hash does not open at the target with it, and nothing is wrong
 * with the format.
 */
export function holdsFor(stored: ParsedHash, accepted: AcceptedFormat, password: Buffer): boolean {
  const { preparation } = singlePass(stored) ?? stored;
  const limit = maxPasswordBytes(accepted) ?? Number.POSITIVE_INFINITY;
  return password.length <= limit && prepare(password, preparation).equals(password);
}
