/**
 * Keycloak, which ships PBKDF2 and Argon2 and takes credentials as documents; anything else needs a
 * `PasswordHashProvider` of one's own. It has no bounds at import: these are what a login can take in time.
 */
import type { TargetKind } from '../target.ts';
import { connectKeycloak } from './connection.ts';
import { openKeycloakWebhook } from './webhook.ts';

export const keycloak: TargetKind = {
  kind: 'keycloak',
  evidence: 'run',
  accepts: [
    {
      write: 'argon2-keycloak',
      variants: ['id', 'i', 'd'],
      memoryKiB: [8, 1_048_576],
      passes: [1, 100],
      lanes: [1, 255],
    },
    { write: 'pbkdf2-keycloak', digests: ['sha1', 'sha256', 'sha512'], iterations: [1, 10_000_000] },
  ],
  // Its credentials carry rules of their own, and more than these: they are what `connection.ts` writes.
  totp: { algorithms: ['SHA1'], digits: [6], periodSeconds: [30] },
  capabilities: {
    ids: 'theirs',
    uniqueBy: 'link',
    // A message of `partialImport` is taken whole or not at all.
    batch: { users: 100, max: 200, rowErrors: false, usersPerSecond: 200 },
    passkeys: false,
    recoveryCodes: false,
    links: true,
    metadata: true,
    grants: true,
    typedPasswords: 'no',
    reset: 'mail',
  },
  // Whoever comes without an address is made all the same, and asked for one on a page of Keycloak's.
  needs: [],
  connect: connectKeycloak,
  openWebhook: (target) => openKeycloakWebhook(target),
};
