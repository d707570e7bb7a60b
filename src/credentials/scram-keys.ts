/** SCRAM credentials (RFC 5802) as servers keep them: of the two keys the StoredKey alone is compared. */
import { base64, integer } from './encoding.ts';
import type { ParsedHash } from './hash.ts';
import { hashOf } from './hash.ts';
import { digestOf } from './phc-strings.ts';
import type { PreparationStep } from './preparation.ts';
import type { Refusal } from './reasons.ts';
import { refuse } from './reasons.ts';

type Text = string | undefined;

export interface ScramKeys {
  /** `SHA-1`, `SCRAM-SHA-256`. */
  readonly digest: Text;
  readonly iterations: Text;
  readonly salt: Text;
  readonly storedKey: Text;
}

/** Salt and key in base64. The password is prepared by SASLprep unless the server does something else. */
export function parseScram(
  { digest: name, iterations, salt, storedKey }: ScramKeys,
  preparation: readonly PreparationStep[] = [{ step: 'saslprep' }],
): ParsedHash | Refusal {
  const digest = digestOf(name?.replace(/^SCRAM-/i, ''));
  if (!digest) return refuse('unsupported_algorithm');
  const parts = { salt: base64(salt), digest: base64(storedKey), preparation };
  return hashOf('scram', { digest, iterations: integer(iterations) }, parts);
}
