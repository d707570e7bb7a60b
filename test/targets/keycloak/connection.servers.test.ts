/** The connection against a real Keycloak: what it makes, what it finds, and what it leaves alone. */
import { pbkdf2Sync, randomBytes } from 'node:crypto';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { codeOfStep, stepAt } from '../../../example/demo/totp.ts';
import type { ImportOutcome, TargetConnection, TargetUser } from '../../../src/targets/connection.ts';
import type { Keycloak } from '../../servers/keycloak.ts';
import { requiresKeycloak, startKeycloak } from '../../servers/keycloak.ts';
import type { Realm } from '../../servers/keycloak-realm.ts';
import { ALIAS, APP, connectionTo, formOf, logInAt, openRealm } from '../../servers/keycloak-realm.ts';

vi.setConfig({ testTimeout: 120_000, hookTimeout: 300_000 });

const needed = requiresKeycloak();
const SEED = 'JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP';
const ISSUER = 'http://127.0.0.1:9';

function hashed(password: string): NonNullable<TargetUser['password']> {
  const salt = randomBytes(16);
  const value = pbkdf2Sync(password, salt, 1_000, 32, 'sha256').toString('base64');
  const credentialData = { hashIterations: 1_000, algorithm: 'pbkdf2-sha256', additionalParameters: {} };
  const secretData = { value, salt: salt.toString('base64'), additionalParameters: {} };
  const encoded = {
    type: 'password',
    credentialData: JSON.stringify(credentialData),
    secretData: JSON.stringify(secretData),
  };
  return { format: 'pbkdf2-keycloak', encoded };
}

const someone = (username: string, more: Partial<TargetUser> = {}): TargetUser => ({
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

describe.skipIf(needed.skip)(needed.name, () => {
  let keycloak: Keycloak;
  let realm: Realm;
  let connection: TargetConnection;
  /** The app’s id, as the console shows it in its address. */
  let app: string;
  beforeAll(async () => {
    keycloak = await startKeycloak();
    realm = await openRealm(keycloak, 'shop');
    await realm.admin('POST', '/identity-provider/instances', provider(ALIAS));
    await realm.admin('POST', '/identity-provider/instances', provider('social'));
    await realm.admin('POST', '/roles', { name: 'staff' });
    await realm.admin('POST', '/roles', { name: 'night-shift' });
    const [client] = await realm.admin<{ id: string }[]>('GET', `/clients?clientId=${APP.clientId}`);
    app = client!.id;
    await realm.admin('POST', `/clients/${app}/roles`, { name: 'buyer' });
    await realm.keepAttributes();
    // Without, Keycloak drops the attribute `locale`.
    await realm.admin('PUT', '', { internationalizationEnabled: true, supportedLocales: ['en', 'de'] });
    connection = connectionTo(realm);
  });
  afterAll(async () => {
    await connection?.close();
    await keycloak?.stop();
  });
  const provider = (alias: string) => ({
    alias,
    providerId: 'oidc',
    enabled: true,
    config: {
      issuer: ISSUER,
      authorizationUrl: `${ISSUER}/auth`,
      tokenUrl: `${ISSUER}/token`,
      clientId: 'one',
      clientSecret: 'two',
    },
  });
  const importOne = async (user: TargetUser, at = connection): Promise<ImportOutcome> =>
    (await at.importUsers([user]))[0]!;
  /** Throws where it was not made. */
  const made = async (user: TargetUser) => {
    const outcome = await importOne(user);
    if (outcome.kind !== 'created') throw new Error(`${user.username}: ${JSON.stringify(outcome)}`);
    return outcome.targetUserId;
  };
  const opens = async (username: string, password: string) =>
    (await logInAt(realm, username, password)).answer.location?.startsWith(APP.callback) === true;
  const howMany = () => realm.admin<number>('GET', '/users/count');

  describe('an import', () => {
    test('makes the user with everything, and says so', async () => {
      const user = someone('Ada', {
        password: hashed('ada-knows'),
        totpSecret: SEED,
        phone: { number: '+49 30 555', isVerified: true },
        locale: 'de',
        nickname: 'A',
        identityProviderLinks: [{ idpId: 'social', userId: '42', userName: 'ada42' }],
        grants: [
          { project: realm.name, roles: ['staff'] },
          { project: app, roles: ['buyer'] },
        ],
      });
      const outcome = await importOne(user);
      expect(outcome).toMatchObject({
        kind: 'created',
        stored: ['profile', 'password', 'totp', 'links', 'metadata', 'grants'],
        missing: [],
      });
      const found = await connection.userBySubject('shop:Ada');
      expect(found).toEqual({
        targetUserId: outcome.kind === 'created' && outcome.targetUserId,
        username: 'ada',
        loginName: 'ada',
        state: 'active',
        email: { address: 'ada@example.test', isVerified: true },
        phone: { number: '+49 30 555', isVerified: true },
        givenName: 'Some',
        familyName: 'One',
        nickname: 'A',
        locale: 'de',
        hasPassword: true,
        hasTotp: true,
        links: expect.arrayContaining([
          { idpId: ALIAS, userId: 'shop:Ada', userName: 'Ada' },
          { idpId: 'social', userId: '42', userName: 'ada42' },
        ]),
        metadata: {
          legacy_id: 'Ada',
          locale: 'de',
          nickname: 'A',
          phoneNumber: '+49 30 555',
          phoneNumberVerified: 'true',
        },
      });
      const { browser, answer } = await logInAt(realm, 'ada', 'ada-knows');
      const otp = codeOfStep(SEED, stepAt(Date.now() / 1000));
      expect((await browser.follow(formOf(answer), APP.callback, { form: { otp } })).location).toContain(
        'code=',
      );
      const roles = await realm.admin<{
        realmMappings: { name: string }[];
        clientMappings: Record<string, { mappings: { name: string }[] }>;
      }>('GET', `/users/${found?.targetUserId}/role-mappings`);
      expect(roles.clientMappings[APP.clientId]?.mappings).toMatchObject([{ name: 'buyer' }]);
      expect(roles.realmMappings.map(({ name }) => name).sort()).toEqual([
        `default-roles-${realm.name}`,
        'staff',
      ]);
    });

    test('said again finds the same user, also under another name, and makes nobody', async () => {
      const id = await made(someone('bea'));
      const before = await howMany();
      for (const again of [someone('bea'), someone('beatrice', { sub: 'shop:bea' })]) {
        expect(await importOne(again)).toMatchObject({ kind: 'exists', found: { targetUserId: id } });
      }
      expect(await howMany()).toBe(before);
    });

    test('of one person by two at once makes one user', async () => {
      const outcomes = await Promise.all([importOne(someone('cleo')), importOne(someone('cleo'))]);
      const ids = outcomes.map((outcome) =>
        outcome.kind === 'exists'
          ? outcome.found.targetUserId
          : outcome.kind === 'created' && outcome.targetUserId,
      );
      expect(new Set(ids)).toEqual(new Set([(await connection.userByLogin('cleo'))?.targetUserId]));
    });

    test.each([
      [
        'username',
        someone('dora', { sub: 'shop:other', email: undefined! }),
        'user-exists-with-same-username',
      ],
      [
        'address',
        someone('dorothea', { email: { address: 'DORA@example.test', isVerified: true } }),
        'user-exists-with-same-email',
      ],
    ])('of somebody whose %s another has is a conflict, and names the other', async (_what, user, code) => {
      if (!(await connection.userByLogin('dora'))) await made(someone('dora'));
      const found = await connection.userByLogin('dora');
      expect(await importOne(user)).toEqual({ kind: 'conflict', code, found });
      expect(found?.links).toMatchObject([{ userId: 'shop:dora' }]);
    });

    test.each([
      [
        'an address that is none',
        { email: { address: 'nonsense', isVerified: false } },
        'error-invalid-email',
      ],
      ['a username of two letters', { username: 'ab' }, 'error-invalid-length'],
      ['a bcrypt hash', { password: { format: 'bcrypt', encoded: '$2b$10$x' } }, 'password-format'],
      ['an organization', { organization: 'acme' }, 'organization'],
    ])('of somebody with %s is refused, and nothing is left', async (_what, more, code) => {
      const before = await howMany();
      const outcome = await importOne(someone('erna', more));
      expect(outcome).toMatchObject({ kind: 'refused', code });
      expect(JSON.stringify(outcome)).not.toContain('nonsense');
      expect(await howMany()).toBe(before);
    });

    test('is told of what Keycloak dropped without a word', async () => {
      const narrow = await openRealm(keycloak, 'narrow');
      const there = connectionTo(narrow);
      const user = someone('fred', {
        grants: [
          { project: 'narrow', roles: ['nobody-knows'] },
          { project: 'no-client', roles: ['nobody-knows'] },
        ],
      });
      expect(await importOne(user, there)).toMatchObject({
        kind: 'created',
        stored: ['profile'],
        missing: [
          { what: 'links', code: 'link-not-kept' },
          { what: 'metadata', code: 'attribute-not-kept' },
          { what: 'grants', code: 'role-not-found' },
          { what: 'grants', code: 'client-not-found' },
        ],
      });
      await there.close();
    });

    test('of somebody whose link two have makes no third', async () => {
      const link = { identityProvider: ALIAS, userId: 'shop:twin', userName: 'twin' };
      for (const username of ['castor', 'pollux'])
        await realm.admin('POST', '/users', { username, enabled: true, federatedIdentities: [link] });
      const before = await howMany();
      expect(await importOne(someone('twin'))).toEqual({ kind: 'conflict', code: 'linked-twice' });
      await expect(connection.userBySubject('shop:twin')).rejects.toMatchObject({ code: 'target_refused' });
      expect(await howMany()).toBe(before);
    });

    test.each([
      ['is not there', { url: ISSUER }, 'no-answer'],
      [
        'does not know our client',
        { clientCredentials: { clientId: 'nobody', secret: 'x' } },
        'invalid_client',
      ],
      ['has no such realm', { realm: 'nowhere' }, 'realm-does-not-exist'],
    ])('at a Keycloak that %s may succeed later', async (_what, changes, code) => {
      const there = connectionTo(realm, { ...changes, timeoutMs: 20_000 });
      expect(await importOne(someone('gerd'), there)).toMatchObject({ kind: 'unavailable', code });
      await expect(there.userByLogin('gerd')).rejects.toMatchObject({
        code: expect.stringMatching(/^target_/),
      });
      await there.close();
    });
  });

  describe('an import of many', () => {
    const crowd = Array.from({ length: 20 }, (_, at) => `crowd-${at}`);
    const many = crowd.map((name) => someone(name, { password: hashed(`${name}-knows`) }));
    const openFor = async (name: string, rights: readonly string[]) => {
      const there = await openRealm(keycloak, name, rights);
      await there.admin('POST', '/identity-provider/instances', provider(ALIAS));
      await there.keepAttributes();
      return { there, bulk: connectionTo(there) };
    };
    const asked = async (bulk: TargetConnection, users: readonly TargetUser[]) => {
      const posted: string[] = [];
      const note = (message: unknown) => {
        const { request } = message as { request: { method: string; path: string } };
        if (request.method === 'POST') posted.push(request.path.split('/').at(-1)!);
      };
      subscribe('undici:request:create', note);
      const outcomes = await bulk.importUsers(users, { bulk: true });
      unsubscribe('undici:request:create', note);
      return { outcomes, posted };
    };

    test('is one call, and makes them as one by one does', async () => {
      const { there, bulk } = await openFor('many', ['manage-users', 'manage-realm']);
      const [known] = await bulk.importUsers([many[0]!]);
      const { outcomes, posted } = await asked(bulk, many);
      expect(posted).toEqual(['partialImport']);
      expect(outcomes[0]).toEqual({ kind: 'exists', found: await bulk.userByLogin('crowd-0') });
      for (const outcome of outcomes.slice(1)) {
        const { targetUserId: _one, ...first } = known as Extract<ImportOutcome, { kind: 'created' }>;
        expect(outcome).toMatchObject(first);
      }
      expect((await logInAt(there, 'crowd-19', 'crowd-19-knows')).answer.location).toMatch(APP.callback);
      const { targetUserId } = (await bulk.userByLogin('crowd-19'))!;
      const path = `/users/${targetUserId}/role-mappings`;
      const { realmMappings } = await there.admin<{ realmMappings: { name: string }[] }>('GET', path);
      expect(realmMappings.map(({ name }) => name)).toEqual(['default-roles-many']);
      await bulk.close();
    });

    test('leaves out whom it cannot make, though Keycloak then makes none of them', async () => {
      const { bulk } = await openFor('mixed', ['manage-users', 'manage-realm']);
      await bulk.importUsers([someone('first')]);
      const email = { address: 'first@example.test', isVerified: true };
      const { outcomes, posted } = await asked(bulk, [...many, someone('second', { email })]);
      expect(outcomes.slice(0, -1).every(({ kind }) => kind === 'created')).toBe(true);
      expect(outcomes.at(-1)).toMatchObject({ kind: 'conflict', found: { username: 'first' } });
      expect(posted.filter((what) => what === 'users').length).toBeLessThan(many.length / 2);
      await bulk.close();
    });

    test('is done one by one where the realm may not be managed', async () => {
      const { bulk } = await openFor('less', ['manage-users']);
      const { outcomes, posted } = await asked(bulk, many);
      expect(outcomes.every(({ kind }) => kind === 'created')).toBe(true);
      expect(posted.filter((what) => what === 'users')).toHaveLength(many.length);
      await bulk.close();
    });
  });

  describe('completing', () => {
    test('gives a user who came by themselves what is lacking, and says it once', async () => {
      await realm.admin('POST', '/users', {
        username: 'mona',
        enabled: true,
        email: 'mona@example.test',
        firstName: 'Own',
        lastName: 'Name',
        attributes: { theirs: ['kept'] },
      });
      const user = someone('mona', {
        password: hashed('mona-knows'),
        totpSecret: SEED,
        grants: [{ project: realm.name, roles: ['night-shift'] }],
      });
      const found = (await connection.userByLogin('mona'))!;
      expect(await connection.complete(found, user)).toEqual({
        stored: ['password', 'totp', 'links', 'metadata', 'grants'],
        missing: [],
      });
      const after = (await connection.userBySubject('shop:mona'))!;
      expect(after).toMatchObject({
        targetUserId: found.targetUserId,
        email: { address: 'mona@example.test' },
        hasTotp: true,
        metadata: { theirs: 'kept', legacy_id: 'mona' },
      });
      const [kept] = await realm.admin<object[]>('GET', '/users?exact=true&username=mona');
      expect(kept).toMatchObject({ firstName: 'Own', lastName: 'Name' });
      expect(await connection.complete(after, user)).toEqual({ stored: ['grants'], missing: [] });
      expect(await connection.userById(found.targetUserId)).toEqual(after);
      const path = `/users/${found.targetUserId}/credentials`;
      expect(await realm.admin<object[]>('GET', path)).toHaveLength(2);
    });

    test('never replaces a password, nor a link to another subject of ours', async () => {
      const id = await made(someone('nora', { password: hashed('nora-knows') }));
      const found = (await connection.userById(id))!;
      const other = someone('nora', { sub: 'shop:imposter', password: hashed('imposter-knows') });
      expect((await connection.complete(found, other)).missing).toEqual([
        { what: 'links', code: 'link-not-kept' },
      ]);
      expect((await connection.userById(id))?.links).toMatchObject([{ userId: 'shop:nora' }]);
      expect(await opens('nora', 'imposter-knows')).toBe(false);
      expect(await opens('nora', 'nora-knows')).toBe(true);
    });
  });

  test('a password is replaced where that is asked for, and only by one that can be verified', async () => {
    const id = await made(someone('olga', { password: hashed('olga-knew') }));
    await connection.setPassword(id, hashed('olga-knows'));
    expect([await opens('olga', 'olga-knew'), await opens('olga', 'olga-knows')]).toEqual([false, true]);
    const unreadable = { format: 'bcrypt', encoded: '$2b$10$x' };
    await expect(connection.setPassword(id, unreadable)).rejects.toMatchObject({ code: 'target_refused' });
    expect(await opens('olga', 'olga-knows')).toBe(true);
  });

  test('a user is deactivated and comes back, with name and address', async () => {
    const id = await made(someone('paul', { password: hashed('paul-knows') }));
    for (let twice = 0; twice < 2; twice++) await connection.deactivate(id);
    expect(await connection.userById(id)).toMatchObject({
      state: 'inactive',
      email: { address: 'paul@example.test' },
    });
    expect(await opens('paul', 'paul-knows')).toBe(false);
    for (let twice = 0; twice < 2; twice++) await connection.reactivate(id);
    expect(await opens('paul', 'paul-knows')).toBe(true);
  });

  test('unlinking takes away our link to this subject, and no other', async () => {
    const id = await made(someone('quin'));
    await connection.unlink(id, 'shop:somebody-else');
    expect(await connection.userBySubject('shop:quin')).toMatchObject({ targetUserId: id });
    for (let twice = 0; twice < 2; twice++) await connection.unlink(id, 'shop:quin');
    expect(await connection.userBySubject('shop:quin')).toBeUndefined();
    expect(await connection.userById(id)).toMatchObject({ links: [] });
  });

  test('removing leaves nobody, and a user who is gone answers nothing', async () => {
    const id = await made(someone('rita'));
    for (let twice = 0; twice < 2; twice++) await connection.remove(id);
    expect(await connection.userById(id)).toBeUndefined();
    expect(await connection.userByLogin('rita')).toBeUndefined();
    await connection.deactivate(id);
    await connection.reactivate(id);
    await connection.unlink(id, 'shop:rita');
    await expect(connection.setPassword(id, hashed('x'))).rejects.toMatchObject({ code: 'target_refused' });
  });

  test.each(['', '.', '..', '../roles/staff', 'no such id'])(
    '%j is nobody, and no other path',
    async (id) => {
      const before = await howMany();
      await connection.remove(id);
      expect(await connection.userById(id)).toBeUndefined();
      expect([await howMany(), await realm.admin('GET', '/roles/staff')]).toEqual([
        before,
        expect.anything(),
      ]);
    },
  );

  test('what people type finds them by username and address in any case; what two could mean finds nobody', async () => {
    const id = await made(someone('sina'));
    for (const login of ['sina', 'SINA', 'Sina@Example.Test'])
      expect(await connection.userByLogin(login)).toMatchObject({ targetUserId: id });
    expect(await connection.userByLogin('sin')).toBeUndefined();
    expect(await connection.userByLogin('sin*')).toBeUndefined();
    expect(await connection.userByLogin('sina', 'acme')).toBeUndefined();
  });

  describe('sessions', () => {
    const person = (name: string) => made(someone(name, { password: hashed(`${name}-knows`) }));
    const logIn = (name: string) => logInAt(realm, name, `${name}-knows`);
    const kept = (id: string) => realm.admin<object[]>('GET', `/users/${id}/offline-sessions/${app}`);

    test('are told newest first, with whose they are and since when, and nobody else’s', async () => {
      const [id, other] = [await person('tess'), await person('tove')];
      const before = Math.floor(Date.now() / 1_000);
      await logIn('tess');
      await logIn('tess');
      await logIn('tove');
      const found = await connection.sessionsOf!(id);
      expect(found).toHaveLength(2);
      for (const session of found) {
        expect(session).toMatchObject({ targetUserId: id, provedAt: session.startedAt, device: '127.0.0.1' });
        expect(session.startedAt).toBeGreaterThanOrEqual(before - 1);
      }
      expect(found[0]!.startedAt).toBeGreaterThanOrEqual(found[1]!.startedAt);
      expect(await connection.sessionsOf!(other)).toHaveLength(1);
      expect(await connection.sessionsOf!('nobody')).toEqual([]);
    });

    test('end one by one; one that is over, and one that never was, is no failure', async () => {
      const id = await person('uma');
      const { browser } = await logIn('uma');
      await logIn('uma');
      const [, first] = await connection.sessionsOf!(id);
      for (let twice = 0; twice < 2; twice++) await connection.endSession!(first!.id);
      for (const none of ['', '.', '..', '../users', 'no such id']) await connection.endSession!(none);
      const left = await connection.sessionsOf!(id);
      expect(left).toHaveLength(1);
      expect(left[0]!.id).not.toBe(first!.id);
      await connection.endSession!(left[0]!.id);
      // Its cookie is of no use any more: the login page comes.
      expect((await browser.follow(realm.authorizationUrl(), APP.callback)).body).toContain('kc-form-login');
    });

    test('end all at once; offline ones stay in the list, and what was issued before is no longer taken', async () => {
      const id = await person('vera');
      const { browser } = await logIn('vera');
      const offline = realm.authorizationUrl({ scope: 'openid offline_access' });
      const { location } = await browser.follow(offline, APP.callback);
      await realm.claimsOf(location);
      expect(await kept(id)).toHaveLength(1);
      const before = await connection.sessionsOf!(id);
      for (let twice = 0; twice < 2; twice++) await connection.endSessionsOf!(id);
      expect(before).not.toEqual([]);
      expect(await connection.sessionsOf!(id)).toEqual([]);
      expect(await kept(id)).toHaveLength(1);
      const { notBefore } = await realm.admin<{ notBefore: number }>('GET', `/users/${id}`);
      expect(notBefore).toBeGreaterThan(0);
      await connection.endSessionsOf!('nobody');
    });

    test('are refused where our client may not, and the refusal says which role is missing', async () => {
      const id = await person('wim');
      await logIn('wim');
      const [session] = await connection.sessionsOf!(id);
      const poor = await openRealm(keycloak, 'poor', ['view-realm']);
      const stranger = connectionTo({ ...realm, api: { ...poor.api, realm: 'poor' } });
      const lacking = { code: 'target_refused', detail: expect.stringContaining('manage-users') };
      await expect(stranger.endSession!(session!.id)).rejects.toMatchObject(lacking);
      await stranger.close();
      expect(await connection.sessionsOf!(id)).toHaveLength(1);
    });
  });
});
