import { createHash } from 'node:crypto';
import type { Algorithm } from '../algorithm.ts';
import { cryptBase64 } from '../encoding.ts';

export interface Drupal7Parameters {
  readonly log2Rounds: number;
}

/** Drupal 7's `$S$`: phpass over SHA-512; the digest is cut to 43 characters (includes/password.inc). */
export const drupal7Algorithm: Algorithm<Drupal7Parameters> = {
  label: () => 'drupal7',
  admits: ({ parameters: { log2Rounds } }, caps) => log2Rounds >= 7 && 2 ** log2Rounds <= caps.cryptRounds,
  derive(password, { parameters, salt, digest: stored }) {
    let digest = createHash('sha512').update(salt).update(password).digest();
    for (let round = 0; round < 2 ** parameters.log2Rounds; round += 1) {
      digest = createHash('sha512').update(digest).update(password).digest();
    }
    return Buffer.from(cryptBase64(digest).slice(0, stored.length), 'ascii');
  },
};
