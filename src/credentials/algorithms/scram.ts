import { createHash, createHmac, pbkdf2Sync } from 'node:crypto';
import type { Algorithm, DigestName } from '../algorithm.ts';
import { DIGEST_BYTES } from '../algorithm.ts';

export interface ScramParameters {
  readonly digest: DigestName;
  readonly iterations: number;
}

/** SCRAM's StoredKey (RFC 5802 section 3): H(HMAC(Hi(password, salt, i), "Client Key")). */
export const scramAlgorithm: Algorithm<ScramParameters> = {
  label: ({ digest }) => `scram-${digest}`,
  admits: ({ parameters: { iterations } }, caps) => iterations >= 1 && iterations <= caps.pbkdf2Iterations,
  derive(password, { parameters: { digest, iterations }, salt }) {
    const salted = pbkdf2Sync(password, salt, iterations, DIGEST_BYTES[digest], digest);
    const client = createHmac(digest, salted).update('Client Key').digest();
    return createHash(digest).update(client).digest();
  },
};
