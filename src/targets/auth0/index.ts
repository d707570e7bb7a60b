/**
 * Auth0's bulk import, by its documentation ("Bulk User Import Database Schema"): `password_hash` or
 * `custom_password_hash`. Its `ldap` is a digest with the salt behind, which `digest-auth0` writes as such.
 */
import type { HashReader } from '../target.ts';

export const auth0: HashReader = {
  kind: 'auth0',
  evidence: 'documentation',
  accepts: [
    { write: 'bcrypt-auth0', cost: [4, 31] },
    {
      write: 'argon2-auth0',
      variants: ['id', 'i', 'd'],
      memoryKiB: [8, 4_194_304],
      passes: [1, 100],
      lanes: [1, 255],
    },
    { write: 'pbkdf2-auth0', digests: ['sha1', 'sha256', 'sha512'], iterations: [1, 100_000_000] },
    { write: 'scrypt-auth0', log2N: [1, 30], blockSize: [1, 64], parallelism: [1, 64] },
    { write: 'hmac-auth0', digests: ['md5', 'sha1', 'sha256', 'sha512'] },
    { write: 'digest-auth0', digests: ['md5', 'sha1', 'sha256', 'sha512'] },
  ],
};
