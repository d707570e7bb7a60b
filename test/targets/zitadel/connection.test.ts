import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { ImportOutcome, TargetConnection, TargetUser } from '../../../src/targets/connection.ts';
import type { Zitadel } from '../../support/zitadel/index.ts';
import { openZitadel } from '../../support/zitadel/index.ts';
import { addIdp, connectionTo } from './connected.ts';
import { anna, everything, HASH, named } from './people.ts';

const PASSWORD = 'correct horse';
const hashed = { password: { encoded: HASH, format: 'bcrypt' } };
let zitadel: Zitadel;
let connection: TargetConnection;
let ourIdp: string | undefined;

const connect = (api: object = {}) => connectionTo(zitadel, async () => ourIdp, api);

beforeEach(async () => {
  zitadel = await openZitadel();
  ourIdp = addIdp(zitadel, 'footbridge');
  addIdp(zitadel, '2');
  connection = connect();
});
afterEach(async () => {
  expect(zitadel.violations).toEqual([]);
  await connection.close();
  await zitadel.close();
});

const importOne = async (user: TargetUser): Promise<ImportOutcome> =>
  (await connection.importUsers([user]))[0]!;
const calls = (rpc: string) => zitadel.requests.filter((seen) => seen.rpc?.endsWith(`/${rpc}`));
const thereIs = (id: string) => zitadel.instance.users.get(id)!;

describe('making a user', () => {
  test('stores all there is of them, linked to us, and lets them in with their old password', async () => {
    expect(await importOne(everything)).toEqual({
      kind: 'created',
      targetUserId: 'fb-all',
      stored: ['profile', 'password', 'totp', 'links', 'metadata', 'grants'],
      missing: [],
    });
    expect(await zitadel.opens('fb-all', PASSWORD)).toBe(true);
    expect(await zitadel.opens('fb-all', 'wrong')).toBe(false);
    expect(thereIs('fb-all')).toMatchObject({
      totp: { secret: everything.totpSecret, isReady: true },
      links: [
        { idpId: ourIdp, userId: 'sub-all', userName: 'all' },
        { idpId: 'idp-2', userId: 'google-1' },
      ],
    });
    expect([...zitadel.instance.grants.values()]).toMatchObject([{ roleKeys: ['reader', 'editor'] }]);
  });

  test('says what could not be: a link without our identity provider, one to a provider nobody knows', async () => {
    ourIdp = undefined;
    const stranger = { idpId: 'idp-unknown', userId: 'x', userName: 'x' };
    expect(await importOne({ ...anna, identityProviderLinks: [stranger] })).toEqual({
      kind: 'created',
      targetUserId: 'fb-anna',
      stored: ['profile'],
      missing: [
        { what: 'links', code: 'no_identity_provider' },
        { what: 'links', code: 'COMMAND-39nf2' },
      ],
    });
  });

  test('refuses nobody but who is refused, and answers in order', async () => {
    const users = Array.from({ length: 20 }, (_none, n) =>
      named(`user${n}`, n === 7 ? { givenName: '' } : {}),
    );
    const outcomes = await connection.importUsers(users);
    expect(outcomes.map((one) => ('targetUserId' in one ? one.targetUserId : one.kind))).toEqual(
      users.map(({ targetUserId }, n) => (n === 7 ? 'refused' : targetUserId)),
    );
    expect(outcomes[7]).toMatchObject({ code: 'USER-UCej2' });
  });

  test('does not store somebody whose hash ZITADEL does not take', async () => {
    const password = { encoded: 'pbkdf2_sha256$1000$salt$hash', format: 'django' };
    expect(await importOne({ ...anna, password })).toMatchObject({
      kind: 'refused',
      code: expect.stringMatching(/^(USER|CRYPT)-/),
    });
    expect(zitadel.instance.users.size).toBe(0);
  });

  test('goes into the organization that is asked for', async () => {
    const organization = zitadel.addOrganization('Acme', 'acme.example');
    const grants = [{ project: 'p1', roles: ['reader'] }];
    expect(await importOne({ ...anna, organization, grants, metadata: { a: 'b' } })).toMatchObject({
      kind: 'created',
      missing: [],
    });
    expect(thereIs('fb-anna').organization).toBe(organization);
    expect(await importOne(named('beth', { organization: 'nowhere' }))).toMatchObject({ kind: 'refused' });
  });

  test('whose grant ZITADEL cannot store at the moment is made all the same', async () => {
    zitadel.failNext('ManagementService/AddUserGrant', 503);
    expect(await importOne({ ...anna, grants: [{ project: 'p1', roles: ['reader'] }] })).toMatchObject({
      kind: 'created',
      missing: [{ what: 'grants', code: 'HTTP-503' }],
    });
  });
});

describe('a user who is there already', () => {
  test('is found under the id we ask for', async () => {
    await importOne({ ...anna, ...hashed });
    expect(await importOne(anna)).toMatchObject({
      kind: 'exists',
      found: {
        targetUserId: 'fb-anna',
        hasPassword: true,
        hasTotp: false,
        state: 'active',
        loginName: 'anna',
      },
    });
    expect(zitadel.instance.users.size).toBe(1);
  });

  test('is found by our link, whatever their name and id', async () => {
    await importOne({ ...anna, targetUserId: 'made-by-zitadel' });
    expect(await importOne(anna)).toMatchObject({
      kind: 'exists',
      found: { targetUserId: 'made-by-zitadel', links: [{ userId: 'sub-anna' }] },
    });
  });

  test('is nobody of ours without it: a conflict, with whom it is', async () => {
    await importOne({ ...anna, sub: 'somebody-else', targetUserId: 'theirs' });
    expect(await importOne(anna)).toMatchObject({
      kind: 'conflict',
      code: 'V3-DKcYh',
      found: { targetUserId: 'theirs', email: { address: 'anna@example.com', isVerified: true } },
    });
    expect(zitadel.instance.users.size).toBe(1);
  });

  test('is found by our link though searches are behind', async () => {
    zitadel.instance.isLagging = true;
    await importOne({ ...anna, targetUserId: 'made-by-zitadel' });
    expect(await importOne(anna)).toMatchObject({
      kind: 'exists',
      found: { targetUserId: 'made-by-zitadel', links: [{ idpId: ourIdp, userId: 'sub-anna' }] },
    });
  });

  test('is a conflict with nobody known, where they cannot be seen', async () => {
    zitadel.instance.isLagging = true;
    await importOne({ ...anna, sub: 'somebody-else', targetUserId: 'theirs' });
    expect(await importOne(anna)).toEqual({ kind: 'conflict', code: 'V3-DKcYh' });
    expect(calls('ListUsers')).toHaveLength(2);
  });

  test('but is not found yet is not made twice', async () => {
    await importOne(anna);
    // A 404 of something in between says nothing of her: nobody concludes from it that she is gone.
    zitadel.failNext('UserService/GetUserByID', 404);
    await expect(connection.importUsers([anna])).resolves.toMatchObject([{ kind: 'unavailable' }]);
    expect(await importOne(anna)).toMatchObject({ kind: 'exists' });
  });

  test('whom a proxy calls gone is neither gone nor switched off', async () => {
    await importOne(anna);
    zitadel.failNext('UserService/DeactivateUser', 404);
    await expect(connection.deactivate('fb-anna')).rejects.toMatchObject({ code: 'target_unavailable' });
    zitadel.failNext('UserService/GetUserByID', 404);
    await expect(connection.userById('fb-anna')).rejects.toMatchObject({ code: 'target_unavailable' });
    expect(thereIs('fb-anna').state).toBe('USER_STATE_ACTIVE');
  });
});

describe('a creation that nobody knows the end of', () => {
  test('happened, when the user is there', async () => {
    zitadel.failNext('UserService/AddHumanUser', 'drop-after');
    expect(await importOne(anna)).toMatchObject({ kind: 'exists', found: { targetUserId: 'fb-anna' } });
  });

  test('may be tried again, when they are not', async () => {
    zitadel.failNext('UserService/AddHumanUser', 'drop-before');
    expect(await importOne(anna)).toMatchObject({ kind: 'unavailable', code: 'no-answer' });
    expect(calls('AddHumanUser')).toHaveLength(1);
    expect(await importOne(anna)).toMatchObject({ kind: 'created' });
  });

  test.each([500, 503])('may be tried again after a %i', async (status) => {
    zitadel.failNext('UserService/AddHumanUser', status);
    expect(await importOne(anna)).toMatchObject({ kind: 'unavailable', code: `HTTP-${status}` });
  });

  test('is given up in time', async () => {
    await connection.close();
    connection = connect({ timeoutMs: 300 });
    zitadel.failNext(/users/, 'hang', 2);
    expect(await importOne(anna)).toMatchObject({ kind: 'unavailable', code: 'no-answer' });
  });

  test('was never begun where ZITADEL wants a pause', async () => {
    await connection.close();
    connection = connect({ timeoutMs: 5_000 });
    zitadel.limit = { left: 0, retryAfterSeconds: 7 };
    expect(await importOne(anna)).toMatchObject({ kind: 'unavailable', retryAfterSeconds: 7 });
    expect(zitadel.requests).toHaveLength(1);
  });

  test('is nobody’s fault where our token is not taken', async () => {
    await connection.close();
    connection = connect({ token: 'expired' });
    expect(await importOne(anna)).toMatchObject({ kind: 'unavailable', code: 'AUTH-7fs1e' });
    await expect(connection.userById('fb-anna')).rejects.toMatchObject({ code: 'target_unavailable' });
  });
});

describe('finding a user', () => {
  beforeEach(async () => {
    await importOne({ ...everything, organization: zitadel.organization });
  });

  test('by id brings all that is known of them', async () => {
    expect(await connection.userById('fb-all')).toEqual({
      targetUserId: 'fb-all',
      username: 'all',
      loginName: 'all',
      organization: zitadel.organization,
      state: 'active',
      email: { address: 'all@example.com', isVerified: true },
      phone: { number: '+41446681800', isVerified: true },
      givenName: 'Anna',
      familyName: 'Able',
      nickname: 'Al',
      displayName: 'Anna “All” Able',
      locale: 'de-CH',
      hasPassword: true,
      hasTotp: true,
      links: [
        { idpId: ourIdp, userId: 'sub-all', userName: 'all' },
        { idpId: 'idp-2', userId: 'google-1', userName: 'all@gmail.example' },
      ],
      metadata: { legacy_id: '7', ünï: 'cødé' },
    });
    expect(await connection.userById('nobody')).toBeUndefined();
    expect(await connection.userById('')).toBeUndefined();
  });

  test.each(['all', 'ALL', 'all@example.com'])('by what they type: %s', async (login) => {
    expect(await connection.userByLogin(login)).toMatchObject({ targetUserId: 'fb-all' });
    expect(await connection.userByLogin(login, zitadel.organization)).toMatchObject({
      targetUserId: 'fb-all',
    });
    const elsewhere = zitadel.addOrganization('Elsewhere', 'elsewhere.example');
    expect(await connection.userByLogin(login, elsewhere)).toBeUndefined();
  });

  test('by their subject finds who is linked to it, and nobody once they are not', async () => {
    expect(await connection.userBySubject('sub-all')).toMatchObject({ targetUserId: 'fb-all' });
    expect(await connection.userBySubject('sub-other')).toBeUndefined();
    expect(await connection.userBySubject('google-1')).toBeUndefined();
    await connection.unlink('fb-all', 'sub-all');
    expect(await connection.userBySubject('sub-all')).toBeUndefined();
  });

  test('by an address of two people finds nobody', async () => {
    await importOne(named('other', { email: { address: 'all@example.com', isVerified: true } }));
    expect(await connection.userByLogin('all@example.com')).toBeUndefined();
    expect(await connection.userByLogin('x'.repeat(201))).toBeUndefined();
  });

  test('that fails is not the same as finding nobody', async () => {
    zitadel.failNext(/./, 503, 9);
    await expect(connection.userById('fb-all')).rejects.toMatchObject({
      code: 'target_unavailable',
      status: 503,
    });
  });
});

describe('completing a user', () => {
  const bare = async () => {
    await importOne({ ...anna, targetUserId: 'made-by-zitadel', username: 'all', sub: 'x' });
    thereIs('made-by-zitadel').links = [];
    return (await connection.userById('made-by-zitadel'))!;
  };

  test('stores what is lacking', async () => {
    const found = await bare();
    const { totpSecret: _, ...oneFactor } = everything;
    const done = await connection.complete(found, oneFactor);
    expect(done).toEqual({ stored: ['links', 'metadata', 'grants', 'password'], missing: [] });
    expect(await zitadel.opens('made-by-zitadel', PASSWORD)).toBe(true);
    const now = (await connection.userById('made-by-zitadel'))!;
    expect(now.links).toHaveLength(2);
    expect(now.metadata).toEqual(everything.metadata);
  });

  test('whose second factor comes too late leaves them without the password, which would open the door alone', async () => {
    const done = await connection.complete(await bare(), everything);
    expect(done).toEqual({
      stored: ['links', 'metadata', 'grants'],
      missing: [
        { what: 'password', code: 'second_factor_missing' },
        { what: 'totp', code: 'cannot_be_imported_later' },
      ],
    });
    expect(thereIs('made-by-zitadel').password).toBeUndefined();
  });

  test('twice changes nothing the second time', async () => {
    await connection.complete(await bare(), everything);
    const events = zitadel.instance.events.length;
    const again = await connection.complete((await connection.userById('made-by-zitadel'))!, everything);
    expect(again).toMatchObject({ missing: [{ what: 'password' }, { what: 'totp' }] });
    expect(zitadel.instance.events).toHaveLength(events);
  });

  test('leaves the profile and a password alone, also one that was set a moment ago', async () => {
    const found = await bare();
    await connection.setPassword('made-by-zitadel', hashed.password);
    const hash = thereIs('made-by-zitadel').password?.hash;
    const other = {
      encoded: '$2b$04$N6AR..ZSnvVk7DnReGjCNOykJ3ZKSdncSnSQZFExuly2YeUz3qM3X',
      format: 'bcrypt',
    };
    const done = await connection.complete(found, { ...everything, password: other, givenName: 'Other' });
    expect(done.stored).not.toContain('password');
    expect(thereIs('made-by-zitadel')).toMatchObject({
      password: { hash },
      profile: { givenName: 'Anna' },
    });
  });

  test('adds roles to those that are there', async () => {
    const found = await bare();
    await connection.complete(found, { ...anna, grants: [{ project: 'p1', roles: ['viewer'] }] });
    await connection.complete(found, everything);
    expect([...zitadel.instance.grants.values()]).toMatchObject([
      { roleKeys: ['viewer', 'reader', 'editor'] },
    ]);
  });

  test('takes no link away from somebody else', async () => {
    const found = await bare();
    await importOne(named('thief', { sub: 'sub-all' }));
    expect(await connection.complete(found, { ...everything, identityProviderLinks: [] })).toMatchObject({
      missing: [{ what: 'links', code: 'V3-DKcYh' }, { what: 'password' }, { what: 'totp' }],
    });
  });

  test('with a hash that ZITADEL does not take says so, and with a person it would not take, too', async () => {
    const found = await bare();
    const password = { encoded: '$nothing$', format: 'x' };
    expect(await connection.complete(found, { ...anna, password })).toMatchObject({
      missing: [{ what: 'password' }],
    });
    await expect(connection.complete(found, { ...anna, username: '' })).rejects.toMatchObject({
      code: 'target_refused',
    });
  });

  test('is tried again where ZITADEL is down', async () => {
    const found = await bare();
    zitadel.failNext('UserService/AddIDPLink', 503);
    await expect(connection.complete(found, anna)).rejects.toMatchObject({ code: 'target_unavailable' });
  });
});

describe('a password', () => {
  test('is replaced when that is asked for', async () => {
    await importOne({ ...anna, ...hashed });
    const other = {
      encoded: '$2b$04$N6AR..ZSnvVk7DnReGjCNOykJ3ZKSdncSnSQZFExuly2YeUz3qM3X',
      format: 'bcrypt',
    };
    await connection.setPassword('fb-anna', other);
    expect(await zitadel.opens('fb-anna', PASSWORD)).toBe(false);
  });

  test('that ZITADEL does not take is refused, and the old one stays', async () => {
    await importOne({ ...anna, ...hashed });
    for (const encoded of ['$nothing$', { salt: 'x' }]) {
      await expect(connection.setPassword('fb-anna', { encoded, format: 'x' })).rejects.toMatchObject({
        code: 'target_refused',
        detail: expect.not.stringContaining('nothing'),
      });
    }
    expect(await zitadel.opens('fb-anna', PASSWORD)).toBe(true);
  });
});

describe('what is said twice', () => {
  test('is done once: deactivated, reactivated, removed', async () => {
    await importOne(anna);
    const { state } = { state: () => zitadel.instance.users.get('fb-anna')?.state };
    for (let times = 0; times < 2; times++) await connection.deactivate('fb-anna');
    expect(state()).toBe('USER_STATE_INACTIVE');
    for (let times = 0; times < 2; times++) await connection.reactivate('fb-anna');
    expect(state()).toBe('USER_STATE_ACTIVE');
    for (let times = 0; times < 2; times++) await connection.remove('fb-anna');
    expect(state()).toBeUndefined();
    await connection.deactivate('fb-anna');
    await connection.reactivate('fb-anna');
  });

  test('is done once: unlinked from us, and from nobody else', async () => {
    await importOne({ ...everything });
    for (let times = 0; times < 2; times++) await connection.unlink('fb-all', 'sub-all');
    expect(thereIs('fb-all').links).toMatchObject([{ idpId: 'idp-2' }]);
    await connection.unlink('nobody', 'sub-all');
  });

  test('fails where ZITADEL refuses it for another reason', async () => {
    await importOne(anna);
    thereIs('fb-anna').state = 'USER_STATE_INITIAL';
    await expect(connection.deactivate('fb-anna')).rejects.toMatchObject({ code: 'target_refused' });
    zitadel.failNext('UserService/DeleteUser', 503);
    await expect(connection.remove('fb-anna')).rejects.toMatchObject({ code: 'target_unavailable' });
    expect(thereIs('fb-anna')).toBeDefined();
  });
});
