import { createLocalJWKSet, decodeJwt, jwtVerify } from 'jose';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Browser } from '../support/browser.ts';
import type { Stage } from './harness.ts';
import {
  ANNA,
  authorizationUrl,
  BOB,
  basic,
  CALLBACK,
  CHALLENGE,
  CLIENT,
  client,
  codeOf,
  logIn,
  openStage,
  push,
  redeem,
  submitLogin,
  userinfo,
} from './harness.ts';

let stage: Stage;
beforeAll(async () => {
  stage = await openStage({
    clients: [
      client(),
      client({ clientId: 'es', idTokenAlg: 'ES256', userinfoAlg: 'ES256' }),
      client({ clientId: 'mapping', claimsInIdToken: true }),
      client({ clientId: 'nopkce', pkce: 'optional' }),
      client({ clientId: 'post', authMethod: 'client_secret_post' }),
      client({
        clientId: 'machine',
        grantTypes: ['client_credentials'],
        redirectUris: [],
        scopes: ['migration:read'],
      }),
    ],
  });
});
afterAll(() => stage.close());

async function tokens(params: Record<string, string | undefined> = {}, browser = new Browser()) {
  const end = await logIn(stage, browser, { params });
  return (await redeem(stage, codeOf(end.location))).json<Record<string, string>>();
}

describe('a login', () => {
  test('ends at the client with a code, its state and the issuer (RFC 9207)', async () => {
    const end = await logIn(stage, new Browser());
    const url = new URL(end.location!);
    expect(url.origin + url.pathname).toBe(CALLBACK);
    expect(url.searchParams.get('state')).toBe('s1');
    expect(url.searchParams.get('iss')).toBe(stage.issuer);
    expect(codeOf(end.location)).toMatch(/^[\w-]{43}$/);
  });

  test('gives an ID token that the published keys verify and that tells the truth about the login', async () => {
    const before = Math.floor(Date.now() / 1000);
    const { id_token } = await tokens({ nonce: 'n1' });
    const keys = createLocalJWKSet((await new Browser().visit(`${stage.issuer}/jwks`)).json());
    const { payload, protectedHeader } = await jwtVerify(id_token!, keys, {
      issuer: stage.issuer,
      audience: CLIENT.id,
    });
    expect(protectedHeader.alg).toBe('RS256');
    expect(payload).toMatchObject({
      sub: 'shop:anna',
      nonce: 'n1',
      amr: ['pwd'],
      acr: 'urn:footbridge:acr:1',
    });
    expect(payload.auth_time).toBeGreaterThanOrEqual(before);
    expect(payload.email).toBeUndefined();
  });

  test('gives userinfo with strict types', async () => {
    const { access_token } = await tokens();
    const answer = await userinfo(stage, access_token!);
    expect(answer.headers['content-type']).toMatch(/^application\/json/);
    expect(answer.json()).toEqual({
      sub: 'shop:anna',
      name: 'anna Example',
      given_name: 'anna',
      family_name: 'Example',
      preferred_username: 'anna',
      email: 'anna@example.com',
      email_verified: true,
    });
  });

  test('signs with ES256, userinfo too, where the client says so', async () => {
    const end = await logIn(stage, new Browser(), { params: { client_id: 'es' } });
    const answer = await redeem(stage, codeOf(end.location), { client_id: 'es' }).catch(() => undefined);
    expect(answer?.status).toBe(400);
    const good = await new Browser().visit(`${stage.issuer}/token`, {
      form: {
        grant_type: 'authorization_code',
        code: codeOf(end.location),
        redirect_uri: CALLBACK,
        code_verifier: 'v'.repeat(64),
      },
      headers: basic('es'),
    });
    const { id_token, access_token } = good.json<Record<string, string>>();
    const keys = createLocalJWKSet((await new Browser().visit(`${stage.issuer}/jwks`)).json());
    expect((await jwtVerify(id_token!, keys)).protectedHeader.alg).toBe('ES256');
    const signed = await userinfo(stage, access_token!);
    expect(signed.headers['content-type']).toMatch(/^application\/jwt/);
    expect((await jwtVerify(signed.body, keys)).payload.email).toBe('anna@example.com');
  });

  test('puts profile claims into the ID token only for a client that maps from it', async () => {
    const end = await logIn(stage, new Browser(), { params: { client_id: 'mapping' } });
    const answer = await new Browser().visit(`${stage.issuer}/token`, {
      form: {
        grant_type: 'authorization_code',
        code: codeOf(end.location),
        redirect_uri: CALLBACK,
        code_verifier: 'v'.repeat(64),
      },
      headers: basic('mapping'),
    });
    expect(decodeJwt(answer.json<Record<string, string>>().id_token!)).toMatchObject({
      email: 'anna@example.com',
      given_name: 'anna',
    });
  });

  test('puts a claim into the ID token when the claims parameter asks for it', async () => {
    const { id_token } = await tokens({ claims: JSON.stringify({ id_token: { email: null } }) });
    expect(decodeJwt(id_token!)).toMatchObject({ email: 'anna@example.com' });
  });

  test('answers by form_post when asked', async () => {
    const end = await logIn(stage, new Browser(), { params: { response_mode: 'form_post' } });
    expect(end.status).toBe(200);
    expect(end.body).toContain(CALLBACK);
    expect(end.body).toMatch(/name="code"/);
    expect(end.headers['content-security-policy']).toMatch(/script-src [^;]*'sha256-/);
  });
});

describe('a session', () => {
  test('lets the next authorization through without a page, and prompt=none too', async () => {
    const browser = new Browser();
    await logIn(stage, browser);
    const again = await browser.follow(authorizationUrl(stage, { prompt: 'none' }), CALLBACK);
    expect(codeOf(again.location)).not.toBe('');
  });

  test('that is not there makes prompt=none fail with login_required', async () => {
    const answer = await new Browser().follow(authorizationUrl(stage, { prompt: 'none' }), CALLBACK);
    expect(new URL(answer.location!).searchParams.get('error')).toBe('login_required');
  });

  test('does not spare the login when prompt=login or max_age asks for a fresh one', async () => {
    const browser = new Browser();
    await logIn(stage, browser);
    for (const params of [{ prompt: 'login' }, { max_age: '0' }]) {
      const page = await browser.follow(authorizationUrl(stage, params), CALLBACK);
      expect(page.body).toContain('name="password"');
    }
  });

  test('of one person is not used for the login_hint of another', async () => {
    const browser = new Browser();
    await logIn(stage, browser);
    const page = await browser.follow(authorizationUrl(stage, { login_hint: 'bob' }), CALLBACK);
    expect(page.body).toContain('name="password"');
    expect(page.body).toContain('value="bob"');
    const same = await browser.follow(authorizationUrl(stage, { login_hint: 'ANNA@example.com' }), CALLBACK);
    expect(codeOf(same.location)).not.toBe('');
  });

  test('of one person is not used for the id_token_hint of another', async () => {
    const { id_token } = await tokens();
    const browser = new Browser();
    await logIn(stage, browser, { person: BOB });
    const page = await browser.follow(authorizationUrl(stage, { id_token_hint: id_token }), CALLBACK);
    expect(page.body).toContain('name="password"');
    const silent = await browser.follow(
      authorizationUrl(stage, { id_token_hint: id_token, prompt: 'none' }),
      CALLBACK,
    );
    expect(new URL(silent.location!).searchParams.get('error')).toBe('login_required');
  });

  test('is offered for continuing when prompt=select_account asks, and another account is one button away', async () => {
    const browser = new Browser();
    const first = await logIn(stage, browser, { params: { prompt: 'select_account' } });
    expect(codeOf(first.location)).not.toBe('');
    const page = await browser.follow(authorizationUrl(stage, { prompt: 'select_account' }), CALLBACK);
    expect(page.body).toContain('anna Example');
    const { field } = await import('../support/browser.ts');
    const form_token = field(page.body, 'form_token')!;
    const other = await browser.follow(page.url, CALLBACK, { form: { form_token, choice: 'other' } });
    expect(other.body).toContain('name="password"');
    const end = await browser.follow(page.url, CALLBACK, { form: { form_token, choice: 'continue' } });
    expect(codeOf(end.location)).not.toBe('');
  });

  test('gives way when somebody else logs in: the first one’s session and tokens end', async () => {
    const browser = new Browser();
    const { access_token } = await tokens({}, browser);
    const before = browser.copy();
    const page = await browser.follow(authorizationUrl(stage, { prompt: 'login' }), CALLBACK);
    const end = await submitLogin(browser, page, BOB);
    const bob = (await redeem(stage, codeOf(end.location))).json<Record<string, string>>();
    expect(decodeJwt(bob.id_token!).sub).toBe('shop:bob');
    expect((await userinfo(stage, access_token!)).status).toBe(401);
    const old = await before.follow(authorizationUrl(stage, { prompt: 'none' }), CALLBACK);
    expect(new URL(old.location!).searchParams.get('error')).toBe('login_required');
  });

  test('ends at the end-session endpoint, and its tokens with it', async () => {
    const browser = new Browser();
    const { access_token, id_token } = await tokens({}, browser);
    const url = `${stage.issuer}/session/end?id_token_hint=${id_token}&post_logout_redirect_uri=${encodeURIComponent('http://127.0.0.1:9/bye')}&state=x`;
    const page = await browser.visit(url, { headers: { accept: 'text/html' } });
    const { field } = await import('../support/browser.ts');
    const end = await browser.visit(`${stage.issuer}/session/end/confirm`, {
      form: { xsrf: field(page.body, 'xsrf')!, logout: 'yes' },
    });
    expect(end.location).toBe('http://127.0.0.1:9/bye?state=x');
    expect((await userinfo(stage, access_token!)).status).toBe(401);
    const again = await browser.follow(authorizationUrl(stage), CALLBACK);
    expect(again.body).toContain('name="password"');
  });
});

describe('a code', () => {
  test('is refused with a wrong verifier, redirect URI or client, and is still good afterwards', async () => {
    const code = codeOf((await logIn(stage, new Browser())).location);
    expect((await redeem(stage, code, { code_verifier: 'w'.repeat(64) })).json().error).toBe('invalid_grant');
    expect((await redeem(stage, code, { redirect_uri: `${CALLBACK}x` })).json().error).toBe('invalid_grant');
    const foreign = await new Browser().visit(`${stage.issuer}/token`, {
      form: { grant_type: 'authorization_code', code, redirect_uri: CALLBACK, code_verifier: 'v'.repeat(64) },
      headers: basic('nopkce'),
    });
    expect(foreign.json().error).toBe('invalid_grant');
    expect((await redeem(stage, code)).status).toBe(200);
  });

  test('is refused the second time, and what the first time gave is revoked', async () => {
    const code = codeOf((await logIn(stage, new Browser())).location);
    const { access_token } = (await redeem(stage, code)).json<Record<string, string>>();
    expect((await userinfo(stage, access_token!)).status).toBe(200);
    expect((await redeem(stage, code)).json().error).toBe('invalid_grant');
    expect((await userinfo(stage, access_token!)).status).toBe(401);
  });

  test('needs a redirect_uri at the token endpoint', async () => {
    const code = codeOf((await logIn(stage, new Browser())).location);
    const answer = await new Browser().visit(`${stage.issuer}/token`, {
      form: { grant_type: 'authorization_code', code, code_verifier: 'v'.repeat(64) },
      headers: basic(),
    });
    expect(answer.json().error).toBe('invalid_request');
  });
});

describe('an authorization request', () => {
  const refusal = async (params: Record<string, string | undefined>) => {
    const answer = await new Browser().follow(authorizationUrl(stage, params), CALLBACK, {
      headers: { accept: 'text/html' },
    });
    if (!answer.location) return answer.status;
    const { searchParams, hash } = new URL(answer.location);
    return searchParams.get('error') ?? new URLSearchParams(hash.slice(1)).get('error');
  };

  test('needs PKCE with S256, except from a client that is allowed to go without', async () => {
    expect(await refusal({ code_challenge: undefined, code_challenge_method: undefined })).toBe(
      'invalid_request',
    );
    expect(await refusal({ code_challenge_method: 'plain', code_challenge: CHALLENGE })).toBe(
      'invalid_request',
    );
    const page = await new Browser().follow(
      authorizationUrl(stage, {
        client_id: 'nopkce',
        code_challenge: undefined,
        code_challenge_method: undefined,
      }),
      CALLBACK,
    );
    expect(page.body).toContain('name="password"');
  });

  test.each([
    `${CALLBACK}/../evil`,
    `${CALLBACK}?x=1`,
    `${CALLBACK}#f`,
    'https://evil.example/cb',
    undefined,
  ])('with redirect_uri %s never redirects', async (redirect_uri) => {
    expect(await refusal({ redirect_uri })).toBe(400);
  });

  test.each(['token', 'id_token', 'code id_token', 'none'])(
    'with response_type %s is refused',
    async (response_type) => {
      expect(await refusal({ response_type, nonce: 'n' })).toMatch(
        /^(unsupported_response_type|invalid_request)$/,
      );
    },
  );

  test('with response_mode=fragment is refused', async () => {
    const answer = await new Browser().visit(authorizationUrl(stage, { response_mode: 'fragment' }));
    expect(answer.headers.location ?? '').not.toContain('#code');
    expect(answer.headers.location ?? '').toContain('error=');
  });

  test('can be pushed beforehand (RFC 9126), and a pushed one serves once', async () => {
    const { answer, start } = await push(stage);
    expect(answer.status).toBe(201);
    const browser = new Browser();
    const page = await browser.follow(start, CALLBACK);
    expect(codeOf((await submitLogin(browser, page, ANNA)).location)).not.toBe('');
    const second = await browser.follow(start, CALLBACK, { headers: { accept: 'text/html' } });
    expect(second.location ?? '').not.toContain('code=');
  });
});

describe('the token endpoint', () => {
  test('gives a refresh token for offline_access, which can be used until it is revoked', async () => {
    const browser = new Browser();
    const page = await browser.follow(
      authorizationUrl(stage, { scope: 'openid offline_access', prompt: 'consent' }),
      CALLBACK,
    );
    const end = await submitLogin(browser, page, ANNA);
    const { refresh_token } = (await redeem(stage, codeOf(end.location))).json<Record<string, string>>();
    const refresh = () =>
      new Browser().visit(`${stage.issuer}/token`, {
        form: { grant_type: 'refresh_token', refresh_token: refresh_token! },
        headers: basic(),
      });
    expect((await refresh()).json()).toMatchObject({ token_type: 'Bearer' });
    await new Browser().visit(`${stage.issuer}/token/revocation`, {
      form: { token: refresh_token! },
      headers: basic(),
    });
    expect((await refresh()).json().error).toBe('invalid_grant');
  });

  test('gives a machine the scopes it may have and no others', async () => {
    const ask = (scope: string) =>
      new Browser().visit(`${stage.issuer}/token`, {
        form: { grant_type: 'client_credentials', scope },
        headers: basic('machine'),
      });
    expect((await ask('migration:read')).json()).toMatchObject({ scope: 'migration:read' });
    expect((await ask('migration:secrets')).json().error).toBe('invalid_scope');
  });

  test('accepts client_secret_post from a client registered so', async () => {
    const end = await logIn(stage, new Browser(), { params: { client_id: 'post' } });
    const answer = await new Browser().visit(`${stage.issuer}/token`, {
      form: {
        grant_type: 'authorization_code',
        code: codeOf(end.location),
        redirect_uri: CALLBACK,
        code_verifier: 'v'.repeat(64),
        client_id: 'post',
        client_secret: CLIENT.secret,
      },
    });
    expect(answer.status).toBe(200);
  });

  test('refuses a wrong client secret with 401', async () => {
    const answer = await new Browser().visit(`${stage.issuer}/token`, {
      form: { grant_type: 'client_credentials' },
      headers: { ...basic(CLIENT.id, 'wrong-secret-0123456789'), accept: 'application/json' },
    });
    expect(answer.status).toBe(401);
    expect(answer.json().error).toBe('invalid_client');
  });
});

describe('introspection and revocation', () => {
  test('serve only the client that the token belongs to', async () => {
    const { access_token } = await tokens();
    const introspect = (id: string) =>
      new Browser().visit(`${stage.issuer}/token/introspection`, {
        form: { token: access_token! },
        headers: basic(id),
      });
    expect((await introspect(CLIENT.id)).json()).toMatchObject({ active: true, sub: 'shop:anna' });
    expect((await introspect('nopkce')).json()).toEqual({ active: false });
    await new Browser().visit(`${stage.issuer}/token/revocation`, {
      form: { token: access_token! },
      headers: basic('nopkce'),
    });
    expect((await userinfo(stage, access_token!)).status).toBe(200);
    await new Browser().visit(`${stage.issuer}/token/revocation`, {
      form: { token: access_token! },
      headers: basic(),
    });
    expect((await userinfo(stage, access_token!)).status).toBe(401);
  });
});
