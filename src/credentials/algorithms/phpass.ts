import { createHash } from 'node:crypto';
import type { Algorithm } from '../algorithm.ts';
import { cryptBase64 } from '../encoding.ts';

export interface PhpassParameters {
  /** `P`, or phpBB 3's `H`: written differently, computed alike. */
  readonly prefix: 'P' | 'H';
  readonly log2Rounds: number;
}

/** phpass "portable" hashes: iterated MD5; salt and digest are their 8 and 22 characters. */
export const phpassAlgorithm: Algorithm<PhpassParameters> = {
  label: () => 'phpass',
  admits: ({ parameters: { log2Rounds } }, caps) => log2Rounds >= 7 && 2 ** log2Rounds <= caps.cryptRounds,
  derive(password, { parameters, salt }) {
    let digest = createHash('md5').update(salt).update(password).digest();
    for (let round = 0; round < 2 ** parameters.log2Rounds; round += 1) {
      digest = createHash('md5').update(digest).update(password).digest();
    }
    return Buffer.from(cryptBase64(digest), 'ascii');
  },
};
