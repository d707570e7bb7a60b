/** ZITADEL, which reads hashes with its library passwap. */
import type { AcceptedFormat } from '../../credentials/accepted-format.ts';
import type { TargetKind } from '../target.ts';
import { connectZitadel } from './connection.ts';
import { zitadelHooks } from './hooks.ts';
import { zitadelPayloads } from './payload.ts';
import { openZitadelSetup } from './setup/index.ts';
import { openZitadelWebhook } from './webhook.ts';

/** `HashedPassword.hash` in ZITADEL's user/v2 API. */
const MAX_LENGTH = 200;

/**
 * passwap's verifiers with the bounds of its `Validate`, which ZITADEL calls at import. An instance may be set up with
 * fewer verifiers or other bounds: then name them in the target's `accepts`.
 */
const PASSWAP: readonly AcceptedFormat[] = [
  { write: 'bcrypt', cost: [4, 31], maxLength: MAX_LENGTH },
  {
    write: 'argon2',
    variants: ['id', 'i'],
    memoryKiB: [8_192, 524_288],
    passes: [1, 10],
    lanes: [1, 16],
    maxLength: MAX_LENGTH,
  },
  {
    write: 'pbkdf2-passlib',
    digests: ['sha1', 'sha224', 'sha256', 'sha384', 'sha512'],
    iterations: [1_000, 10_000_000],
    maxLength: MAX_LENGTH,
  },
  {
    write: 'scrypt-passwap',
    log2N: [14, 20],
    blockSize: [8, 32],
    parallelism: [1, 16],
    maxLength: MAX_LENGTH,
  },
  { write: 'sha512crypt', rounds: [1_000, 999_999_999], maxLength: MAX_LENGTH },
  { write: 'sha256crypt', rounds: [1_000, 999_999_999], maxLength: MAX_LENGTH },
  { write: 'drupal7', rounds: [1_000, 500_000], maxLength: MAX_LENGTH },
  { write: 'phpass', log2Rounds: [7, 31], maxLength: MAX_LENGTH },
  { write: 'md5crypt', maxLength: MAX_LENGTH },
  { write: 'md5salted-prefix', maxLength: MAX_LENGTH },
  { write: 'md5salted-suffix', maxLength: MAX_LENGTH },
  { write: 'md5plain', maxLength: MAX_LENGTH },
];

export const zitadel: TargetKind = {
  kind: 'zitadel',
  evidence: 'run',
  accepts: PASSWAP,
  totp: { algorithms: ['SHA1'], digits: [6], periodSeconds: [30] },
  capabilities: {
    ids: 'ours',
    uniqueBy: 'user-id',
    // Not measured. Its own benchmark makes, changes and removes 16 users a second on far more cores.
    batch: { users: 50, max: 50, rowErrors: true, usersPerSecond: 20 },
    passkeys: false,
    recoveryCodes: false,
    links: true,
    metadata: true,
    grants: true,
    typedPasswords: 'placeholder',
    reset: 'mail',
  },
  // Its login refuses to make a user without them.
  needs: ['given_name', 'family_name', 'preferred_username', 'email'],
  connect: connectZitadel,
  hooks: zitadelHooks,
  payloads: zitadelPayloads,
  openWebhook: openZitadelWebhook,
  openSetup: openZitadelSetup,
};
