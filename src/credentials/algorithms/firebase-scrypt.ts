import { createCipheriv, scryptSync } from 'node:crypto';
import type { Algorithm } from '../algorithm.ts';

export interface FirebaseScryptParameters {
  /** `memCost`: log2 of N. */
  readonly log2N: number;
  /** `rounds`: r. */
  readonly blockSize: number;
  readonly saltSeparator: Uint8Array;
  /** The project's key, which the derived key encrypts. */
  readonly signerKey: Uint8Array;
}

const KEY_BYTES = 32;

/** Firebase's scrypt: the signer key under AES-256-CTR (zero IV) with scrypt(password, salt ‖ separator) as key. */
export const firebaseScryptAlgorithm: Algorithm<FirebaseScryptParameters> = {
  label: () => 'firebase-scrypt',
  admits: ({ parameters: { log2N, blockSize } }, caps) =>
    log2N >= 1 && blockSize >= 1 && 128 * 2 ** log2N * blockSize <= caps.scryptMemoryKib * 1024,
  derive(password, { parameters: { log2N, blockSize, saltSeparator, signerKey }, salt }) {
    const N = 2 ** log2N;
    const key = scryptSync(password, Buffer.concat([salt, saltSeparator]), KEY_BYTES, {
      N,
      r: blockSize,
      p: 1,
      maxmem: 256 * N * blockSize + 1_048_576,
    });
    const cipher = createCipheriv('aes-256-ctr', key, Buffer.alloc(16));
    return Buffer.concat([cipher.update(signerKey), cipher.final()]);
  },
};
