/** Django's `django.core.signing`: `dumps` and `loads` with a TimestampSigner, and `salted_hmac` under it. */
import { createHash, createHmac } from 'node:crypto';
import { inflateSync } from 'node:zlib';
import { strictBase64 } from '../../credentials/strict-encoding.ts';
import { bounded, MAX_BYTES } from './bounds.ts';
import { isSame } from './signed-values.ts';

/** Django's name for the digest. */
export type DjangoDigest = 'sha256' | 'sha1';

export interface SaltedMessage {
  readonly salt: string;
  readonly value: string | Uint8Array;
  readonly secret: string;
  readonly digest?: DjangoDigest;
}

/** HMAC whose key is made of salt and secret (`django.utils.crypto.salted_hmac`). */
export function saltedHmac({ salt, value, secret, digest = 'sha256' }: SaltedMessage): Buffer {
  const key = createHash(digest)
    .update(salt + secret)
    .digest();
  return createHmac(digest, key).update(value).digest();
}

export interface SigningKeys {
  readonly salt: string;
  /** The first signs; all of them open. */
  readonly secrets: readonly string[];
}

const BASE62 = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
/** Data (compressed when it begins with a point), base-62 timestamp, signature. */
const SIGNED = /^(\.?)([A-Za-z0-9_-]+):(-?[0-9A-Za-z]{1,11}):([A-Za-z0-9_-]{43})$/;

const signature = (salt: string, value: string, secret: string) =>
  saltedHmac({ salt: `${salt}signer`, value, secret }).toString('base64url');

/** Whole seconds since the epoch, not below 0. */
export function base62(value: number): string {
  let text = '';
  for (let left = value; left > 0; left = Math.floor(left / 62)) text = BASE62[left % 62] + text;
  return text || '0';
}

/** What was signed, or undefined. Django gives sessions no age here: their own expiry counts. Never throws. */
export function loads(signed: Uint8Array, { salt, secrets }: SigningKeys): Buffer | undefined {
  return bounded(signed, (bytes) => {
    const text = bytes.toString('latin1');
    const [, point, data, , given] = SIGNED.exec(text) ?? [];
    if (data === undefined || given === undefined) return undefined;
    const value = text.slice(0, -given.length - 1);
    if (!secrets.some((secret) => isSame(signature(salt, value, secret), given))) return undefined;
    const plain = Buffer.from(data, 'base64url');
    return point === '' ? plain : inflateSync(plain, { maxOutputLength: MAX_BYTES });
  });
}

export interface SigningOptions {
  /** Seconds since the epoch. */
  readonly at: number;
  /** The data has been compressed by zlib; Django reads both. */
  readonly isCompressed?: boolean;
}

export function dumps(
  data: Uint8Array,
  { salt, secrets }: SigningKeys,
  { at, isCompressed }: SigningOptions,
): string {
  const text = Buffer.from(data).toString('base64url');
  const value = `${isCompressed ? '.' : ''}${text}:${base62(Math.floor(at))}`;
  return `${value}:${signature(salt, value, secrets[0]!)}`;
}

/** Before Django 3.1 sessions were `hash:data` in Base64, with SHA-1. Never throws. */
export function loadsHashed(stored: Uint8Array, { salt, secrets }: SigningKeys): Buffer | undefined {
  return bounded(stored, (bytes) => {
    const whole = strictBase64(bytes.toString('latin1'), true);
    const at = whole?.indexOf(':') ?? -1;
    if (!whole || at !== 40) return undefined;
    const [given, data] = [whole.toString('latin1', 0, at), whole.subarray(at + 1)];
    return secrets.some((secret) => isSame(sha1Of(data, salt, secret), given)) ? data : undefined;
  });
}

export function dumpsHashed(data: Uint8Array, { salt, secrets }: SigningKeys): string {
  const hash = sha1Of(data, salt, secrets[0]!);
  return Buffer.concat([Buffer.from(`${hash}:`), data]).toString('base64');
}

const sha1Of = (value: Uint8Array, salt: string, secret: string) =>
  saltedHmac({ salt, value, secret, digest: 'sha1' }).toString('hex');
