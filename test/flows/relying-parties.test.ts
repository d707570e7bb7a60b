/** Footbridge as a standard relying party meets it: openid-client with every check it has, against the real server. */
import { inspect } from 'node:util';
import { createLocalJWKSet, decodeProtectedHeader, exportJWK, generateKeyPair, jwtVerify } from 'jose';
import * as oidc from 'openid-client';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Browser, field } from '../support/browser.ts';
import type { Server } from './server.ts';
import { startServer } from './server.ts';
import type { World } from './world.ts';
import { openWorld, person } from './world.ts';

const CALLBACK = 'http://127.0.0.1:9/cb';
const BYE = 'http://127.0.0.1:9/bye';
const SECRET = 'a-secret-of-the-app-0123';

let world: World;
let server: Server;
let clientKey: Awaited<ReturnType<typeof generateKeyPair>>;

beforeAll(async () => {
  world = await openWorld();
  clientKey = await generateKeyPair('ES256');
  const publicKey = { ...(await exportJWK(clientKey.publicKey)), kid: 'k1', alg: 'ES256', use: 'sig' };
  const client = (clientId: string, more: object = {}) => ({
    clientId,
    name: `The ${clientId} app`,
    secret: SECRET,
    redirectUris: [CALLBACK],
    postLogoutRedirectUris: [BYE],
    ...more,
  });
  server = await startServer(world, (settings) => {
    settings.provider.clients = [
      client('basic'),
      client('post', { authMethod: 'client_secret_post' }),
      client('signed', { secret: undefined, authMethod: 'private_key_jwt', jwks: { keys: [publicKey] } }),
      client('offline', { grantTypes: ['authorization_code', 'refresh_token'] }),
      client('machine', { grantTypes: ['client_credentials'], redirectUris: [], scopes: ['migration:read'] }),
      client('bound', { dpopRequired: true }),
      client('pushed', { parRequired: true }),
      client('elliptic', { idTokenAlg: 'ES256', userinfoAlg: 'ES256' }),
      client('rsa', { idTokenAlg: 'RS256', userinfoAlg: 'RS256' }),
    ];
  });
});
afterAll(async () => {
  server?.process.kill('SIGTERM');
  await server?.exited;
  await world?.close();
});

interface Registered {
  readonly auth?: oidc.ClientAuth;
  readonly metadata?: Partial<oidc.ClientMetadata>;
}

/** A relying party: configured by discovery, and checking every signature. */
const relyingParty = (
  clientId: string,
  { auth = oidc.ClientSecretBasic(SECRET), metadata = {} }: Registered = {},
) =>
  oidc.discovery(new URL(server.issuer), clientId, metadata, auth, {
    execute: [oidc.allowInsecureRequests, oidc.enableNonRepudiationChecks],
  });

interface SignIn {
  readonly browser?: Browser;
  readonly params?: Record<string, string>;
  readonly pushed?: boolean;
}

/** What the relying party remembers of a login, and the URL the browser came back with. */
async function signIn(
  config: oidc.Configuration,
  { browser = new Browser(), params = {}, pushed }: SignIn = {},
) {
  const checks = { pkceCodeVerifier: oidc.randomPKCECodeVerifier(), expectedState: oidc.randomState() };
  const parameters = {
    redirect_uri: CALLBACK,
    scope: 'openid profile email',
    state: checks.expectedState,
    code_challenge: await oidc.calculatePKCECodeChallenge(checks.pkceCodeVerifier),
    code_challenge_method: 'S256',
    ...params,
  };
  const build = pushed ? oidc.buildAuthorizationUrlWithPAR : oidc.buildAuthorizationUrl;
  const start = await build(config, parameters);
  const page = await browser.follow(start.href, CALLBACK);
  const back = page.location?.startsWith(CALLBACK) ? page : await submit(browser, page);
  return { start, page, checks, back: new URL(back.location ?? 'x:') };
}

const submit = (browser: Browser, page: { url: string; body: string }) =>
  browser.follow(page.url.split('?')[0]!, CALLBACK, {
    form: {
      username: 'anna',
      password: person('anna').password,
      form_token: field(page.body, 'form_token') ?? '',
    },
  });

async function tokensOf(config: oidc.Configuration, login: SignIn = {}) {
  const { back, checks } = await signIn(config, login);
  return oidc.authorizationCodeGrant(config, back, { ...checks, idTokenExpected: true });
}

/** Why the library refused, with its causes; empty when it did not. */
const refusal = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => '',
    (error) => inspect(error, { depth: 5 }),
  );

const subjectOf = (tokens: { claims(): oidc.IDToken | undefined }) => tokens.claims()?.sub ?? '';
const ANNA = () => `shop:${person('anna').id}`;

describe('the authorization code flow', () => {
  test('with PKCE, state and nonce ends with verified tokens and the person’s claims', async () => {
    const config = await relyingParty('basic');
    const nonce = oidc.randomNonce();
    const { back, checks } = await signIn(config, { params: { nonce } });
    const tokens = await oidc.authorizationCodeGrant(config, back, { ...checks, expectedNonce: nonce });
    expect(tokens.claims()).toMatchObject({ sub: ANNA(), aud: 'basic', nonce, amr: ['pwd'] });
    const userinfo = await oidc.fetchUserInfo(config, tokens.access_token, subjectOf(tokens));
    expect(userinfo).toMatchObject({
      given_name: 'Anna',
      email: person('anna').email,
      email_verified: true,
    });
  });

  test('without a nonce puts none into the ID token, and a relying party that expects one refuses it', async () => {
    const config = await relyingParty('basic');
    expect((await tokensOf(config)).claims()).not.toHaveProperty('nonce');
    const { back, checks } = await signIn(config);
    const strict = oidc.authorizationCodeGrant(config, back, { ...checks, expectedNonce: 'n' });
    expect(await refusal(strict)).toContain('"nonce"');
  });

  test('is refused with another verifier, and the second time', async () => {
    const config = await relyingParty('basic');
    const { back, checks } = await signIn(config);
    const wrong = { ...checks, pkceCodeVerifier: oidc.randomPKCECodeVerifier() };
    expect(await refusal(oidc.authorizationCodeGrant(config, back, wrong))).toContain('invalid_grant');
    expect((await oidc.authorizationCodeGrant(config, back, checks)).access_token).toBeTruthy();
    expect(await refusal(oidc.authorizationCodeGrant(config, back, checks))).toContain('invalid_grant');
  });

  test('names its issuer (RFC 9207): an answer without it, or with another, is refused', async () => {
    const config = await relyingParty('basic');
    const { back, checks } = await signIn(config);
    for (const iss of [undefined, 'https://evil.example']) {
      const forged = new URL(back);
      forged.searchParams.delete('iss');
      if (iss) forged.searchParams.set('iss', iss);
      expect(await refusal(oidc.authorizationCodeGrant(config, forged, checks))).toContain('"iss"');
    }
    expect((await oidc.authorizationCodeGrant(config, back, checks)).access_token).toBeTruthy();
  });

  test('comes back with access_denied when the person cancels', async () => {
    const config = await relyingParty('basic');
    const browser = new Browser();
    const start = oidc.buildAuthorizationUrl(config, {
      redirect_uri: CALLBACK,
      scope: 'openid',
      code_challenge: await oidc.calculatePKCECodeChallenge(oidc.randomPKCECodeVerifier()),
      code_challenge_method: 'S256',
    });
    const page = await browser.follow(start.href, CALLBACK);
    const back = await browser.follow(`${page.url}/cancel`, CALLBACK);
    expect(await refusal(oidc.authorizationCodeGrant(config, new URL(back.location!)))).toContain(
      'access_denied',
    );
  });
});

describe('signatures', () => {
  test.each([
    { clientId: 'rsa', alg: 'RS256' },
    { clientId: 'elliptic', alg: 'ES256' },
  ])('are $alg on the ID token and on userinfo for a client registered so', async ({ clientId, alg }) => {
    const metadata = { id_token_signed_response_alg: alg, userinfo_signed_response_alg: alg };
    const config = await relyingParty(clientId, { metadata });
    const tokens = await tokensOf(config);
    expect(decodeProtectedHeader(tokens.id_token!).alg).toBe(alg);
    const userinfo = await oidc.fetchUserInfo(config, tokens.access_token, ANNA());
    expect(userinfo).toMatchObject({ aud: clientId, iss: server.issuer, email: person('anna').email });
  });

  test('by keys that are not the published ones are refused', async () => {
    const other = await generateKeyPair('RS256');
    const config = await relyingParty('basic');
    const { back, checks } = await signIn(config);
    const published = (await new Browser().visit(config.serverMetadata().jwks_uri!)).json<{
      keys: { kid: string; alg: string }[];
    }>();
    const { kid } = published.keys.find((key) => key.alg === 'RS256')!;
    const swapped = { keys: [{ ...(await exportJWK(other.publicKey)), kid, alg: 'RS256', use: 'sig' }] };
    config[oidc.customFetch] = (url, options) =>
      url.endsWith('/jwks')
        ? Promise.resolve(Response.json(swapped))
        : fetch(url, options as unknown as RequestInit);
    expect(await refusal(oidc.authorizationCodeGrant(config, back, checks))).toMatch(
      /signature verification failed/i,
    );
  });
});

describe('client authentication', () => {
  const good: Record<string, () => oidc.ClientAuth> = {
    basic: () => oidc.ClientSecretBasic(SECRET),
    post: () => oidc.ClientSecretPost(SECRET),
    signed: () => oidc.PrivateKeyJwt({ key: clientKey.privateKey, kid: 'k1' }),
  };
  const bad: Record<string, () => Promise<oidc.ClientAuth>> = {
    basic: async () => oidc.ClientSecretBasic(`${SECRET}x`),
    post: async () => oidc.ClientSecretPost(`${SECRET}x`),
    signed: async () => oidc.PrivateKeyJwt({ key: (await generateKeyPair('ES256')).privateKey, kid: 'k1' }),
  };

  test.each(Object.keys(good))(
    'of the client %s opens the token endpoint; a wrong one does not',
    async (clientId) => {
      const { back, checks } = await signIn(await relyingParty(clientId));
      const impostor = await relyingParty(clientId, { auth: await bad[clientId]!() });
      expect(await refusal(oidc.authorizationCodeGrant(impostor, back, checks))).toContain('invalid_client');
      const config = await relyingParty(clientId, { auth: good[clientId]!() });
      expect(subjectOf(await oidc.authorizationCodeGrant(config, back, checks))).toBe(ANNA());
    },
  );

  test('gives a machine its own token, which only it may introspect and revoke', async () => {
    const config = await relyingParty('machine');
    const { access_token } = await oidc.clientCredentialsGrant(config, { scope: 'migration:read' });
    expect(await oidc.tokenIntrospection(config, access_token)).toMatchObject({
      active: true,
      client_id: 'machine',
    });
    expect(await oidc.tokenIntrospection(await relyingParty('basic'), access_token)).toEqual({
      active: false,
    });
    await oidc.tokenRevocation(config, access_token);
    expect(await oidc.tokenIntrospection(config, access_token)).toEqual({ active: false });
  });
});

describe('refresh tokens', () => {
  const params = { scope: 'openid offline_access', prompt: 'consent' };

  test('are given where allowed, keep working, and end when revoked', async () => {
    const config = await relyingParty('offline');
    const { refresh_token, access_token } = await tokensOf(config, { params });
    for (let i = 0; i < 2; i++) {
      const fresh = await oidc.refreshTokenGrant(config, refresh_token!);
      expect(fresh.access_token).not.toBe(access_token);
      expect(await oidc.fetchUserInfo(config, fresh.access_token, ANNA())).toMatchObject({ sub: ANNA() });
    }
    await oidc.tokenRevocation(config, refresh_token!);
    expect(await refusal(oidc.refreshTokenGrant(config, refresh_token!))).toContain('invalid_grant');
  });

  test('are not given to a client without that grant, nor without offline_access', async () => {
    expect(await tokensOf(await relyingParty('basic'), { params })).not.toHaveProperty('refresh_token');
    expect(await tokensOf(await relyingParty('offline'))).not.toHaveProperty('refresh_token');
  });
});

describe('sender-constrained tokens (DPoP)', () => {
  test('work with the client’s key and with no other', async () => {
    const config = await relyingParty('bound');
    const DPoP = oidc.getDPoPHandle(config, await oidc.randomDPoPKeyPair('ES256'));
    const { back, checks } = await signIn(config);
    expect(await refusal(oidc.authorizationCodeGrant(config, back, checks))).toContain('invalid_grant');
    const tokens = await oidc.authorizationCodeGrant(config, back, checks, undefined, { DPoP });
    expect(tokens.token_type).toBe('dpop');
    const ask = (handle?: oidc.DPoPHandle) =>
      oidc.fetchUserInfo(config, tokens.access_token, ANNA(), handle ? { DPoP: handle } : {});
    expect(await ask(DPoP)).toMatchObject({ email: person('anna').email });
    expect(await refusal(ask(oidc.getDPoPHandle(config, await oidc.randomDPoPKeyPair('ES256'))))).toContain(
      '401',
    );
    expect(await refusal(ask())).toContain('401');
  });
});

describe('pushed authorization requests', () => {
  test('keep the request out of the browser and end as others do', async () => {
    const config = await relyingParty('pushed');
    const { start, back, checks } = await signIn(config, { pushed: true });
    expect([...start.searchParams.keys()].sort()).toEqual(['client_id', 'request_uri']);
    expect(subjectOf(await oidc.authorizationCodeGrant(config, back, checks))).toBe(ANNA());
  });

  test('are demanded from a client registered so', async () => {
    const config = await relyingParty('pushed');
    const { page, checks } = await signIn(config);
    expect(await refusal(oidc.authorizationCodeGrant(config, new URL(page.location!), checks))).toContain(
      'invalid_request',
    );
  });
});

describe('request parameters', () => {
  test('claims: brings single claims without their scope, and no others', async () => {
    const config = await relyingParty('basic');
    const claims = JSON.stringify({ id_token: { family_name: null }, userinfo: { email: null } });
    const tokens = await tokensOf(config, { params: { scope: 'openid', claims } });
    expect(tokens.claims()).toMatchObject({ family_name: 'Sommerfeld' });
    expect(tokens.claims()).not.toHaveProperty('email');
    const userinfo = await oidc.fetchUserInfo(config, tokens.access_token, ANNA());
    expect(userinfo).toMatchObject({ email: person('anna').email });
    expect(userinfo).not.toHaveProperty('family_name');
  });

  test('max_age: 0 asks for the password in a living session, and the library agrees with auth_time', async () => {
    const config = await relyingParty('basic');
    const browser = new Browser();
    await tokensOf(config, { browser });
    expect((await signIn(config, { browser })).page.location).toContain('code=');
    const { page, back, checks } = await signIn(config, { browser, params: { max_age: '0' } });
    expect(page.body).toContain('name="password"');
    const tokens = await oidc.authorizationCodeGrant(config, back, { ...checks, maxAge: 0 });
    expect(tokens.claims()?.auth_time).toBeTypeOf('number');
  });

  test('login_hint: fills the form, spares the person it means, and asks when it means another', async () => {
    const config = await relyingParty('basic');
    const browser = new Browser();
    const first = await signIn(config, { browser, params: { login_hint: 'anna' } });
    expect(field(first.page.body, 'username')).toBe('anna');
    const same = await signIn(config, { browser, params: { login_hint: person('anna').email! } });
    expect(same.page.location).toContain('code=');
    const other = await signIn(config, { browser, params: { login_hint: 'zoe' } });
    expect(field(other.page.body, 'username')).toBe('zoe');
  });

  test('ui_locales: chooses the page’s language, the first one there is', async () => {
    const config = await relyingParty('basic');
    const languageFor = async (ui_locales: string) =>
      /<html lang="([^"]*)"/.exec((await signIn(config, { params: { ui_locales } })).page.body)?.[1];
    expect(await languageFor('de-CH de en')).toBe('de');
    expect(await languageFor('tlh fr')).toBe('fr');
    expect(await languageFor('tlh')).toBe('en');
  });

  test('prompt=select_account, as ZITADEL sends it: the password first, then a choice', async () => {
    const config = await relyingParty('basic');
    const browser = new Browser();
    const params = { prompt: 'select_account' };
    expect(subjectOf(await tokensOf(config, { browser, params }))).toBe(ANNA());
    const start = oidc.buildAuthorizationUrl(config, {
      redirect_uri: CALLBACK,
      scope: 'openid',
      code_challenge: await oidc.calculatePKCECodeChallenge('v'.repeat(64)),
      code_challenge_method: 'S256',
      ...params,
    });
    const page = await browser.follow(start.href, CALLBACK);
    expect(page.body).toContain('Anna Sommerfeld');
    expect(page.body).not.toContain('name="password"');
    const form = { form_token: field(page.body, 'form_token')!, choice: 'continue' };
    const back = await browser.follow(page.url, CALLBACK, { form });
    const tokens = await oidc.authorizationCodeGrant(config, new URL(back.location!), {
      pkceCodeVerifier: 'v'.repeat(64),
    });
    expect(subjectOf(tokens)).toBe(ANNA());
  });
});

describe('RP-initiated logout', () => {
  async function signedIn() {
    const config = await relyingParty('basic');
    const browser = new Browser();
    const tokens = await tokensOf(config, { browser });
    const ask = async (params: Record<string, string> = {}) => {
      const url = oidc.buildEndSessionUrl(config, {
        id_token_hint: tokens.id_token!,
        post_logout_redirect_uri: BYE,
        state: 's1',
        ...params,
      });
      return browser.visit(url.href);
    };
    const answer = (page: { body: string }, form: Record<string, string>) =>
      browser.visit(`${server.issuer}/session/end/confirm`, {
        form: { xsrf: field(page.body, 'xsrf')!, ...form },
      });
    const silently = () => signIn(config, { browser, params: { prompt: 'none' } });
    return { config, tokens, browser, ask, answer, silently };
  }

  test('asks by the app’s name, ends session and tokens, and returns with the state', async () => {
    const { config, tokens, ask, answer, silently } = await signedIn();
    const page = await ask();
    expect(page.body).toContain('The basic app');
    expect((await answer(page, { logout: 'yes' })).location).toBe(`${BYE}?state=s1`);
    expect(await refusal(oidc.fetchUserInfo(config, tokens.access_token, ANNA()))).toContain('invalid_token');
    const { back, checks } = await silently();
    expect(await refusal(oidc.authorizationCodeGrant(config, back, checks))).toContain('login_required');
  });

  test('declined by the person ends what this app holds and nothing else', async () => {
    const { config, tokens, browser, ask, answer, silently } = await signedIn();
    const neighbour = await relyingParty('post', { auth: oidc.ClientSecretPost(SECRET) });
    const others = await tokensOf(neighbour, { browser });
    await answer(await ask(), {});
    expect(await refusal(oidc.fetchUserInfo(config, tokens.access_token, ANNA()))).toContain('invalid_token');
    expect(await oidc.fetchUserInfo(neighbour, others.access_token, ANNA())).toMatchObject({ sub: ANNA() });
    expect((await silently()).page.location).toContain('code=');
  });

  test('to an address that is not registered is refused, and so is a hint that is none of ours', async () => {
    const { ask, silently } = await signedIn();
    expect((await ask({ post_logout_redirect_uri: 'https://evil.example/' })).status).toBe(400);
    expect((await ask({ id_token_hint: 'e30.e30.e30' })).status).toBe(400);
    expect((await silently()).page.location).toContain('code=');
  });
});

test('the ID token verifies with nothing but the published keys', async () => {
  const config = await relyingParty('basic');
  const { id_token } = await tokensOf(config);
  const keys = createLocalJWKSet((await new Browser().visit(config.serverMetadata().jwks_uri!)).json());
  const { payload } = await jwtVerify(id_token!, keys, { issuer: server.issuer, audience: 'basic' });
  expect(payload.sub).toBe(ANNA());
});
