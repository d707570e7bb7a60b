/** The seeds of second factors out of their columns: decrypted where they are encrypted, decoded as they are written. */
import { decodeBase32 } from '../credentials/totp.ts';
import type { TotpSecret } from '../user.ts';
import { decrypted } from './decryption.ts';
import type { TotpEncoding, TotpMapping } from './factor-settings.ts';
import type { Scope } from './fields.ts';
import { firstOf, textFrom, unmappable } from './fields.ts';
import { scopesOf } from './rows.ts';
import { textOf } from './values.ts';

/** Devices of one person; each costs a comparison per code. */
const MAX_DEVICES = 10;

/**
 * Empty: this person has no second factor. Somebody who has one that cannot be read is unmappable, as letting them
 * in with the password alone would take the factor away.
 */
export function totpOf(mapping: TotpMapping, record: Scope): TotpSecret[] {
  const secrets = scopesOf(mapping, record).flatMap((scope) => deviceOf(mapping, scope) ?? []);
  if (secrets.length > MAX_DEVICES) throw unmappable(`totp: more than ${MAX_DEVICES} devices for one user`);
  return secrets;
}

function deviceOf(mapping: TotpMapping, scope: Scope): TotpSecret | undefined {
  const written = firstOf(mapping.secret, scope);
  if (written === undefined) {
    if (mapping.when === undefined) return undefined;
    throw unmappable('totp: there is a second factor, but no secret');
  }
  const { encryption } = mapping;
  const plain = encryption ? decrypted(encryption, written, scope, 'totp: the secret') : written;
  const encoding = encodingOf(mapping, scope);
  if (encoding !== 'otpauth') return { secret: decode(encoding, plain), ...parametersOf(mapping, scope) };
  const { secret, ...said } = readUrl(textOf(plain) ?? '');
  return { secret: decode('base32', secret), ...parametersOf(mapping, scope, said) };
}

const ENCODINGS: readonly TotpEncoding[] = ['base32', 'hex', 'base64', 'raw', 'otpauth'];

function encodingOf({ encoding }: TotpMapping, scope: Scope): TotpEncoding {
  if (typeof encoding === 'string') return encoding;
  const named = textFrom(encoding, scope);
  const known = ENCODINGS.find((one) => one === named);
  if (!known) throw unmappable(`totp: encoding is none of ${ENCODINGS.join(', ')}`);
  return known;
}

interface Said {
  readonly digits?: string | undefined;
  readonly period?: string | undefined;
  readonly algorithm?: string | undefined;
}

/** `otpauth://totp/…?secret=…` (Google Authenticator’s Key Uri Format). Counter-based ones are another factor. */
function readUrl(text: string): Said & { secret: string } {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.protocol !== 'otpauth:' || url.host !== 'totp')
    throw unmappable('totp: the secret is no otpauth URL');
  const said = (name: string) => url.searchParams.get(name) ?? undefined;
  return {
    secret: said('secret') ?? '',
    digits: said('digits'),
    period: said('period'),
    algorithm: said('algorithm'),
  };
}

function parametersOf(mapping: TotpMapping, scope: Scope, said: Said = {}): Omit<TotpSecret, 'secret'> {
  const text = (setting: number | string | Exclude<TotpMapping['digits'], number>) =>
    typeof setting === 'object' ? textFrom(setting, scope) : String(setting);
  const digits = Number(said.digits ?? text(mapping.digits));
  const periodSeconds = Number(said.period ?? text(mapping.periodSeconds));
  const algorithm = (said.algorithm ?? text(mapping.algorithm))?.toUpperCase();
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

function decode(encoding: Exclude<TotpEncoding, 'otpauth'>, value: unknown): Uint8Array {
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
  if (encoding === 'base32') return decodeBase32(text);
  const bytes = Buffer.from(text, encoding);
  // Buffer stops at the first character it does not know: write it again and compare.
  const again = bytes.toString(encoding).replace(/=+$/, '');
  return again === (encoding === 'hex' ? text.toLowerCase() : text) ? Uint8Array.from(bytes) : undefined;
}
