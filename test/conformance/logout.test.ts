/** RP-Initiated Logout 1.0 and Back-Channel Logout 1.0: what an OP must do and no other test already holds, by section. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createLocalJWKSet, decodeJwt, jwtVerify } from 'jose';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import type { Stage } from '../provider/harness.ts';
import {
  authorizationUrl,
  basic,
  CALLBACK,
  client,
  codeOf,
  logIn,
  openStage,
  VERIFIER,
} from '../provider/harness.ts';
import { Browser, field } from '../support/browser.ts';

const BYE = 'http://127.0.0.1:9/bye';
interface Told {
  readonly path: string;
  readonly type: string;
  readonly agent: string | undefined;
  readonly form: URLSearchParams;
}
const told: Told[] = [];
const receiver = createServer(async (req: IncomingMessage, res: ServerResponse) => {
  let body = '';
  for await (const chunk of req) body += chunk;
  const type = `${req.method} ${req.headers['content-type']}`;
  told.push({ path: req.url ?? '', type, agent: req.headers['user-agent'], form: new URLSearchParams(body) });
  res.writeHead(204).end();
});

let stage: Stage;
beforeAll(async () => {
  await new Promise<void>((resolve) => receiver.listen(0, '127.0.0.1', resolve));
  const origin = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}`;
  const at = (clientId: string, more: object = {}) =>
    client({ clientId, backchannelLogoutUri: `${origin}/${clientId}`, ...more });
  stage = await openStage({
    clients: [at('suite', { toldOfOwnLogout: true }), at('quiet'), at('es', { idTokenAlg: 'ES256' })],
    settings: { acceptedOrigins: [origin] },
  });
});
afterAll(async () => {
  await stage?.close();
  receiver.closeAllConnections();
  receiver.close();
});
afterEach(() => told.splice(0));

/** The ID token a client gets in this browser, which is signed in there afterwards. */
async function idToken(browser: Browser, client_id: string): Promise<string> {
  const silent = await browser.follow(authorizationUrl(stage, { client_id, prompt: 'none' }), CALLBACK);
  const end = codeOf(silent.location) ? silent : await logIn(stage, browser, { params: { client_id } });
  const answer = await new Browser().visit(`${stage.issuer}/token`, {
    form: {
      grant_type: 'authorization_code',
      code: codeOf(end.location),
      redirect_uri: CALLBACK,
      code_verifier: VERIFIER,
    },
    headers: basic(client_id),
  });
  return answer.json<{ id_token: string }>().id_token;
}

const endPage = (browser: Browser, params: Record<string, string>) =>
  browser.visit(`${stage.issuer}/session/end?${new URLSearchParams(params)}`);
const confirm = (browser: Browser, page: { body: string }) =>
  browser.visit(`${stage.issuer}/session/end/confirm`, {
    form: { xsrf: field(page.body, 'xsrf') ?? '', logout: 'yes' },
  });
const isSignedIn = async (browser: Browser) => {
  const params = { client_id: 'suite', prompt: 'none' };
  return codeOf((await browser.follow(authorizationUrl(stage, params), CALLBACK)).location) !== '';
};

describe('RP-Initiated Logout 1.0', () => {
  test('RP-Initiated Logout 2: a request by POST is answered as one by GET, and returns with the state', async () => {
    const browser = new Browser();
    const form = {
      id_token_hint: await idToken(browser, 'suite'),
      post_logout_redirect_uri: BYE,
      state: 's'.repeat(128),
    };
    const page = await browser.follow(`${stage.issuer}/session/end`, BYE, { form });
    expect(await isSignedIn(browser)).toBe(true);
    expect((await confirm(browser, page)).location).toBe(`${BYE}?state=${form.state}`);
    expect(await isSignedIn(browser)).toBe(false);
  });

  test('RP-Initiated Logout 2: a hint that is no longer valid is still good for its session', async () => {
    const browser = new Browser();
    const id_token_hint = await idToken(browser, 'suite');
    const { exp } = decodeJwt(id_token_hint);
    vi.useFakeTimers({ toFake: ['Date'], now: (exp! + 60) * 1000 });
    try {
      expect((await endPage(browser, { id_token_hint, post_logout_redirect_uri: BYE })).status).toBe(200);
    } finally {
      vi.useRealTimers();
    }
  });

  test('RP-Initiated Logout 2: client_id has to be the one that the hint was issued to', async () => {
    const browser = new Browser();
    const id_token_hint = await idToken(browser, 'suite');
    expect((await endPage(browser, { id_token_hint, client_id: 'quiet' })).status).toBe(400);
    expect((await endPage(browser, { id_token_hint, client_id: 'suite' })).status).toBe(200);
  });

  test('RP-Initiated Logout 2: a hint whose signature or content was changed is refused', async () => {
    const browser = new Browser();
    const hint = await idToken(browser, 'suite');
    const [header, payload, signature] = hint.split('.') as [string, string, string];
    const other = Buffer.from(JSON.stringify({ ...decodeJwt(hint), sub: 'shop:bob' })).toString('base64url');
    for (const id_token_hint of [
      `${header}.${other}.${signature}`,
      `${header}.${payload}.${'A'.repeat(signature.length)}`,
    ])
      expect((await endPage(browser, { id_token_hint })).status).toBe(400);
    expect(await isSignedIn(browser)).toBe(true);
  });

  test.each([{}, { state: 'x' }, { post_logout_redirect_uri: BYE }] as Record<string, string>[])(
    'RP-Initiated Logout 2: without hint and client (%j) the person is asked, and goes nowhere else',
    async (params) => {
      const browser = new Browser();
      await idToken(browser, 'suite');
      const page = await endPage(browser, params);
      expect(page.body).toContain('name="xsrf"');
      expect((await confirm(browser, page)).location).toBe(`${stage.issuer}/session/end/success`);
      expect(await isSignedIn(browser)).toBe(false);
    },
  );

  test('RP-Initiated Logout 3: an address that is not exactly a registered one is not gone to', async () => {
    const browser = new Browser();
    const id_token_hint = await idToken(browser, 'suite');
    for (const uri of [`${BYE}?foo=bar`, `${BYE}/`, 'https://evil.example/bye']) {
      const page = await endPage(browser, { id_token_hint, post_logout_redirect_uri: uri });
      expect([page.status, page.location]).toEqual([400, undefined]);
    }
  });
});

describe('Back-Channel Logout 1.0', () => {
  const logOut = async (browser: Browser, id_token_hint: string) =>
    confirm(browser, await endPage(browser, { id_token_hint }));
  const paths = () => told.map(({ path }) => path).sort();

  test('Back-Channel Logout 2.4: the logout token has what it must have and nothing it must not', async () => {
    const browser = new Browser();
    const hint = await idToken(browser, 'suite');
    const { sid } = decodeJwt(await idToken(browser, 'es'));
    await logOut(browser, hint);
    await expect.poll(paths, { timeout: 10_000 }).toEqual(['/es', '/suite']);
    const { form, type, agent } = told.find(({ path }) => path === '/es')!;
    expect(type).toBe('POST application/x-www-form-urlencoded');
    expect(agent).toBe('footbridge');
    expect([...form.keys()]).toEqual(['logout_token']);
    const keys = createLocalJWKSet((await new Browser().visit(`${stage.issuer}/jwks`)).json());
    const { payload, protectedHeader } = await jwtVerify(form.get('logout_token')!, keys, {
      issuer: stage.issuer,
      audience: 'es',
    });
    // Section 2.4: the algorithm of the client's ID tokens.
    expect(protectedHeader).toMatchObject({ alg: 'ES256', typ: 'logout+jwt' });
    expect(payload).toMatchObject({
      sub: 'shop:anna',
      sid,
      iat: expect.any(Number),
      exp: expect.any(Number),
      jti: expect.any(String),
      events: { 'http://schemas.openid.net/event/backchannel-logout': {} },
    });
    expect(payload).not.toHaveProperty('nonce');
    expect(payload.exp! - payload.iat!).toBeLessThanOrEqual(120);
  });

  test('Back-Channel Logout 2.5: a client that wants to be told of its own logouts is told, another is spared', async () => {
    const [one, two] = [new Browser(), new Browser()];
    await logOut(one, await idToken(one, 'suite'));
    await expect.poll(paths, { timeout: 10_000 }).toEqual(['/suite']);
    const hint = await idToken(two, 'quiet');
    await idToken(two, 'es');
    await logOut(two, hint);
    await expect.poll(paths, { timeout: 10_000 }).toEqual(['/es', '/suite']);
  });

  test('Back-Channel Logout 2.1: the metadata says that it is supported, with sessions', async () => {
    const answer = await new Browser().visit(`${stage.issuer}/.well-known/openid-configuration`);
    expect(answer.json()).toMatchObject({
      backchannel_logout_supported: true,
      backchannel_logout_session_supported: true,
    });
  });
});
