/** Translation is no code: parse with one format, write with the first that the target accepts. */
import type { AcceptedFormat } from './accepted-format.ts';
import type { ParsedHash } from './hash.ts';
import { algorithmOf } from './hash.ts';
import { isConditional } from './preparation.ts';
import type { ReasonCode, Refusal } from './reasons.ts';
import { refuse } from './reasons.ts';
import type { Written } from './writers.ts';
import { WRITERS } from './writers.ts';

export type Translation =
  | {
      /** What to import. */
      readonly encoded: string | object;
      /** How it is written: the accepted format's `write`. */
      readonly format: string;
      /** Under what condition it verifies, or what importing it gives away. */
      readonly caveat?: ReasonCode;
    }
  | Refusal;

function write(hash: ParsedHash, accepted: AcceptedFormat): Written {
  const writer = WRITERS[accepted.write] as (hash: ParsedHash, accepted: AcceptedFormat) => Written;
  return writer(hash, accepted);
}

/** The reason given is the first that a writer of the same algorithm gives: it is the one to act upon. */
export function translateHash(hash: ParsedHash, accepts: readonly AcceptedFormat[]): Translation {
  if (algorithmOf(hash).recoverable) return refuse('recoverable');
  if (!hash.preparation.every(isConditional)) return refuse('password_prepared');
  const caveat = hash.preparation.length > 0 ? 'unchanged_passwords_only' : hash.caveat;
  let reason: ReasonCode = 'untranslatable_algorithm';
  for (const accepted of accepts) {
    const written = write(hash, accepted);
    if (written && 'text' in written) {
      return { encoded: written.text, format: accepted.write, ...(caveat && { caveat }) };
    }
    if (written && reason === 'untranslatable_algorithm') reason = written.reason;
  }
  return refuse(reason);
}
