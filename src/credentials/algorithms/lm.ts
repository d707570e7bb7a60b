import { createCipheriv } from 'node:crypto';
import type { Algorithm } from '../algorithm.ts';

const MAGIC = Buffer.from('KGS!@#$%', 'ascii');

/** Seven bytes spread over eight, the lowest bit of each being parity. */
function desKey(bytes: Buffer): Buffer {
  const bits = bytes.reduce((number, byte) => (number << 8n) | BigInt(byte), 0n);
  return Buffer.from(Array.from({ length: 8 }, (_, at) => Number((bits >> BigInt(49 - 7 * at)) & 127n) << 1));
}

/** DES as triple DES with one key: OpenSSL 3 has no other. */
function encrypted(key: Buffer): Buffer {
  const cipher = createCipheriv('des-ede3-ecb', Buffer.concat([key, key, key]), null);
  return cipher.setAutoPadding(false).update(MAGIC);
}

/** The LAN Manager hash ([MS-NLMP] section 3.3.1, LMOWFv1) of the first 14 bytes, already in capitals. */
export const lmAlgorithm: Algorithm<Readonly<Record<string, never>>> = {
  label: () => 'lm-hash',
  admits: () => true,
  derive(password) {
    const padded = Buffer.concat([password, Buffer.alloc(14)]);
    return Buffer.concat(
      [padded.subarray(0, 7), padded.subarray(7, 14)].map((half) => encrypted(desKey(half))),
    );
  },
};
