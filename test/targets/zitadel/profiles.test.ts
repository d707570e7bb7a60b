/** Listing everybody at ZITADEL, changing what is there of them, and mailing them a way to a new password. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type {
  FoundUser,
  ProfileField,
  TargetConnection,
  TargetUser,
} from '../../../src/targets/connection.ts';
import type { Zitadel } from '../../support/zitadel/index.ts';
import { openZitadel } from '../../support/zitadel/index.ts';
import { addIdp, connectionTo } from './connected.ts';
import { anna, everything, HASH, named } from './people.ts';

const password = { encoded: HASH, format: 'bcrypt' };
let zitadel: Zitadel;
let connection: TargetConnection;
let ourIdp: string;

beforeEach(async () => {
  zitadel = await openZitadel();
  ourIdp = addIdp(zitadel, 'footbridge');
  addIdp(zitadel, '2');
  connection = connectionTo(zitadel, async () => ourIdp);
});
afterEach(async () => {
  expect([zitadel.violations, zitadel.faults]).toEqual([[], []]);
  await connection.close();
  await zitadel.close();
});

const people = (count: number, prefix = 'user') =>
  Array.from({ length: count }, (_none, n) => named(`${prefix}${n}`, { password }));
const calls = (rpc: string) => zitadel.requests.filter((seen) => seen.rpc?.endsWith(`/${rpc}`));

async function everybody(limit: number, between: () => Promise<unknown> = async () => undefined) {
  const found: FoundUser[] = [];
  for (let after: string | undefined; ; ) {
    const page = await connection.users!({ limit, ...(after !== undefined && { after }) });
    found.push(...page.users);
    if (page.next === undefined) return found;
    after = page.next;
    await between();
  }
}

describe('a list of everybody', () => {
  test('tells each once, with all that is known of them', async () => {
    await connection.importUsers([...people(20), everything], { bulk: true });
    const found = await everybody(7);
    expect(found).toHaveLength(21);
    expect(new Set(found.map(({ links }) => links.find(({ idpId }) => idpId === ourIdp)?.userId))).toEqual(
      new Set([...people(20), everything].map(({ sub }) => sub)),
    );
    expect(found.find(({ username }) => username === 'all')).toEqual(await connection.userById('fb-all'));
  });

  test('goes on rightly though some leave and others come meanwhile', async () => {
    await connection.importUsers(people(36), { bulk: true });
    const leaving = Array.from({ length: 12 }, (_none, n) => `fb-user${n}`);
    const coming = people(3, 'late');
    const found = await everybody(12, async () => {
      for (const id of leaving.splice(0, 6)) await connection.remove(id);
      await connection.importUsers(coming.splice(0, 1));
    });
    const names = found.map(({ username }) => username);
    expect(new Set(names).size).toBe(names.length);
    for (let n = 12; n < 36; n++) expect(names).toContain(`user${n}`);
  });

  test('of an empty instance is empty', async () => {
    expect(await connection.users!({ limit: 10 })).toEqual({ users: [] });
  });

  test('never asks for more than ZITADEL gives at once', async () => {
    await connection.importUsers(people(3), { bulk: true });
    const { users } = await connection.users!({ limit: 5_000 });
    expect(users).toHaveLength(3);
    expect(calls('ListUsers')[0]?.body).toMatchObject({
      query: { offset: '0', asc: true },
      sortingColumn: 'USER_FIELD_NAME_CREATION_DATE',
      queries: [{ typeQuery: { type: 'TYPE_HUMAN' } }],
    });
  });

  test('fails where ZITADEL is down, and does not seem shorter', async () => {
    await connection.importUsers(people(3), { bulk: true });
    zitadel.failNext('UserService/ListIDPLinks', 503, 9);
    await expect(connection.users!({ limit: 10 })).rejects.toMatchObject({ code: 'target_unavailable' });
  });
});

describe('an update', () => {
  let found: FoundUser;
  beforeEach(async () => {
    await connection.importUsers([everything]);
    found = (await connection.userById('fb-all'))!;
  });
  const now = () => connection.userById('fb-all');
  const update = (user: TargetUser, ...fields: ProfileField[]) => connection.update!(found, user, fields);

  test('writes the fields that it is told, and leaves the others', async () => {
    const changed: TargetUser = {
      ...everything,
      username: 'other',
      givenName: 'Beth',
      familyName: 'Baker',
      nickname: 'B',
      displayName: 'Beth B.',
      locale: 'fr',
      email: { address: 'beth@example.com', isVerified: true },
      phone: { number: '+41 44 668 18 01', isVerified: false },
    };
    await update(changed, 'givenName', 'phone');
    expect(await now()).toEqual({
      ...found,
      givenName: 'Beth',
      phone: { number: '+41446681801', isVerified: false },
    });
    await update(changed, 'username', 'familyName', 'nickname', 'displayName', 'locale', 'email');
    const { username, familyName, nickname, displayName, locale, email } = changed;
    expect(await now()).toMatchObject({ username, familyName, nickname, displayName, locale, email });
    expect(await zitadel.opens('fb-all', 'correct horse')).toBe(true);
  });

  test('takes away what the person does not have any more, but for their address', async () => {
    const { email: _email, ...without } = anna;
    const bare = { ...without, sub: everything.sub, username: 'all' };
    await update(bare, 'nickname', 'displayName', 'locale', 'phone', 'email');
    const after = await now();
    for (const field of ['nickname', 'locale', 'phone']) expect(after).not.toHaveProperty(field);
    expect(after).toMatchObject({
      displayName: 'Anna Able',
      email: { address: 'all@example.com', isVerified: true },
    });
  });

  test('of what is so already is not sent, and takes nothing back that was proved', async () => {
    const before = zitadel.requests.length;
    const email = { address: 'all@example.com', isVerified: false };
    await update({ ...everything, email }, 'username', 'email', 'phone');
    await update(everything);
    expect(zitadel.requests).toHaveLength(before);
    expect(await now()).toEqual(found);
  });

  test('proves an address that was not', async () => {
    await connection.importUsers([
      named('new', { email: { address: 'new@example.com', isVerified: false } }),
    ]);
    const unproved = (await connection.userById('fb-new'))!;
    await connection.update!(unproved, named('new'), ['email']);
    expect(await connection.userById('fb-new')).toMatchObject({ email: { isVerified: true } });
  });

  test.each<[string, Partial<TargetUser>, ProfileField]>([
    ['a name that is too long', { givenName: 'x'.repeat(201) }, 'givenName'],
    ['an address that is none', { email: { address: 'nonsense', isVerified: true } }, 'email'],
    ['a number that is none', { phone: { number: '0711', isVerified: true } }, 'phone'],
  ])('to %s is refused, and does not stand in the way of another', async (_what, more, field) => {
    const odd = { ...everything, ...more };
    await expect(update(odd, field)).rejects.toMatchObject({
      code: 'target_refused',
      detail: expect.not.stringMatching(/nonsense|0711|xxx/),
    });
    await update({ ...odd, nickname: 'New' }, 'nickname');
    expect(await now()).toMatchObject({ nickname: 'New', givenName: 'Anna' });
  });

  test('to the name of another is refused', async () => {
    await connection.importUsers([anna]);
    await expect(update({ ...everything, username: 'anna' }, 'username')).rejects.toMatchObject({
      code: 'target_refused',
    });
  });

  test('of nobody is refused, and one that gets no answer may be tried again', async () => {
    const nobody = { ...found, targetUserId: 'nobody' };
    await expect(connection.update!(nobody, everything, ['nickname'])).rejects.toMatchObject({
      code: 'target_refused',
    });
    zitadel.failNext('UserService/UpdateHumanUser', 503);
    await expect(update(everything, 'nickname')).rejects.toMatchObject({ code: 'target_unavailable' });
  });
});

describe('a mail to choose a new password', () => {
  const mailed = () =>
    zitadel.instance.events.filter(({ type }) => type === 'user.human.password.code.added');

  test('is ordered, with a link and no code that anybody could read', async () => {
    await connection.importUsers([anna]);
    await connection.mailReset!('fb-anna');
    expect(mailed()).toMatchObject([
      { aggregate: { id: 'fb-anna' }, payload: { notificationType: 0, codeReturned: false } },
    ]);
    expect(calls('PasswordReset')[0]?.answer).not.toHaveProperty('verificationCode');
  });

  test('is refused for nobody, and for whoever has not been initialised', async () => {
    await connection.importUsers([anna]);
    zitadel.instance.users.get('fb-anna')!.state = 'USER_STATE_INITIAL';
    for (const id of ['nobody', 'fb-anna']) {
      await expect(connection.mailReset!(id)).rejects.toMatchObject({ code: 'target_refused' });
    }
    expect(mailed()).toEqual([]);
  });

  test('is not ordered twice because one was not answered', async () => {
    await connection.importUsers([anna]);
    zitadel.failNext('UserService/PasswordReset', 'drop-after');
    await expect(connection.mailReset!('fb-anna')).rejects.toMatchObject({ code: 'target_unavailable' });
    expect(mailed()).toHaveLength(1);
  });
});
