import type { Algorithm } from '../algorithm.ts';
import { cryptBase64BigEndian, cryptNumber } from '../crypt-encoding.ts';
import { encryptDes } from '../des.ts';

export interface DesCryptParameters {
  /**
   * `traditional`: the first 8 bytes. `extended` (BSDi): all of them, 24 bits of salt, its own count. `bigcrypt`
   * (Digital Unix, HP-UX): every 8 bytes by themselves, salted with the piece before. `crypt16` (Ultrix): twice 8.
   */
  readonly kind: 'traditional' | 'extended' | 'bigcrypt' | 'crypt16';
  /** How often the cipher runs; 25 in all kinds but `extended`. */
  readonly count: number;
}

/** Each piece costs 25 ciphers; libxcrypt's bigcrypt takes sixteen. */
const MAX_PIECES = 16;
const ZEROS = new Uint8Array(8);

/** Seven bits of each of up to 8 bytes, above the bit that DES takes for parity. */
function keyOf(bytes: Uint8Array): Buffer {
  const key = Buffer.alloc(8);
  bytes.subarray(0, 8).forEach((byte, at) => {
    key[at] = byte << 1;
  });
  return key;
}

/** All bytes of a longer password: the key so far encrypted with itself, and the next eight over it. */
function foldedKey(password: Buffer): Buffer {
  let key = keyOf(password);
  for (let at = 8; at < password.length; at += 8) {
    const next = keyOf(password.subarray(at));
    key = encryptDes(key, key);
    next.forEach((byte, index) => {
      key[index]! ^= byte;
    });
  }
  return key;
}

function piece(key: Buffer, salt: string, count: number): string {
  return cryptBase64BigEndian(encryptDes(key, ZEROS, cryptNumber(salt), count));
}

function bigcrypt(password: Buffer, salt: string): string {
  let text = piece(keyOf(password), salt, 25);
  for (let at = 8; at < Math.min(password.length, 8 * MAX_PIECES); at += 8) {
    text += piece(keyOf(password.subarray(at)), text.slice(-11, -9), 25);
  }
  return text;
}

/** The crypts over DES, after crypt(5) of libxcrypt; salt and digest are their text. */
export const desCryptAlgorithm: Algorithm<DesCryptParameters> = {
  label: ({ kind }) => (kind === 'traditional' ? 'des-crypt' : kind === 'extended' ? 'bsdi-crypt' : kind),
  minDigestBytes: 11,
  admits: ({ parameters: { count } }, caps) => count >= 1 && count <= caps.cryptRounds,
  derive(password, { parameters: { kind, count }, salt }) {
    const text = Buffer.from(salt).toString('ascii');
    const derived = {
      traditional: () => piece(keyOf(password), text, count),
      extended: () => piece(foldedKey(password), text, count),
      bigcrypt: () => bigcrypt(password, text),
      crypt16: () => piece(keyOf(password), text, 20) + piece(keyOf(password.subarray(8)), text, 5),
    };
    return Buffer.from(derived[kind](), 'ascii');
  },
};
