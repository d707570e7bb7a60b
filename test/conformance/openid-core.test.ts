/** OpenID Connect Core 1.0 and Discovery 1.0: what an OP must do and no other test already holds, by section. */
import { decodeJwt } from 'jose';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { subjectOf } from '../../src/legacy/subjects.ts';
import type { Stage } from '../provider/harness.ts';
import {
  ANNA,
  authorizationUrl,
  BOB,
  basic,
  CALLBACK,
  client,
  codeOf,
  logIn,
  openStage,
  redeem,
  submitLogin,
} from '../provider/harness.ts';
import { Browser, field } from '../support/browser.ts';

let stage: Stage;
beforeAll(async () => {
  stage = await openStage({ clients: [client(), client({ clientId: 'other' })] });
});
afterAll(() => stage?.close());

type Params = Record<string, string | undefined>;
const claimsOf = (claims: object): Params => ({ claims: JSON.stringify(claims) });
const formOf = (params: Params = {}) =>
  Object.fromEntries(new URL(authorizationUrl(stage, params)).searchParams);
const errorIn = (location: string | undefined) => new URL(location ?? 'x:').searchParams.get('error');
const ask = (params: Params, browser = new Browser()) =>
  browser.follow(authorizationUrl(stage, params), CALLBACK);
async function tokens(params: Params = {}, browser = new Browser()) {
  const end = await logIn(stage, browser, { params });
  return (await redeem(stage, codeOf(end.location))).json<Record<string, string>>();
}

describe('OpenID Connect Core 3.1.2.1: authentication request', () => {
  test('OpenID Connect Core 3.1.2.1: a request by POST is answered as one by GET', async () => {
    const browser = new Browser();
    const page = await browser.follow(`${stage.issuer}/auth`, CALLBACK, { form: formOf() });
    expect(codeOf((await submitLogin(browser, page, ANNA)).location)).not.toBe('');
    const silent = { form: formOf({ prompt: 'none', state: 'posted' }) };
    const { location } = await browser.follow(`${stage.issuer}/auth`, CALLBACK, silent);
    expect(codeOf(location)).not.toBe('');
    expect(new URL(location!).searchParams.get('state')).toBe('posted');
  });

  test('OpenID Connect Core 3.1.2.1: a POST that is no form, or too long for an address, is refused', async () => {
    const json = { body: '{}', headers: { 'content-type': 'application/json', accept: 'text/html' } };
    expect((await new Browser().visit(`${stage.issuer}/auth`, json)).status).toBe(400);
    const claims = JSON.stringify({ userinfo: { email: { values: ['x'.repeat(7_500)] } } });
    const long = { form: formOf({ claims }), headers: { accept: 'text/html' } };
    expect((await new Browser().visit(`${stage.issuer}/auth`, long)).status).toBe(400);
  });

  test('OpenID Connect Core 3.1.2.1: what a POST should never have carried does not get into the address', async () => {
    const form = { ...formOf(), client_secret: 'a-secret-0123456789' };
    const { location, status } = await new Browser().visit(`${stage.issuer}/auth`, { form });
    expect(status).toBe(303);
    expect(location).toContain('client_id=app');
    expect(location).not.toContain('secret');
  });

  test('OpenID Connect Core 3.1.2.1: prompt=none beside another prompt is refused', async () => {
    const browser = new Browser();
    await logIn(stage, browser);
    expect(errorIn((await ask({ prompt: 'none login' }, browser)).location)).toBe('invalid_request');
    expect(codeOf((await ask({ prompt: 'none' }, browser)).location)).not.toBe('');
  });

  test('OpenID Connect Core 3.1.2.1: prompt=none past max_age answers login_required', async () => {
    const browser = new Browser();
    await logIn(stage, browser);
    expect(errorIn((await ask({ prompt: 'none', max_age: '0' }, browser)).location)).toBe('login_required');
    expect(codeOf((await ask({ prompt: 'none', max_age: '10000' }, browser)).location)).not.toBe('');
  });

  test('OpenID Connect Core 3.1.2.1: max_age brings auth_time, and acr_values nobody has bring the acr there was', async () => {
    const { id_token } = await tokens({ max_age: '10000', acr_values: 'urn:mace:incommon:iap:silver' });
    const { auth_time, acr } = decodeJwt(id_token!);
    expect(auth_time).toBeTypeOf('number');
    expect(acr).toBe('urn:footbridge:acr:1');
  });

  test('OpenID Connect Core 3.1.2.1: unknown, display and claims_locales parameters do not stop a login', async () => {
    const params = { extra: 'foobar', display: 'popup', claims_locales: 'se', ui_locales: 'se' };
    expect(codeOf((await logIn(stage, new Browser(), { params })).location)).not.toBe('');
  });

  test('OpenID Connect Core 3.1.2.2: a request without response_type, or without redirect_uri, is refused', async () => {
    expect(errorIn((await ask({ response_type: undefined })).location)).toBe('invalid_request');
    const page = await new Browser().visit(authorizationUrl(stage, { redirect_uri: undefined }));
    expect([page.status, page.location]).toEqual([400, undefined]);
  });

  test('OpenID Connect Core 3.1.2.6: an error comes back with the state, and with the issuer', async () => {
    const { location } = await ask({ prompt: 'none', state: 'a b&c' });
    const { searchParams } = new URL(location!);
    expect(searchParams.get('error')).toBe('login_required');
    expect(searchParams.get('state')).toBe('a b&c');
    expect(searchParams.get('iss')).toBe(stage.issuer);
  });

  test.each(['request', 'request_uri'])(
    'OpenID Connect Core 6: the parameter %s is refused by its own error',
    async (name) => {
      const { location } = await ask({ [name]: 'https://127.0.0.1:9/x' });
      expect(errorIn(location)).toBe(`${name}_not_supported`);
    },
  );
});

describe('OpenID Connect Core 3.1.3: token endpoint', () => {
  test('OpenID Connect Core 3.1.3.3: answers may not be stored', async () => {
    const end = await logIn(stage, new Browser());
    const answer = await redeem(stage, codeOf(end.location));
    expect(answer.headers['cache-control']).toBe('no-store');
    expect(answer.json()).toMatchObject({ token_type: 'Bearer', expires_in: expect.any(Number) });
  });

  test('OpenID Connect Core 3.1.3.4: a client that fails to prove itself gets 401 with the scheme it used', async () => {
    const answer = await new Browser().visit(`${stage.issuer}/token`, {
      form: { grant_type: 'authorization_code', code: 'x', redirect_uri: CALLBACK },
      headers: { ...basic('app', 'wrong-0123456789'), accept: 'application/json' },
    });
    expect(answer.status).toBe(401);
    expect(answer.headers['www-authenticate']).toMatch(/^Basic realm=/);
    expect(answer.json()).toMatchObject({ error: 'invalid_client' });
  });

  test('OpenID Connect Core 3.1.3.7: the ID token names who it is for and by whom, and ends after it began', async () => {
    const { iss, aud, sub, exp, iat } = decodeJwt((await tokens()).id_token!);
    expect({ iss, aud, sub }).toEqual({ iss: stage.issuer, aud: 'app', sub: 'shop:anna' });
    expect(exp).toBeGreaterThan(iat!);
  });
});

describe('OpenID Connect Core 5: claims', () => {
  const me = (visit: object, path = '/me') => new Browser().visit(`${stage.issuer}${path}`, visit);

  test('OpenID Connect Core 5.3.1: userinfo answers GET, and POST with the token in header or body', async () => {
    const { access_token } = await tokens();
    const headers = { authorization: `Bearer ${access_token}` };
    const answers = [
      await me({ headers }),
      await me({ headers, method: 'POST' }),
      await me({ form: { access_token }, headers: { accept: 'application/json' } }),
    ];
    for (const answer of answers) expect(answer.json().sub).toBe('shop:anna');
  });

  test('OpenID Connect Core 5.3.3: a token that is none gets 401 and says so; one in the address is refused', async () => {
    const answer = await me({ headers: { authorization: 'Bearer nothing' } });
    expect(answer.status).toBe(401);
    expect(answer.headers['www-authenticate']).toMatch(/^Bearer .*error="invalid_token"/);
    const { access_token } = await tokens();
    const json = { headers: { accept: 'application/json' } };
    expect((await me(json, `/me?access_token=${access_token}`)).status).toBe(400);
  });

  test('OpenID Connect Core 5.5: claims nobody knows are left out, a request that is no JSON is refused', async () => {
    const { access_token, id_token } = await tokens(
      claimsOf({ id_token: { shoe_size: { essential: true } }, userinfo: { shoe_size: null } }),
    );
    expect(decodeJwt(id_token!)).not.toHaveProperty('shoe_size');
    const answer = await me({ headers: { authorization: `Bearer ${access_token}` } });
    expect(answer.json()).not.toHaveProperty('shoe_size');
    expect(errorIn((await ask({ claims: '{"id_token":' })).location)).toBe('invalid_request');
  });

  test('OpenID Connect Core 5.5.1: whoever a sub was asked for is logged in, and nobody else gets a code', async () => {
    const browser = new Browser();
    await logIn(stage, browser);
    const wanted = claimsOf({ id_token: { sub: { value: 'shop:bob' } } });
    expect(errorIn((await ask({ ...wanted, prompt: 'none' }, browser)).location)).toBe('login_required');
    const page = await ask(wanted, browser);
    const again = await submitLogin(browser, page, ANNA);
    expect(codeOf(again.location)).toBe('');
    const end = await submitLogin(browser, again, BOB);
    const { id_token } = (await redeem(stage, codeOf(end.location))).json<Record<string, string>>();
    expect(decodeJwt(id_token!).sub).toBe('shop:bob');
  });

  test.each([
    { values: ['urn:footbridge:acr:2'], value: undefined },
    { values: undefined, value: 'urn:mace:incommon:iap:silver' },
  ])(
    'OpenID Connect Core 5.5.1.1: an essential acr that the login does not reach fails it: %j',
    async (acr) => {
      const browser = new Browser();
      const page = await ask(claimsOf({ id_token: { acr: { essential: true, ...acr } } }), browser);
      expect(page.body).toContain('name="password"');
      const end = await submitLogin(browser, page, ANNA);
      expect(errorIn(end.location)).toBe('unmet_authentication_requirements');
    },
  );

  test('OpenID Connect Core 5.5.1.1: an essential acr that the login reaches, and one that is not essential, pass', async () => {
    for (const acr of [
      { essential: true, values: ['urn:footbridge:acr:2', 'urn:footbridge:acr:1'] },
      { values: ['urn:footbridge:acr:2'] },
    ]) {
      const { id_token } = await tokens(claimsOf({ id_token: { acr } }));
      expect(decodeJwt(id_token!).acr).toBe('urn:footbridge:acr:1');
    }
  });
});

describe('OpenID Connect Core 11 and 12: offline access', () => {
  async function offline(prompt: string | undefined) {
    const browser = new Browser();
    const page = await ask({ scope: 'openid offline_access', nonce: 'n1', prompt }, browser);
    const end = await submitLogin(browser, page, ANNA);
    return (await redeem(stage, codeOf(end.location))).json<Record<string, string>>();
  }
  const refresh = async (refresh_token: string, id = 'app') =>
    new Browser().visit(`${stage.issuer}/token`, {
      form: { grant_type: 'refresh_token', refresh_token },
      headers: basic(id),
    });

  test('OpenID Connect Core 11: offline_access without prompt=consent is ignored', async () => {
    expect(await offline(undefined)).not.toHaveProperty('refresh_token');
    expect(await offline('consent')).toHaveProperty('refresh_token');
  });

  test('OpenID Connect Core 12.2: a refreshed ID token is about the same login', async () => {
    const first = await offline('consent');
    const fresh = (await refresh(first.refresh_token!)).json<Record<string, string>>();
    const [old, now] = [decodeJwt(first.id_token!), decodeJwt(fresh.id_token!)];
    for (const name of ['iss', 'sub', 'aud', 'auth_time']) expect(now[name]).toEqual(old[name]);
    expect(now.iat).toBeGreaterThanOrEqual(old.iat!);
  });

  test('OpenID Connect Core 12.1: a refresh token serves no other client', async () => {
    const { refresh_token } = await offline('consent');
    expect((await refresh(refresh_token!, 'other')).json().error).toBe('invalid_grant');
    expect((await refresh(refresh_token!)).status).toBe(200);
  });
});

describe('OpenID Connect Discovery 1.0', () => {
  test('OpenID Connect Discovery 3: the metadata has all that is required, and is true', async () => {
    const answer = await new Browser().visit(`${stage.issuer}/.well-known/openid-configuration`);
    expect(answer.headers['content-type']).toMatch(/^application\/json/);
    const at = (path: string) => `${stage.issuer}${path}`;
    expect(answer.json()).toMatchObject({
      issuer: stage.issuer,
      authorization_endpoint: at('/auth'),
      token_endpoint: at('/token'),
      userinfo_endpoint: at('/me'),
      jwks_uri: at('/jwks'),
      end_session_endpoint: at('/session/end'),
      response_types_supported: ['code'],
      response_modes_supported: ['query', 'form_post'],
      subject_types_supported: ['public'],
      id_token_signing_alg_values_supported: expect.arrayContaining(['RS256']),
      scopes_supported: expect.arrayContaining(['openid', 'profile', 'email', 'phone', 'offline_access']),
      claims_parameter_supported: true,
      request_uri_parameter_supported: false,
    });
    expect(answer.json().request_parameter_supported ?? false).toBe(false);
  });
});

test('OpenID Connect Core 2: a sub is ASCII and of 255 characters at most; an id that makes none is refused', () => {
  expect(subjectOf('shop:', 'x'.repeat(250))).toHaveLength(255);
  for (const id of ['x'.repeat(251), 'müller', 'a b', ''])
    expect(() => subjectOf('shop:', id)).toThrow(expect.objectContaining({ code: 'mapping_failed' }));
});

test('OpenID Connect Core 3.1.2.3: the form of a login page belongs to its own browser and login', async () => {
  const [mine, theirs] = [new Browser(), new Browser()];
  const [page, other] = [await ask({}, mine), await ask({}, theirs)];
  const form = {
    username: ANNA.login,
    password: ANNA.password,
    form_token: field(other.body, 'form_token')!,
  };
  expect((await mine.visit(page.url, { form })).status).toBe(403);
  expect(codeOf((await submitLogin(mine, page, ANNA)).location)).not.toBe('');
});
