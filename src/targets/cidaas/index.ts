/**
 * cidaas' bulk import, by its documentation ("Password Hashing Algorithms and Pluggable Hashing"): the
 * `password_hash_info` of a user. It does not say which digest its PBKDF2 has, nor how HMACs other than HMAC-SHA-256
 * are named: an operator who has tried one adds it to the target's `accepts`.
 */
import type { TargetKind } from '../target.ts';
import { connectCidaas } from './connection.ts';
import { COMFORTABLE } from './many.ts';
import { openCidaasWebhook } from './webhook.ts';

export const cidaas: TargetKind = {
  kind: 'cidaas',
  evidence: 'documentation',
  accepts: [
    { write: 'bcrypt-cidaas', cost: [4, 20] },
    {
      write: 'argon2-cidaas',
      variants: ['id', 'i', 'd'],
      memoryKiB: [8, 1_048_576],
      passes: [1, 100],
      lanes: [1, 255],
    },
    { write: 'pbkdf2-cidaas', iterations: [1, 10_000_000] },
    { write: 'hmac-cidaas', digests: ['sha256'] },
    { write: 'digest-cidaas', digests: ['sha1', 'sha256'] },
  ],
  totp: { algorithms: [], digits: [], periodSeconds: [] },
  needs: ['email'],
  capabilities: {
    ids: 'theirs',
    uniqueBy: 'upsert',
    // Documented: 25 to 50 are recommended, and more than 1,000 are refused. Nothing was measured at a real one.
    batch: { users: COMFORTABLE, max: 1_000, rowErrors: true, usersPerSecond: 50 },
    passkeys: false,
    recoveryCodes: false,
    links: true,
    metadata: true,
    grants: true,
    typedPasswords: 'mark',
    reset: 'mail',
  },
  connect: connectCidaas,
  openWebhook: (target) => openCidaasWebhook(target),
};
