/** Signing in at a real OpenID Provider (oidc-provider on loopback), with a browser that keeps its cookies. */
import { generateKeyPairSync } from 'node:crypto';
import type { Server } from 'node:http';
import { createServer } from 'node:http';
import { Provider } from 'oidc-provider';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { openOidcSignIn } from '../../src/targets/oidc-sign-in.ts';
import type { SignInChecks, SignInRequest, TargetSignIn } from '../../src/targets/sign-in.ts';
import type { Answer } from '../support/browser.ts';
import { Browser, field } from '../support/browser.ts';
import { freePort } from '../support/ports.ts';
import type { Issuer } from './oidc-sign-in-issuer.ts';
import {
  CALLBACK,
  CLIENT,
  failureOf,
  openIssuer,
  request,
  settingsOf,
  signInAt,
} from './oidc-sign-in-issuer.ts';

const RSA = generateKeyPairSync('rsa', { modulusLength: 2_048 });
const ELLIPTIC = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const EDWARDS = generateKeyPairSync('ed25519');
const pem = ({ privateKey }: typeof ELLIPTIC, type: 'pkcs8' | 'sec1' = 'pkcs8') =>
  (privateKey as { export(options: object): string }).export({ type, format: 'pem' });
const jwkOf = ({ publicKey }: typeof ELLIPTIC, kid: string, alg: string) => ({
  ...publicKey.export({ format: 'jwk' }),
  kid,
  alg,
  use: 'sig',
});

/** How we say who we are, by client. */
const REGISTERED = [
  {
    client_id: 'basic',
    client_secret: CLIENT.clientSecret,
    token_endpoint_auth_method: 'client_secret_basic',
  },
  { client_id: 'post', client_secret: CLIENT.clientSecret, token_endpoint_auth_method: 'client_secret_post' },
  { client_id: 'public', token_endpoint_auth_method: 'none' },
  {
    client_id: 'elliptic',
    token_endpoint_auth_method: 'private_key_jwt',
    token_endpoint_auth_signing_alg: 'ES256',
    jwks: { keys: [jwkOf(ELLIPTIC, 'one', 'ES256')] },
  },
  {
    client_id: 'edwards',
    token_endpoint_auth_method: 'private_key_jwt',
    token_endpoint_auth_signing_alg: 'EdDSA',
    jwks: { keys: [jwkOf(EDWARDS, 'two', 'EdDSA')] },
  },
] as const;
const NO_SECRET = { clientSecret: undefined };

async function startProvider(port: number): Promise<{ url: string; server: Server }> {
  const url = `http://127.0.0.1:${port}`;
  const provider = new Provider(url, {
    jwks: { keys: [{ ...RSA.privateKey.export({ format: 'jwk' }), kid: 'its', use: 'sig', alg: 'RS256' }] },
    ttl: {
      Interaction: 600,
      Session: 600,
      Grant: 600,
      AuthorizationCode: 60,
      AccessToken: 600,
      IdToken: 600,
    },
    clients: REGISTERED.map((client) => ({ ...client, redirect_uris: [CALLBACK] })),
    clientAuthMethods: ['client_secret_basic', 'client_secret_post', 'private_key_jwt', 'none'],
    enabledJWA: { clientAuthSigningAlgValues: ['ES256', 'EdDSA'] },
    cookies: { keys: ['of-the-test'] },
    claims: { openid: ['sub'], profile: ['name', 'preferred_username'], email: ['email', 'email_verified'] },
    findAccount: (_ctx, id) => ({
      accountId: id,
      claims: () => ({
        sub: id,
        name: `${id} Berg`,
        preferred_username: id,
        email: `${id}@example.test`,
        email_verified: true,
      }),
    }),
  });
  provider.silent = true;
  const server = createServer(provider.callback());
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  return { url, server };
}

const stop = (server: Server) =>
  new Promise<void>((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });

let at: Awaited<ReturnType<typeof startProvider>>;
const opened: TargetSignIn[] = [];
beforeAll(async () => {
  at = await startProvider(await freePort());
});
afterAll(() => stop(at.server));
afterEach(async () => {
  for (const one of opened.splice(0)) await one.close();
});

function client(clientId: string, more: object = {}): TargetSignIn {
  const one = signInAt({ issuer: at.url, clientId, ...more });
  opened.push(one);
  return one;
}

/** Its login page, its question whether we may know, and between them the end of another account's session. */
async function through(browser: Browser, page: Answer, login: string): Promise<Answer> {
  const post = (url: string, form: Record<string, string>) => browser.follow(url, CALLBACK, { form });
  let answer = await post(page.url, { prompt: 'login', login, password: 'any' });
  const xsrf = field(answer.body, 'xsrf');
  if (xsrf) answer = await post(`${at.url}/session/end/confirm`, { xsrf, logout: 'yes' });
  return answer.location ? answer : post(answer.url, { prompt: 'consent' });
}

interface Came {
  readonly query: URLSearchParams;
  readonly checks: SignInChecks;
}

/** From the beginning to what the browser brings back. */
async function come(
  signIn: TargetSignIn,
  {
    browser = new Browser(),
    login = 'anna',
    ...more
  }: Partial<SignInRequest> & { browser?: Browser; login?: string } = {},
): Promise<Came> {
  const { url, checks } = await signIn.begin(request(more));
  const page = await browser.follow(url, CALLBACK);
  const end = page.location ? page : await through(browser, page, login);
  return { query: new URL(end.location!).searchParams, checks };
}

describe('a person signs in', () => {
  test.each<[string, string, object]>([
    ['with a secret in the header', 'basic', {}],
    ['with a secret in the form', 'post', { authentication: 'post' }],
    ['with PKCE alone', 'public', NO_SECRET],
    ['with a key', 'elliptic', { ...NO_SECRET, privateKey: pem(ELLIPTIC), keyId: 'one', algorithm: 'ES256' }],
    [
      'with a key in the older form',
      'elliptic',
      { ...NO_SECRET, privateKey: pem(ELLIPTIC, 'sec1'), algorithm: 'ES256' },
    ],
    [
      'with an Edwards key',
      'edwards',
      { ...NO_SECRET, privateKey: pem(EDWARDS as never), algorithm: 'EdDSA' },
    ],
  ])('at which we say who we are %s', async (_title, clientId, more) => {
    const signIn = client(clientId, more);
    const { query, checks } = await come(signIn);
    expect(await signIn.finish(query, checks)).toEqual({
      targetUserId: 'anna',
      name: 'anna Berg',
      username: 'anna',
      email: 'anna@example.test',
      emailVerified: true,
      amr: [],
    });
  });

  test.each<[string, string, object]>([
    ['a wrong secret', 'basic', { clientSecret: 'CANARY-another' }],
    [
      'a key of somebody else',
      'elliptic',
      {
        ...NO_SECRET,
        privateKey: pem(generateKeyPairSync('ec', { namedCurve: 'P-256' })),
        algorithm: 'ES256',
      },
    ],
  ])('and with %s is refused at the end', async (_title, clientId, more) => {
    const signIn = client(clientId, more);
    const { query, checks } = await come(signIn);
    expect(await failureOf(signIn.finish(query, checks))).toMatchObject({
      kind: 'refused',
      code: 'invalid_client',
    });
  });

  test('once for each code', async () => {
    const signIn = client('basic');
    const { query, checks } = await come(signIn);
    await signIn.finish(query, checks);
    expect(await failureOf(signIn.finish(query, checks))).toMatchObject({ code: 'invalid_grant' });
  });

  test('in the browser that began', async () => {
    const signIn = client('basic');
    const [mine, theirs] = [await come(signIn, { login: 'anna' }), await come(signIn, { login: 'bert' })];
    expect(await failureOf(signIn.finish(theirs.query, mine.checks))).toMatchObject({ code: 'wrong_state' });
    theirs.query.set('state', mine.checks.state);
    expect(await failureOf(signIn.finish(theirs.query, mine.checks))).toMatchObject({
      code: 'invalid_grant',
    });
  });

  test('and says no: that is a cancellation', async () => {
    const signIn = client('basic');
    const { url, checks } = await signIn.begin(request());
    const browser = new Browser();
    const page = await browser.follow(url, CALLBACK);
    const end = await browser.follow(`${page.url}/abort`, CALLBACK);
    const query = new URL(end.location!).searchParams;
    expect(await failureOf(signIn.finish(query, checks))).toMatchObject({
      kind: 'cancelled',
      code: 'access_denied',
    });
  });

  test('as who they are there already, and with another account where it was the wrong one', async () => {
    const signIn = client('basic');
    const browser = new Browser();
    await come(signIn, { browser, login: 'anna' });
    const again = await come(signIn, { browser, login: 'bert' });
    expect(await signIn.finish(again.query, again.checks)).toMatchObject({ targetUserId: 'anna' });
    const other = await come(signIn, { browser, login: 'bert', isOtherAccount: true });
    expect(await signIn.finish(other.query, other.checks)).toMatchObject({ targetUserId: 'bert' });
  });

  test('although the target was down when they came first', async () => {
    const port = await freePort();
    const signIn = client('basic', { issuer: `http://127.0.0.1:${port}` });
    expect(await failureOf(signIn.begin(request()))).toMatchObject({
      kind: 'unavailable',
      code: 'ECONNREFUSED',
    });
    const { server } = await startProvider(port);
    const { query, checks } = await come(signIn);
    expect(await signIn.finish(query, checks)).toMatchObject({ targetUserId: 'anna' });
    await stop(server);
  });
});

describe('the authorization request', () => {
  const parametersAt = async (more: object, asked: Partial<SignInRequest> = {}) => {
    const { url, checks } = await client('basic', more).begin(request(asked));
    return { asked: Object.fromEntries(new URL(url).searchParams), checks, address: url.split('?')[0] };
  };

  test('asks for a code, bound to the browser by state, nonce and PKCE', async () => {
    const { asked, checks, address } = await parametersAt({});
    expect(address).toBe(`${at.url}/auth`);
    expect(asked).toEqual({
      client_id: 'basic',
      response_type: 'code',
      redirect_uri: CALLBACK,
      scope: 'openid profile email',
      state: checks.state,
      nonce: checks.nonce,
      code_challenge: expect.stringMatching(/^[\w-]{43}$/),
      code_challenge_method: 'S256',
    });
    for (const secret of [checks.state, checks.nonce, checks.verifier]) expect(secret).toMatch(/^[\w-]{43}$/);
    expect(asked.code_challenge).not.toBe(checks.verifier);
  });

  test('shares nothing with the one before', async () => {
    const [one, two] = [await parametersAt({}), await parametersAt({})];
    const secrets = [one, two].flatMap(({ checks }) => [checks.state, checks.nonce, checks.verifier]);
    expect(new Set(secrets).size).toBe(6);
  });

  test('spares people the typing and speaks their language', async () => {
    const { asked } = await parametersAt({}, { hints: { email: 'anna@example.test' }, locale: 'de-AT' });
    expect(asked).toMatchObject({ login_hint: 'anna@example.test', ui_locales: 'de-AT' });
  });

  test('has the operator’s parameters and scopes, and always the scope openid', async () => {
    const parameters = { prompt: 'select_account', organization: 'acme' };
    const { asked } = await parametersAt({ parameters, scopes: ['email'] }, { isOtherAccount: true });
    expect(asked).toMatchObject({ ...parameters, scope: 'openid email' });
  });

  test('is not made for an organization', async () => {
    const signIn = client('basic');
    const failure = await failureOf(signIn.begin(request({ purpose: 'organization' })));
    expect(failure).toMatchObject({ kind: 'refused', code: 'no_organizations' });
    const { query, checks } = await come(signIn);
    expect(await failureOf(signIn.finish(query, { ...checks, purpose: 'organization' }))).toMatchObject({
      code: 'no_organizations',
    });
    expect(signIn.finishOrganization).toBeUndefined();
  });
});

describe('what is known of an issuer', () => {
  const DISCOVERY = 'GET /.well-known/openid-configuration';
  let issuer: Issuer;
  beforeEach(async () => {
    issuer = await openIssuer();
  });
  afterEach(() => issuer.close());
  const asked = () => issuer.requests.filter((one) => one === DISCOVERY).length;

  test('is not asked for before somebody comes, and then once for all who come at once', async () => {
    const signIn = client('basic', { issuer: issuer.url });
    expect(asked()).toBe(0);
    await Promise.all(Array.from({ length: 5 }, () => signIn.begin(request())));
    expect(asked()).toBe(1);
  });

  test('is asked for again after an hour, and a failure is forgotten at once', async () => {
    let now = 1_000_000;
    const [target] = settingsOf({ issuer: issuer.url });
    const signIn = openOidcSignIn({ signIn: target!.signIn! }, { nowSeconds: () => now });
    opened.push(signIn);
    issuer.metadata = { issuer: 'https://evil.example' };
    await failureOf(signIn.begin(request()));
    issuer.metadata = {};
    await signIn.begin(request());
    expect(asked()).toBe(2);
    now += 3_599;
    await signIn.begin(request());
    expect(asked()).toBe(2);
    now += 1;
    issuer.metadata = { authorization_endpoint: `${issuer.url}/moved` };
    expect((await signIn.begin(request())).url).toContain('/moved?');
    expect(asked()).toBe(3);
  });
});

test('a secret goes where the settings say, and nowhere else', async () => {
  const issuer = await openIssuer();
  const seen: { header: string | undefined; secret: string | null }[] = [];
  issuer.instead.set('/token', (req, res) => {
    req.setEncoding('utf8').on('data', (chunk) => {
      const secret = new URLSearchParams(chunk).get('client_secret');
      seen.push({ header: req.headers.authorization?.split(' ')[0], secret });
      res.writeHead(400).end();
    });
  });
  for (const authentication of ['basic', 'post']) {
    const signIn = client('basic', { issuer: issuer.url, authentication });
    const { url, checks } = await signIn.begin(request());
    await failureOf(signIn.finish(issuer.answer(url), checks));
  }
  expect(seen).toEqual([
    { header: 'Basic', secret: null },
    { header: undefined, secret: CLIENT.clientSecret },
  ]);
  await issuer.close();
});

test('an assertion is for the issuer, or for the token endpoint where only that is taken', async () => {
  const issuer = await openIssuer();
  const seen: string[] = [];
  issuer.instead.set('/token', (req, res) => {
    req.setEncoding('utf8').on('data', (chunk) => {
      const assertion = new URLSearchParams(chunk).get('client_assertion')!;
      seen.push(JSON.parse(Buffer.from(assertion.split('.')[1]!, 'base64url').toString()).aud);
      res.writeHead(400).end();
    });
  });
  const [target] = settingsOf({
    issuer: issuer.url,
    ...NO_SECRET,
    privateKey: pem(ELLIPTIC),
    algorithm: 'ES256',
  });
  for (const assertionFor of ['issuer', 'token-endpoint'] as const) {
    const signIn = openOidcSignIn({ signIn: target!.signIn! }, { assertionFor });
    opened.push(signIn);
    const { url, checks } = await signIn.begin(request());
    await failureOf(signIn.finish(issuer.answer(url), checks));
  }
  expect(seen).toEqual([issuer.url, `${issuer.url}/token`]);
  await issuer.close();
});
