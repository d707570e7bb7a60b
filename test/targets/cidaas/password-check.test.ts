/** Whether a password is somebody's at cidaas: an outage is never a wrong one. */
import { describe, expect, test } from 'vitest';
import { Secret } from '../../../src/settings.ts';
import { PASSWORD_APP } from '../../support/cidaas/index.ts';
import { BCRYPT, PASSWORD, person, stage } from './stage.ts';

const CHECK = { clientId: PASSWORD_APP.clientId, clientSecret: PASSWORD_APP.secret };
const TOKEN = '/token-srv/token';

async function withAnna(passwordCheck: object = {}, cidaas: object = {}) {
  const { standIn, connection } = await stage({
    cidaas: { ...cidaas, passwordCheck: { ...CHECK, ...passwordCheck } },
  });
  await connection.importUsers([person('anna', { password: BCRYPT })]);
  const { sub } = standIn.tenant.all()[0]!;
  standIn.calls.splice(0);
  const check = (password: string) => connection.checkPassword!(sub, new Secret(password));
  const asked = () => standIn.calls.filter((call) => call.endsWith(TOKEN)).length;
  return { standIn, connection, sub, check, asked };
}

test('without an app for it there is no such thing', async () => {
  expect((await stage()).connection.checkPassword).toBeUndefined();
});

describe('a password', () => {
  test.each(['json', 'form'])('is right or wrong, asked as %s', async (tokenBody) => {
    const { standIn, sub, check } = await withAnna({}, { tokenBody });
    expect([await check(PASSWORD), await check(`${PASSWORD} `), await check('')]).toEqual([
      true,
      false,
      false,
    ]);
    const odd = 'p\u0000ä+&=% \u{1f511}"';
    await standIn.changes.password(sub, odd);
    expect([await check(odd), await check(PASSWORD)]).toEqual([true, false]);
  });

  test('that is wrong is asked about once', async () => {
    const { check, asked } = await withAnna();
    await check('wrong');
    expect(asked()).toBe(1);
  });

  test('is wrong only by a word that is known to say so', async () => {
    const { check } = await withAnna({ wrong: ['another_word'] });
    await expect(check('wrong')).rejects.toMatchObject({ code: 'target_refused' });
  });
});

describe('nothing is said of it', () => {
  test.each([500, 502, 503, 429, 401, 403])('with status %d', async (status) => {
    const { standIn, check } = await withAnna();
    standIn.fail(status, 1, TOKEN);
    await expect(check('wrong')).rejects.toMatchObject({ code: 'target_unavailable' });
  });

  test('by a tenant that does not know the app', async () => {
    const { check } = await withAnna({ clientSecret: 'a wrong secret' });
    await expect(check(PASSWORD)).rejects.toMatchObject({ code: 'target_unavailable' });
  });

  test('of somebody who may not log in, is gone, or has no such name', async () => {
    const { standIn, connection, sub, check } = await withAnna();
    standIn.changes.deactivate(sub);
    await expect(check(PASSWORD)).rejects.toMatchObject({ code: 'target_refused' });
    await connection.remove(sub);
    await expect(check(PASSWORD)).rejects.toMatchObject({ code: 'target_refused' });
    const { check: byName, asked } = await withAnna({ username: 'username' });
    await expect(byName(PASSWORD)).rejects.toMatchObject({ code: 'target_refused' });
    expect(asked()).toBe(0);
  });

  test('where somebody else is let in', async () => {
    const { standIn, connection, sub, check } = await withAnna();
    // The address has become somebody else's between our reading and our question.
    standIn.meanwhile(TOKEN, async () => {
      standIn.changes.email(sub, 'anne@example.com');
      await standIn.changes.register({ email: 'anna@example.com' }, PASSWORD);
    });
    await expect(check(PASSWORD)).rejects.toMatchObject({ code: 'target_refused' });
    await connection.close();
  });
});

test('the password is in no error', async () => {
  const { standIn, check } = await withAnna();
  standIn.fail(503, 1, TOKEN);
  const error = await check('a very secret one').catch((thrown: unknown) => thrown);
  expect(JSON.stringify(error, Object.getOwnPropertyNames(error))).not.toContain('very secret');
});
