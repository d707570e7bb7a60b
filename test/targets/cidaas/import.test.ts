/** Making users at cidaas, over HTTP, at a stand-in that refuses what its documentation says that the real one refuses. */
import { describe, expect, test } from 'vitest';
import { BCRYPT, PASSWORD, people, person, stage } from './stage.ts';

const kinds = (outcomes: readonly { kind: string }[]) => outcomes.map(({ kind }) => kind);
const created = { kind: 'created' };

describe('somebody new', () => {
  test('is made with names, password, link and metadata, and logs in with the old password', async () => {
    const { standIn, connection } = await stage();
    const anna = person('anna', { password: BCRYPT, phone: { number: '+41446681800', isVerified: false } });
    const [outcome] = await connection.importUsers([anna]);
    expect(outcome).toEqual({
      kind: 'created',
      targetUserId: expect.stringMatching(/^[0-9a-f-]{36}$/),
      stored: ['profile', 'password', 'links', 'metadata'],
      missing: [],
    });
    expect(await standIn.login('anna@example.com', PASSWORD)).toBe(true);
    expect(await standIn.login('anna@example.com', `${PASSWORD}x`)).toBe(false);
    expect(await connection.userBySubject('shop:anna')).toMatchObject({
      externalId: anna.targetUserId,
      email: { address: 'anna@example.com', isVerified: true },
      phone: { number: '+41446681800', isVerified: false },
      hasPassword: true,
      links: [{ idpId: 'footbridge', userId: 'shop:anna' }],
      metadata: { legacy_id: 'anna' },
    });
  });

  test('is found by our id, by the target’s, by what they type, and nobody else is', async () => {
    const { connection } = await stage();
    const anna = person('anna');
    const [outcome] = await connection.importUsers([anna]);
    const targetUserId = outcome?.kind === 'created' ? outcome.targetUserId : '';
    const found = { targetUserId };
    expect(await connection.userById(targetUserId)).toMatchObject(found);
    expect(await connection.userById(anna.targetUserId)).toMatchObject(found);
    expect(await connection.userByLogin('Anna@Example.com')).toMatchObject(found);
    expect(await connection.userById(person('ben').targetUserId)).toBeUndefined();
    expect(await connection.userById('00000000-0000-4000-8000-000000000000')).toBeUndefined();
    expect(await connection.userById('../../token-srv/token')).toBeUndefined();
    expect(await connection.userByLogin('ben@example.com')).toBeUndefined();
    expect(await connection.userByLogin('anna@example.com', 'an organization')).toBeUndefined();
    expect(await connection.userBySubject('anna@example.com')).toBeUndefined();
  });

  test('is put into groups, and told to lack those that there are not', async () => {
    const { connection } = await stage();
    const grants = (project: string, ...roles: string[]) => ({ grants: [{ project, roles }] });
    const outcomes = await connection.importUsers(
      [
        person('anna', grants('shop', 'CUSTOMER', 'SELLER')),
        person('ben', grants('nowhere', 'X')),
        person('cleo', grants('shop', 'KING')),
      ],
      { bulk: true },
    );
    expect(outcomes).toMatchObject([
      { ...created, stored: expect.arrayContaining(['grants']), missing: [] },
      { ...created, missing: [{ what: 'grants', code: 'group-not-found' }] },
      { ...created, missing: [{ what: 'grants', code: 'role-not-allowed' }] },
    ]);
    expect((await connection.userBySubject('shop:anna'))?.grants).toEqual([
      { project: 'shop', roles: ['CUSTOMER', 'SELLER'] },
    ]);
  });

  test('has accounts elsewhere, and is told to lack second factors', async () => {
    const { connection } = await stage();
    const links = [{ idpId: 'google', userId: 'g-1', userName: 'anna@gmail.example' }];
    const anna = person('anna', { identityProviderLinks: links, totpSecret: 'JBSWY3DPEHPK3PXP' });
    expect(await connection.importUsers([anna])).toMatchObject([
      { ...created, missing: [{ what: 'totp', code: 'totp_not_supported' }] },
    ]);
    expect((await connection.userBySubject('shop:anna'))?.links).toHaveLength(2);
  });

  test.each(['identities', 'account'])(
    'is made where the address stands in the %s',
    async (localIdentity) => {
      const { standIn, connection } = await stage({ cidaas: { localIdentity } });
      const anna = person('anna', { password: BCRYPT });
      expect(await connection.importUsers([anna])).toMatchObject([created]);
      expect(await standIn.login('anna@example.com', PASSWORD)).toBe(true);
    },
  );
});

describe('many', () => {
  test('go in one message, and each has an outcome in order', async () => {
    const { standIn, connection } = await stage();
    const many = people(120, { password: BCRYPT });
    const outcomes = await connection.importUsers(many, { bulk: true });
    expect(standIn.batches).toEqual([120]);
    expect(new Set(kinds(outcomes))).toEqual(new Set(['created']));
    const found = await connection.userBySubject('shop:p119');
    expect(outcomes[119]).toMatchObject({ targetUserId: found?.targetUserId });
  });

  test('more than cidaas takes go in several', async () => {
    const { standIn, connection } = await stage();
    const outcomes = await connection.importUsers(people(1_001), { bulk: true });
    expect(standIn.batches).toEqual([1_000, 1]);
    expect(outcomes.every(({ kind }) => kind === 'created')).toBe(true);
  });

  test('one whom cidaas does not take costs the others nothing', async () => {
    const { standIn, connection } = await stage();
    const bad = person('bad', { email: { address: 'bad@no-mx.example', isVerified: true } });
    const odd = person('odd', { metadata: { legacy_id: 'odd', shoe_size: '44' } });
    const outcomes = await connection.importUsers([person('a'), bad, odd, person('b')], { bulk: true });
    expect(outcomes).toMatchObject([
      created,
      { kind: 'refused', code: 'invalid-email' },
      { kind: 'refused', code: 'the-field-shoe_size-is-not-enabled' },
      created,
    ]);
    expect(standIn.batches).toEqual([4]);
  });

  test('of a message that is refused as a whole, the halves are sent, down to the one', async () => {
    const { standIn, connection } = await stage();
    standIn.poison.add('p5@example.com');
    const outcomes = await connection.importUsers(people(8), { bulk: true });
    // Alone it is no message of many: the stand-in looks at it, and takes it.
    expect(outcomes.every(({ kind }) => kind === 'created')).toBe(true);
    expect(standIn.batches).toEqual([8, 4, 4, 2, 1, 1, 2]);
  });

  test('two with one address are never in one message: the second is a conflict', async () => {
    const { standIn, connection } = await stage();
    const email = { address: 'shared@example.com', isVerified: true };
    const small = { address: 'Shared@Example.com', isVerified: true };
    const outcomes = await connection.importUsers(
      [person('a', { email, password: BCRYPT }), person('b', { email: small, givenName: 'Ben' })],
      { bulk: true },
    );
    expect(outcomes).toMatchObject([created, { kind: 'conflict', code: 'taken-by-another-of-ours' }]);
    expect(standIn.batches).toEqual([1]);
    expect((await connection.userByLogin('shared@example.com'))?.givenName).toBe('Anna');
  });
});

describe('somebody who is there', () => {
  test('and is somebody else is neither changed nor given a password', async () => {
    const { standIn, connection } = await stage();
    standIn.tenant.add({
      identities: [
        {
          identityId: 'i1',
          provider: 'self',
          email: 'Anna@example.com',
          given_name: 'Other',
          email_verified: true,
        },
      ],
      password: { ...BCRYPT.encoded },
    });
    const before = JSON.stringify(standIn.tenant.all());
    const outcomes = await connection.importUsers([person('anna', { password: BCRYPT }), person('ben')], {
      bulk: true,
    });
    expect(outcomes).toMatchObject([
      { kind: 'conflict', code: 'identifier-taken', found: { givenName: 'Other' } },
      created,
    ]);
    expect(JSON.stringify(standIn.tenant.all().slice(0, 1))).toBe(before);
    expect(standIn.batches).toEqual([1]);
  });

  test('with their number is a conflict as well', async () => {
    const { standIn, connection } = await stage();
    standIn.tenant.add({
      identities: [{ identityId: 'i1', provider: 'self', mobile_number: '+41446681800' }],
    });
    const anna = person('anna', { phone: { number: '+41446681800', isVerified: true } });
    expect(await connection.importUsers([anna])).toMatchObject([{ kind: 'conflict' }]);
    expect(standIn.batches).toEqual([]);
  });

  test('and came through us is the same person', async () => {
    const { standIn, connection } = await stage();
    const identity = { identityId: 'i1', provider: 'footbridge', providerUserId: 'shop:anna' };
    const { sub } = standIn.tenant.add({ identities: [identity] });
    expect(await connection.importUsers([person('anna')])).toMatchObject([
      { kind: 'exists', found: { targetUserId: sub } },
    ]);
    expect(standIn.batches).toEqual([]);
  });

  test('and has our subject as an id elsewhere is not in the way', async () => {
    const { standIn, connection } = await stage();
    standIn.tenant.add({
      identities: [{ identityId: 'i1', provider: 'google', providerUserId: 'shop:anna' }],
    });
    expect(await connection.importUsers([person('anna')])).toMatchObject([created]);
  });

  test('and is to be deleted is not brought back', async () => {
    const { standIn, connection } = await stage();
    const anna = person('anna');
    await connection.importUsers([anna]);
    standIn.tenant.all()[0]!.userStatus = 'DELETED';
    expect(await connection.importUsers([anna])).toMatchObject([{ kind: 'conflict', code: 'removed-there' }]);
  });

  test('whom we have made is made, however often it is said, and sent once', async () => {
    const { standIn, connection } = await stage();
    const many = people(5, { password: BCRYPT });
    const first = await connection.importUsers(many, { bulk: true });
    expect(await connection.importUsers(many, { bulk: true })).toEqual(first);
    expect(standIn.batches).toEqual([5]);
    expect(standIn.tenant.all()).toHaveLength(5);
  });

  test('once the message is under way is an alarm, and no success', async () => {
    const { standIn, connection } = await stage({
      cidaas: { paths: { find: '/useractions-srv/userexistence' } },
    });
    standIn.tenant.add({ identities: [{ identityId: 'i1', provider: 'self', email: 'p0@example.com' }] });
    // Found by nobody who looks, and yet updated by the import.
    standIn.tenant.byAnything = () => undefined;
    const outcomes = await connection.importUsers(people(2), { bulk: true });
    expect(outcomes).toMatchObject([{ kind: 'conflict', code: 'updated-not-created' }, created]);
  });
});

describe('what can be seen from here', () => {
  test.each([
    ['no address', { email: undefined }, 'email-missing'],
    [
      'an address without a domain',
      { email: { address: 'anna@localhost', isVerified: true } },
      'invalid-email',
    ],
    [
      'an address with a space',
      { email: { address: 'an na@example.com', isVerified: true } },
      'invalid-email',
    ],
    ['an organization', { organization: 'org' }, 'organization'],
    ['a long name', { familyName: 'x'.repeat(201) }, 'name-too-long'],
    ['a hash that it cannot verify', { password: { format: 'md5plain', encoded: 'x' } }, 'password-format'],
    [
      'a hash that is cut',
      { password: { ...BCRYPT, encoded: { ...BCRYPT.encoded, passwordHash: '$2b$04$N6AR' } } },
      'password-malformed',
    ],
    [
      'a hash above the bounds',
      {
        password: {
          ...BCRYPT,
          encoded: {
            algorithmTypeId: 'BCRYPT_21',
            passwordHash: BCRYPT.encoded.passwordHash.replace('$04$', '$21$'),
          },
        },
      },
      'password-bounds',
    ],
  ])('%s is refused before anything is sent', async (_what, more, code) => {
    const { standIn, connection } = await stage();
    const { email = undefined, ...rest } = { ...person('anna'), ...more };
    const anna = { ...rest, ...(email && { email }) };
    expect(await connection.importUsers([anna])).toMatchObject([{ kind: 'refused', code }]);
    expect(standIn.calls).toEqual([]);
  });

  test('is sent to nobody while we are no identity provider there', async () => {
    const { standIn, connection } = await stage({ ourIdp: null });
    expect(await connection.importUsers([person('anna')])).toEqual([
      { kind: 'unavailable', code: 'no-identity-provider' },
    ]);
    expect(standIn.calls).toEqual([]);
  });
});

describe('a password that is typed at cidaas', () => {
  const typed = { isTypedHere: true } as const;
  const cidaas = { customAlgorithm: 'CUSTOM_FOOTBRIDGE' };
  const tenant = { custom: { algorithm: 'CUSTOM_FOOTBRIDGE', url: 'http://127.0.0.1:9/' } };

  test('is asked about: a reference stands in its place, and they have none yet', async () => {
    const { standIn, connection } = await stage({ cidaas, tenant });
    expect(await connection.importUsers([person('anna', typed)])).toMatchObject([
      { ...created, stored: ['profile', 'links', 'metadata'], missing: [] },
    ]);
    expect(standIn.tenant.all()[0]?.password).toEqual({
      algorithmTypeId: 'CUSTOM_FOOTBRIDGE',
      passwordHash: expect.stringMatching(/^fb1\.[\w-]+\.[\w-]{22}$/),
    });
    expect(await connection.userBySubject('shop:anna')).toMatchObject({ hasPassword: false });
  });

  test.each([
    ['without a reference', { cidaas, tenant, hasReference: false }, 'reference_missing'],
    ['without an algorithm', {}, 'custom_algorithm_missing'],
  ])('%s is missing', async (_what, options, code) => {
    const { connection } = await stage(options);
    const [outcome] = await connection.importUsers([person('anna', typed)], { bulk: true });
    expect(outcome).toMatchObject({ ...created, missing: [{ what: 'password', code }] });
  });
});

describe('a cidaas that is not well', () => {
  test('and is down has told nothing of anybody', async () => {
    const { standIn, connection } = await stage();
    standIn.fail(503, 1, '/users-srv/');
    const outcomes = await connection.importUsers(people(3), { bulk: true });
    expect(outcomes).toEqual(people(3).map(() => ({ kind: 'unavailable', code: 'http-503' })));
    standIn.fail(503, 0);
    expect(kinds(await connection.importUsers(people(3), { bulk: true }))).toEqual(Array(3).fill('created'));
  });

  test('and wants fewer calls says when to come again', async () => {
    const { standIn, connection } = await stage();
    standIn.throttle(7, 1, '/users-srv/');
    const outcomes = await connection.importUsers(people(2), { bulk: true });
    const wait = { kind: 'unavailable', isThrottled: true, retryAfterSeconds: 7, code: 'http-429' };
    expect(outcomes).toEqual([wait, wait]);
    expect(standIn.batches).toEqual([]);
  });

  test('and dies after the work makes nobody twice', async () => {
    const { standIn, connection } = await stage();
    standIn.dropAfter();
    const many = people(4, { password: BCRYPT });
    expect(kinds(await connection.importUsers(many, { bulk: true }))).toEqual(Array(4).fill('unavailable'));
    expect(await connection.importUsers(many, { bulk: true })).toMatchObject(
      many.map(() => ({ ...created, stored: ['profile', 'password', 'links', 'metadata'], missing: [] })),
    );
    expect(standIn.batches).toEqual([4]);
    expect(standIn.tenant.all()).toHaveLength(4);
  });

  test('and has not been switched on says so of everybody', async () => {
    const { connection } = await stage({ tenant: { scopes: ['cidaas:users_read'] } });
    expect(await connection.importUsers(people(2), { bulk: true })).toEqual([
      { kind: 'unavailable', code: 'scope-missing' },
      { kind: 'unavailable', code: 'scope-missing' },
    ]);
  });

  test('and cannot be asked who is there makes nobody', async () => {
    const { standIn, connection } = await stage();
    standIn.fail(500, 1, '/useractions-srv/');
    expect(kinds(await connection.importUsers(people(2), { bulk: true }))).toEqual([
      'unavailable',
      'unavailable',
    ]);
    expect(standIn.batches).toEqual([]);
  });
});

test('a preview shows what would be sent, and sends nothing', async () => {
  const { standIn, connection } = await stage();
  const [preview] = (await connection.preview?.(people(2, { password: BCRYPT }))) ?? [];
  expect(preview).toMatchObject({ method: 'POST', path: '/users-srv/user/bulk' });
  expect(preview?.body).toMatchObject([
    {
      identities: [
        {
          provider: 'self',
          email: 'p0@example.com',
          email_verified: true,
          password_hash_info: BCRYPT.encoded,
        },
        { provider: 'footbridge', providerUserId: 'shop:p0' },
      ],
      customFields: { legacy_id: 'p0', footbridge_password: 'hash' },
    },
    {},
  ]);
  expect(standIn.calls).toEqual([]);
});
