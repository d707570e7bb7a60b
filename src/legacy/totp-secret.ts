/** The seed of a second factor out of its column: decrypted where it is encrypted, decoded as it is written. */
import { createDecipheriv, pbkdf2Sync } from 'node:crypto';
import type { TotpSecret } from '../user.ts';
import type { Scope } from './fields.ts';
import { firstOf, rowsOf, textFrom, unmappable } from './fields.ts';
import type { TotpMapping } from './mapping-settings.ts';
import { isProved } from './proofs.ts';
import { textOf } from './values.ts';

/**
 * Undefined: this person has no second factor. Somebody who has one that cannot be read is unmappable, as letting them
 * in with the password alone would take the factor away.
 */
export function totpOf(mapping: TotpMapping, record: Scope): TotpSecret | undefined {
  const { from, when } = mapping;
  const scopes = from === undefined ? [record] : rowsOf(from, record).map((row) => ({ ...record, row }));
  const scope = scopes.find((candidate) => when === undefined || isProved(when, candidate));
  if (!scope) return undefined;
  const written = firstOf(mapping.secret, scope);
  if (written === undefined) {
    if (when === undefined) return undefined;
    throw unmappable('totp: there is a second factor, but no secret');
  }
  const plain = mapping.encryption ? decrypt(mapping.encryption, written, scope) : written;
  return { secret: decode(mapping.encoding, plain), ...parametersOf(mapping, scope) };
}

function parametersOf(mapping: TotpMapping, scope: Scope): Omit<TotpSecret, 'secret'> {
  const number = (setting: number | TotpMapping['secret']) =>
    typeof setting === 'number' ? setting : Number(textFrom(setting, scope));
  const digits = number(mapping.digits);
  const periodSeconds = number(mapping.periodSeconds);
  const algorithm =
    typeof mapping.algorithm === 'string'
      ? mapping.algorithm
      : textFrom(mapping.algorithm, scope)?.toUpperCase();
  if (digits !== 6 && digits !== 8) throw unmappable('totp: digits is neither 6 nor 8');
  if (!Number.isInteger(periodSeconds) || periodSeconds < 15 || periodSeconds > 300) {
    throw unmappable('totp: periodSeconds is not between 15 and 300');
  }
  if (algorithm !== 'SHA1' && algorithm !== 'SHA256' && algorithm !== 'SHA512') {
    throw unmappable('totp: algorithm is none of SHA1, SHA256, SHA512');
  }
  return { digits, periodSeconds, algorithm };
}

/** 80 bits are the shortest seed in use; more than 512 are no seed. */
const MIN_BYTES = 10;
const MAX_BYTES = 64;

function decode(encoding: TotpMapping['encoding'], value: unknown): Uint8Array {
  const bytes =
    encoding === 'raw'
      ? rawBytes(value)
      : decodeText(encoding, (textOf(value) ?? '').replace(/[\s=-]+/g, ''));
  if (!bytes || bytes.length < MIN_BYTES || bytes.length > MAX_BYTES)
    throw unmappable(`totp: the secret is not ${encoding}`);
  return bytes;
}

function rawBytes(value: unknown): Uint8Array {
  return value instanceof Uint8Array
    ? Uint8Array.from(value)
    : Uint8Array.from(Buffer.from(textOf(value) ?? ''));
}

function decodeText(encoding: 'base32' | 'hex' | 'base64', text: string): Uint8Array | undefined {
  if (encoding === 'base32') return decodeBase32(text.toUpperCase());
  const bytes = Buffer.from(text, encoding);
  // Buffer stops at the first character it does not know: write it again and compare.
  const again = bytes.toString(encoding).replace(/=+$/, '');
  return again === (encoding === 'hex' ? text.toLowerCase() : text) ? Uint8Array.from(bytes) : undefined;
}

const BASE32 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';

/** RFC 4648 section 6, without padding. */
function decodeBase32(text: string): Uint8Array | undefined {
  const bytes: number[] = [];
  let buffer = 0;
  let bits = 0;
  for (const letter of text) {
    const value = BASE32.indexOf(letter);
    if (value < 0) return undefined;
    buffer = ((buffer << 5) | value) & 0xfff;
    bits += 5;
    if (bits < 8) continue;
    bits -= 8;
    bytes.push((buffer >> bits) & 0xff);
  }
  return Uint8Array.from(bytes);
}

/** attr_encrypted 3 with `per_attribute_iv_and_salt` (encryptor gem): its key derivation and its place for the tag. */
const DERIVATION = { iterations: 2_000, keyBytes: 32, hash: 'sha1' } as const;
const TAG_BYTES = 16;

function decrypt(
  { key, iv, salt }: NonNullable<TotpMapping['encryption']>,
  value: unknown,
  scope: Scope,
): string {
  const bytes = (text: string | undefined) => Buffer.from(text ?? '', 'base64');
  const sealed = bytes(textOf(value));
  const { iterations, keyBytes, hash } = DERIVATION;
  try {
    const derived = pbkdf2Sync(
      key.reveal(),
      bytes(textFrom(salt, scope)?.replace(/^_/, '')),
      iterations,
      keyBytes,
      hash,
    );
    const cipher = createDecipheriv('aes-256-gcm', derived, bytes(textFrom(iv, scope)), {
      authTagLength: TAG_BYTES,
    });
    cipher.setAuthTag(sealed.subarray(-TAG_BYTES));
    return cipher.update(sealed.subarray(0, -TAG_BYTES), undefined, 'utf8') + cipher.final('utf8');
  } catch {
    throw unmappable('totp: the secret cannot be decrypted with this key');
  }
}
