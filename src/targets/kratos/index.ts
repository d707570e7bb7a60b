/**
 * Ory Kratos and Ory Network: the comparers of its hash package (b86338d) with the bounds that an import is checked
 * against. No phpass, Drupal, apr1 or yescrypt. `pbkdf2-sha224` and `-sha384` are SHA-3 there: they are not listed.
 */
import { openOidcSignIn } from '../oidc-sign-in.ts';
import type { TargetKind } from '../target.ts';
import { MAX_BATCH } from './batch-call.ts';
import { connectKratos } from './connection.ts';
import { openKratosWebhook } from './webhook.ts';

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
  // `totp.Validate` of its library: whatever else the imported URL says is ignored.
  totp: { algorithms: ['SHA1'], digits: [6], periodSeconds: [30] },
  // What its users need is for the operator's own schema to say.
  needs: [],
  capabilities: {
    ids: 'theirs',
    uniqueBy: 'external-id',
    // Over 200 is refused where one has a password in clear (`BatchPatchIdentitiesWithPasswordLimit`). Measured at a
    // v26.2.0 with PostgreSQL: 2.7 ms of its own computing for each person, 90 to 170 people a second on two busy cores.
    batch: { users: 200, max: MAX_BATCH, maxWithPlain: 200, rowErrors: true, usersPerSecond: 300 },
    passkeys: true,
    recoveryCodes: true,
    links: true,
    metadata: true,
    grants: false,
    typedPasswords: 'mark',
    reset: 'link',
  },
  connect: connectKratos,
  openWebhook: (target) => openKratosWebhook(target),
  // Hydra takes an assertion that is made for its token endpoint only.
  openSignIn: (target) => openOidcSignIn(target, { assertionFor: 'token-endpoint' }),
};
