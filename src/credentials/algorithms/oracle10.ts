import { createCipheriv } from 'node:crypto';
import type { Algorithm } from '../algorithm.ts';

const FIRST_KEY = Buffer.from('0123456789abcdef', 'hex');

/** The last block of DES-CBC with a zero IV; DES as triple DES with one key, as OpenSSL 3 has no other. */
function mac(key: Uint8Array, message: Buffer): Buffer {
  const cipher = createCipheriv('des-ede3-cbc', Buffer.concat([key, key, key]), Buffer.alloc(8));
  return cipher.setAutoPadding(false).update(message).subarray(-8);
}

/**
 * Oracle up to 10g ("An Assessment of the Oracle Password Hashing Algorithm", Wright and Cid 2005): user name and
 * password in capitals and UTF-16BE, zero-padded, MACed twice, the first result being the second key.
 */
export const oracle10Algorithm: Algorithm<Readonly<Record<string, never>>> = {
  label: () => 'oracle10',
  minDigestBytes: 8,
  admits: () => true,
  derive(password) {
    const padded = Buffer.concat([password, Buffer.alloc(-password.length & 7)]);
    return mac(mac(FIRST_KEY, padded), padded);
  },
};
