import { createHmac } from 'node:crypto';
import type { Algorithm, DigestName } from '../algorithm.ts';

export interface HmacParameters {
  readonly digest: DigestName;
}

/** HMAC (RFC 2104) over the password; the key is the salt. */
export const hmacAlgorithm: Algorithm<HmacParameters> = {
  label: ({ digest }) => `hmac-${digest}`,
  admits: () => true,
  derive: (password, { parameters, salt }) => createHmac(parameters.digest, salt).update(password).digest(),
};
