/** JWT IdP (docs/patterns/jwt-idp.md): who is logged in at the legacy system is handed over with a short-lived token. */
import { decodeJwt, SignJWT } from 'jose';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Person } from '../../../example/demo/people.ts';
import type { Answer } from '../../support/browser.ts';
import { Browser, field } from '../../support/browser.ts';
import type { LoginOutcome } from '../../support/zitadel/login-outcome.ts';
import type { Bridge } from './bridge.ts';
import { openBridge, subOf } from './bridge.ts';
import { expectNobody, expectWellFormed } from './ends.ts';
import { standInTest } from './place.ts';
import { expectSequence, FOUND_BY_LOGIN, MADE_BY_LOGIN, RETRIEVED, SESSION } from './sequences.ts';
import { TARGET } from './settings.ts';

const SHARED_KEY = 'a shared key of thirty-two bytes and more';
const COOKIE = 'legacy_token';
const ENDS = '/ui/v2/login/idp/oidc';

let bridge: Bridge;
beforeAll(async () => {
  bridge = await openBridge({
    change: (settings) => {
      const {
        provider,
        targets: [target],
      } = settings;
      const { issuer } = provider;
      provider.jwtIdp = {
        target: TARGET,
        login: 'v2',
        headerName: 'x-footbridge-jwt',
      };
      settings.legacySessions = [
        {
          kind: 'jwt-cookie',
          name: 'legacy',
          identifies: 'login',
          cookie: COOKIE,
          key: SHARED_KEY,
          issuer: 'https://legacy.example',
          audience: 'footbridge',
        },
      ];
      target.setup.hooks = ['events'];
      target.setup.jwtIdentityProvider = {
        issuer: `${issuer}/jwt`,
        endpoint: `${issuer}/jwt`,
        keysEndpoint: `${issuer}/jwt/jwks`,
        headerName: 'x-footbridge-jwt',
      };
    },
  });
});
afterAll(() => bridge?.close());
beforeEach(() => bridge.fresh());

/** A browser that is logged in at the legacy system. */
async function loggedIn({ login }: Pick<Person, 'login'>, key = SHARED_KEY): Promise<Browser> {
  const token = await new SignJWT({})
    .setProtectedHeader({ alg: 'HS256' })
    .setIssuer('https://legacy.example')
    .setAudience('footbridge')
    .setSubject(login)
    .setExpirationTime('5m')
    .sign(new TextEncoder().encode(key));
  const browser = new Browser();
  const { hostname: host } = new URL(bridge.issuer);
  browser.cookies.push({ name: COOKIE, value: token, path: '/', host });
  return browser;
}

const begin = async (browser: Browser) => {
  const login = bridge.loginV2(browser);
  const begun = await login.startProvider(await bridge.idp('jwt'));
  if (begun.kind !== 'redirect') throw new Error(JSON.stringify(begun));
  return { login, url: begun.url };
};
const submit = (browser: Browser, page: Answer, form: Record<string, string>) =>
  browser.follow(
    new URL(/<form[^>]*action="([^"]*)"/.exec(page.body)?.[1]?.replaceAll('&amp;', '&') ?? page.url, page.url)
      .href,
    bridge.zitadelUrl + ENDS,
    { form: { ...form, form_token: field(page.body, 'form_token') ?? '' } },
  );

/** As somebody who presses the button. */
async function handOver(browser: Browser): Promise<LoginOutcome> {
  const { login, url } = await begin(browser);
  const page = await browser.follow(url, bridge.zitadelUrl + ENDS);
  const end = await submit(browser, page, { choice: 'continue' });
  return login.openReturn(new URL(end.location ?? end.url));
}

const BEGUN = ['login → zitadel UserService/StartIdentityProviderIntent'];
const HANDED_OVER = [
  'browser → facade GET /jwt',
  'browser → facade POST /jwt',
  'facade → zitadel GET /idps/jwt',
  'zitadel → facade GET /jwt/jwks',
];

describe('somebody who is logged in at the legacy system', () => {
  test('is handed over after a button, made there of the token’s claims, and linked to our subject', async () => {
    const anna = await bridge.someone();
    expect(await handOver(await loggedIn(anna))).toMatchObject({ kind: 'logged-in', did: ['created'] });
    expectSequence(bridge, BEGUN, HANDED_OVER, RETRIEVED, MADE_BY_LOGIN, SESSION);
    expect(await bridge.usersOf(anna)).toMatchObject([
      {
        username: anna.login,
        email: anna.email,
        isEmailVerified: true,
        hasPassword: false,
        links: [`${await bridge.idp('jwt')}/${subOf(anna)}`],
      },
    ]);
    await bridge.deliver();
    // The ledger knows that they came; no password was typed, so there is none to move.
    expect(await bridge.row(anna)).toMatchObject({ state: 'authenticated', targetUserId: null });
    expect(await bridge.isFlagged(anna)).toBe(false);
  });

  test('is not handed over where the operator has excluded them', async () => {
    const anna = await bridge.someone();
    const flag = ['user', 'flag', subOf(anna), '--target', TARGET, '--event', 'exclude', '--execute'];
    expect(await bridge.cli(...flag)).toMatchObject({ code: 0 });
    const browser = await loggedIn(anna);
    const { url } = await begin(browser);
    const page = await browser.follow(url, bridge.zitadelUrl + ENDS);
    expect(await submit(browser, page, { choice: 'continue' })).toMatchObject({ location: undefined });
    expect(bridge.messages.taken().filter((text) => text.includes('/idps/jwt'))).toEqual([]);
    await expectNobody(bridge, anna);
  });

  test('is the same user the second time', async () => {
    const anna = await bridge.someone();
    await handOver(await loggedIn(anna));
    const [{ id: userId } = { id: '' }] = await bridge.usersOf(anna);
    bridge.fresh();
    expect(await handOver(await loggedIn(anna))).toMatchObject({ kind: 'logged-in', userId, did: [] });
    expectSequence(bridge, BEGUN, HANDED_OVER, RETRIEVED, FOUND_BY_LOGIN, SESSION);
  });

  test('is not handed over by following a link: without the button nothing leaves us', async () => {
    const anna = await bridge.someone();
    const browser = await loggedIn(anna);
    const { url } = await begin(browser);
    const page = await browser.follow(url, bridge.zitadelUrl + ENDS);
    expect([page.status, page.body.includes('Anna Sommerfeld')]).toEqual([200, true]);
    expectSequence(bridge, BEGUN, ['browser → facade GET /jwt']);
    await expectNobody(bridge, anna);
  });
});

describe('somebody whose token we do not believe', () => {
  test.each([
    ['is signed with another key', 'another key of thirty-two bytes and more'],
    ['is not there', undefined],
  ])('because it %s logs in at our page, and is handed over then', async (_why, key) => {
    const anna = await bridge.someone();
    const browser = key ? await loggedIn(anna, key) : new Browser();
    const { login, url } = await begin(browser);
    const page = await browser.follow(url, bridge.zitadelUrl + ENDS);
    expect(page.body).toContain('name="password"');
    const end = await submit(browser, page, { username: anna.login, password: anna.password });
    expect(await login.openReturn(new URL(end.location ?? end.url))).toMatchObject({ did: ['created'] });
  });

  test('and who types a wrong password is handed over to nobody', async () => {
    const anna = await bridge.someone();
    const browser = new Browser();
    const { url } = await begin(browser);
    const page = await browser.follow(url, bridge.zitadelUrl + ENDS);
    const end = await submit(browser, page, { username: anna.login, password: 'not hers' });
    expect(end.status).toBe(401);
    expect(bridge.messages.taken().filter((text) => text.includes('/idps/jwt'))).toEqual([]);
    await expectNobody(bridge, anna);
  });
});

describe('the token', () => {
  standInTest(
    'lives for less than a minute, and is of its own issuer',
    'only it shows what it was sent',
    async () => {
      const anna = await bridge.someone();
      await handOver(await loggedIn(anna));
      const { information } = [...bridge.standIn.instance.intents.values()].at(-1)!;
      const { idToken } = information!.oauth as { idToken: string };
      const { iss, sub, exp = 0, iat = 0 } = decodeJwt(idToken);
      expect([iss, sub]).toEqual([`${bridge.issuer}/jwt`, subOf(anna)]);
      expect(exp - iat).toBeLessThanOrEqual(60);
    },
  );
});

standInTest('the stand-in was asked for nothing malformed', 'it looks at itself', async () =>
  expectWellFormed(bridge),
);
