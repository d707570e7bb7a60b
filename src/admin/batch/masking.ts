/**
 * Shows what would be sent without its secrets. They are found by what they are and not by where they stand: every
 * secret of a person is looked for in every text of the message, whole, in pieces, and in the encodings that targets use.
 */
import { createHash } from 'node:crypto';
import { decodeBase32 } from '../../credentials/totp.ts';
import type { TargetUser } from '../../targets/connection.ts';

/** Shorter ones are masked where they are the whole value: inside of others they could be a part of any word. */
const MIN_INSIDE = 6;
/** A salt or a digest is longer than the words beside it. */
const MIN_PIECE = 12;
/** Whatever a hash's document calls what is neither a name nor a number; long texts count anyway. */
const SECRET_KEYS = new Set(['value', 'salt', 'key', 'hash', 'passwordHash', 'secretData', 'password_hash']);
const MIN_LONG = 16;
/** `m=64,t=1,p=1` */
const PARAMETERS = /^[a-z]+=\d+(,[a-z]+=\d+)*$/;
const DIGESTS = ['md5', 'sha1', 'sha256', 'sha384', 'sha512'];

/** Every text that must not be shown, longest first. */
export function secretsOf(users: readonly TargetUser[]): string[] {
  const plain = users.flatMap((user) => [
    ...[user.password, user.placeholder].flatMap((password) => hashSecrets(password?.encoded)),
    ...(user.totpSecret ? seedSecrets(user.totpSecret) : []),
    ...(user.recoveryCodes ?? []).flatMap(spellingsOf),
  ]);
  const guessable = users.flatMap(({ totpSecret, recoveryCodes = [] }) => [
    ...(totpSecret ? [totpSecret] : []),
    ...recoveryCodes.flatMap(spellingsOf),
  ]);
  const texts = new Set([...plain.flatMap(encodingsOf), ...guessable.flatMap(digestsOf)]);
  return [...texts].filter((text) => text !== '').sort((a, b) => b.length - a.length);
}

/** A copy of plain JSON with `[secret, 60 characters]` wherever one of them stands. */
export function masked<T>(value: T, secrets: readonly string[]): T {
  if (typeof value === 'string') return maskText(value, secrets) as T;
  if (Array.isArray(value)) return value.map((item) => masked(item, secrets)) as T;
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [maskText(key, secrets), masked(item, secrets)]),
  ) as T;
}

const mark = (secret: string) => `[secret, ${secret.length} characters]`;

function maskText(text: string, secrets: readonly string[]): string {
  let shown = text;
  for (const secret of secrets) {
    if (text === secret) return mark(secret);
    if (secret.length >= MIN_INSIDE) shown = shown.replaceAll(secret, () => mark(secret));
  }
  return shown;
}

/** Of a hash as a target reads it: text, or a document whose texts may be documents again. */
function hashSecrets(encoded: unknown, key = 'value'): string[] {
  if (typeof encoded === 'string') {
    const inside = documentIn(encoded);
    const own = SECRET_KEYS.has(key) || (!inside && encoded.length >= MIN_LONG) ? [encoded] : [];
    return inside
      ? [...own, ...hashSecrets(inside, '')]
      : [...own, ...(own.length > 0 ? piecesOf(encoded) : [])];
  }
  if (Array.isArray(encoded)) return encoded.flatMap((item) => hashSecrets(item, key));
  if (typeof encoded !== 'object' || encoded === null) return [];
  return Object.entries(encoded).flatMap(([name, item]) => hashSecrets(item, name));
}

function documentIn(text: string): object | undefined {
  if (!/^[[{]/.test(text)) return undefined;
  try {
    return JSON.parse(text) as object;
  } catch {
    return undefined;
  }
}

/** Of `$scheme$parameters$salt$digest`, where a target takes them apart. */
function piecesOf(encoded: string): string[] {
  const pieces = encoded.split('$').slice(encoded.startsWith('$') ? 2 : 0);
  return pieces.filter((piece) => piece.length >= MIN_PIECE && !PARAMETERS.test(piece));
}

/** The seed in base 32, and its bytes in what else a target may write them in. */
function seedSecrets(base32: string): string[] {
  const bytes = Buffer.from(decodeBase32(base32) ?? []);
  const lower = base32.toLowerCase();
  return [base32, lower, ...writtenOut(bytes), bytes.toString('latin1'), bytes.toString('utf8')];
}

/** Some targets store codes without their hyphens. */
function spellingsOf(code: string): string[] {
  const bare = code.replace(/[^\p{L}\p{N}]/gu, '');
  return [...new Set([code, bare, bare.toLowerCase(), bare.toUpperCase()])];
}

/** Some store them hashed with something fast, and a short code can be guessed from that. */
const digestsOf = (text: string) =>
  DIGESTS.flatMap((name) => writtenOut(createHash(name).update(text).digest()));

const writtenOut = (bytes: Buffer) => [
  bytes.toString('hex'),
  bytes.toString('base64'),
  bytes.toString('base64').replace(/=+$/, ''),
  bytes.toString('base64url'),
  ...[0, 1, 2].flatMap((before) => insideBase64(bytes, before)),
];

/** The characters that these bytes alone decide, in base64 of a text in which they stand behind so many others. */
function insideBase64(bytes: Buffer, before: number): string[] {
  const around = Buffer.concat([Buffer.alloc(before), bytes]);
  const [from, to] = [Math.ceil((before * 8) / 6), Math.floor((around.length * 8) / 6)];
  const inside = (['base64', 'base64url'] as const).map((name) => around.toString(name).slice(from, to));
  return inside.filter((text) => text.length >= MIN_INSIDE);
}

/** The text, as it stands inside JSON or a URL, and as a target would write its bytes otherwise. */
function encodingsOf(text: string): string[] {
  const isHex = /^(?:[0-9a-f]{2}){8,}$/i.test(text);
  const isBase64 = /^[\w+/-]{16,}={0,2}$/.test(text);
  return [
    text,
    JSON.stringify(text).slice(1, -1),
    // Half a surrogate pair has no encoding.
    encodeURIComponent(text.toWellFormed()),
    ...(text.length >= MIN_INSIDE ? writtenOut(Buffer.from(text)) : []),
    ...(isHex ? [text.toLowerCase(), text.toUpperCase(), ...writtenOut(Buffer.from(text, 'hex'))] : []),
    ...(isBase64 ? writtenOut(Buffer.from(text, 'base64')) : []),
  ];
}
