import { createHmac } from 'node:crypto';
import type { Algorithm } from '../algorithm.ts';
import { cryptBase64 } from '../encoding.ts';

export interface Sha1CryptParameters {
  readonly rounds: number;
}

/** The order in which NetBSD's crypt-sha1.c writes the digest; its first byte comes again at the end. */
const ORDER = [2, 1, 0, 5, 4, 3, 8, 7, 6, 11, 10, 9, 14, 13, 12, 17, 16, 15, 0, 19, 18];

/** NetBSD's `$sha1$` (crypt-sha1.c): HMAC-SHA1 keyed with the password, over its own result again and again. */
export const sha1CryptAlgorithm: Algorithm<Sha1CryptParameters> = {
  label: () => 'sha1crypt',
  admits: ({ parameters: { rounds } }, caps) => rounds >= 1 && rounds <= caps.cryptRounds,
  derive(password, { parameters: { rounds }, salt }) {
    let digest = createHmac('sha1', password).update(salt).update(`$sha1$${rounds}`).digest();
    for (let round = 1; round < rounds; round += 1) {
      digest = createHmac('sha1', password).update(digest).digest();
    }
    return Buffer.from(cryptBase64(Buffer.from(ORDER.map((at) => digest[at]!))), 'ascii');
  },
};
