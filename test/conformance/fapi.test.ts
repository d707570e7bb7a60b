/** The FAPI 2.0 Security Profile (Final): what an authorization server and a resource server shall do, by section. */
import { calculateJwkThumbprint, UnsecuredJWT } from 'jose';
import * as oidc from 'openid-client';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Stage } from '../provider/harness.ts';
import { ANNA } from '../provider/harness.ts';
import { Browser, field } from '../support/browser.ts';
import type { Pair } from './fapi-client.ts';
import {
  assertion,
  FAPI_CALLBACK,
  fapiClient,
  logInPushed,
  newPair,
  openFapiStage,
  post,
  proof,
  redemption,
  request,
} from './fapi-client.ts';

let stage: Stage;
let own: Pair;
let strangers: Pair;
let rsa: Pair;
let dpopKey: Pair;
let rs256: Pair;
beforeAll(async () => {
  [own, strangers, rsa, dpopKey] = await Promise.all([newPair(), newPair(), newPair('PS256'), newPair()]);
  rs256 = await newPair('RS256');
  stage = await openFapiStage([
    fapiClient('bank', [own]),
    fapiClient('broker', [strangers]),
    fapiClient('rsa', [rsa, rs256]),
  ]);
});
afterAll(() => stage?.close());

const client = () => ({ id: 'bank', pair: own });
const signed = async (call: { dpop?: string } = {}) => ({
  client_assertion: await assertion(stage, 'bank', own),
  ...call,
});
const tokenProof = (pair = dpopKey) => proof(stage, pair, { path: '/token' });
const redeem = async (back: URL, dpop?: string) =>
  post(stage, '/token', redemption(back), await signed(dpop ? { dpop } : {}));
const errorOf = (answer: { json(): Record<string, unknown> }) => answer.json().error;
const userinfo = async (headers: Record<string, string>) =>
  new Browser().visit(`${stage.issuer}/me`, { headers: { accept: 'application/json', ...headers } });
async function tokens(scope = 'openid', more: Record<string, string> = {}) {
  const { back } = await logInPushed(stage, client(), { more: { scope, ...more } });
  return (await redeem(back, await tokenProof())).json<Record<string, string>>();
}

describe('a relying party that knows the profile (openid-client)', () => {
  const discover = () =>
    oidc.discovery(
      new URL(stage.issuer),
      'bank',
      { id_token_signed_response_alg: 'ES256' },
      oidc.PrivateKeyJwt({ key: own.privateKey, kid: 'k0' }),
      { execute: [oidc.allowInsecureRequests, oidc.enableNonRepudiationChecks] },
    );

  test('FAPI 2.0 SP 5.3.2: pushes, logs somebody in, and gets tokens that only its key opens userinfo with', async () => {
    const config = await discover();
    const DPoP = oidc.getDPoPHandle(config, await oidc.randomDPoPKeyPair('ES256'));
    const checks = { pkceCodeVerifier: oidc.randomPKCECodeVerifier(), expectedNonce: 'n'.repeat(64) };
    const start = await oidc.buildAuthorizationUrlWithPAR(
      config,
      {
        redirect_uri: FAPI_CALLBACK,
        scope: 'openid email',
        nonce: checks.expectedNonce,
        code_challenge: await oidc.calculatePKCECodeChallenge(checks.pkceCodeVerifier),
        code_challenge_method: 'S256',
      },
      { DPoP },
    );
    expect([...start.searchParams.keys()].sort()).toEqual(['client_id', 'request_uri']);
    const browser = new Browser();
    const page = await browser.follow(start.href, FAPI_CALLBACK);
    const form = {
      username: ANNA.login,
      password: ANNA.password,
      form_token: field(page.body, 'form_token') ?? '',
    };
    const { location } = await browser.follow(page.url, FAPI_CALLBACK, { form });
    const got = await oidc.authorizationCodeGrant(config, new URL(location!), checks, undefined, { DPoP });
    expect(got.token_type).toBe('dpop');
    expect(got.claims()).toMatchObject({ sub: 'shop:anna', aud: 'bank', nonce: checks.expectedNonce });
    const me = await oidc.fetchUserInfo(config, got.access_token, 'shop:anna', { DPoP });
    expect(me.email).toBe('anna@example.com');
    const other = oidc.getDPoPHandle(config, await oidc.randomDPoPKeyPair('ES256'));
    await expect(
      oidc.fetchUserInfo(config, got.access_token, 'shop:anna', { DPoP: other }),
    ).rejects.toThrow();
  });
});

describe('FAPI 2.0 SP 5.3.2.1: general requirements', () => {
  test('FAPI 2.0 SP 5.3.2.1: metadata names nothing that the profile forbids', async () => {
    const metadata = (await new Browser().visit(`${stage.issuer}/.well-known/openid-configuration`)).json();
    const allowed = ['PS256', 'ES256', 'EdDSA', 'Ed25519'];
    expect(metadata).toMatchObject({
      token_endpoint_auth_methods_supported: ['private_key_jwt'],
      token_endpoint_auth_signing_alg_values_supported: allowed,
      dpop_signing_alg_values_supported: allowed,
      id_token_signing_alg_values_supported: ['ES256'],
      require_pushed_authorization_requests: true,
      authorization_response_iss_parameter_supported: true,
      code_challenge_methods_supported: ['S256'],
      response_types_supported: ['code'],
    });
    expect(metadata.grant_types_supported).not.toContain('password');
  });

  test('FAPI 2.0 SP 5.3.2.1: the password grant is refused', async () => {
    const form = { grant_type: 'password', username: ANNA.login, password: ANNA.password };
    expect(errorOf(await post(stage, '/token', form, await signed()))).toBe('unsupported_grant_type');
  });

  test('FAPI 2.0 SP 5.3.2.1: a client that sends a secret, or says only who it is, is refused', async () => {
    const secret = { ...request('bank'), client_secret: 'a-secret-0123456789' };
    for (const form of [secret, request('bank')])
      expect((await post(stage, '/request', form, {})).status).toBe(401);
    expect((await post(stage, '/request', request('bank'), await signed())).status).toBe(201);
  });

  test('FAPI 2.0 SP 5.3.2.1: no token is issued that is not bound to a key', async () => {
    const { back } = await logInPushed(stage, client());
    expect(errorOf(await redeem(back))).toBe('invalid_grant');
    expect((await redeem(back, await tokenProof())).json()).toMatchObject({ token_type: 'DPoP' });
    const form = { grant_type: 'client_credentials', scope: 'migration:read' };
    expect((await post(stage, '/token', form, await signed())).status).toBe(400);
    const bound = await post(stage, '/token', form, await signed({ dpop: await tokenProof() }));
    expect(bound.json()).toMatchObject({ token_type: 'DPoP' });
  });

  test('FAPI 2.0 SP 5.3.2.1: an assertion is for the issuer, as a string, and for no endpoint', async () => {
    const push = async (aud?: string | string[]) => {
      const client_assertion = await assertion(stage, 'bank', own, aud ? { aud } : {});
      return (await post(stage, '/request', request('bank'), { client_assertion })).status;
    };
    expect(await push()).toBe(201);
    for (const aud of [`${stage.issuer}/token`, `${stage.issuer}/request`, [stage.issuer]])
      expect(await push(aud)).toBe(401);
  });

  test.each(['iat', 'nbf'])(
    'FAPI 2.0 SP 5.3.2.1: an assertion whose %s is 8 seconds ahead is accepted, 90 seconds ahead refused',
    async (name) => {
      const push = async (ahead: number) => {
        const client_assertion = await assertion(stage, 'bank', own, { [name]: ahead });
        return (await post(stage, '/request', request('bank'), { client_assertion })).status;
      };
      expect(await push(8)).toBe(201);
      expect(await push(90)).toBe(401);
    },
  );

  test('FAPI 2.0 SP 5.3.2.1: a DPoP proof 8 seconds ahead is accepted, 90 seconds ahead refused', async () => {
    const push = async (iat: number) => {
      const dpop = await proof(stage, dpopKey, { path: '/request', iat });
      return post(stage, '/request', request('bank'), await signed({ dpop }));
    };
    expect((await push(8)).status).toBe(201);
    expect(errorOf(await push(90))).toBe('invalid_dpop_proof');
    const access = (await tokens()).access_token!;
    const me = async (iat: number) => {
      const dpop = await proof(stage, dpopKey, { method: 'GET', path: '/me', token: access, iat });
      return (await userinfo({ authorization: `DPoP ${access}`, dpop })).status;
    };
    expect(await me(8)).toBe(200);
    expect(await me(90)).toBe(401);
  });

  test('FAPI 2.0 SP 5.3.2.1: a code is bound to the key whose thumbprint or proof was pushed', async () => {
    const byProof = async () => ({ dpop: await proof(stage, dpopKey, { path: '/request' }) });
    const byThumbprint = async () => ({ more: { dpop_jkt: await calculateJwkThumbprint(dpopKey.jwk) } });
    for (const bind of [byProof, byThumbprint]) {
      const wrong = await logInPushed(stage, client(), await bind());
      expect(errorOf(await redeem(wrong.back, await tokenProof(strangers)))).toBe('invalid_grant');
      const right = await logInPushed(stage, client(), await bind());
      expect((await redeem(right.back, await tokenProof())).status).toBe(200);
    }
  });

  test('FAPI 2.0 SP 5.3.2.1: refresh tokens do not rotate', async () => {
    const { refresh_token } = await tokens('openid offline_access', { prompt: 'consent' });
    const refresh = async () =>
      post(
        stage,
        '/token',
        { grant_type: 'refresh_token', refresh_token: refresh_token! },
        await signed({ dpop: await tokenProof() }),
      );
    for (let i = 0; i < 2; i++) {
      const answer = await refresh();
      expect(answer.status).toBe(200);
      expect(answer.json().refresh_token ?? refresh_token).toBe(refresh_token);
    }
  });
});

describe('FAPI 2.0 SP 5.3.2.2: authorization code flow', () => {
  const push = async (more: Record<string, string | undefined>) =>
    post(stage, '/request', request('bank', more), await signed());

  test('FAPI 2.0 SP 5.3.2.2: a request that was not pushed is refused', async () => {
    const url = `${stage.issuer}/auth?${new URLSearchParams(request('bank'))}`;
    const { location, body } = await new Browser().follow(url, FAPI_CALLBACK);
    expect(new URL(location ?? 'x:').searchParams.get('error')).toBe('invalid_request');
    expect(body).not.toContain('name="password"');
  });

  test('FAPI 2.0 SP 5.3.2.2: a push without client authentication, or by another client, is refused', async () => {
    expect((await post(stage, '/request', request('bank'), {})).status).toBe(401);
    const client_assertion = await assertion(stage, 'bank', strangers);
    expect((await post(stage, '/request', request('bank'), { client_assertion })).status).toBe(401);
  });

  test('FAPI 2.0 SP 5.3.2.2: only response_type code is pushed', async () => {
    for (const response_type of ['token', 'code id_token', 'none'])
      expect((await push({ response_type, nonce: 'n' })).status).toBe(400);
  });

  test('FAPI 2.0 SP 5.3.2.2: a push without PKCE, or with plain, is refused', async () => {
    expect(errorOf(await push({ code_challenge: undefined, code_challenge_method: undefined }))).toBe(
      'invalid_request',
    );
    expect(errorOf(await push({ code_challenge_method: 'plain' }))).toBe('invalid_request');
    const { back } = await logInPushed(stage, client());
    const wrong = redemption(back, { code_verifier: 'w'.repeat(64) });
    const answer = await post(stage, '/token', wrong, await signed({ dpop: await tokenProof() }));
    expect(errorOf(answer)).toBe('invalid_grant');
  });

  test('FAPI 2.0 SP 5.3.2.2: a push without redirect_uri, or with one that is not registered, is refused', async () => {
    for (const redirect_uri of [undefined, 'https://evil.example/cb', `${FAPI_CALLBACK}/x`])
      expect(errorOf(await push({ redirect_uri }))).toBe('invalid_request');
  });

  test('FAPI 2.0 SP 5.3.2.2: the answer names its issuer, a code of 256 bits, and comes by 303', async () => {
    const { pushed, sent, back } = await logInPushed(stage, client());
    expect(pushed.json().expires_in).toBeLessThan(600);
    expect(sent.status).toBe(303);
    expect(back.searchParams.get('iss')).toBe(stage.issuer);
    expect(back.searchParams.get('code')).toMatch(/^[\w-]{43}$/);
  });

  test('FAPI 2.0 SP 5.3.2.2: a request_uri opens for its own client only, and once', async () => {
    const { start } = await logInPushed(stage, client());
    const again = await new Browser().follow(start, FAPI_CALLBACK);
    expect(again.body).not.toContain('name="password"');
    const { request_uri } = (await push({})).json<{ request_uri: string }>();
    const url = (id: string) => `${stage.issuer}/auth?${new URLSearchParams({ client_id: id, request_uri })}`;
    expect((await new Browser().follow(url('broker'), FAPI_CALLBACK)).body).not.toContain('name="password"');
    expect((await new Browser().follow(url('bank'), FAPI_CALLBACK)).body).toContain('name="password"');
  });

  test('FAPI 2.0 SP 5.3.2.2: a code serves once, and a second use ends what it gave', async () => {
    const { back } = await logInPushed(stage, client());
    const { access_token } = (await redeem(back, await tokenProof())).json<Record<string, string>>();
    expect(errorOf(await redeem(back, await tokenProof()))).toBe('invalid_grant');
    const dpop = await proof(stage, dpopKey, { method: 'GET', path: '/me', token: access_token });
    expect((await userinfo({ authorization: `DPoP ${access_token}`, dpop })).status).toBe(401);
  });
});

describe('FAPI 2.0 SP 5.3.4: userinfo as a resource server', () => {
  test('FAPI 2.0 SP 5.3.4: takes a token in the header with its proof, and in no other way', async () => {
    const { access_token } = await tokens();
    const dpop = () => proof(stage, dpopKey, { method: 'GET', path: '/me', token: access_token });
    const good = await userinfo({
      authorization: `DPoP ${access_token}`,
      dpop: await dpop(),
    });
    expect(good.json().sub).toBe('shop:anna');
    for (const authorization of [`DPoP ${access_token}`, `Bearer ${access_token}`])
      expect([400, 401]).toContain((await userinfo({ authorization })).status);
    const query = await new Browser().visit(`${stage.issuer}/me?access_token=${access_token}`, {
      headers: { accept: 'application/json', dpop: await dpop() },
    });
    expect(query.status).toBe(400);
  });

  test('FAPI 2.0 SP 5.3.4: a revoked token, and one without the scope, is refused', async () => {
    const { access_token } = await tokens();
    await post(stage, '/token/revocation', { token: access_token! }, await signed());
    const dpop = await proof(stage, dpopKey, { method: 'GET', path: '/me', token: access_token });
    expect((await userinfo({ authorization: `DPoP ${access_token}`, dpop })).status).toBe(401);
    const form = { grant_type: 'client_credentials', scope: 'migration:read' };
    const machine = await post(stage, '/token', form, await signed({ dpop: await tokenProof() }));
    const token = machine.json<Record<string, string>>().access_token;
    const its = await proof(stage, dpopKey, { method: 'GET', path: '/me', token });
    expect((await userinfo({ authorization: `DPoP ${token}`, dpop: its })).status).toBe(401);
  });
});

describe('FAPI 2.0 SP 5.4: cryptography and the browser', () => {
  test('FAPI 2.0 SP 5.4.1: assertions by PS256 are accepted, by RS256 and none refused', async () => {
    const push = async (client_assertion: string) =>
      (await post(stage, '/request', request('rsa'), { client_assertion })).status;
    expect(await push(await assertion(stage, 'rsa', rsa))).toBe(201);
    expect(await push(await assertion(stage, 'rsa', rs256))).toBe(401);
    const unsigned = new UnsecuredJWT({ jti: 'j1' })
      .setIssuer('rsa')
      .setSubject('rsa')
      .setAudience(stage.issuer)
      .setExpirationTime('60s')
      .encode();
    expect(await push(unsigned)).toBe(401);
  });

  test('FAPI 2.0 SP 5.4.1: a DPoP proof by RS256 is refused', async () => {
    const dpop = await proof(stage, rs256, { path: '/request' });
    const answer = await post(stage, '/request', request('bank'), await signed({ dpop }));
    expect(errorOf(answer)).toBe('invalid_dpop_proof');
  });

  test('FAPI 2.0 SP 5.4.2: what is published are keys for ES256, each with a kid of its own', async () => {
    const { keys } = (await new Browser().visit(`${stage.issuer}/jwks`)).json<{
      keys: { kid: string; alg: string; d?: string }[];
    }>();
    expect(new Set(keys.map(({ alg }) => alg))).toEqual(new Set(['ES256']));
    expect(new Set(keys.map(({ kid }) => kid)).size).toBe(keys.length);
    expect(keys.filter(({ d }) => d !== undefined)).toEqual([]);
  });

  test('FAPI 2.0 SP 5.2.3: the authorization endpoint lets no script of another site read it', async () => {
    const url = `${stage.issuer}/auth?${new URLSearchParams(request('bank'))}`;
    const { headers } = await new Browser().visit(url, { headers: { origin: 'https://evil.example' } });
    expect(headers['access-control-allow-origin']).toBeUndefined();
  });
});
