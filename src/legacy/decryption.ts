/** Columns that the framework encrypts, opened as each framework seals them. */
import { createDecipheriv, createHmac, hkdfSync, pbkdf2Sync, timingSafeEqual } from 'node:crypto';
import { inflateSync } from 'node:zlib';
import type { Encryption } from './factor-settings.ts';
import type { Scope } from './fields.ts';
import { textFrom, unmappable } from './fields.ts';
import { textOf } from './values.ts';

type Settings<S extends Encryption['scheme']> = Extract<Encryption, { scheme: S }>;

/**
 * The text inside. `what` names it in the error, which never says more than that no key opens it: a wrong key, a changed
 * value and one that was never encrypted look alike.
 */
export function decrypted(encryption: Encryption, value: unknown, scope: Scope, what: string): string {
  const text = textOf(value) ?? '';
  for (const key of encryption.key) {
    try {
      return open(encryption, key.reveal(), text, scope);
    } catch {
      // The next key may open it.
    }
  }
  throw unmappable(`${what} cannot be decrypted with this key`);
}

function open(encryption: Encryption, key: string, text: string, scope: Scope): string {
  switch (encryption.scheme) {
    case 'attr_encrypted':
      return openAttrEncrypted(encryption, key, text, scope);
    case 'rails':
      return openRails(encryption, key, text);
    case 'laravel':
      return unserialised(openLaravel(key, text));
    case 'fernet':
      return openFernet(fernetKey(encryption, key), text);
  }
}

const fromBase64 = (text: unknown) => Buffer.from(String(text ?? ''), 'base64');
const TAG_BYTES = 16;

interface Sealed {
  readonly iv: Buffer;
  readonly tag: Buffer;
  readonly data: Buffer;
}

function openGcm(cipher: 'aes-128-gcm' | 'aes-256-gcm', key: Buffer, { iv, tag, data }: Sealed): Buffer {
  const opening = createDecipheriv(cipher, key, iv, { authTagLength: TAG_BYTES });
  opening.setAuthTag(tag);
  return Buffer.concat([opening.update(data), opening.final()]);
}

function openCbc(cipher: 'aes-128-cbc' | 'aes-256-cbc', key: Buffer, iv: Buffer, data: Buffer): Buffer {
  const opening = createDecipheriv(cipher, key, iv);
  return Buffer.concat([opening.update(data), opening.final()]);
}

/** Throws unless it is the HMAC-SHA256 of these parts. */
function checkMac(key: Buffer, mac: Buffer, ...parts: (string | Buffer)[]): void {
  const right = createHmac('sha256', key);
  for (const part of parts) right.update(part);
  if (!timingSafeEqual(right.digest(), mac)) throw new Error('the mac is wrong');
}

/** attr_encrypted 3 with `per_attribute_iv_and_salt` (encryptor gem): the tag stands at the end, the salt behind a `_`. */
function openAttrEncrypted(
  { iv, salt }: Settings<'attr_encrypted'>,
  key: string,
  text: string,
  scope: Scope,
): string {
  const sealed = fromBase64(text);
  const derived = pbkdf2Sync(key, fromBase64(textFrom(salt, scope)?.replace(/^_/, '')), 2_000, 32, 'sha1');
  const parts = {
    iv: fromBase64(textFrom(iv, scope)),
    tag: sealed.subarray(-TAG_BYTES),
    data: sealed.subarray(0, -TAG_BYTES),
  };
  return openGcm('aes-256-gcm', derived, parts).toString('utf8');
}

const derivedKeys = new Map<string, Buffer>();
const MAX_DERIVED_KEYS = 50;

/** ActiveSupport::KeyGenerator with its 2^16 rounds: tens of milliseconds, so each key is derived once. */
function railsKey({ salt, digest }: Settings<'rails'>, key: string): Buffer {
  const name = JSON.stringify([key, salt.reveal(), digest]);
  const known = derivedKeys.get(name);
  if (known) return known;
  const derived = pbkdf2Sync(key, salt.reveal(), 65_536, 32, digest);
  if (derivedKeys.size >= MAX_DERIVED_KEYS) derivedKeys.clear();
  derivedKeys.set(name, derived);
  return derived;
}

/** Values over 140 bytes are compressed; this is far more than any seed or list of codes unpacks to. */
const MAX_INFLATED_BYTES = 65_536;

/** ActiveRecord::Encryption's message: `p` the payload, `h` with `iv`, `at` (the tag) and `c` where it is deflated. */
function openRails(encryption: Settings<'rails'>, key: string, text: string): string {
  const { p, h } = JSON.parse(text) as { p: string; h: { iv: string; at: string; c?: boolean; k?: unknown } };
  if (h.k !== undefined) throw new Error('envelope encryption has a key of its own per value');
  const parts = { iv: fromBase64(h.iv), tag: fromBase64(h.at), data: fromBase64(p) };
  const plain = openGcm('aes-256-gcm', railsKey(encryption, key), parts);
  return (h.c ? inflateSync(plain, { maxOutputLength: MAX_INFLATED_BYTES }) : plain).toString('utf8');
}

/** Illuminate\Encryption\Encrypter: JSON in base 64; CBC with an HMAC over the base 64 texts, or GCM with a tag. */
function openLaravel(appKey: string, text: string): string {
  const key = appKey.startsWith('base64:') ? fromBase64(appKey.slice('base64:'.length)) : Buffer.from(appKey);
  const { iv, value, mac, tag } = JSON.parse(fromBase64(text).toString()) as Record<string, string>;
  const bits = key.length === 16 ? 128 : 256;
  if (tag) {
    const parts = { iv: fromBase64(iv), tag: fromBase64(tag), data: fromBase64(value) };
    return openGcm(`aes-${bits}-gcm`, key, parts).toString('utf8');
  }
  checkMac(key, Buffer.from(mac ?? '', 'hex'), iv ?? '', value ?? '');
  return openCbc(`aes-${bits}-cbc`, key, fromBase64(iv), fromBase64(value)).toString('utf8');
}

/** `encrypt` serialises as PHP does, `encryptString` does not: `s:32:"…";` is its text. */
function unserialised(text: string): string {
  const [, length, inner] = /^s:(\d+):"(.*)";$/s.exec(text) ?? [];
  return inner !== undefined && Buffer.byteLength(inner) === Number(length) ? inner : text;
}

function fernetKey({ derivation }: Settings<'fernet'>, key: string): Buffer {
  if (derivation === 'none') return fromBase64(key);
  return Buffer.from(hkdfSync('sha256', key, 'django-fernet-fields-hkdf-salt', 'django-fernet-fields', 32));
}

/** The Fernet specification: version 0x80, time, IV, AES-128-CBC, HMAC-SHA256; half of the key signs, half encrypts. */
function openFernet(key: Buffer, text: string): string {
  const token = fromBase64(text);
  if (key.length !== 32 || token[0] !== 0x80 || token.length < 1 + 8 + 16 + 16 + 32)
    throw new Error('no token');
  checkMac(key.subarray(0, 16), token.subarray(-32), token.subarray(0, -32));
  return openCbc('aes-128-cbc', key.subarray(16), token.subarray(9, 25), token.subarray(25, -32)).toString(
    'utf8',
  );
}
