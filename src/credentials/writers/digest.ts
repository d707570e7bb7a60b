/** A single pass of a digest. What stands around password and salt is written where the target has room for it. */
import type { Accepted } from '../accepted-format.ts';
import type { MessagePart } from '../algorithms/digest.ts';
import { singlePass } from '../digests.ts';
import type { HashOf, ParsedHash } from '../hash.ts';
import type { Writer, Written } from '../written.ts';
import { bounded, textOf } from '../written.ts';

type Digest = 'digest-kratos' | 'digest-auth0' | 'digest-cidaas';
type Md5 = 'md5plain' | 'md5salted-prefix' | 'md5salted-suffix';

const toBase64 = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64');
const toHex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');

interface OneSided {
  readonly position: 'prefix' | 'suffix' | 'none';
  readonly salt: Uint8Array;
}

/** All that is digested beside the password as one salt; `undefined` where it stands on both sides of it. */
function oneSided({ parameters: { message }, salt }: HashOf<'digest'>): OneSided | undefined {
  const bytes = (parts: readonly MessagePart[]) =>
    Buffer.concat(parts.map((part) => (typeof part === 'string' ? salt : part)));
  const beside = message.filter((part) => part !== 'password');
  if (message.length - beside.length !== 1) return undefined;
  if (beside.length === 0) return { position: 'none', salt: bytes([]) };
  if (message.at(-1) === 'password') return { position: 'prefix', salt: bytes(beside) };
  return message[0] === 'password' ? { position: 'suffix', salt: bytes(beside) } : undefined;
}

function accepted(hash: ParsedHash, { digests }: Accepted<Digest>): HashOf<'digest'> | undefined {
  const plain = singlePass(hash);
  return plain && digests.includes(plain.parameters.digest) ? plain : undefined;
}

const TOKENS = { salt: '{SALT}', password: '{PASSWORD}' } as const;

/** Kratos replaces its two marks wherever they stand: fixed text must not hold one. */
function kratosTemplate(message: readonly MessagePart[]): Buffer | undefined {
  const parts = message.map((part) => (typeof part === 'string' ? Buffer.from(TOKENS[part]) : part));
  const isClear = message.every(
    (part, at) => typeof part === 'string' || !/\{(?:SALT|PASSWORD)\}/.test(toLatin1(parts[at]!)),
  );
  return isClear ? Buffer.concat(parts) : undefined;
}

const toLatin1 = (bytes: Uint8Array) => Buffer.from(bytes).toString('latin1');

/** passwap splits at `$` and white space, and keeps the salt as text. */
function passwapSalt(salt: Uint8Array): string | undefined {
  const text = textOf(salt);
  return text !== undefined && !/[$\s\p{Cc}]/u.test(text) ? text : undefined;
}

function saltedMd5(position: 'prefix' | 'suffix'): Writer<Md5> {
  return (hash, limits): Written => {
    const plain = singlePass(hash);
    if (plain?.parameters.digest !== 'md5') return undefined;
    const side = oneSided(plain);
    if (!side) return { reason: 'salt_not_representable' };
    if (side.position !== position) return undefined;
    const salt = passwapSalt(side.salt);
    if (salt === undefined) return { reason: 'salt_not_representable' };
    return bounded(true, `$md5salted-${position}$${salt}$${toBase64(plain.digest)}`, limits);
  };
}

export const digestWriters = {
  md5plain(hash, limits) {
    const plain = singlePass(hash);
    if (plain?.parameters.digest !== 'md5' || oneSided(plain)?.position !== 'none') return undefined;
    return bounded(true, toHex(plain.digest), limits);
  },
  'md5salted-prefix': saltedMd5('prefix'),
  'md5salted-suffix': saltedMd5('suffix'),
  'digest-kratos'(hash, limits) {
    const plain = accepted(hash, limits);
    if (!plain) return undefined;
    const { digest, message } = plain.parameters;
    if (digest === 'md5' && message.length === 1) {
      return bounded(true, `$md5$${toBase64(plain.digest)}`, limits);
    }
    const pattern = kratosTemplate(message);
    if (!pattern) return { reason: 'salt_not_representable' };
    const salt = message.includes('salt') ? toBase64(plain.salt) : '';
    return bounded(true, `$${digest}$pf=${toBase64(pattern)}$${salt}$${toBase64(plain.digest)}`, limits);
  },
  'digest-auth0'(hash, limits) {
    const plain = accepted(hash, limits);
    if (!plain) return undefined;
    const side = oneSided(plain);
    if (!side) return { reason: 'salt_not_representable' };
    const { position, salt } = side;
    const text = textOf(salt);
    const [value, encoding] = text === undefined ? [toHex(salt), 'hex'] : [text, 'utf8'];
    const custom = {
      algorithm: plain.parameters.digest,
      hash: { value: toHex(plain.digest), encoding: 'hex' },
      ...(position !== 'none' && { salt: { value, encoding, position } }),
    };
    return bounded(true, { custom_password_hash: custom }, limits);
  },
  'digest-cidaas'(hash, limits) {
    const plain = accepted(hash, limits);
    if (!plain) return undefined;
    if (oneSided(plain)?.position !== 'none') return { reason: 'salt_not_representable' };
    const algorithmTypeId = plain.parameters.digest.toUpperCase();
    return bounded(true, { algorithmTypeId, passwordHash: toHex(plain.digest) }, limits);
  },
} satisfies { [W in Digest | Md5]: Writer<W> };
