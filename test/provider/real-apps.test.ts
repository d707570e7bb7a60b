/** The provider with legacy apps as they really are: a signed cookie that is recognised and given, and ends with our session. */
import { decodeJwt, SignJWT } from 'jose';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { touchSession } from '../../src/provider/session-touch.ts';
import { legacySessionSettings } from '../../src/sessions/legacy-session-settings.ts';
import type { LegacySessions } from '../../src/sessions/legacy-sessions.ts';
import { openLegacySessions } from '../../src/sessions/legacy-sessions.ts';
import type { Answer } from '../support/browser.ts';
import { Browser, field } from '../support/browser.ts';
import { execute } from '../support/database.ts';
import type { Person, Stage } from './harness.ts';
import {
  ANNA,
  authorizationUrl,
  BOB,
  CALLBACK,
  codeOf,
  legacyDown,
  logIn,
  openStage,
  redeem,
} from './harness.ts';

const KEY = 'a shared key of thirty-two bytes and more';
const COOKIE = 'shop_token';
const TOTP = { secret: Buffer.alloc(20, 7), digits: 6, periodSeconds: 30, algorithm: 'SHA1' } as const;
const TIM: Person = { login: 'tim', password: 'pw of tim', totp: TOTP };
const LENA: Person = { login: 'lena', password: 'pw of lena', state: 'disabled' };

let stage: Stage;
let apps: LegacySessions;
beforeAll(async () => {
  stage = await openStage({
    people: [ANNA, BOB, TIM, LENA],
    settings: { login: { failureFloorMs: 0, networkLookups: 1_000 } },
    overrides: ({ db, keyring, directory, settings, endings }) => {
      apps = openLegacySessions(
        legacySessionSettings.parse([
          {
            kind: 'jwt-cookie',
            name: 'shop',
            identifies: 'login',
            cookie: COOKIE,
            key: KEY,
            issuer: 'shop',
            audience: 'footbridge',
            create: {},
          },
        ]),
        {
          db,
          keyring,
          directory,
          stores: [{ name: 'main', prefix: 'shop:' }],
          checkSeconds: 30,
          onEnded: async ({ app, ids }) =>
            void (await endings.end({
              selection: { by: 'legacy', app, ids },
              cause: 'legacy',
              actor: `legacy:${app}`,
            })),
          onUsed: (used) => touchSession(db, settings.lifetimes, used),
        },
      );
      return { legacySessions: apps };
    },
  });
});
afterAll(async () => {
  await apps.close();
  await stage.close();
});
afterEach(async () => {
  stage.outage = undefined;
  await execute(stage.databaseUrl, 'truncate lookup_rates, legacy_sessions, session_endings');
});

const tokenOf = ({ login }: Pick<Person, 'login'>, claims: object = {}, key = KEY) =>
  new SignJWT({ auth_time: Math.floor(Date.now() / 1_000) - 120, ...claims })
    .setProtectedHeader({ alg: 'HS256' })
    .setIssuer('shop')
    .setAudience('footbridge')
    .setSubject(login)
    .setExpirationTime('10m')
    .sign(new TextEncoder().encode(key));
function browserWith(token: string): Browser {
  const browser = new Browser();
  browser.cookies.push({ name: COOKIE, value: token, path: '/', host: '127.0.0.1' });
  return browser;
}
const ask = (browser: Browser, params: Record<string, string> = {}) =>
  browser.follow(authorizationUrl(stage, params), CALLBACK);
const idTokenOf = async (answer: Answer) =>
  decodeJwt((await redeem(stage, codeOf(answer.location))).json<{ id_token: string }>().id_token);
const isLoginPage = ({ body }: Answer) => body.includes('name="password"');

test('whom the cookie names is signed in, with what it says of the login', async () => {
  const claims = await idTokenOf(await ask(browserWith(await tokenOf(ANNA, { amr: ['pwd'] }))));
  expect(claims).toMatchObject({ sub: 'shop:anna', amr: ['pwd'], acr: 'urn:footbridge:acr:1' });
  expect(Math.abs(Number(claims.auth_time) - (Date.now() / 1_000 - 120))).toBeLessThan(30);
});

test('a forged one, one of nobody and one of somebody locked say nothing', async () => {
  const tokens = [tokenOf(ANNA, {}, `another ${KEY}`), tokenOf({ login: 'nobody' }), tokenOf(LENA)];
  for (const token of tokens) expect(isLoginPage(await ask(browserWith(await token)))).toBe(true);
});

test('one that does not say when the login was is good for as long as any', async () => {
  const browser = browserWith(await tokenOf(ANNA, { auth_time: undefined }));
  expect(codeOf((await ask(browser)).location)).not.toBe('');
  browser.cookies = browser.cookies.filter(({ name }) => name !== COOKIE);
  expect(codeOf((await ask(browser, { prompt: 'none' })).location)).not.toBe('');
  // But nobody knows that it was a moment ago.
  expect(
    isLoginPage(await ask(browserWith(await tokenOf(BOB, { auth_time: undefined })), { max_age: '600' })),
  ).toBe(true);
});

test('a second factor that the person has must have been used', async () => {
  expect(isLoginPage(await ask(browserWith(await tokenOf(TIM, { amr: ['pwd'] }))))).toBe(true);
  const end = await ask(browserWith(await tokenOf(TIM, { amr: ['pwd', 'otp'] })));
  expect(await idTokenOf(end)).toMatchObject({ acr: 'urn:footbridge:acr:2' });
});

test('an outage of the legacy store leaves people to type their password, and tells it there', async () => {
  const browser = browserWith(await tokenOf(ANNA));
  stage.outage = legacyDown();
  const page = await ask(browser);
  expect(isLoginPage(page)).toBe(true);
  const form = {
    username: 'anna',
    password: ANNA.password,
    form_token: field(page.body, 'form_token') ?? '',
  };
  expect((await browser.visit(page.url, { form })).status).toBe(503);
});

test('a login here gives the cookie, which is known here, and no more once the person has logged out', async () => {
  const browser = new Browser();
  await logIn(stage, browser);
  const cookie = browser.cookies.find(({ name }) => name === COOKIE);
  expect(decodeJwt(cookie!.value)).toMatchObject({ sub: 'anna', iss: 'shop' });
  const elsewhere = browserWith(cookie!.value);
  expect(codeOf((await ask(elsewhere)).location)).not.toBe('');
  const page = await browser.visit(`${stage.issuer}/session/end`);
  await browser.visit(`${stage.issuer}/session/end/confirm`, {
    form: { xsrf: field(page.body, 'xsrf') ?? '', logout: 'yes' },
  });
  expect(browser.cookies.map(({ name }) => name)).not.toContain(COOKIE);
});

test('a cookie that our logout has ended lets nobody in again, in whatever browser', async () => {
  const token = await tokenOf(ANNA);
  const browser = browserWith(token);
  await ask(browser);
  const page = await browser.visit(`${stage.issuer}/session/end`);
  await browser.visit(`${stage.issuer}/session/end/confirm`, {
    form: { xsrf: field(page.body, 'xsrf') ?? '', logout: 'yes' },
  });
  expect(isLoginPage(await ask(browserWith(token)))).toBe(true);
});
