/** Whether a password is somebody's at ZITADEL: asked for by a session of the session API, which is then ended. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Secret } from '../../../src/settings.ts';
import type { TargetConnection } from '../../../src/targets/connection.ts';
import { errorOf } from '../../../src/targets/zitadel/zitadel-error.ts';
import type { Zitadel } from '../../support/zitadel/index.ts';
import { openZitadel } from '../../support/zitadel/index.ts';
import { connectionTo } from './connected.ts';
import { anna, HASH, named } from './people.ts';

const PASSWORD = 'correct horse';
let zitadel: Zitadel;
let connection: TargetConnection;

beforeEach(async () => {
  zitadel = await openZitadel();
  connection = connectionTo(zitadel, async () => undefined);
  await connection.importUsers([{ ...anna, password: { encoded: HASH, format: 'bcrypt' } }]);
});
afterEach(async () => {
  expect([zitadel.violations, zitadel.faults]).toEqual([[], []]);
  await connection.close();
  await zitadel.close();
});

const check = (password = PASSWORD, userId = 'fb-anna') =>
  connection.checkPassword!(userId, new Secret(password));
const user = () => zitadel.instance.users.get('fb-anna')!;
const sessionCalls = () => zitadel.requests.filter(({ rpc }) => rpc?.startsWith('SessionService/'));

describe('a password', () => {
  test('that is theirs is, and no session is left', async () => {
    expect(await check()).toBe(true);
    expect(zitadel.instance.sessions.size).toBe(0);
    expect(sessionCalls().map(({ rpc }) => rpc)).toEqual([
      'SessionService/CreateSession',
      'SessionService/DeleteSession',
    ]);
  });

  test('that is not theirs is not, and counts at ZITADEL as one that was typed there', async () => {
    expect(await check('wrong')).toBe(false);
    expect(user().failedPasswords).toBe(1);
    expect(zitadel.instance.sessions.size).toBe(0);
  });

  test('is not theirs where they have none', async () => {
    await connection.importUsers([named('bare')]);
    expect(await check(PASSWORD, 'fb-bare')).toBe(false);
  });

  test('is told apart by its letters, whichever they are', async () => {
    const password = '密码-пароль-🔑-\u0000-COMMAND-3M0fs-Aa1';
    zitadel.instance.policies.complexity.minLength = 1;
    await zitadel.account('fb-anna').changePassword(password);
    expect(await check(password)).toBe(true);
    for (const other of ['COMMAND-3M0fs', 'COMMAND', password.normalize('NFD').slice(1), `${password} `])
      expect(await check(other)).toBe(false);
  });

  test.each([
    ['nothing', ''],
    ['more than ZITADEL takes', 'x'.repeat(201)],
    ['half of a character', 'a\ud83d'],
  ])('of %s is not asked for: nobody can say', async (_what, password) => {
    await expect(check(password)).rejects.toMatchObject({ code: 'target_refused' });
    expect(sessionCalls()).toEqual([]);
  });

  test('of 200 characters is asked for, however many bytes they have', async () => {
    expect(await check('🔑'.repeat(200))).toBe(false);
  });
});

describe('is neither right nor wrong', () => {
  test.each(['USER_STATE_LOCKED', 'USER_STATE_INACTIVE', 'USER_STATE_INITIAL'] as const)(
    'for a user in %s',
    async (state) => {
      user().state = state;
      for (const password of [PASSWORD, 'wrong'])
        await expect(check(password)).rejects.toMatchObject({ code: 'target_refused' });
    },
  );

  test('for whoever was locked by wrong ones: they were told as that before', async () => {
    zitadel.instance.policies.lockout.maxPasswordAttempts = 2;
    expect([await check('wrong'), await check('wrong')]).toEqual([false, false]);
    await expect(check()).rejects.toMatchObject({ code: 'target_refused' });
  });

  test('for nobody', async () => {
    await expect(check(PASSWORD, 'nobody')).rejects.toMatchObject({ code: 'target_refused' });
  });

  test.each([503, 502, 'drop-before', 'drop-after'] as const)(
    'at an outage (%s), and is asked once',
    async (how) => {
      zitadel.failNext('SessionService/CreateSession', how);
      await expect(check()).rejects.toMatchObject({ code: 'target_unavailable' });
      expect(sessionCalls().filter(({ rpc }) => rpc?.endsWith('CreateSession'))).toHaveLength(1);
    },
  );

  test('where ZITADEL wants fewer calls, with how long to wait', async () => {
    zitadel.limit = { left: 0, retryAfterSeconds: 30 };
    await expect(check('wrong')).rejects.toMatchObject({
      code: 'target_unavailable',
      retryAfterSeconds: expect.any(Number),
    });
  });

  test('where our token may not', async () => {
    zitadel.failNext('SessionService/CreateSession', 403);
    await expect(check()).rejects.toMatchObject({
      code: 'target_refused',
      detail: expect.stringContaining('session.write'),
    });
  });
});

describe('the session', () => {
  test('that cannot be ended changes nothing about the answer, and ends by itself', async () => {
    zitadel.failNext('SessionService/DeleteSession', 503, 9);
    expect(await check()).toBe(true);
    expect(sessionCalls()[0]?.body).toMatchObject({ lifetime: '60s' });
    expect([...zitadel.instance.sessions.values()]).toEqual([
      expect.objectContaining({ expiresAt: expect.any(String) }),
    ]);
  });

  test('is ended with its own token: the right to end others’ is not needed', async () => {
    const { token } = zitadel.oauth.addServiceUser({ roles: ['ORG_USER_MANAGER'] });
    const other = connectionTo(zitadel, async () => undefined, { token });
    expect(await other.checkPassword!('fb-anna', new Secret(PASSWORD))).toBe(true);
    expect(zitadel.instance.sessions.size).toBe(0);
    await other.close();
  });
});

describe('an answer', () => {
  const document = (id: string, type = 'ErrorDetail') => ({
    code: 3,
    message: `Password is invalid (${id})`,
    details: [{ '@type': `type.googleapis.com/zitadel.v1.${type}`, id, message: 'Password is invalid' }],
  });
  const read = (told: object) =>
    errorOf({ status: 400, document: told, what: 'POST /v2/sessions', sent: { password: 'secret-word' } });

  test('that counts a failed attempt is one of a wrong password, whatever its code', () => {
    expect(read(document('COMMAND-new', 'CredentialsCheckError')).isWrongPassword).toBe(true);
    expect(read(document('COMMAND-new')).isWrongPassword).toBe(false);
    expect(read({ details: [{ '@type': 7 }, null, 'x'] }).isWrongPassword).toBe(false);
  });

  test('never repeats the password', async () => {
    user().state = 'USER_STATE_LOCKED';
    const error = await check('secret-word').catch((caught) => caught);
    expect(JSON.stringify({ ...error, message: error.message })).not.toContain('secret-word');
  });
});
