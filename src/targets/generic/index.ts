/**
 * Any OpenID Connect relying party that fetches secrets itself. What it reads only the operator knows (`accepts`);
 * without that, the formats whose text says everything about them and that common libraries read.
 */
import type { TargetKind } from '../target.ts';

export const generic: TargetKind = {
  kind: 'generic',
  evidence: 'documentation',
  accepts: [
    { write: 'bcrypt', cost: [4, 31] },
    { write: 'argon2', variants: ['id', 'i'], memoryKiB: [8, 4_194_304], passes: [1, 100], lanes: [1, 255] },
    { write: 'pbkdf2-passlib', digests: ['sha1', 'sha256', 'sha512'], iterations: [1, 100_000_000] },
    { write: 'scrypt-passwap', log2N: [1, 30], blockSize: [1, 64], parallelism: [1, 64] },
    { write: 'sha512crypt', rounds: [1_000, 999_999_999] },
    { write: 'sha256crypt', rounds: [1_000, 999_999_999] },
    { write: 'drupal7', rounds: [1, 1_073_741_824] },
    { write: 'phpass', log2Rounds: [0, 31] },
    { write: 'md5crypt' },
  ],
  totp: { algorithms: ['SHA1', 'SHA256', 'SHA512'], digits: [6, 8], periodSeconds: [30, 60] },
  needs: [],
};
