import { scryptSync } from 'node:crypto';
import type { Algorithm } from '../algorithm.ts';

export interface ScryptParameters {
  readonly log2N: number;
  /** r in RFC 7914. */
  readonly blockSize: number;
  /** p in RFC 7914. */
  readonly parallelism: number;
}

/** `parallelism` repeats the work without more memory: together at most four times the memory cap is walked. */
const MAX_WALKS = 4;

/** Bytes of memory: 128·N·r (RFC 7914 section 2). */
function memoryBytes({ log2N, blockSize }: ScryptParameters): number {
  return 128 * 2 ** log2N * blockSize;
}

/** scrypt (RFC 7914). */
export const scryptAlgorithm: Algorithm<ScryptParameters> = {
  label: () => 'scrypt',
  admits({ parameters }, caps) {
    const bound = caps.scryptMemoryKib * 1024;
    const memory = memoryBytes(parameters);
    return (
      parameters.log2N >= 1 &&
      parameters.blockSize >= 1 &&
      parameters.parallelism >= 1 &&
      memory <= bound &&
      memory * parameters.parallelism <= bound * MAX_WALKS
    );
  },
  derive: (password, { parameters, salt, digest }) =>
    scryptSync(password, salt, digest.length, {
      N: 2 ** parameters.log2N,
      r: parameters.blockSize,
      p: parameters.parallelism,
      // OpenSSL counts its own blocks as well and refuses at exactly 128·N·r.
      maxmem: 2 * memoryBytes(parameters) + 256 * parameters.blockSize * parameters.parallelism + 1_048_576,
    }),
};
