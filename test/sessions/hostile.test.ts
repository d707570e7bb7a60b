/**
 * What somebody tries who means harm, over HTTP: with a stolen cookie, a link, or as an app that reaches for what is not
 * its own.
 */
import { randomUUID } from 'node:crypto';
import { SignJWT } from 'jose';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { SIGNATURE_HEADER, signBody } from '../../src/migration/signature.ts';
import { touchSession } from '../../src/provider/session-touch.ts';
import { personEndedAt } from '../../src/sessions/ending/endings.ts';
import { peekOffer, takeOffer } from '../../src/sessions/hand-overs.ts';
import { legacySessionSettings } from '../../src/sessions/legacy-session-settings.ts';
import type { LegacySessionDeps, LegacySessions } from '../../src/sessions/legacy-sessions.ts';
import { openLegacySessions } from '../../src/sessions/legacy-sessions.ts';
import { noteRedeemed } from '../../src/sessions/registry.ts';
import { sessionsRoutes } from '../../src/sessions/sessions-routes.ts';
import { Secret } from '../../src/settings.ts';
import { openDb, statement } from '../../src/store/db.ts';
import { until } from '../flows/server.ts';
import type { Stage } from '../provider/harness.ts';
import {
  ANNA,
  authorizationUrl,
  BOB,
  CALLBACK,
  client,
  codeOf,
  logIn,
  openStage,
} from '../provider/harness.ts';
import type { Answer } from '../support/browser.ts';
import { Browser, field } from '../support/browser.ts';
import { execute } from '../support/database.ts';

const JWT_KEY = 'a shared key of thirty-two bytes and more';
const KEYS = {
  shop: 'the-shop-calls-with-this-key',
  desk: 'the-desk-calls-with-this-key',
  house: 'the-house-calls-with-this-key',
  club: 'the-club-calls-with-this-key',
};
const STORES = [
  { name: 'shop', prefix: 'shop:' },
  { name: 'club', prefix: 'club:' },
];
const keysOf = (app: keyof typeof KEYS) => [{ id: 'one', key: KEYS[app] }];
const APPS = [
  {
    kind: 'jwt-cookie',
    name: 'shop',
    identifies: 'login',
    cookie: 'shop_token',
    key: JWT_KEY,
    issuer: 'shop',
    audience: 'footbridge',
    keys: keysOf('shop'),
  },
  {
    kind: 'hand-over',
    name: 'desk',
    url: 'http://127.0.0.1:9/sign-in',
    clientIds: ['through-the-desk'],
    enters: true,
    identifies: 'login',
    keys: keysOf('desk'),
  },
  {
    kind: 'hand-over',
    name: 'house',
    askUrl: 'http://127.0.0.1:9/who',
    enters: true,
    identifies: 'login',
    clientIds: ['through-the-house'],
    keys: keysOf('house'),
  },
  {
    kind: 'http-hook',
    name: 'club',
    url: 'http://127.0.0.1:9/',
    cookies: ['CLUB'],
    store: 'club',
    keys: keysOf('club'),
  },
];

let stage: Stage;
/** Clients whose people wait between the app’s word and their session here. */
const held = new Set<string>();
let apps: LegacySessions;
beforeAll(async () => {
  stage = await openStage({
    people: [ANNA, BOB],
    clients: [
      client(),
      client({ clientId: 'through-the-desk' }),
      client({ clientId: 'through-the-house', initiateLoginUri: 'http://127.0.0.1:9/begin' }),
    ],
    settings: { login: { failureFloorMs: 0, networkLookups: 1_000 } },
    overrides: ({ db, keyring, directory, settings, endings }) => {
      const parsed = legacySessionSettings.parse(APPS);
      const onUsed: LegacySessionDeps['onUsed'] = (used) => touchSession(db, settings.lifetimes, used);
      const shared = { db, keyring, directory, stores: STORES, onUsed };
      apps = openLegacySessions(parsed, {
        ...shared,
        checkSeconds: 30,
        personEndedAt: (sub) => personEndedAt(db, sub),
        onEnded: async () => undefined,
      });
      const routes = sessionsRoutes({
        ...shared,
        apps: parsed,
        clients: [],
        issuer: settings.issuer,
        endings,
        onError: (error) => stage.errors.push(error),
        onRedeemed: (redeemed) => noteRedeemed({ db, keyring }, redeemed),
      });
      return {
        legacySessions: apps,
        offers: { peek: (token) => peekOffer(db, token), take: (what) => takeOffer(db, what) },
        routers: () => [routes],
        ledgerStatePart: (sub, clientId) =>
          held.has(clientId)
            ? {
                name: 'ledger_state',
                text: `select null::text as state from pg_advisory_xact_lock(4711)`,
                values: [],
              }
            : clientId === 'through-the-house' && sub === 'shop:bob'
              ? { name: 'ledger_state', text: `select 'cut-over'::text as state`, values: [] }
              : undefined,
      };
    },
  });
});
afterAll(async () => {
  await apps.close();
  await stage.close();
});
afterEach(async () => {
  await execute(
    stage.databaseUrl,
    'truncate lookup_rates, legacy_sessions, session_endings, hand_overs, oidc_records',
  );
});

const MINUTES_AGO = 5;
const tokenOf = (login: string, claims: object = {}) =>
  new SignJWT({ auth_time: Math.floor(Date.now() / 1_000) - MINUTES_AGO * 60, amr: ['pwd'], ...claims })
    .setProtectedHeader({ alg: 'HS256' })
    .setIssuer('shop')
    .setAudience('footbridge')
    .setSubject(login)
    .setExpirationTime('1h')
    .sign(new TextEncoder().encode(JWT_KEY));
/** Sent before what is there already, as a cookie with a longer path is. */
function withCookie(browser: Browser, value: string, path = '/'): Browser {
  browser.cookies.unshift({ name: 'shop_token', value, path, host: '127.0.0.1' });
  return browser;
}
const browserWith = (token: string) => withCookie(new Browser(), token);
const ask = (browser: Browser, params: Record<string, string> = {}) =>
  browser.follow(authorizationUrl(stage, params), CALLBACK);
const isLetIn = ({ location }: Answer) => codeOf(location) !== '';
/** Whether our own session is still there: no app is asked. */
async function isStillHere(browser: Browser): Promise<boolean> {
  const alone = browser.copy();
  alone.cookies = alone.cookies.filter(({ name }) => name.startsWith('fb_session'));
  return isLetIn(await ask(alone, { prompt: 'none' }));
}
async function logOut(browser: Browser): Promise<void> {
  const page = await browser.visit(`${stage.issuer}/session/end`);
  const form = { xsrf: field(page.body, 'xsrf') ?? '', logout: 'yes' };
  await browser.visit(`${stage.issuer}/session/end/confirm`, { form });
}
async function tell(app: keyof typeof KEYS, path: string, message: object) {
  const body = JSON.stringify({ id: randomUUID(), ...message });
  const signature = signBody(new Secret(KEYS[app]), Buffer.from(body), Math.floor(Date.now() / 1_000));
  const headers = { 'content-type': 'application/json', [SIGNATURE_HEADER]: signature };
  const answer = await fetch(`${stage.issuer}/legacy/sessions/${path}`, { method: 'POST', body, headers });
  return { status: answer.status, json: (await answer.json()) as Record<string, string> };
}

/** Presses the button of a page that an app has sent the browser to. */
async function entered(url: string): Promise<boolean> {
  const browser = new Browser();
  const page = await browser.visit(url);
  const action = /action="([^"]+)"/.exec(page.body)?.[1]?.replaceAll('&amp;', '&') ?? '/none';
  const form = { form_token: field(page.body, 'form_token') ?? '' };
  await browser.visit(new URL(action, stage.issuer).href, { form });
  return isStillHere(browser);
}

test('a signed token whose app has told of the logout lets nobody in again', async () => {
  const token = await tokenOf('anna', { sid: 's-1' });
  const browser = browserWith(token);
  expect(isLetIn(await ask(browser))).toBe(true);
  expect((await tell('shop', 'ended', { session: 's-1' })).status).toBe(200);
  expect(await isStillHere(browser)).toBe(false);
  expect(isLetIn(await ask(browserWith(token)))).toBe(false);
  // One of the same name, of a login after it, does.
  await execute(stage.databaseUrl, `update legacy_sessions set ended_at = now() - interval '2 minutes'`);
  const later = await tokenOf('anna', { sid: 's-1', auth_time: Math.floor(Date.now() / 1_000) - 60 });
  expect(isLetIn(await ask(browserWith(later)))).toBe(true);
});

test('nor one whose app has told that all of the person’s are over', async () => {
  const token = await tokenOf('anna', { sid: 's-2' });
  expect(isLetIn(await ask(browserWith(token)))).toBe(true);
  await tell('shop', 'ended', { username: 'anna' });
  expect(isLetIn(await ask(browserWith(token)))).toBe(false);
});

test('nor one whose app has told of a new password, although nobody had come by with it', async () => {
  const token = await tokenOf('anna', { sid: 's-3' });
  await tell('shop', 'ended', { username: 'anna', reason: 'password_changed' });
  expect(isLetIn(await ask(browserWith(token)))).toBe(false);
  expect(isLetIn(await ask(browserWith(await tokenOf('bob', { sid: 's-4' }))))).toBe(true);
});

test('nor one whose app has told of its logout before anybody came by with it', async () => {
  const token = await tokenOf('anna', { sid: 's-5' });
  await tell('shop', 'ended', { session: 's-5' });
  expect(isLetIn(await ask(browserWith(token)))).toBe(false);
});

test('a token that was ended here is the same when its signature is written in another way', async () => {
  const token = await tokenOf('anna');
  const browser = browserWith(token);
  await ask(browser);
  await logOut(browser);
  const digits = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
  const last = digits.indexOf(token.at(-1)!);
  const others = [1, 2, 3].map((bits) => token.slice(0, -1) + digits[(last & ~3) | ((last + bits) & 3)]);
  for (const other of [...others, `${token}=`])
    expect(isLetIn(await ask(browserWith(other))), other).toBe(false);
});

test('a stolen cookie’s session ends with the one of the person it was stolen from, whoever came by first', async () => {
  const token = await tokenOf('anna', { sid: 's-6' });
  const [thief, victim] = [browserWith(token), browserWith(token)];
  expect(isLetIn(await ask(thief))).toBe(true);
  expect(isLetIn(await ask(victim))).toBe(true);
  await tell('shop', 'ended', { session: 's-6' });
  expect(await isStillHere(victim)).toBe(false);
  expect(await isStillHere(thief)).toBe(false);
});

test('and so it does when the person logs out here', async () => {
  const token = await tokenOf('anna', { sid: 's-7' });
  const [victim, thief] = [browserWith(token), browserWith(token)];
  await ask(victim);
  await ask(thief);
  await logOut(victim);
  expect(await isStillHere(thief)).toBe(false);
  expect(isLetIn(await ask(browserWith(token)))).toBe(false);
});

test('of two cookies of one name with two people in them, none lets anybody in', async () => {
  const browser = browserWith(await tokenOf('anna', { sid: 's-8' }));
  withCookie(browser, await tokenOf('bob', { sid: 's-9' }), '/auth');
  expect(isLetIn(await ask(browser))).toBe(false);
});

test('an app names people of its own store only, also when it tells that they have left', async () => {
  const browser = new Browser();
  expect(isLetIn(await logIn(stage, browser))).toBe(true);
  await tell('club', 'ended', { sub: 'shop:anna' });
  await tell('club', 'ended', { username: 'anna' });
  await tell('club', 'ended', { username: 'anna', reason: 'deactivated' });
  expect(await isStillHere(browser)).toBe(true);
  await tell('desk', 'ended', { username: 'anna' });
  expect(await isStillHere(browser)).toBe(false);
});

test('a link that was offered is good for nothing once the session has ended at the app', async () => {
  const offer = async () =>
    (await tell('desk', 'offer', { username: 'anna', session: 'd-1' })).json.url ?? '';
  expect(await entered(await offer())).toBe(true);
  for (const left of [{ session: 'd-1' }, { username: 'anna' }]) {
    const url = await offer();
    await tell('desk', 'ended', left);
    expect(await entered(url)).toBe(false);
  }
});

test('a hand-over to an app is good for nothing once the login it came from has ended', async () => {
  const browser = new Browser();
  const page = await browser.follow(authorizationUrl(stage, { client_id: 'through-the-desk' }), CALLBACK);
  const form = {
    username: 'anna',
    password: ANNA.password,
    form_token: field(page.body, 'form_token') ?? '',
  };
  const sent = await browser.visit(page.url.split('?')[0]!, { form });
  const token = new URL(sent.location ?? 'x:').searchParams.get('token') ?? '';
  expect(token).not.toBe('');
  const [uid = ''] = /[^/?]+(?=\?|$)/.exec(page.url) ?? [];
  expect(isLetIn(await browser.follow(`${stage.issuer}/auth/${uid}`, CALLBACK))).toBe(true);
  await logOut(browser);
  expect((await tell('desk', 'redeem', { token, session: 'd-2' })).status).toBe(404);
});

test('whoever has moved for good is let in by no app, whichever way it says who is there', async () => {
  const at = { client_id: 'through-the-house' };
  const arrive = async (login: string) => {
    const browser = new Browser();
    const sent = await browser.visit(authorizationUrl(stage, at));
    const state = new URL(sent.location ?? 'x:').searchParams.get('state') ?? '';
    const { url = '' } = (await tell('house', 'offer', { username: login, session: `h-${login}`, state }))
      .json;
    return isLetIn(await browser.follow(url, CALLBACK));
  };
  expect(await arrive('anna')).toBe(true);
  expect(await arrive('bob')).toBe(false);
  const enter = async (login: string) => {
    const offered = { username: login, session: `i-${login}`, client: 'through-the-house' };
    return entered((await tell('house', 'offer', offered)).json.url ?? '');
  };
  expect(await enter('anna')).toBe(true);
  expect(await enter('bob')).toBe(false);
  expect(isLetIn(await ask(browserWith(await tokenOf('anna')), at))).toBe(true);
  // The next app is asked instead.
  const asked = await browserWith(await tokenOf('bob')).visit(authorizationUrl(stage, at));
  expect(asked.location).toContain('/who?');
});

test('a logout that comes between the word of the app and the session here ends that as well', async () => {
  const gate = openDb({ url: stage.databaseUrl });
  const browser = browserWith(await tokenOf('anna', { sid: 's-10' }));
  const waiting = statement(`select 1 from pg_locks where locktype = 'advisory' and not granted`);
  held.add('app');
  let entered: Promise<Answer> | undefined;
  await gate.transaction(async (tx) => {
    await tx.run(statement('select pg_advisory_xact_lock(4711)'));
    entered = ask(browser);
    await until(async () => (await stage.db.run(waiting)).length > 0);
    await tell('shop', 'ended', { session: 's-10' });
  });
  held.clear();
  await entered;
  await until(async () => !(await isStillHere(browser)));
  await gate.close();
});
