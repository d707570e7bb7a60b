/** bcrypt in pieces: cost, salt and digest each in a column of their own, as crypt(3) characters or as bytes. */
import { parseBcrypt } from './crypt-strings.ts';
import { base64 } from './encoding.ts';
import type { ParsedHash } from './hash.ts';
import type { PreparationStep } from './preparation.ts';
import type { Refusal } from './reasons.ts';

const STANDARD = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
const BCRYPT = './ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';

const SALT_BYTES = 16;
const DIGEST_BYTES = 23;

/** bcrypt's own base 64 of bytes. */
function bcryptBase64(bytes: Uint8Array): string {
  const text = Buffer.from(bytes).toString('base64').replace(/=+$/, '');
  return [...text].map((character) => BCRYPT.charAt(STANDARD.indexOf(character))).join('');
}

/** As it is where it has a crypt(3) text's length; else base64 of that many bytes, or one more, which is dropped. */
function characters(text: string | undefined, length: number, bytes: number): string {
  if (text?.length === length) return text;
  const raw = base64(text, bytes) ?? base64(text, bytes + 1)?.subarray(0, bytes);
  return raw ? bcryptBase64(raw) : '';
}

export function parseBcryptParts(
  cost: string | undefined,
  salt: string | undefined,
  digest: string | undefined,
  preparation?: readonly PreparationStep[],
): ParsedHash | Refusal {
  const saltText = characters(salt, 22, SALT_BYTES);
  const digestText = characters(digest, 31, DIGEST_BYTES);
  return parseBcrypt(`$2b$${(cost ?? '').padStart(2, '0')}$${saltText}${digestText}`, preparation);
}
