import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createLocalJWKSet, decodeJwt, jwtVerify } from 'jose';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { ensureKeys, loadKeys } from '../../src/provider/keys.ts';
import { until } from '../flows/server.ts';
import { Browser, field } from '../support/browser.ts';
import { execute } from '../support/database.ts';
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

type Answer = number | 'hang' | { status: number; headers: Record<string, string> };
interface Told {
  readonly path: string;
  readonly token: string;
}
const told: Told[] = [];
let answers: Answer[] = [];
const receiver = createServer(async (req: IncomingMessage, res: ServerResponse) => {
  let body = '';
  for await (const chunk of req) body += chunk;
  told.push({ path: req.url ?? '', token: new URLSearchParams(body).get('logout_token') ?? '' });
  const answer = answers.shift() ?? 204;
  if (answer === 'hang') return;
  if (typeof answer === 'number') res.writeHead(answer).end();
  else res.writeHead(answer.status, answer.headers).end();
});

let stage: Stage;
beforeAll(async () => {
  await new Promise<void>((resolve) => receiver.listen(0, '127.0.0.1', resolve));
  const { port } = receiver.address() as AddressInfo;
  const origin = `http://127.0.0.1:${port}`;
  const at = (clientId: string, base = origin) =>
    client({ clientId, name: `The ${clientId}`, backchannelLogoutUri: `${base}/${clientId}` });
  stage = await openStage({
    clients: [
      at('first'),
      at('second'),
      at('busy'),
      at('deaf', 'http://127.0.0.2:9'),
      // The receiver itself, by a name: what counts is where it leads.
      at('inside', `http://localhost:${port}`),
      at('nowhere', 'http://127.0.0.1:9'),
      client({ clientId: 'quiet' }),
    ],
    settings: { acceptedOrigins: [origin, 'http://127.0.0.1:9'] },
  });
});
afterAll(async () => {
  await stage.close();
  receiver.closeAllConnections();
  receiver.close();
});
beforeEach(async () => {
  // What the test before has begun ends before this one counts.
  await until(
    async () => (await sql('select 1 from logout_deliveries where lease is not null')).length === 0,
  );
  await sql('delete from logout_deliveries');
  told.length = 0;
  stage.told.length = 0;
  answers = [];
});
const sql = (text: string, values?: unknown[]) => execute(stage.databaseUrl, text, values);

async function tokens(browser: Browser, params: { client_id: string }, first: boolean) {
  const end = first
    ? await logIn(stage, browser, { params })
    : await browser.follow(authorizationUrl(stage, params), CALLBACK);
  return redeem(end, params.client_id);
}

async function redeem(end: { location?: string | undefined }, clientId: string) {
  const answer = await new Browser().visit(`${stage.issuer}/token`, {
    form: {
      grant_type: 'authorization_code',
      code: codeOf(end.location),
      redirect_uri: CALLBACK,
      code_verifier: 'v'.repeat(64),
    },
    headers: basic(clientId),
  });
  return answer.json();
}

/** The ID tokens that the clients got in a browser; they prove who asks for a logout. */
const hints = new WeakMap<Browser, Record<string, string>>();

/** Logs in at each client in one browser. */
async function signedIn(...clients: string[]) {
  const browser = new Browser();
  const sids: Record<string, unknown> = {};
  for (const [i, client_id] of clients.entries()) {
    const { id_token } = await tokens(browser, { client_id }, i === 0);
    hints.set(browser, { ...hints.get(browser), [client_id]: String(id_token) });
    sids[client_id] = decodeJwt(String(id_token)).sid;
  }
  return { browser, sids };
}

async function logOut(browser: Browser, clientId?: string, logout: { logout?: string } = { logout: 'yes' }) {
  const hint = hints.get(browser)?.[clientId ?? ''];
  const query = hint ? `?id_token_hint=${hint}` : clientId ? `?client_id=${clientId}` : '';
  const page = await browser.visit(`${stage.issuer}/session/end${query}`, {
    headers: { accept: 'text/html' },
  });
  return browser.visit(`${stage.issuer}/session/end/confirm`, {
    form: { xsrf: field(page.body, 'xsrf')!, ...logout },
  });
}
const results = () =>
  stage.told.map(({ name, result, code }) => [name, result, code].filter(Boolean).join(' '));
const isSignedIn = async (browser: Browser) =>
  codeOf(
    (await browser.follow(authorizationUrl(stage, { client_id: 'first', prompt: 'none' }), CALLBACK))
      .location,
  ) !== '';

describe('a logout', () => {
  test('tells the other clients with a signed token that names the session, and spares the one that asked', async () => {
    const { browser, sids } = await signedIn('first', 'second');
    expect((await logOut(browser, 'first')).status).toBe(303);
    await until(async () => told.length > 0);
    expect(told.map(({ path }) => path)).toEqual(['/second']);
    const keys = createLocalJWKSet((await new Browser().visit(`${stage.issuer}/jwks`)).json());
    const { payload, protectedHeader } = await jwtVerify(told[0]!.token, keys, {
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

  test('that no client asked for tells all of them', async () => {
    const { browser } = await signedIn('first', 'second', 'quiet');
    await logOut(browser);
    await until(async () => told.length === 2);
    expect(told.map(({ path }) => path).sort()).toEqual(['/first', '/second']);
    expect(await isSignedIn(browser)).toBe(false);
  });

  test('is one statement with everything that has to follow', async () => {
    const { browser } = await signedIn('first', 'second');
    const page = await browser.visit(`${stage.issuer}/session/end`);
    stage.statements.length = 0;
    await browser.visit(`${stage.issuer}/session/end/confirm`, {
      form: { xsrf: field(page.body, 'xsrf')!, logout: 'yes' },
    });
    const writes = stage.statements.filter((text) => text.includes('gate'));
    expect(writes).toHaveLength(1);
    expect(writes[0]).toMatch(
      /gate.*ending_ops.*ended_ops.*ended_legacy.*ended_targets.*ending_row.*ending_told/,
    );
  });

  test('that is declined ends nothing', async () => {
    const { browser } = await signedIn('first', 'second');
    expect((await logOut(browser, undefined, {})).status).toBe(303);
    expect(await isSignedIn(browser)).toBe(true);
    expect(await sql('select 1 from logout_deliveries')).toEqual([]);
  });

  test('takes the tokens along, but not those that were to outlive it', async () => {
    const browser = new Browser();
    const short = await tokens(browser, { client_id: 'first' }, true);
    const params = { client_id: 'second', scope: 'openid offline_access', prompt: 'consent' };
    const page = await browser.follow(authorizationUrl(stage, params), CALLBACK);
    const form = { form_token: field(page.body, 'form_token')!, choice: 'continue' };
    const long = await redeem(await browser.follow(page.url.split('?')[0]!, CALLBACK, { form }), 'second');
    await logOut(browser);
    const me = async ({ access_token }: { access_token?: unknown }) =>
      (
        await new Browser().visit(`${stage.issuer}/me`, {
          headers: { authorization: `Bearer ${access_token}` },
        })
      ).status;
    expect(await me(short)).toBe(401);
    const renewed = await new Browser().visit(`${stage.issuer}/token`, {
      form: { grant_type: 'refresh_token', refresh_token: String(long.refresh_token) },
      headers: basic('second'),
    });
    expect(renewed.status).toBe(200);
  });

  test('is answered at once while a client hangs, and the client is told again', async () => {
    answers = ['hang'];
    const { browser } = await signedIn('first', 'second');
    const startedAt = performance.now();
    expect((await logOut(browser, 'first')).status).toBe(303);
    expect(performance.now() - startedAt).toBeLessThan(2_000);
    await until(async () => stage.told.length === 1);
    expect(results()).toEqual(['second failed timeout']);
    await sql('update logout_deliveries set due_at = now()');
    await until(async () => stage.told.length === 2);
    expect(results()[1]).toBe('second done');
  });

  test('goes on with keys that were rotated meanwhile', async () => {
    await ensureKeys(stage.db, stage.parts.keyring);
    stage.front.reload(await loadKeys(stage.db, stage.parts.keyring));
    const { browser } = await signedIn('first', 'second');
    await logOut(browser, 'first');
    await until(async () => results().length === 1);
    expect([told.length, ...results()]).toEqual([1, 'second done']);
  });
});

describe('a client', () => {
  test('that fails is told again, with a token of its own each time', async () => {
    answers = [500, 302, 204];
    const { browser } = await signedIn('first', 'second');
    await logOut(browser, 'first');
    for (let tries = 1; tries < 3; tries += 1) {
      await until(async () => stage.told.length === tries);
      await sql('update logout_deliveries set due_at = now()');
    }
    await until(async () => stage.told.length === 3);
    expect(results()).toEqual(['second failed status_500', 'second failed status_302', 'second done']);
    expect(new Set(told.map(({ token }) => decodeJwt(token).jti)).size).toBe(3);
  });

  test('that asks for time is given it', async () => {
    answers = [{ status: 429, headers: { 'retry-after': '600' } }];
    const { browser } = await signedIn('first', 'busy');
    await logOut(browser, 'first');
    await until(async () => stage.told.length === 1);
    expect(results()).toEqual(['busy failed status_429']);
    const [row] = await sql(
      `select extract(epoch from due_at - now())::float8 as "in" from logout_deliveries`,
    );
    expect(Number(row!.in)).toBeGreaterThan(590);
  });

  test('that cannot be reached is told again', async () => {
    const { browser } = await signedIn('first', 'nowhere');
    await logOut(browser, 'first');
    await until(async () => stage.told.length === 1);
    expect(results()).toEqual(['nowhere failed unreachable']);
  });

  test.each(['deaf', 'inside'])(
    'at an internal address that nobody listed is not called, whatever its name (%s)',
    async (clientId) => {
      const { browser } = await signedIn('first', clientId);
      expect((await logOut(browser, 'first')).status).toBe(303);
      await until(async () => stage.told.length === 1);
      if (clientId === 'inside') expect(results()).toEqual(['inside dead refused']);
      expect(results()[0]).toMatch(/^(deaf|inside) (dead refused|failed unreachable)$/);
      expect(told).toEqual([]);
    },
  );

  test('that is in the settings no more is given up', async () => {
    await sql(`insert into logout_deliveries (ending, kind, name, sub, handle, attempts)
      select gen_random_uuid(), 'client', name, 'shop:anna', 's', 3 from unnest(array['gone', 'quiet']) name`);
    await until(async () => stage.told.length === 2);
    expect(results().sort()).toEqual(['gone dead unknown_recipient', 'quiet dead unknown_recipient']);
  });
});

test('another person’s login in the same browser logs the first one out everywhere', async () => {
  const { browser } = await signedIn('first', 'second');
  const page = await browser.follow(
    authorizationUrl(stage, { client_id: 'first', prompt: 'login' }),
    CALLBACK,
  );
  expect(codeOf((await submitLogin(browser, page, BOB)).location)).not.toBe('');
  await until(async () => told.length === 2);
  expect(told.map(({ path }) => path).sort()).toEqual(['/first', '/second']);
});

test('where the settings say so, a logout ends what the person has in other browsers', async () => {
  const other = await openStage({ logoutEnds: 'person' });
  try {
    const [one, two] = [new Browser(), new Browser()];
    await logIn(other, one);
    await logIn(other, two);
    const page = await one.visit(`${other.issuer}/session/end`);
    await one.visit(`${other.issuer}/session/end/confirm`, {
      form: { xsrf: field(page.body, 'xsrf')!, logout: 'yes' },
    });
    const silent = await two.follow(authorizationUrl(other, { prompt: 'none' }), CALLBACK);
    expect(codeOf(silent.location)).toBe('');
  } finally {
    await other.close();
  }
});

describe('the signed-out page', () => {
  const page = (browser: Browser, query = '') => browser.visit(`${stage.issuer}/session/end/success${query}`);

  test('says who is still being told, asks again without script, and says when all is done', async () => {
    answers = [500];
    const { browser } = await signedIn('first', 'second');
    const end = await logOut(browser, 'first');
    await until(async () => stage.told.length === 1);
    const shown = await browser.visit(end.location!);
    expect(shown.body).toContain('The second');
    expect(shown.body).toContain('we will keep trying');
    expect(shown.body).not.toContain('<script');
    expect(shown.headers.refresh).toBe('3; url=/session/end/success?again=1');
    await sql('update logout_deliveries set due_at = now()');
    await until(async () => stage.told.length === 2);
    const later = await page(browser, '?again=1');
    expect(later.body).toMatch(/The second<\/bdi> <span>signed out/);
    expect(later.headers.refresh).toBeUndefined();
  });

  test('asks ten times at most', async () => {
    answers = [500];
    const { browser } = await signedIn('first', 'second');
    await logOut(browser, 'first');
    await until(async () => stage.told.length === 1);
    expect((await page(browser, '?again=9')).headers.refresh).toBe('3; url=/session/end/success?again=10');
    for (const again of ['10', '99'])
      expect((await page(browser, `?again=${again}`)).headers.refresh).toBeUndefined();
    expect((await page(browser, '?again=x&again=y')).status).toBe(200);
  });

  test('shows nobody else’s logout, and nothing for a cookie that is not ours', async () => {
    answers = [500];
    const { browser } = await signedIn('first', 'second');
    const end = await logOut(browser, 'first');
    await until(async () => stage.told.length === 1);
    const cookie = [end.headers['set-cookie'] ?? []].flat().find((line) => line.startsWith('fb_ended='))!;
    expect(cookie).toMatch(/; Path=\/session\/end; Max-Age=600; HttpOnly; SameSite=Lax$/);
    const value = cookie.split(';')[0]!;
    const [{ ending } = { ending: '' }] = await sql('select ending from logout_deliveries');
    expect(value).not.toContain(String(ending));
    const shown = async (header: string) =>
      (await new Browser().visit(`${stage.issuer}/session/end/success`, { headers: { cookie: header } }))
        .body;
    expect(await shown(value)).toContain('The second');
    for (const forged of ['fb_ended=x', `fb_ended=${ending}`, `${value}x`, 'a=b'])
      expect(await shown(forged)).not.toContain('The second');
  });
});
