/**
 * Ory Kratos and Ory Network: the comparers of its hash package (b86338d) with the bounds that an import is checked
 * against. No phpass, Drupal, apr1 or yescrypt. `pbkdf2-sha224` and `-sha384` are SHA-3 there: they are not listed.
 */
import type { TargetKind } from '../target.ts';

const SHA_CRYPT = [1_000, 999_999_999] as const;

export const kratos: TargetKind = {
  kind: 'kratos',
  evidence: 'run',
  accepts: [
    { write: 'bcrypt', cost: [4, 15], maxPasswordBytes: 72 },
    { write: 'argon2', variants: ['id', 'i'], memoryKiB: [8, 1_048_576], passes: [1, 10], lanes: [1, 16] },
    { write: 'pbkdf2-kratos', digests: ['sha1', 'sha256', 'sha512'], iterations: [1, 10_000_000] },
    { write: 'scrypt-kratos', log2N: [1, 17], blockSize: [1, 8], parallelism: [1, 10] },
    { write: 'firebase-kratos', log2N: [1, 17], blockSize: [1, 8] },
    { write: 'sha512crypt-kratos', rounds: SHA_CRYPT },
    { write: 'sha256crypt-kratos', rounds: SHA_CRYPT },
    { write: 'md5crypt-kratos' },
    { write: 'hmac-kratos', digests: ['md5', 'sha1', 'sha224', 'sha256', 'sha384', 'sha512'] },
    { write: 'digest-kratos', digests: ['md5', 'sha1', 'sha256', 'sha512'] },
  ],
  totp: { algorithms: ['SHA1'], digits: [6], periodSeconds: [30] },
  needs: [],
};
