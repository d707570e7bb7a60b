/** Just in time, ZITADEL leads (docs/patterns/zitadel-leads.md): the password is typed there, and proved here. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Person } from '../../../example/demo/people.ts';
import type { CallError } from '../../support/zitadel/login-v2.ts';
import { until } from '../server.ts';
import type { Bridge } from './bridge.ts';
import { openBridge, subOf } from './bridge.ts';
import { expectArrived, expectNobody, expectWellFormed } from './ends.ts';
import { isStandIn, standInTest } from './place.ts';
import { expectSequence } from './sequences.ts';
import { SEED } from './settings.ts';

let bridge: Bridge;
beforeAll(async () => {
  bridge = await openBridge({
    change: ({ targets: [target] }) => {
      target.move.typedPasswords = true;
    },
  });
});
afterAll(() => bridge?.close());
beforeEach(() => bridge.fresh());

const TYPED = ['login → zitadel SessionService/CreateSession', 'zitadel → facade session'];
const CHANGED = ['login → zitadel SessionService/SetSession', 'zitadel → facade session'];
const SESSION = 'facade → zitadel reads the session';
const WHO = 'facade → zitadel reads who has this name';
const LOOK = 'facade → zitadel reads the user';
const NEWEST = 'facade → zitadel reads the newest links';
const ADD = 'facade → zitadel UserService/AddHumanUser';
const GRANT = 'facade → zitadel ManagementService/AddUserGrant';
const METADATA = 'facade → zitadel ManagementService/BulkSetUserMetadata';
const HASH = 'facade → zitadel UserService/UpdateHumanUser';

const ownLogin = ({ login, password }: Person, typed = password) => bridge.ownLogin(login, typed);

/** Two calls that are the same to the letter are one and its replay, if they come in one second. */
const another = () => ({ metadata: { try: Buffer.from(randomUUID()).toString('base64') } });

/** Somebody who is at ZITADEL, linked to us, without a password; a session of theirs is under way. */
async function alreadyThere(person: Person) {
  const { userId } = await bridge.operator<{ userId: string }>('POST', '/v2/users/human', {
    username: person.login,
    profile: { givenName: 'Anna', familyName: 'Sommerfeld' },
    email: { email: person.email, isVerified: true },
    idpLinks: [{ idpId: await bridge.idp(), userId: subOf(person), userName: person.login }],
  });
  const session = await bridge.login<{ sessionId: string; sessionToken: string }>('POST', '/v2/sessions', {
    checks: { user: { userId } },
  });
  bridge.fresh();
  const type = (password: string): Promise<object> =>
    bridge.login('PATCH', `/v2/sessions/${session.sessionId}`, {
      sessionToken: session.sessionToken,
      checks: { password: { password } },
      ...another(),
    });
  return { userId, type };
}

/** What the login is told. */
const refusal = async (work: Promise<object>) => {
  const error = (await work.then(
    () => undefined,
    (reason) => reason,
  )) as CallError | undefined;
  return error && { status: error.status, message: error.message.replace(/ \(.*/, '') };
};

/** No try of theirs was counted, and nobody is locked. */
async function expectUncounted(person: Person): Promise<void> {
  for (const user of await bridge.usersOf(person)) {
    expect(user.state).toBe('USER_STATE_ACTIVE');
    if (isStandIn) expect(bridge.standIn.instance.users.get(user.id)?.failedPasswords).toBe(0);
  }
}

describe('name and password in one CreateSession', () => {
  test('make the person after the proof, with everything, and then ZITADEL verifies by itself', async () => {
    const kwame = await bridge.someone('argon2', { otpSeed: SEED, role: 'clerk' });
    const outcome = await ownLogin(kwame);
    expectSequence(bridge, TYPED, [WHO, LOOK, NEWEST, ADD, GRANT, LOOK]);
    const { id } = await expectArrived(bridge, kwame);
    expect(outcome).toMatchObject({ kind: 'logged-in', userId: id });
  });

  test('are ZITADEL’s alone from the second login on', async () => {
    const anna = await bridge.someone('django');
    await ownLogin(anna);
    const before = await bridge.row(anna);
    bridge.fresh();
    expect(await ownLogin(anna)).toMatchObject({ kind: 'logged-in' });
    expectSequence(bridge, TYPED, [WHO, LOOK]);
    expect(await bridge.row(anna)).toEqual(before);
    await bridge.shop.switchTo(false);
    expect(await ownLogin(anna)).toMatchObject({ kind: 'logged-in' });
    await bridge.shop.switchTo(true);
  });

  test('catch a password whose hash ZITADEL cannot read', async () => {
    const mehdi = await bridge.someone('ssha');
    expect(await ownLogin(mehdi)).toMatchObject({ kind: 'logged-in' });
    await expectArrived(bridge, mehdi);
  });
});

describe('SetSession for somebody who is there without a password', () => {
  test('imports the hash of the shop and goes on', async () => {
    const anna = await bridge.someone('phpass', { role: 'clerk' });
    const { userId, type } = await alreadyThere(anna);
    await type(anna.password);
    expectSequence(bridge, CHANGED, [SESSION, LOOK, METADATA, GRANT, LOOK, HASH, LOOK]);
    expect((await expectArrived(bridge, anna)).id).toBe(userId);
    expect(await bridge.row(anna)).toMatchObject({ made: false });
  });

  test('makes a fresh hash of what was typed where none fits', async () => {
    const fatou = await bridge.someone('wp');
    const { userId, type } = await alreadyThere(fatou);
    await type(fatou.password);
    expect((await expectArrived(bridge, fatou)).id).toBe(userId);
  });

  test('gives no password to whoever has a second factor, which ZITADEL cannot take any more', async () => {
    const ines = await bridge.someone('phpass', { otpSeed: SEED });
    const { type } = await alreadyThere(ines);
    expect(await refusal(type(ines.password))).toMatchObject({ status: 400 });
    expectSequence(bridge, CHANGED, [SESSION, LOOK, METADATA, GRANT, LOOK]);
    expect(await bridge.usersOf(ines)).toMatchObject([{ hasPassword: false, hasTotp: false }]);
    expect(await bridge.row(ines)).toMatchObject({ state: 'created' });
    expect(await bridge.isFlagged(ines)).toBe(false);
    await expectUncounted(ines);
  });
});

describe('what is refused', () => {
  const WRONG = { status: 400, message: 'The password is not right.' };
  const DOWN = expect.objectContaining({
    status: 400,
    message: expect.stringContaining('cannot be checked at the moment'),
  });
  const MANY = expect.objectContaining({
    status: 429,
    message: expect.stringContaining('Too many attempts.'),
  });

  /** Both for somebody whom ZITADEL does not know, and for somebody who is there. */
  test.each(['nobody yet', 'there'])(
    'is told in three ways, makes nothing and counts nothing: %s',
    async (where) => {
      const anna = await bridge.someone();
      const there = where === 'there' ? await alreadyThere(anna) : undefined;
      const before = await bridge.usersOf(anna);
      const type = (password: string) =>
        there
          ? there.type(password)
          : bridge.login<object>('POST', '/v2/sessions', {
              checks: { user: { loginName: anna.login }, password: { password } },
              ...another(),
            });
      expect(await refusal(type('not hers'))).toEqual(WRONG);
      await bridge.shop.switchTo(false);
      expect(await refusal(type(anna.password))).toEqual(DOWN);
      await bridge.shop.switchTo(true);
      for (let tries = 0; tries < 4; tries++) expect(await refusal(type(`no ${tries}`))).toEqual(WRONG);
      expect(await refusal(type('one too many'))).toEqual(MANY);
      expect(await refusal(type(anna.password))).toEqual(MANY);
      expect(await bridge.usersOf(anna)).toEqual(before);
      expect(await bridge.row(anna)).toBeUndefined();
      expect(await bridge.work(anna)).toEqual([]);
      await expectUncounted(anna);
    },
  );

  test('is everybody who is disabled in the shop, with the right password', async () => {
    const nadia = await bridge.someone('bcrypt', { active: false });
    const { type } = await alreadyThere(nadia);
    expect(await refusal(type(nadia.password))).toEqual({ status: 403, message: 'This user is disabled.' });
    expect(await bridge.usersOf(nadia)).toMatchObject([{ hasPassword: false }]);
  });

  test('is told by ZITADEL where nobody has this name anywhere', async () => {
    const outcome = await bridge.ownLogin('nobody-at-all', 'whatever');
    expect(outcome).toMatchObject({ kind: 'error' });
    expectSequence(bridge, TYPED, [WHO]);
  });

  standInTest(
    'is every password while Footbridge is down, and nothing is counted',
    'it would be down for everybody there',
    async () => {
      const anna = await bridge.someone();
      await ownLogin(anna);
      await bridge.stop();
      expect(await ownLogin(anna)).toMatchObject({
        kind: 'error',
        error: expect.stringContaining('Execution'),
      });
      await bridge.start();
      await expectUncounted(anna);
      expect(await ownLogin(anna)).toMatchObject({ kind: 'logged-in' });
    },
  );
});

describe('a lookup', () => {
  const ASKED = [
    'login → zitadel SettingsService/GetLoginSettings',
    ...Array(2).fill('login → zitadel UserService/ListUsers'),
  ];

  test('makes nobody, whoever is looked for', async () => {
    const anna = await bridge.someone();
    expect(await bridge.loginV2().submitLoginName(anna.login)).toMatchObject({ kind: 'error' });
    expectSequence(bridge, ASKED);
    expect(await bridge.row(anna)).toBeUndefined();
    await expectNobody(bridge, anna);
  });

  test('is counted by the hook for it, and makes nobody then either', async () => {
    await bridge.configure(({ targets: [target] }) => {
      target.setup.hooks = ['lookup'];
    });
    const anna = await bridge.someone();
    expect(await bridge.loginV2().submitLoginName(anna.login)).toMatchObject({ kind: 'error' });
    const looked = 'zitadel → facade lookup';
    // ZITADEL does not wait for it.
    await until(async () => bridge.messages.said().filter((text) => text === looked).length === 2);
    expect(bridge.messages.taken().sort()).toEqual([...ASKED, looked, looked].sort());
    expect(await bridge.row(anna)).toBeUndefined();
    await expectNobody(bridge, anna);
  });
});

standInTest('the stand-in was asked for nothing malformed', 'it looks at itself', async () =>
  expectWellFormed(bridge),
);
