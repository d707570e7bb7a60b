/** The snippets that are shipped, run as their platforms run them, against the real routes. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { runInNewContext } from 'node:vm';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { Stage } from './stage.ts';
import { ACCOUNT_FAILURES, BEARER, openStage, PASSWORD, SECRET } from './stage.ts';

const EXAMPLE = join(import.meta.dirname, '..', '..', '..', 'example');
const LATER = /try again later/;

let stage: Stage;
beforeAll(async () => {
  stage = await openStage([
    { name: 'connection', kind: 'auth0', auth: BEARER, target: 'main', lookups: true },
    { name: 'without', kind: 'auth0', auth: BEARER },
    { name: 'pool', kind: 'cognito', auth: BEARER, target: 'main', lookups: true },
    { name: 'poor', kind: 'cognito', auth: BEARER },
  ]);
});
afterAll(() => stage.close());
afterEach(() => {
  stage.isDown = false;
});

class WrongUsernameOrPasswordError extends Error {
  readonly email: string;
  constructor(email: string, message: string) {
    super(message);
    this.email = email;
  }
}

interface Told {
  readonly error: Error | null;
  readonly profile?: Record<string, unknown>;
}

/** As Auth0's container: the script is a function of that name, and some names are there. */
function auth0(file: string, name: string, settings: object) {
  const configuration = { FOOTBRIDGE_SECRET: SECRET, ...settings };
  const globals = { configuration, WrongUsernameOrPasswordError, fetch, AbortSignal };
  const text = readFileSync(join(EXAMPLE, 'auth0', file), 'utf8');
  const script = runInNewContext(`${text}\n${name}`, globals);
  return (...values: string[]) =>
    new Promise<Told>((resolve) =>
      script(...values, (error: Error | null, profile?: Told['profile']) =>
        resolve({ error, ...(profile ? { profile } : {}) }),
      ),
    );
}
const urlOf = (path: string) => ({ FOOTBRIDGE_URL: `${stage.url}/drop-ins/${path}` });

describe('Auth0’s login', () => {
  const login = (userNameOrEmail: string, password: string, settings: object = urlOf('auth0/connection')) =>
    auth0('login.js', 'login', settings)(userNameOrEmail, password);

  test('gets a profile with our subject, and the proof is in the ledger', async () => {
    const { error, profile } = await login('anna@example.com', PASSWORD);
    expect(error).toBeNull();
    expect(profile).toMatchObject({
      user_id: 'shop:1',
      email: 'anna@example.com',
      email_verified: true,
      given_name: 'Given',
      family_name: 'Family',
      app_metadata: { legacy_id: '1' },
    });
    expect(await stage.row('shop:1')).toMatchObject({ state: 'authenticated' });
    expect((await login('unverified', PASSWORD)).profile).toMatchObject({ email_verified: false });
  });

  test('hears that a password is wrong, or that there is nobody, in Auth0’s own word', async () => {
    for (const name of ['anna', 'nobody', 'dora']) {
      const { error } = await login(name, name === 'anna' ? 'wrong' : PASSWORD);
      expect(error).toBeInstanceOf(WrongUsernameOrPasswordError);
      expect(error).toMatchObject({ email: name });
    }
  });

  test.each([
    ['an outage', {}],
    ['another secret', { FOOTBRIDGE_SECRET: `${SECRET}x` }],
    ['nobody at the address', { FOOTBRIDGE_URL: 'http://127.0.0.1:1/drop-ins/auth0/connection' }],
    ['something else at the address', { FOOTBRIDGE_URL: 'nowhere' }],
  ])('takes %s for no wrong password', async (_what, settings) => {
    stage.isDown = true;
    const at =
      'FOOTBRIDGE_URL' in settings && settings.FOOTBRIDGE_URL === 'nowhere' ? `${stage.url}/x` : undefined;
    const url = at === undefined ? {} : { FOOTBRIDGE_URL: at };
    const { error } = await login('anna', PASSWORD, { ...urlOf('auth0/connection'), ...settings, ...url });
    expect(error).not.toBeInstanceOf(WrongUsernameOrPasswordError);
    expect(error?.message).toMatch(LATER);
  });

  test('takes too many tries for no wrong password', async () => {
    const guest = stage.guest();
    for (let i = 0; i < ACCOUNT_FAILURES; i++) await login(guest, `guess ${i}`);
    const { error } = await login(guest, PASSWORD);
    expect(error).not.toBeInstanceOf(WrongUsernameOrPasswordError);
    expect(error?.message).toMatch(/wait/);
  });
});

describe('Auth0’s get user', () => {
  const getUser = (email: string, path = 'auth0/connection') =>
    auth0('get-user.js', 'getUser', urlOf(path))(email);

  test('finds people with a verified address, and makes nobody', async () => {
    const { error, profile } = await getUser('known@example.com');
    expect(error).toBeNull();
    expect(profile).toMatchObject({ user_id: 'shop:9', email_verified: true });
    expect(await stage.row('shop:9')).toBeUndefined();
  });

  test('finds nobody who is not there, so that they may sign up', async () => {
    expect(await getUser('nobody@example.com')).toEqual({ error: null });
  });

  test.each([
    ['are disabled', 'dora'],
    ['have an address that nobody has verified', 'unverified'],
    ['have a second factor', 'tina'],
  ])('does not say that there is nobody of those who %s', async (_why, name) => {
    const { error, profile } = await getUser(`${name}@example.com`);
    expect(error?.message).toMatch(LATER);
    expect(profile).toBeUndefined();
  });

  test('does not tell of somebody whose username looks like the address of another', async () => {
    expect((await getUser('looks.like@example.com')).error?.message).toMatch(LATER);
  });

  test('does not take an outage, or lookups that are switched off, for nobody', async () => {
    expect((await getUser('known@example.com', 'auth0/without')).error?.message).toMatch(LATER);
    stage.isDown = true;
    expect((await getUser('known@example.com')).error?.message).toMatch(LATER);
  });
});

describe('Cognito’s trigger', () => {
  const migrate = async (triggerSource: string, userName: string, more: object = {}) => {
    const {
      password,
      path = 'cognito/pool',
      secret = SECRET,
      attribute = '',
    } = more as Record<string, string>;
    const own = { FOOTBRIDGE_URL: urlOf(path).FOOTBRIDGE_URL, FOOTBRIDGE_SECRET: secret };
    Object.assign(process.env, own, { FOOTBRIDGE_SUB_ATTRIBUTE: attribute });
    const { handler } = await import(join(EXAMPLE, 'cognito', 'index.mjs'));
    const response = {
      userAttributes: null,
      finalUserStatus: null,
      messageAction: null,
      forceAliasCreation: null,
    };
    const request = { ...(password === undefined ? {} : { password }), validationData: null };
    return (await handler({ version: '1', triggerSource, userName, request, response })).response;
  };
  const LOGIN = 'UserMigration_Authentication';
  const FORGOTTEN = 'UserMigration_ForgotPassword';

  test('makes a confirmed user of a right password, with texts for attributes', async () => {
    const response = await migrate(LOGIN, 'Anna', { password: PASSWORD, attribute: 'custom:legacy_sub' });
    expect(response).toEqual({
      userAttributes: {
        email: 'anna@example.com',
        email_verified: 'true',
        phone_number: '+4930123456',
        phone_number_verified: 'false',
        name: 'Given Family',
        given_name: 'Given',
        family_name: 'Family',
        locale: 'de-AT',
        'custom:legacy_sub': 'shop:1',
      },
      finalUserStatus: 'CONFIRMED',
      messageAction: 'SUPPRESS',
      forceAliasCreation: null,
    });
  });

  test('refuses a wrong password and a stranger with the same words', async () => {
    for (const [name, password] of [
      ['Anna', 'wrong'],
      ['nobody', PASSWORD],
    ] as const)
      await expect(migrate(LOGIN, name, { password })).rejects.toThrow('Incorrect username or password.');
  });

  test('makes a user for a forgotten password only where the address is verified', async () => {
    const response = await migrate(FORGOTTEN, 'known');
    expect(response).toMatchObject({
      userAttributes: { email: 'known@example.com', email_verified: 'true' },
      finalUserStatus: null,
      messageAction: 'SUPPRESS',
    });
    await expect(migrate(FORGOTTEN, 'unverified')).rejects.toThrow('Incorrect username or password.');
    await expect(migrate(FORGOTTEN, 'known', { path: 'cognito/poor' })).rejects.toThrow(LATER);
  });

  test('takes an outage, another secret and too many tries for no wrong password', async () => {
    const guest = stage.guest();
    for (let i = 0; i < ACCOUNT_FAILURES; i++)
      await migrate(LOGIN, guest, { password: `guess ${i}` }).catch(() => undefined);
    await expect(migrate(LOGIN, guest, { password: PASSWORD })).rejects.toThrow(/wait/);
    await expect(migrate(LOGIN, 'Anna', { password: PASSWORD, secret: 'another' })).rejects.toThrow(LATER);
    stage.isDown = true;
    await expect(migrate(LOGIN, 'Anna', { password: PASSWORD })).rejects.toThrow(LATER);
  });

  test('has nothing to do with other triggers', async () => {
    await expect(migrate('PreSignUp_SignUp', 'Anna')).rejects.toThrow('PreSignUp_SignUp');
  });
});
