import { createCipheriv, createDecipheriv } from 'node:crypto';
import type { Algorithm } from '../algorithm.ts';

export interface AesCbcParameters {
  readonly key: Uint8Array;
}

/** Passwords encrypted by AES-256-CBC with PKCS #7 padding, compared as ciphertexts; the salt is the IV. */
export const aesCbcAlgorithm: Algorithm<AesCbcParameters> = {
  label: () => 'aes-256-cbc',
  recoverable: true,
  recover({ parameters, salt, digest }) {
    const decipher = createDecipheriv('aes-256-cbc', parameters.key, salt);
    return Buffer.concat([decipher.update(digest), decipher.final()]);
  },
  admits: ({ parameters, salt }) => parameters.key.length === 32 && salt.length === 16,
  derive(password, { parameters, salt }) {
    const cipher = createCipheriv('aes-256-cbc', parameters.key, salt);
    return Buffer.concat([cipher.update(password), cipher.final()]);
  },
};
