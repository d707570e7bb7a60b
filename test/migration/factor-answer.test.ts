/** What stands beside the password, as a target fetches it. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { FactorUses } from '../../src/credentials/factor-uses.ts';
import type { Credentials, RecoveryCode, User } from '../../src/user.ts';
import { newPasskey } from '../support/authenticator.ts';
import type { Stage } from './stage.ts';
import { ALL_SCOPES, entryOf, openStage } from './stage.ts';

let stage: Stage;
beforeAll(async () => {
  stage = await openStage();
});
afterAll(() => stage.close());

const { passkey } = newPasskey({ signCount: 23, rpId: 'legacy.example', userHandle: 'AQID' });
const CODES: RecoveryCode[] = [{ code: 'code-canary-1' }, { code: 'code-canary-2' }];
const HASHED: RecoveryCode[] = [
  { hash: { format: 'auto', columns: { hash: '$P$BEHTJil.ya03nLoRo56urUWJUzq45U/' } } },
];
const LINKS = [
  { provider: 'google', userId: '1067', username: 'anna@gmail.example' },
  { provider: 'x', userId: '7' },
];

let serial = 0;
async function someone(credentials: Partial<Credentials>, user: Partial<User> = {}) {
  const entry = entryOf(`factor-${++serial}`, user);
  const { sub } = entry.user;
  stage.people.set(sub, {
    ...entry,
    credentials: { passwords: entry.credentials.passwords, ...credentials },
  });
  return { sub, ticket: await stage.login(sub) };
}
const fetchSecrets = ({ sub, ticket }: { sub: string; ticket: string }) =>
  stage.call('POST', `/migration/users/${encodeURIComponent(sub)}/secrets`, {
    token: ALL_SCOPES,
    body: { ticket },
  });

describe('the secret endpoint', () => {
  test('carries passkeys, recovery codes, links, groups and metadata', async () => {
    const who = await someone(
      { passkeys: [passkey], recoveryCodes: [...CODES, ...HASHED], identityProviderLinks: LINKS },
      { groups: ['staff'], metadata: { customer: 1007, tags: ['a'] } },
    );
    expect((await fetchSecrets(who)).json).toMatchObject({
      groups: ['staff'],
      metadata: { customer: 1007, tags: ['a'] },
      passkeys: [
        {
          credentialId: passkey.credentialId,
          publicKey: Buffer.from(passkey.publicKey).toString('base64url'),
          signCount: 23,
          transports: ['internal'],
          rpId: 'legacy.example',
          userHandle: 'AQID',
        },
      ],
      recoveryCodes: [
        { code: 'code-canary-1' },
        { code: 'code-canary-2' },
        {
          format: expect.not.stringMatching(/^auto$/),
          columns: { hash: '$P$BEHTJil.ya03nLoRo56urUWJUzq45U/' },
        },
      ],
      identityProviderLinks: LINKS,
    });
  });

  test('says nothing of what a user does not have', async () => {
    const { json } = await fetchSecrets(await someone({}));
    for (const name of [
      'passkeys',
      'recoveryCodes',
      'identityProviderLinks',
      'groups',
      'metadata',
      'furtherTotp',
    ])
      expect(json).not.toHaveProperty(name);
  });

  test('carries the counter as the login page moved it, and no code that was used there', async () => {
    const uses = new FactorUses(stage.db, stage.keyring);
    const who = await someone({ passkeys: [passkey], recoveryCodes: CODES });
    expect(await uses.spendAssertion(passkey, 'a challenge', 40)).toBe('fresh');
    expect(await uses.spendCode(who.sub, CODES[0]!, CODES)).toBe(true);
    const { json } = await fetchSecrets(who);
    expect(json.passkeys).toMatchObject([{ signCount: 40 }]);
    expect(json.recoveryCodes).toEqual([{ code: 'code-canary-2' }]);
  });

  test('audits how many there were, and nothing of what they are', async () => {
    const who = await someone({ passkeys: [passkey], recoveryCodes: CODES, identityProviderLinks: LINKS });
    await fetchSecrets(who);
    const subject = stage.pseudonym(who.sub);
    const record = (await stage.auditRecords()).find(
      (one) => one.subject?.equals(subject) && one.action === 'secrets.released',
    );
    expect(record?.detail).toMatchObject({ passkeys: 1, recoveryCodes: 2, identityProviderLinks: 2 });
    expect(JSON.stringify(record)).not.toMatch(new RegExp(`canary|1067|${passkey.credentialId}`));
  });

  test('gives the seeds of further devices too', async () => {
    const [first, second] = ['1', '2'].map((digit) => ({
      secret: Buffer.from(digit.repeat(20)),
      algorithm: 'SHA1' as const,
      digits: 6 as const,
      periodSeconds: 30,
    }));
    const { json } = await fetchSecrets(await someone({ totp: first!, furtherTotp: [second!] }));
    expect(json.furtherTotp).toEqual([
      { secret: 'GIZDEMRSGIZDEMRSGIZDEMRSGIZDEMRS', algorithm: 'SHA1', digits: 6, periodSeconds: 30 },
    ]);
  });
});

describe('a user whose second factor is a passkey', () => {
  const migrated = (sub: string, imported: string[]) =>
    stage.call('PUT', `/migration/users/${encodeURIComponent(sub)}/state`, {
      token: ALL_SCOPES,
      body: { state: 'migrated', targetUserId: `t-${sub}`, imported },
    });

  test('is not migrated to a password alone', async () => {
    const { sub } = await someone({ passkeys: [passkey], passkeyIsFactor: true });
    expect((await migrated(sub, ['password'])).json).toMatchObject({ code: 'second_factor_missing' });
    expect((await migrated(sub, ['password', 'passkeys'])).status).toBe(200);
  });

  test('is, where the passkey only replaced the password', async () => {
    const { sub } = await someone({ passkeys: [passkey], passkeyIsFactor: false });
    expect((await migrated(sub, ['password'])).status).toBe(200);
  });
});
