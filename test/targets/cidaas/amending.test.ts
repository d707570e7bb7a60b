/** Changing users who are at cidaas already. */
import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import type { FoundUser, TargetConnection } from '../../../src/targets/connection.ts';
import type { StageOptions } from './stage.ts';
import { BCRYPT, PASSWORD, person, stage } from './stage.ts';

const NEW_PASSWORD = 'battery staple';
const SHA1 = {
  format: 'digest-cidaas',
  encoded: {
    algorithmTypeId: 'SHA1',
    passwordHash: createHash('sha1').update(NEW_PASSWORD).digest('hex'),
  },
};
const seen = async (connection: TargetConnection, sub = 'shop:anna'): Promise<FoundUser> => {
  const found = await connection.userBySubject(sub);
  return found ?? expect.unreachable();
};
async function withAnna(options: StageOptions = {}, more: object = { password: BCRYPT }) {
  const { standIn, connection } = await stage(options);
  await connection.importUsers([person('anna', more)]);
  return { standIn, connection, found: await seen(connection) };
}
/** Somebody whom cidaas knew before us. */
async function withStranger(options: StageOptions = {}) {
  const { standIn, connection } = await stage(options);
  const { sub } = standIn.tenant.add({
    identities: [
      {
        identityId: 'i1',
        provider: 'self',
        email: 'anna@example.com',
        email_verified: true,
        given_name: 'Anne',
      },
    ],
    customFields: { legacy_id: 'theirs' },
    password: { ...BCRYPT.encoded },
  });
  const found = (await connection.userById(sub)) ?? expect.unreachable();
  return { standIn, connection, found };
}
const refusal = (work: Promise<unknown>) =>
  work.then(
    () => expect.unreachable(),
    ({ code, detail }) => `${code}: ${detail}`,
  );

describe('completing', () => {
  test('somebody who lacks nothing sends nothing', async () => {
    const { standIn, connection, found } = await withAnna();
    expect(await connection.complete(found, person('anna', { password: BCRYPT }))).toEqual({
      stored: [],
      missing: [],
    });
    expect(standIn.batches).toEqual([1]);
  });

  test('somebody who was there gives them our link and metadata, and leaves name and password', async () => {
    const { standIn, connection, found } = await withStranger();
    const anna = person('anna', { password: SHA1 });
    const { stored, missing } = await connection.complete(found, anna);
    expect({ stored, missing }).toMatchObject({ stored: expect.arrayContaining(['links']), missing: [] });
    expect(await seen(connection)).toMatchObject({
      givenName: 'Anne',
      familyName: 'Able',
      metadata: { legacy_id: 'anna' },
    });
    expect(await seen(connection)).not.toHaveProperty('externalId');
    expect(await standIn.login('anna@example.com', PASSWORD)).toBe(true);
  });

  test('somebody who only came through us gives them a password', async () => {
    const { standIn, connection } = await stage();
    const identity = {
      identityId: 'i1',
      provider: 'footbridge',
      providerUserId: 'shop:anna',
      email: 'anna@example.com',
    };
    standIn.tenant.add({ identities: [identity] });
    const found = await seen(connection);
    expect(await connection.complete(found, person('anna', { password: BCRYPT }))).toMatchObject({
      stored: expect.arrayContaining(['password']),
      missing: [],
    });
    expect(await standIn.login('anna@example.com', PASSWORD)).toBe(true);
  });

  test('adds a group without taking away roles', async () => {
    const { connection, found } = await withAnna({}, { grants: [{ project: 'shop', roles: ['SELLER'] }] });
    const anna = person('anna', { grants: [{ project: 'shop', roles: ['CUSTOMER'] }] });
    expect(await connection.complete(found, anna)).toMatchObject({ stored: ['grants'], missing: [] });
    expect((await seen(connection)).grants).toEqual([{ project: 'shop', roles: ['SELLER', 'CUSTOMER'] }]);
  });

  test('what cidaas refuses is missing, with its word', async () => {
    const { connection, found } = await withStranger();
    const anna = person('anna', { metadata: { shoe_size: '44' } });
    const { missing } = await connection.complete(found, anna);
    expect(missing).toContainEqual({ what: 'metadata', code: 'the-field-shoe_size-is-not-enabled' });
  });

  const typed: StageOptions = {
    cidaas: { customAlgorithm: 'CUSTOM_FOOTBRIDGE' },
    tenant: { custom: { algorithm: 'CUSTOM_FOOTBRIDGE', url: 'http://127.0.0.1:9/' } },
  };

  test('somebody whose password is asked about here leaves the reference without migrationMode', async () => {
    const { standIn, connection, found } = await withAnna(typed, { isTypedHere: true });
    const { missing } = await connection.complete(found, person('anna', { password: BCRYPT }));
    expect(missing).toEqual([{ what: 'password', code: 'migration_mode_off' }]);
    expect(standIn.tenant.all()[0]?.password?.algorithmTypeId).toBe('CUSTOM_FOOTBRIDGE');
  });

  test('somebody whose password is asked about here replaces the reference with migrationMode', async () => {
    const { standIn, connection, found } = await withAnna(
      { cidaas: { ...typed.cidaas, migrationMode: true }, tenant: { ...typed.tenant, migrationMode: true } },
      { isTypedHere: true },
    );
    expect(await connection.complete(found, person('anna', { password: BCRYPT }))).toMatchObject({
      stored: ['password'],
      missing: [],
    });
    expect(await standIn.login('anna@example.com', PASSWORD)).toBe(true);
    expect((await seen(connection)).hasPassword).toBe(true);
  });

  test('somebody who is gone is refused', async () => {
    const { connection, found } = await withAnna();
    await connection.remove(found.targetUserId);
    expect(await refusal(connection.complete(found, person('anna')))).toContain('target_refused');
  });
});

describe('a new password', () => {
  const on: StageOptions = { cidaas: { migrationMode: true }, tenant: { migrationMode: true } };
  test('replaces the old one where migrationMode is on', async () => {
    const { standIn, connection, found } = await withAnna(on);
    await connection.setPassword(found.targetUserId, SHA1);
    expect(await standIn.login('anna@example.com', NEW_PASSWORD)).toBe(true);
    expect(await standIn.login('anna@example.com', PASSWORD)).toBe(false);
    expect(await seen(connection)).toMatchObject({ givenName: 'Anna', metadata: { legacy_id: 'anna' } });
  });

  test('is refused where it is off, and nothing is sent', async () => {
    const { standIn, connection, found } = await withAnna();
    expect(await refusal(connection.setPassword(found.targetUserId, BCRYPT))).toContain('migration_mode_off');
    expect(standIn.batches).toEqual([1]);
  });

  test('is taken without it by somebody of ours who has none yet', async () => {
    const { standIn, connection, found } = await withAnna({}, {});
    await connection.setPassword(found.targetUserId, BCRYPT);
    expect(await standIn.login('anna@example.com', PASSWORD)).toBe(true);
  });

  test('is refused where the settings say that it is on, and it is not', async () => {
    const { connection, found } = await withAnna({ cidaas: { migrationMode: true } });
    const said = await refusal(connection.setPassword(found.targetUserId, BCRYPT));
    expect(said).toBe('target_refused: the password is not taken: the-password-was-migrated-already');
  });

  test('in a format that it does not read is refused', async () => {
    const { connection, found } = await withAnna(on);
    const said = await refusal(
      connection.setPassword(found.targetUserId, { format: 'md5plain', encoded: 'x' }),
    );
    expect(said).toContain('md5plain');
  });
});

describe('a profile', () => {
  test('is written over field by field, and emptied where the person has nothing', async () => {
    const { connection, found } = await withAnna({}, { phone: { number: '+41446681800', isVerified: true } });
    const changed = person('anna', {
      givenName: 'Anne',
      familyName: 'Baker',
      email: { address: 'anne@example.com', isVerified: false },
    });
    await connection.update?.(found, changed, ['givenName', 'email', 'phone']);
    const now = await seen(connection);
    expect(now).toMatchObject({
      givenName: 'Anne',
      familyName: 'Able',
      email: { address: 'anne@example.com', isVerified: false },
    });
    expect(now).not.toHaveProperty('phone');
  });

  test('keeps the address of somebody who has none any more, and what is off at the tenant', async () => {
    const { standIn, connection, found } = await withAnna();
    const { email: _none, ...changed } = person('anna', { nickname: 'Annie' });
    await connection.update?.(found, changed, ['email', 'nickname', 'displayName', 'username']);
    expect((await seen(connection)).email?.address).toBe('anna@example.com');
    expect(standIn.calls.filter((call) => call.startsWith('PUT'))).toEqual([]);
  });

  test('whose address belongs to somebody else is refused', async () => {
    const { connection, found } = await withAnna();
    await connection.importUsers([person('ben')]);
    const changed = person('anna', { email: { address: 'ben@example.com', isVerified: true } });
    expect(await refusal(connection.update!(found, changed, ['email']))).toContain('target_refused');
  });
});

describe('somebody', () => {
  test('who is deactivated does not log in, and does once they are let in again', async () => {
    const { standIn, connection, found } = await withAnna();
    for (const _twice of [1, 2]) await connection.deactivate(found.targetUserId);
    expect((await seen(connection)).state).toBe('inactive');
    expect(await standIn.login('anna@example.com', PASSWORD)).toBe(false);
    for (const _twice of [1, 2]) await connection.reactivate(found.targetUserId);
    expect(await standIn.login('anna@example.com', PASSWORD)).toBe(true);
  });

  test('who is removed is gone, by their id or by ours, and all of it can be said again', async () => {
    const { standIn, connection, found } = await withAnna();
    await connection.remove(person('anna').targetUserId);
    expect(standIn.tenant.all()).toEqual([]);
    await connection.remove(found.targetUserId);
    await connection.deactivate(found.targetUserId);
    await connection.reactivate(found.targetUserId);
    await connection.unlink(found.targetUserId, 'shop:anna');
  });

  test('is mailed a way to a new password, and nobody without an address is', async () => {
    const { standIn, connection, found } = await withAnna();
    await connection.mailReset?.(found.targetUserId);
    expect(standIn.mailed).toEqual(['anna@example.com']);
    const { sub } = standIn.tenant.add({ identities: [{ identityId: 'i9', provider: 'google' }] });
    expect(await refusal(connection.mailReset!(sub))).toContain('target_refused');
  });
});

describe('our link', () => {
  test('is taken away where the settings say how', async () => {
    const paths = { unlink: '/users-srv/user/unlink/{identityId}' };
    const { connection, found } = await withAnna({ cidaas: { paths } });
    await connection.unlink(found.targetUserId, 'shop:somebody else');
    expect((await connection.userById(found.targetUserId))?.links).toHaveLength(1);
    await connection.unlink(found.targetUserId, 'shop:anna');
    expect((await connection.userById(found.targetUserId))?.links).toEqual([]);
  });

  test('stays where no way is documented, and that is said', async () => {
    const { connection, found } = await withAnna();
    expect(await refusal(connection.unlink(found.targetUserId, 'shop:anna'))).toContain(
      'unlink_undocumented',
    );
  });
});

describe('all users', () => {
  test('are told page by page, each once', async () => {
    const { connection } = await stage();
    const names = ['a', 'b', 'c', 'd', 'e'];
    await connection.importUsers(
      names.map((name) => person(name)),
      { bulk: true },
    );
    const told: string[] = [];
    let after: string | undefined;
    do {
      const page = await connection.users!({ limit: 2, ...(after !== undefined && { after }) });
      told.push(...page.users.map(({ username }) => username));
      after = page.next;
    } while (after !== undefined);
    expect(told).toEqual(names.map((name) => `${name}@example.com`));
  });

  test('of an empty tenant are none', async () => {
    const { connection } = await stage();
    expect(await connection.users!({ limit: 10 })).toEqual({ users: [] });
  });

  test('begin nowhere that is no place', async () => {
    const { connection } = await stage();
    expect(await refusal(connection.users!({ limit: 10, after: '{"a":1}' }))).toContain('bad_request');
  });
});
