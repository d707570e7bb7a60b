import type { IncomingMessage } from 'node:http';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createLocalJWKSet, jwtVerify } from 'jose';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { until } from '../flows/server.ts';
import { Browser, field } from '../support/browser.ts';
import type { Stage } from './harness.ts';
import {
  authorizationUrl,
  BOB,
  basic,
  CALLBACK,
  client,
  codeOf,
  logIn,
  openStage,
  submitLogin,
} from './harness.ts';

interface Delivery {
  readonly path: string;
  readonly token: string;
}
const deliveries: Delivery[] = [];
let answers: number[] = [];
const receiver = createServer(async (req: IncomingMessage, res) => {
  let body = '';
  for await (const chunk of req) body += chunk;
  deliveries.push({ path: req.url ?? '', token: new URLSearchParams(body).get('logout_token') ?? '' });
  res.statusCode = answers.shift() ?? 204;
  res.end();
});

let stage: Stage;
beforeAll(async () => {
  await new Promise<void>((resolve) => receiver.listen(0, '127.0.0.1', resolve));
  const origin = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}`;
  const told = (clientId: string) => client({ clientId, backchannelLogoutUri: `${origin}/${clientId}` });
  stage = await openStage({
    clients: [
      told('first'),
      told('second'),
      client({ clientId: 'deaf', backchannelLogoutUri: 'http://127.0.0.2:9/none' }),
    ],
    settings: { acceptedOrigins: [origin] },
  });
});
afterAll(async () => {
  await stage.close();
  receiver.close();
});
beforeEach(() => {
  deliveries.length = 0;
  answers = [];
});

/** Logs in at each client in one browser. */
async function signedIn(...clients: string[]) {
  const browser = new Browser();
  const sids: Record<string, unknown> = {};
  for (const [i, client_id] of clients.entries()) {
    const end =
      i === 0
        ? await logIn(stage, browser, { params: { client_id } })
        : await browser.follow(authorizationUrl(stage, { client_id }), CALLBACK);
    const answer = await new Browser().visit(`${stage.issuer}/token`, {
      form: {
        grant_type: 'authorization_code',
        code: codeOf(end.location),
        redirect_uri: CALLBACK,
        code_verifier: 'v'.repeat(64),
      },
      headers: basic(client_id),
    });
    sids[client_id] = JSON.parse(
      Buffer.from(String(answer.json().id_token).split('.')[1]!, 'base64url').toString(),
    ).sid;
  }
  return { browser, sids };
}

async function logOut(browser: Browser, clientId: string) {
  const page = await browser.visit(`${stage.issuer}/session/end?client_id=${clientId}`, {
    headers: { accept: 'text/html' },
  });
  return browser.visit(`${stage.issuer}/session/end/confirm`, {
    form: { xsrf: field(page.body, 'xsrf')!, logout: 'yes' },
  });
}

test('a logout tells the other clients with a signed token that names the session, and spares the one that asked', async () => {
  const { browser, sids } = await signedIn('first', 'second');
  expect((await logOut(browser, 'first')).status).toBe(303);
  await until(async () => deliveries.length > 0);
  expect(deliveries.map(({ path }) => path)).toEqual(['/second']);
  const keys = createLocalJWKSet((await new Browser().visit(`${stage.issuer}/jwks`)).json());
  const { payload, protectedHeader } = await jwtVerify(deliveries[0]!.token, keys, {
    issuer: stage.issuer,
    audience: 'second',
  });
  expect(protectedHeader.typ).toBe('logout+jwt');
  expect(payload).toMatchObject({
    sub: 'shop:anna',
    sid: sids.second,
    events: { 'http://schemas.openid.net/event/backchannel-logout': {} },
  });
  expect(payload.nonce).toBeUndefined();
});

test('a client that fails is told again', async () => {
  answers = [500, 503, 204];
  const { browser } = await signedIn('first', 'second');
  await logOut(browser, 'first');
  await until(async () => deliveries.length === 3);
  expect(new Set(deliveries.map(({ path }) => path))).toEqual(new Set(['/second']));
});

test('a client at an internal address that nobody listed is not called, and the person does not wait for it', async () => {
  const { browser } = await signedIn('first', 'deaf');
  const before = stage.errors.length;
  expect((await logOut(browser, 'first')).status).toBe(303);
  expect(deliveries).toEqual([]);
  expect(stage.errors.length).toBe(before);
});

test('another person’s login in the same browser logs the first one out everywhere', async () => {
  const { browser } = await signedIn('first', 'second');
  const page = await browser.follow(
    authorizationUrl(stage, { client_id: 'first', prompt: 'login' }),
    CALLBACK,
  );
  expect(codeOf((await submitLogin(browser, page, BOB)).location)).not.toBe('');
  await until(async () => deliveries.length === 2);
  expect(deliveries.map(({ path }) => path).sort()).toEqual(['/first', '/second']);
});
