/** Laravel's `Encrypter`: AES with a MAC, or AES-GCM, as JSON in Base64. */
import { createCipheriv, createDecipheriv, createHmac, randomBytes } from 'node:crypto';
import { base64 } from '../../credentials/encoding.ts';
import { utf8Text } from './bounds.ts';
import { isSame } from './signed-values.ts';

export type LaravelCipher = 'aes-256-cbc' | 'aes-128-cbc' | 'aes-256-gcm' | 'aes-128-gcm';

export const keyBytesOf = (cipher: LaravelCipher): 16 | 32 => (cipher.startsWith('aes-256') ? 32 : 16);

/** APP_KEY: `base64:` and the key, or the key itself. Undefined: neither of the cipher's length. */
export function laravelKey(text: string, cipher: LaravelCipher): Buffer | undefined {
  const length = keyBytesOf(cipher);
  if (text.startsWith('base64:')) return base64(text.slice('base64:'.length), length);
  const bytes = Buffer.from(text);
  return bytes.length === length ? bytes : undefined;
}

export interface LaravelKeys {
  readonly cipher: LaravelCipher;
  /** The first encrypts; all of them open. */
  readonly keys: readonly Buffer[];
}

interface Payload {
  readonly iv: string;
  readonly value: string;
  readonly mac: string;
  readonly tag: string;
}

const macOf = (key: Buffer, { iv, value }: Pick<Payload, 'iv' | 'value'>) =>
  createHmac('sha256', key)
    .update(iv + value)
    .digest('hex');

export function laravelEncrypt(plain: string, { cipher, keys }: LaravelKeys): string {
  const key = keys[0]!;
  const payload = cipher.endsWith('gcm') ? sealed(plain, cipher, key) : signed(plain, cipher, key);
  return Buffer.from(JSON.stringify(payload)).toString('base64');
}

function signed(plain: string, cipher: LaravelCipher, key: Buffer): Payload {
  const iv = randomBytes(16);
  const encrypt = createCipheriv(cipher, key, iv);
  const value = Buffer.concat([encrypt.update(plain), encrypt.final()]).toString('base64');
  const written = { iv: iv.toString('base64'), value };
  return { ...written, mac: macOf(key, written), tag: '' };
}

function sealed(plain: string, cipher: LaravelCipher, key: Buffer): Payload {
  const iv = randomBytes(12);
  const encrypt = createCipheriv(cipher as 'aes-256-gcm', key, iv, { authTagLength: 16 });
  const value = Buffer.concat([encrypt.update(plain), encrypt.final()]).toString('base64');
  return { iv: iv.toString('base64'), value, mac: '', tag: encrypt.getAuthTag().toString('base64') };
}

/** What was encrypted, with the key it was encrypted with; undefined: forged, or for another key. Never throws. */
export function laravelDecrypt(text: string, { cipher, keys }: LaravelKeys): string | undefined {
  const payload = payloadOf(text);
  if (!payload) return undefined;
  for (const key of keys) {
    const plain = decrypted(payload, cipher, key);
    if (plain !== undefined) return utf8Text(plain);
  }
  return undefined;
}

function payloadOf(text: string): Payload | undefined {
  const bytes = base64(text);
  if (!bytes || bytes.length > 256 * 1024) return undefined;
  try {
    const { iv, value, mac, tag = '' } = JSON.parse(bytes.toString('utf8')) as Record<string, unknown>;
    const fields = [iv, value, mac, tag ?? ''];
    if (!fields.every((field) => typeof field === 'string')) return undefined;
    return { iv: fields[0]!, value: fields[1]!, mac: fields[2]!, tag: fields[3]! };
  } catch {
    return undefined;
  }
}

function decrypted(payload: Payload, cipher: LaravelCipher, key: Buffer): Buffer | undefined {
  const isSealed = cipher.endsWith('gcm');
  const [iv, value] = [base64(payload.iv, isSealed ? 12 : 16), base64(payload.value)];
  const tag = isSealed ? base64(payload.tag, 16) : undefined;
  if (!iv || !value || (isSealed ? !tag : payload.tag !== '')) return undefined;
  // Nothing is decrypted that was not written with the key.
  if (!isSealed && !isSame(macOf(key, payload), payload.mac)) return undefined;
  try {
    const decrypt = tag
      ? createDecipheriv(cipher as 'aes-256-gcm', key, iv, { authTagLength: 16 }).setAuthTag(tag)
      : createDecipheriv(cipher, key, iv);
    return Buffer.concat([decrypt.update(value), decrypt.final()]);
  } catch {
    return undefined;
  }
}
