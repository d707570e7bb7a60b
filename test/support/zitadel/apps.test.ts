/** That the stand-in refuses of applications and their people what ZITADEL refuses, in its words. */
import { createHash } from 'node:crypto';
import { createRemoteJWKSet, jwtVerify } from 'jose';
import { beforeEach, describe, expect, test } from 'vitest';
import { Browser, field } from '../browser.ts';
import { pageOf, throughLogin } from './at-login.ts';
import type { Zitadel } from './index.ts';
import { openZitadel } from './index.ts';
import { toBase32, totpCode } from './totp.ts';

const CALLBACK = 'https://app.example/callback';
const PASSWORD = 'Simple-Enough-1';
const VERIFIER = 'v'.repeat(43);
const CHALLENGE = createHash('sha256').update(VERIFIER).digest('base64url');
const ANNA = { loginName: 'anna', password: PASSWORD };

let zitadel: Zitadel;
let now: number;
let project: string;
let app: { clientId: string; clientSecret: string };
beforeEach(async () => {
  now = Date.now();
  zitadel = await openZitadel({ now: () => now });
  project = (await call('/management/v1/projects', { name: 'p' })).id;
  app = await addApp();
  await addUser('anna');
  return async () => {
    await zitadel.close();
    expect(zitadel.faults).toEqual([]);
  };
});

// biome-ignore lint/suspicious/noExplicitAny: looked into as it comes
async function call(path: string, body: object): Promise<any> {
  const headers = { authorization: `Bearer ${zitadel.token}` };
  const answer = await fetch(zitadel.url + path, { method: 'POST', headers, body: JSON.stringify(body) });
  const json = await answer.json();
  if (!answer.ok) throw new Error(JSON.stringify(json));
  return json;
}

const addApp = (more: object = {}) =>
  call(`/management/v1/projects/${project}/apps/oidc`, { name: 'app', redirectUris: [CALLBACK], ...more });

const addUser = (username: string, more: object = {}) =>
  call('/v2/users/human', {
    userId: username,
    username,
    profile: { givenName: 'Anna', familyName: 'Able' },
    email: { email: `${username}@example.com`, isVerified: true },
    password: { password: PASSWORD },
    ...more,
  });

function authorizeUrl(more: Record<string, string | undefined> = {}): string {
  const all = {
    client_id: app.clientId,
    redirect_uri: CALLBACK,
    response_type: 'code',
    scope: 'openid profile email',
    state: 'the-state',
    nonce: 'the-nonce',
    code_challenge: CHALLENGE,
    code_challenge_method: 'S256',
    ...more,
  };
  const said = Object.entries(all).filter((pair): pair is [string, string] => pair[1] !== undefined);
  return `${zitadel.url}/oauth/v2/authorize?${new URLSearchParams(said)}`;
}

async function codeFor(at = ANNA, more: Record<string, string | undefined> = {}, browser = new Browser()) {
  const answer = await throughLogin(browser, authorizeUrl(more), at);
  return new URL(answer.location!).searchParams.get('code')!;
}

async function exchange(more: Record<string, string>, headers: Record<string, string> = {}) {
  const form = {
    grant_type: 'authorization_code',
    redirect_uri: CALLBACK,
    code_verifier: VERIFIER,
    ...(headers.authorization ? {} : { client_id: app.clientId, client_secret: app.clientSecret }),
    ...more,
  };
  const answer = await fetch(`${zitadel.url}/oauth/v2/token`, {
    method: 'POST',
    headers,
    body: new URLSearchParams(form),
  });
  // biome-ignore lint/suspicious/noExplicitAny: looked into as it comes
  return { status: answer.status, body: (await answer.json()) as any };
}

const basic = (id: string, secret: string) => ({
  authorization: `Basic ${Buffer.from(`${id}:${secret}`).toString('base64')}`,
});

async function claimsOf(idToken: string) {
  const keys = createRemoteJWKSet(new URL('/oauth/v2/keys', zitadel.url));
  const { payload, protectedHeader } = await jwtVerify(idToken, keys);
  expect(protectedHeader.alg).toBe('RS256');
  return payload;
}

describe('a request', () => {
  test.each([
    ['another redirect URI', { redirect_uri: `${CALLBACK}/` }, 'invalid_request'],
    ['no redirect URI', { redirect_uri: undefined }, 'invalid_request'],
    ['an unknown client', { client_id: '1' }, 'invalid_request'],
    ['no scope', { scope: undefined }, 'invalid_request'],
    ['no response type', { response_type: undefined }, 'invalid_request'],
    ['another response type', { response_type: 'token' }, 'unauthorized_client'],
    ['`none` and another prompt', { prompt: 'none login' }, 'invalid_request'],
  ])('with %s is told to the browser, and leads nowhere', async (_what, more, error) => {
    const answer = await new Browser().visit(authorizeUrl(more));
    expect(answer).toMatchObject({ status: 400, location: undefined });
    expect(answer.json()).toMatchObject({ error });
  });

  test('in clear is one only for a client that has a secret, or for development', async () => {
    const redirectUris = ['http://app.example/callback'];
    const outcomes = await Promise.all(
      [
        { redirectUris },
        { redirectUris, appType: 'OIDC_APP_TYPE_USER_AGENT' },
        { redirectUris, appType: 'OIDC_APP_TYPE_USER_AGENT', devMode: true },
      ].map(async (given) => {
        const { clientId } = await addApp(given);
        return new Browser().visit(authorizeUrl({ client_id: clientId, redirect_uri: redirectUris[0]! }));
      }),
    );
    expect(outcomes.map(({ status }) => status)).toEqual([302, 400, 302]);
  });
});

describe('a code', () => {
  test('is good once, for an ID token with all its claims and an access token for userinfo', async () => {
    const other = await addApp();
    const code = await codeFor();
    const { status, body } = await exchange({ code });
    expect(status).toBe(200);
    const claims = await claimsOf(body.id_token);
    expect(claims).toMatchObject({ iss: zitadel.url, sub: 'anna', azp: app.clientId, nonce: 'the-nonce' });
    expect(claims).toMatchObject({ amr: ['pwd'], auth_time: expect.any(Number) });
    expect([claims.aud].flat().sort()).toEqual([app.clientId, other.clientId, project].sort());
    const hash = createHash('sha256').update(body.access_token).digest().subarray(0, 16);
    expect(claims.at_hash).toBe(hash.toString('base64url'));
    expect([claims.name, claims.email]).toEqual([undefined, undefined]);
    expect(await exchange({ code })).toMatchObject({ status: 400, body: { error: 'invalid_request' } });
  });

  test.each([
    ['another verifier', { code_verifier: 'x'.repeat(43) }, 'invalid_grant'],
    ['no verifier', { code_verifier: '' }, 'invalid_request'],
    ['another redirect URI', { redirect_uri: 'https://app.example/' }, 'invalid_grant'],
    ['another secret', { client_secret: 'wrong' }, 'invalid_client'],
    ['no secret', { client_secret: '' }, 'invalid_client'],
    ['an unknown client', { client_id: '1' }, 'invalid_client'],
  ])('with %s is refused, and still good for whoever has all', async (_what, more, error) => {
    const code = await codeFor();
    expect(await exchange({ code, ...more })).toMatchObject({ status: 400, body: { error } });
    expect((await exchange({ code })).status).toBe(200);
  });

  test('of one client is none of another, and one that was never given is none', async () => {
    const { clientId, clientSecret } = await addApp();
    const code = await codeFor();
    const stolen = await exchange({ code, client_id: clientId, client_secret: clientSecret });
    expect(stolen.body.error).toBe('invalid_grant');
    expect((await exchange({ code: 'none' })).body.error).toBe('invalid_request');
  });

  test('is none any more after ten minutes', async () => {
    const code = await codeFor();
    now += 600_001;
    expect(await exchange({ code })).toMatchObject({ status: 400, body: { error: 'invalid_request' } });
  });

  test('is taken with the secret in the header as in the form, and not in both', async () => {
    const header = basic(app.clientId, app.clientSecret);
    expect((await exchange({ code: await codeFor() }, header)).status).toBe(200);
    const both = { client_id: app.clientId, client_secret: app.clientSecret };
    const refused = await exchange({ code: await codeFor(), ...both }, header);
    expect(refused.body.error).toBe('invalid_request');
  });
});

describe('userinfo', () => {
  const userinfo = (token: string) =>
    fetch(`${zitadel.url}/oidc/v1/userinfo`, { headers: { authorization: `Bearer ${token}` } });

  test('has what the scopes are for, and no word for an address that is not verified', async () => {
    await addUser('new', { email: { email: 'new@example.com' } });
    const told = await Promise.all(
      [
        ['openid', ANNA],
        ['openid profile email', ANNA],
        ['openid email unknown', { ...ANNA, loginName: 'new' }],
      ].map(async ([scope, at]) => {
        const code = await codeFor(at as typeof ANNA, { scope: scope as string });
        return (await userinfo((await exchange({ code })).body.access_token)).json();
      }),
    );
    const { updated_at: _, ...whole } = told[1] as Record<string, unknown>;
    expect([told[0], whole, told[2]]).toEqual([
      { sub: 'anna' },
      {
        sub: 'anna',
        name: 'Anna Able',
        given_name: 'Anna',
        family_name: 'Able',
        preferred_username: 'anna',
        email: 'anna@example.com',
        email_verified: true,
      },
      { sub: 'new', email: 'new@example.com' },
    ]);
  });

  test('is refused without a token, and of somebody who is not active any more', async () => {
    const { body } = await exchange({ code: await codeFor() });
    expect((await userinfo('none')).status).toBe(401);
    await call('/v2/users/anna/deactivate', {});
    expect((await userinfo(body.access_token)).status).toBe(401);
  });
});

describe('the login', () => {
  test('is filled in with the hint, says what is wrong, and counts it', async () => {
    const page = await new Browser().follow(
      authorizeUrl({ login_hint: 'anna', ui_locales: 'de' }),
      'http://never',
    );
    expect([field(page.body, 'loginName'), page.body.includes('data-ui-locales="de"')]).toEqual([
      'anna',
      true,
    ]);
    for (const loginName of ['anna', 'nobody']) {
      const wrong = await throughLogin(new Browser(), authorizeUrl(), { loginName, password: 'wrong' });
      expect(pageOf(wrong)).toEqual({ name: 'login', problem: expect.stringMatching(/invalid|found/) });
    }
    expect(zitadel.instance.users.get('anna')?.failedPasswords).toBe(1);
  });

  test('takes an address as well, and nobody who is not active', async () => {
    expect(await codeFor({ ...ANNA, loginName: 'anna@example.com' })).toBeTruthy();
    await call('/v2/users/anna/deactivate', {});
    const refused = await throughLogin(new Browser(), authorizeUrl(), ANNA);
    expect(pageOf(refused).problem).toContain('Active');
  });

  test('goes back with `access_denied` for whoever says no', async () => {
    const back = await throughLogin(new Browser(), authorizeUrl(), { cancel: true });
    const { searchParams } = new URL(back.location!);
    expect([searchParams.get('error'), searchParams.get('state')]).toEqual(['access_denied', 'the-state']);
  });

  test('asks for the second factor, and says that there were two', async () => {
    const seed = Buffer.from('twenty-bytes-of-seed');
    zitadel.instance.users.get('anna')!.totp = { secret: toBase32(seed), isReady: true, failed: 0 };
    const wrong = await throughLogin(new Browser(), authorizeUrl(), { ...ANNA, code: '000000' });
    expect(pageOf(wrong).name).toBe('code');
    const code = totpCode(toBase32(seed), Date.now());
    const back = await throughLogin(new Browser(), authorizeUrl(), { ...ANNA, code });
    const { body } = await exchange({ code: new URL(back.location!).searchParams.get('code')! });
    expect((await claimsOf(body.id_token)).amr).toEqual(['pwd', 'otp', 'mfa']);
  });

  test('asks nobody twice, but with `login`, for another account, and for whoever the hint does not mean', async () => {
    const browser = new Browser();
    await codeFor(ANNA, {}, browser);
    const shown = async (more: Record<string, string>) => {
      const answer = await browser.follow(authorizeUrl(more), CALLBACK);
      return answer.location ? 'let in' : pageOf(answer).name;
    };
    expect(await shown({})).toBe('let in');
    expect(await shown({ prompt: 'none' })).toBe('let in');
    expect(await shown({ login_hint: 'anna' })).toBe('let in');
    expect(await shown({ login_hint: 'somebody@else.example' })).toBe('accounts');
    expect(await shown({ prompt: 'select_account' })).toBe('accounts');
    expect(await shown({ prompt: 'login' })).toBe('login');
    expect(
      await codeFor({ ...ANNA, account: 'anna' } as never, { prompt: 'select_account' }, browser),
    ).toBeTruthy();
    const none = await new Browser().follow(authorizeUrl({ prompt: 'none' }), CALLBACK);
    expect(new URL(none.location!).searchParams.get('error')).toBe('login_required');
  });

  test('makes a user with `create`, whose password has to be as the policy wants it', async () => {
    const register = { givenName: 'Nora', familyName: 'Neu' };
    const url = authorizeUrl({ prompt: 'create', login_hint: 'nora@example.com' });
    const weak = await throughLogin(new Browser(), url, { register, password: 'weak' });
    expect(pageOf(weak).name).toBe('register');
    const back = await throughLogin(new Browser(), url, { register, password: PASSWORD });
    const { body } = await exchange({ code: new URL(back.location!).searchParams.get('code')! });
    const { sub } = await claimsOf(body.id_token);
    expect(zitadel.instance.users.get(sub!)).toMatchObject({ username: 'nora@example.com' });
  });
});
