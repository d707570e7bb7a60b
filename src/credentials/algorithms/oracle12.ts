import { createHash, pbkdf2Sync } from 'node:crypto';
import type { Algorithm } from '../algorithm.ts';

/** Oracle 12c's `T:` verifier: what PBKDF2 gives, and the salt, under SHA-512. The server fixes the count. */
export const oracle12Algorithm: Algorithm<Readonly<Record<string, never>>> = {
  label: () => 'oracle12',
  admits: () => true,
  derive(password, { salt }) {
    const label = Buffer.from('AUTH_PBKDF2_SPEEDY_KEY', 'ascii');
    const key = pbkdf2Sync(password, Buffer.concat([salt, label]), 4096, 64, 'sha512');
    return createHash('sha512').update(key).update(salt).digest();
  },
};
