/** The contract of Keycloak's user migration plugin, as its README has it, behind the preset. */
import { afterEach, describe, expect, test } from 'vitest';
import type { Directory } from '../../src/legacy/directory.ts';
import { openDirectory } from '../../src/legacy/directory.ts';
import { legacySettings } from '../../src/legacy/legacy-settings.ts';
import { writeOut } from '../../src/legacy/shorthand.ts';
import type { Handler, TestApi } from './http-api.ts';
import { serve } from './http-api.ts';

const BOB = {
  id: '12345678',
  username: 'bob',
  email: 'bob@company.com',
  firstName: 'Bob',
  lastName: 'Smith',
  enabled: 'true',
  emailVerified: 'true',
  attributes: { position: ['rockstar-developer'], likes: ['cats', 'dogs'], locale: ['de'] },
  roles: ['admin'],
  groups: ['migrated_users'],
  requiredActions: ['UPDATE_PROFILE'],
  totps: [
    {
      name: 'phone',
      secret: 'JBSWY3DPEHPK3PXP',
      digits: 6,
      period: 30,
      algorithm: 'HmacSHA256',
      encoding: 'BASE32',
    },
    {
      name: 'old',
      secret: 'abcdefghij0123456789',
      digits: 8,
      period: 60,
      algorithm: 'HmacSHA1',
      encoding: null,
    },
  ],
  federatedIdentities: [{ identityProvider: 'google', userId: '99', userName: 'bob@gmail.com' }],
};
const LUCY = { username: 'lucy@x/y', email: 'lucy@company.com', enabled: false };
const USERS: readonly Record<string, unknown>[] = [BOB, LUCY];

/** `alsoById`: what the contract does not ask of it. */
const plugin =
  ({ alsoById = false } = {}): Handler =>
  ({ method, target, authorization, body }) => {
    if (authorization !== 'Bearer SECRET_API_TOKEN') return { status: 401 };
    const name = decodeURIComponent(target.slice('/auth/'.length)).toLowerCase();
    const fields = alsoById ? ['username', 'email', 'id'] : ['username', 'email'];
    const user = USERS.find((one) => fields.some((field) => one[field] === name));
    if (!user) return { status: 404 };
    if (method === 'GET') return { json: user };
    return { status: JSON.parse(body).password === 'password123' ? 200 : 401 };
  };

const open: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of open.splice(0)) await close();
});

async function fronted(
  handle: Handler,
  parameters: Record<string, string> = {},
): Promise<[Directory, TestApi]> {
  const api = await serve(handle);
  const store = {
    preset: 'keycloak-migration-api',
    store: 'legacy',
    connector: 'http',
    url: `${api.url}/auth`,
    parameters,
    http: { authorization: { bearer: 'SECRET_API_TOKEN' } },
  };
  const directory = openDirectory(legacySettings.parse(writeOut(store)));
  open.push(() => directory.close(), api.close);
  return [directory, api];
}

describe('an application that serves the migration plugin', () => {
  test('is read as it is', async () => {
    const [directory, api] = await fronted(plugin());
    const entry = await directory.findByLogin('Bob@Company.com');
    expect(entry?.user).toMatchObject({
      sub: 'legacy:bob',
      username: 'bob',
      email: 'bob@company.com',
      emailVerified: true,
      givenName: 'Bob',
      familyName: 'Smith',
      locale: 'de',
      state: 'active',
      roles: ['admin'],
    });
    expect(entry?.user.metadata).toMatchObject({ attributes: { likes: ['cats', 'dogs'] } });
    expect((await directory.findBySub('legacy:bob'))?.user.email).toBe('bob@company.com');
    expect(api.seen.map((one) => one.target)).toEqual(['/auth/Bob%40Company.com', '/auth/bob']);
  });

  test('is asked about the password, and nobody else is', async () => {
    const [directory, api] = await fronted(plugin());
    const { storeCheck } = (await directory.findByLogin('bob'))!.credentials;
    expect(storeCheck?.only).toBe(true);
    expect(await storeCheck!.verify('password123')).toBe(true);
    expect(await storeCheck!.verify('wrong')).toBe(false);
    const { method, target, body } = api.seen.at(-1)!;
    expect([method, target, body]).toEqual(['POST', '/auth/bob', '{"password":"wrong"}']);
  });

  test('keeps second factors and accounts elsewhere', async () => {
    const [directory] = await fronted(plugin());
    const { credentials } = (await directory.findByLogin('bob'))!;
    expect(credentials.totp).toMatchObject({ algorithm: 'SHA256', digits: 6, periodSeconds: 30 });
    expect(credentials.furtherTotp).toMatchObject([
      {
        algorithm: 'SHA1',
        digits: 8,
        periodSeconds: 60,
        secret: new Uint8Array(Buffer.from('abcdefghij0123456789')),
      },
    ]);
    expect(credentials.identityProviderLinks).toMatchObject([{ provider: 'google', userId: '99' }]);
  });

  test('says who is disabled', async () => {
    const [directory, api] = await fronted(plugin());
    const entry = await directory.findByLogin('lucy@x/y');
    expect(entry?.user).toMatchObject({ sub: 'legacy:lucy@x/y', state: 'disabled' });
    await entry!.credentials.storeCheck!.verify('password123');
    expect(api.seen.at(-1)!.target).toBe('/auth/lucy%40x%2Fy');
  });

  test('may be asked by id where it answers that', async () => {
    const [directory, api] = await fronted(plugin({ alsoById: true }), { id: 'id', verifyBy: 'id' });
    const entry = await directory.findByLogin('bob');
    expect(entry?.user.sub).toBe('legacy:12345678');
    expect((await directory.findBySub('legacy:12345678'))?.user.username).toBe('bob');
    expect(await entry!.credentials.storeCheck!.verify('password123')).toBe(true);
    expect(api.seen.at(-1)!.target).toBe('/auth/12345678');
  });

  test('that answers with somebody else has found nobody', async () => {
    const [directory] = await fronted(() => ({ json: BOB }));
    expect(await directory.findByLogin('alice')).toBeUndefined();
    expect(await directory.findBySub('legacy:alice')).toBeUndefined();
  });

  test('that is down has neither lost anybody nor refused a password', async () => {
    let isDown = false;
    const [directory] = await fronted((seen) => (isDown ? { status: 500 } : plugin()(seen)));
    const entry = await directory.findByLogin('bob');
    isDown = true;
    await expect(directory.findByLogin('bob')).rejects.toMatchObject({ code: 'legacy_unavailable' });
    const check = entry!.credentials.storeCheck!.verify('password123');
    await expect(check).rejects.toMatchObject({ code: 'legacy_unavailable' });
  });
});
