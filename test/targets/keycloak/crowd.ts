/** Many people with real hashes, on their way to a Keycloak. */
import { pbkdf2Sync, randomBytes } from 'node:crypto';
import { hash } from 'argon2';
import type { TargetUser } from '../../../src/targets/connection.ts';

export const SEED = 'JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP';

type Password = NonNullable<TargetUser['password']>;

const text = (bytes: Buffer) => bytes.toString('base64');

const credential = (format: string, data: object, [value, salt]: readonly [Buffer, Buffer]): Password => ({
  format,
  encoded: {
    type: 'password',
    credentialData: JSON.stringify(data),
    secretData: JSON.stringify({ value: text(value), salt: text(salt), additionalParameters: {} }),
  },
});

export function pbkdf2(password: string): Password {
  const salt = randomBytes(16);
  const value = pbkdf2Sync(password, salt, 1_000, 32, 'sha256');
  const data = { hashIterations: 1_000, algorithm: 'pbkdf2-sha256', additionalParameters: {} };
  return credential('pbkdf2-keycloak', data, [value, salt]);
}

/** Argon2id, as small as it can be: hundreds of them are made here. */
export async function argon2id(password: string): Promise<Password> {
  const salt = randomBytes(16);
  const value = await hash(password, { raw: true, salt, memoryCost: 1_024, timeCost: 2, parallelism: 1 });
  const additionalParameters = {
    hashLength: ['32'],
    memory: ['1024'],
    type: ['id'],
    version: ['1.3'],
    parallelism: ['1'],
  };
  return credential('argon2-keycloak', { hashIterations: 2, algorithm: 'argon2', additionalParameters }, [
    value,
    salt,
  ]);
}

export const someone = (username: string, more: Partial<TargetUser> = {}): TargetUser => ({
  sub: `shop:${username}`,
  legacyId: username,
  targetUserId: `chosen-${username}`,
  username,
  givenName: 'Some',
  familyName: 'One',
  email: { address: `${username}@example.test`, isVerified: true },
  identityProviderLinks: [],
  metadata: { legacy_id: username },
  grants: [],
  ...more,
});

export const passwordOf = (username: string) => `${username} knows`;

/** With passwords that they know: by turns Argon2id and PBKDF2, every tenth with an authenticator app. */
export const crowd = (prefix: string, count: number): Promise<TargetUser[]> =>
  Promise.all(
    Array.from({ length: count }, async (_none, n) => {
      const username = `${prefix}-${String(n).padStart(4, '0')}`;
      const password = n % 2 === 0 ? await argon2id(passwordOf(username)) : pbkdf2(passwordOf(username));
      return someone(username, { password, ...(n % 10 === 9 && { totpSecret: SEED }) });
    }),
  );
