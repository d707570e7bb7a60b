import { pbkdf2Sync } from 'node:crypto';
import type { Algorithm, DigestName } from '../algorithm.ts';
import { DIGEST_BYTES } from '../algorithm.ts';

export interface Pbkdf2Parameters {
  readonly digest: DigestName;
  readonly iterations: number;
}

/** A key longer than the digest repeats all iterations per block: together at most twice the cap. */
const MAX_TOTAL = 2;

/** PBKDF2 with HMAC (RFC 8018 section 5.2). */
export const pbkdf2Algorithm: Algorithm<Pbkdf2Parameters> = {
  label: ({ digest }) => `pbkdf2-${digest}`,
  admits({ parameters, digest }, { pbkdf2Iterations }) {
    const blocks = Math.ceil(digest.length / DIGEST_BYTES[parameters.digest]);
    return (
      parameters.iterations >= 1 &&
      parameters.iterations <= pbkdf2Iterations &&
      parameters.iterations * blocks <= pbkdf2Iterations * MAX_TOTAL
    );
  },
  derive: (password, { parameters, salt, digest }) =>
    pbkdf2Sync(password, salt, parameters.iterations, digest.length, parameters.digest),
};
