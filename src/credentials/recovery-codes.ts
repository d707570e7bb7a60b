/** Codes a person keeps for the day the second factor is lost; each opens once. */
import { hash, timingSafeEqual } from 'node:crypto';
import type { RecoveryCode } from '../user.ts';
import type { Passwords, VerifyOptions } from './passwords.ts';

/** Longer texts are no code: the longest known (Keycloak, Laravel) have 21 characters. */
const MAX_CODE_LENGTH = 100;

/**
 * The code of these that was typed. People leave out or put in blanks and dashes: readable codes are compared without,
 * hashed ones are tried as typed and without. Readable ones take the same time whichever it is; hashed ones cost one
 * verification each, in the queue of the passwords. Throws `hashing_overloaded`.
 */
export async function findRecoveryCode(
  passwords: Pick<Passwords, 'verify'>,
  codes: readonly RecoveryCode[],
  typed: string,
  options: VerifyOptions = {},
): Promise<RecoveryCode | undefined> {
  const trimmed = typed.trim();
  const bare = bareOf(typed);
  if (bare === '' || trimmed.length > MAX_CODE_LENGTH) return undefined;
  let found: RecoveryCode | undefined;
  for (const code of codes) if ('code' in code && isSame(bareOf(code.code), bare)) found = code;
  if (found) return found;
  const spellings = [...new Set([trimmed, bare])];
  for (const code of codes) {
    if (!('hash' in code)) continue;
    for (const spelling of spellings)
      if ((await passwords.verify(code.hash, spelling, options)).verified) return code;
  }
  return undefined;
}

const bareOf = (text: string) => text.replace(/[\s-]+/g, '');

const isSame = (a: string, b: string) =>
  timingSafeEqual(hash('sha256', a, 'buffer'), hash('sha256', b, 'buffer'));

/** What names a code in the store: to remember that it was used. As secret as the code itself. */
export function textOfCode(code: RecoveryCode): string {
  return 'code' in code ? `code ${bareOf(code.code)}` : `hash ${JSON.stringify(code.hash.columns)}`;
}
