/**
 * How bytes are written in stored hashes. Decoders are strict and total: text that is not exactly in the encoding
 * (or not of the asked length) gives `undefined`, and so does `undefined`, so that a row needs no branches.
 */

type Text = string | undefined;

const HEX = /^(?:[0-9a-f]{2})*$/i;
const BASE64 = /^[A-Za-z0-9+/]*={0,2}$/;

function ofLength(bytes: Buffer, length: number | undefined): Buffer | undefined {
  return length === undefined || bytes.length === length ? bytes : undefined;
}

export function hex(text: Text, length?: number): Buffer | undefined {
  return text !== undefined && HEX.test(text) ? ofLength(Buffer.from(text, 'hex'), length) : undefined;
}

/** RFC 4648 section 4, padded or not. */
export function base64(text: Text, length?: number): Buffer | undefined {
  if (text === undefined || !BASE64.test(text)) return undefined;
  const bare = text.replace(/={1,2}$/, '');
  return bare.length % 4 === 1 ? undefined : ofLength(Buffer.from(bare, 'base64'), length);
}

/** passlib's "adapted base64": `.` for `+`, no padding. Plain base64 is read as well. */
export function adaptedBase64(text: Text, length?: number): Buffer | undefined {
  return base64(text?.replaceAll('.', '+'), length);
}

export function utf8(text: Text): Buffer | undefined {
  return text === undefined ? undefined : Buffer.from(text, 'utf8');
}

/** A whole decimal number, or NaN. */
export function integer(text: Text): number {
  return text !== undefined && /^\d{1,10}$/.test(text) ? Number(text) : Number.NaN;
}

export function unpaddedBase64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64').replace(/=+$/, '');
}

export function toAdaptedBase64(bytes: Uint8Array): string {
  return unpaddedBase64(bytes).replaceAll('+', '.');
}

export function asText(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('utf8');
}

const CRYPT_ALPHABET = './0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';

/** A digit of crypt(3)'s alphabet as a number, or NaN. */
export function cryptDigit(character: Text): number {
  const value = character === undefined ? -1 : CRYPT_ALPHABET.indexOf(character);
  return value < 0 ? Number.NaN : value;
}

/** A number below 64 as a digit of crypt(3)'s alphabet. */
export function cryptCharacter(value: number): string {
  return CRYPT_ALPHABET.charAt(value);
}

/** crypt(3)'s base 64: little-endian groups of three bytes, six bits a character, as phpass and sha-crypt write. */
export function cryptBase64(bytes: Uint8Array): string {
  let text = '';
  for (let at = 0; at < bytes.length; at += 3) {
    const group = bytes.subarray(at, at + 3);
    let value = (group[0] ?? 0) | ((group[1] ?? 0) << 8) | ((group[2] ?? 0) << 16);
    for (let digit = 0; digit <= group.length; digit += 1, value >>>= 6) text += CRYPT_ALPHABET[value & 63];
  }
  return text;
}
