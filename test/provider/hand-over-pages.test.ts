/** People whom a legacy app hands over by way of the browser: because we asked it to, or by its own wish. */
import { decodeJwt } from 'jose';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { recordKey } from '../../src/provider/record.ts';
import { peekOffer, storeOffer, takeOffer } from '../../src/sessions/hand-overs.ts';
import { legacySessionsOf } from '../../src/sessions/registry.ts';
import type { Answer } from '../support/browser.ts';
import { Browser, field } from '../support/browser.ts';
import { execute } from '../support/database.ts';
import type { Person, Stage } from './harness.ts';
import {
  ANNA,
  authorizationUrl,
  BOB,
  CALLBACK,
  client,
  codeOf,
  legacyDown,
  logIn,
  openStage,
  redeem,
} from './harness.ts';
import type { LegacyWorld } from './legacy-world.ts';
import { APP, APP_COOKIE, legacyWorld } from './legacy-world.ts';

const APP_URL = 'https://shop.example/who-is-there';
const OTHER_URL = 'https://forum.example/who-is-there';
const CLIENT_URL = 'https://app.example/begin?kept=1';
const LENA: Person = { login: 'lena', password: 'pw of lena', state: 'disabled' };

let stage: Stage;
let world: LegacyWorld;
let apps: string[] = [APP];
beforeAll(async () => {
  stage = await openStage({
    people: [ANNA, BOB, LENA],
    clients: [client({ initiateLoginUri: CLIENT_URL }), client({ clientId: 'quiet', name: 'The Quiet One' })],
    settings: { login: { failureFloorMs: 0, networkLookups: 10_000 } },
    overrides: ({ keyring, directory, db }) => {
      world = legacyWorld(
        {
          asks: () =>
            apps.map((app) => ({
              app,
              url: (state) => `${app === APP ? APP_URL : OTHER_URL}?${new URLSearchParams({ state })}`,
            })),
        },
        { keyring, userByLogin: async (login) => (await directory.findByLogin(login))?.user },
      );
      return {
        legacySessions: world,
        offers: { peek: (token) => peekOffer(db, token), take: (what) => takeOffer(db, what) },
      };
    },
  });
});
afterAll(() => stage.close());
beforeEach(() => {
  apps = [APP];
  world.isDown = false;
});
afterEach(() => execute(stage.databaseUrl, 'truncate legacy_sessions, session_endings'));

let serial = 0;
/** The app says that this person is signed in there. */
const offer = (
  { login }: Pick<Person, 'login'>,
  about: { app?: string; state?: string; client?: string } = {},
): Promise<string> => {
  const found = { handle: `handle-${++serial}`, person: { by: 'login', value: login }, amr: [] } as const;
  return storeOffer(stage.db, { app: APP, ...about, found });
};
const ask = (browser: Browser, params: Record<string, string | undefined> = {}) =>
  browser.visit(authorizationUrl(stage, params));
const stateIn = (answer: Answer) => new URL(answer.location ?? 'x:').searchParams.get('state') ?? '';
const comeBack = (browser: Browser, params: Record<string, string>) =>
  browser.visit(`${stage.issuer}/legacy/sessions/return?${new URLSearchParams(params)}`);
const comeBackAs = async (browser: Browser, state: string, person: Pick<Person, 'login'>, app = APP) =>
  comeBack(browser, { state, token: await offer(person, { state, app }) });
const follow = (browser: Browser, answer: Answer) => browser.follow(answer.location ?? '', CALLBACK);
const subOf = async (answer: Answer) =>
  decodeJwt((await redeem(stage, codeOf(answer.location))).json<{ id_token: string }>().id_token).sub;
const errorOf = (answer: Answer) => new URL(answer.location ?? 'x:').searchParams.get('error');
const isLoginPage = ({ body }: Answer) => body.includes('name="password"');
const whoIsHere = async (browser: Browser) => {
  const before = apps;
  apps = [];
  const end = await browser.follow(authorizationUrl(stage, { prompt: 'none' }), CALLBACK);
  apps = before;
  return errorOf(end) ?? (await subOf(end));
};

describe('an app that can only be asked by way of the browser', () => {
  test('is asked, and whoever it names is logged in', async () => {
    const browser = new Browser();
    const away = await ask(browser, { state: 'a state of the client’s' });
    expect([away.status, away.location?.split('?')[0]]).toEqual([303, APP_URL]);
    const back = await comeBackAs(browser, stateIn(away), ANNA);
    const end = await follow(browser, back);
    expect(new URL(end.location!).searchParams.get('state')).toBe('a state of the client’s');
    expect(await subOf(end)).toBe('shop:anna');
    const [{ uid }] = (await execute(
      stage.databaseUrl,
      `select payload ->> 'uid' as uid from oidc_records where kind = 'Session' and payload ->> 'uid' like 'r%-%' order by expires_at desc limit 1`,
    )) as [{ uid: string }];
    expect(await legacySessionsOf(stage.db, recordKey('uid', uid))).toMatchObject([{ sub: 'shop:anna' }]);
  });

  test('is asked for a silent request as well, which gets its answer either way', async () => {
    const browser = new Browser();
    const away = await ask(browser, { prompt: 'none' });
    const back = await comeBackAs(browser, stateIn(away), ANNA);
    expect(codeOf((await follow(browser, back)).location)).not.toBe('');
    const nobody = new Browser();
    const nowhere = await comeBack(nobody, { state: stateIn(await ask(nobody, { prompt: 'none' })) });
    expect(errorOf(await follow(nobody, nowhere))).toBe('login_required');
  });

  test('that knows nobody is not asked again for a while; others still are', async () => {
    apps = [APP, 'forum'];
    const browser = new Browser();
    const first = await comeBack(browser, { state: stateIn(await ask(browser)) });
    const second = await browser.visit(first.location ?? '');
    expect(second.location?.split('?')[0]).toBe(OTHER_URL);
    const page = await follow(browser, await comeBack(browser, { state: stateIn(second) }));
    expect(isLoginPage(page)).toBe(true);
    expect(isLoginPage(await browser.follow(authorizationUrl(stage), CALLBACK))).toBe(true);
  });

  test.each([
    ['names nobody we know', (state: string) => offer({ login: 'nobody' }, { state })],
    ['names somebody who may not log in', (state: string) => offer(LENA, { state })],
    ['is not the one that was asked', (state: string) => offer(ANNA, { state, app: 'forum' })],
    ['was not asked', () => offer(ANNA)],
    ['has nothing of the kind', async () => 'never-issued'],
  ])('that %s has said nothing', async (_what, tokenFor) => {
    const browser = new Browser();
    const state = stateIn(await ask(browser));
    const back = await comeBack(browser, { state, token: await tokenFor(state) });
    expect(isLoginPage(await follow(browser, back))).toBe(true);
  });

  test('that is asked while the legacy store is down leaves people to type their password', async () => {
    const browser = new Browser();
    const state = stateIn(await ask(browser));
    const { accept } = world;
    Object.assign(world, { accept: () => Promise.reject(legacyDown()) });
    const back = await comeBackAs(browser, state, ANNA);
    Object.assign(world, { accept });
    expect(isLoginPage(await follow(browser, back))).toBe(true);
  });

  test('is not asked in another site’s frame, nor where the password is wanted anyway', async () => {
    const framed = await new Browser().visit(authorizationUrl(stage), {
      headers: { 'sec-fetch-dest': 'iframe' },
    });
    expect(framed.location).toContain('/login/');
    expect((await ask(new Browser(), { prompt: 'login' })).location).toContain('/login/');
  });

  test('is not asked with a request that is too long to come back', async () => {
    const state = Array.from({ length: 2_000 }, () => Math.random().toString(36).charAt(2)).join('');
    expect((await ask(new Browser(), { state })).location).toContain('/login/');
  });

  test('is not asked where somebody is logged in, nor right after a logout', async () => {
    const browser = new Browser();
    apps = [];
    await logIn(stage, browser);
    apps = [APP];
    expect(codeOf((await ask(browser)).location)).not.toBe('');
    const page = await browser.visit(`${stage.issuer}/session/end`);
    await browser.visit(`${stage.issuer}/session/end/confirm`, {
      form: { xsrf: field(page.body, 'xsrf') ?? '', logout: 'yes' },
    });
    expect((await ask(browser)).location).toContain('/login/');
  });
});

describe('coming back', () => {
  test('is for the browser that was sent: a link from somebody else logs nobody in', async () => {
    const attacker = new Browser();
    const state = stateIn(await ask(attacker));
    const victim = new Browser();
    await ask(victim);
    const answer = await comeBackAs(victim, state, ANNA);
    expect([answer.status, answer.location]).toEqual([400, undefined]);
    expect(await whoIsHere(victim)).toBe('login_required');
    expect((await comeBackAs(new Browser(), state, ANNA)).status).toBe(400);
  });

  test('with a made-up state leads nowhere', async () => {
    const browser = new Browser();
    await ask(browser);
    const answer = await comeBackAs(browser, 'made-up', ANNA);
    expect([answer.status, answer.location]).toEqual([400, undefined]);
  });

  test('with a token that was used before logs nobody in', async () => {
    const browser = new Browser();
    const state = stateIn(await ask(browser));
    const token = await offer(ANNA, { state });
    const before = browser.copy();
    await comeBack(browser, { state, token });
    expect(await whoIsHere(browser)).toBe('shop:anna');
    await comeBack(before, { state, token });
    expect(await whoIsHere(before)).toBe('login_required');
    const other = new Browser();
    await comeBack(other, { state: stateIn(await ask(other)), token: await offer(ANNA, { state }) });
    expect(await whoIsHere(other)).toBe('login_required');
  });

  test('works for two tabs at once', async () => {
    const browser = new Browser();
    const [one, two] = [await ask(browser), await ask(browser)];
    const end = await follow(browser, await comeBackAs(browser, stateIn(one), ANNA));
    expect(codeOf(end.location)).not.toBe('');
    const other = await comeBackAs(browser, stateIn(two), ANNA);
    expect(codeOf((await follow(browser, other)).location)).not.toBe('');
  });

  test('leaves alone whoever has logged in in the meantime', async () => {
    const browser = new Browser();
    const state = stateIn(await ask(browser));
    apps = [];
    await logIn(stage, browser, { person: BOB });
    await comeBackAs(browser, state, ANNA);
    expect(await whoIsHere(browser)).toBe('shop:bob');
  });
});

describe('an app that sends somebody by itself', () => {
  const arrive = (browser: Browser, token: string, clientId = 'app') =>
    browser.visit(
      `${stage.issuer}/legacy/sessions/enter?${new URLSearchParams({ token, client: clientId })}`,
    );
  const press = (browser: Browser, page: Answer, headers: Record<string, string> = {}) => {
    const action = /<form[^>]*action="([^"]*)"/.exec(page.body)?.[1]?.replaceAll('&amp;', '&') ?? '';
    const form = { form_token: field(page.body, 'form_token') ?? '' };
    return browser.visit(new URL(action, stage.issuer).href, { form, headers });
  };

  test('names them to us; they are asked, logged in, and sent to the client', async () => {
    const browser = new Browser();
    const token = await offer(ANNA, { client: 'app' });
    const page = await arrive(browser, token);
    expect(page.status).toBe(200);
    expect(page.body).toContain('anna Example');
    expect(page.body).toContain('The App');
    expect(page.body).not.toContain(token);
    expect(await whoIsHere(browser)).toBe('login_required');
    const end = await press(browser, page);
    expect(end.status).toBe(303);
    expect(end.location?.startsWith('https://app.example/begin?')).toBe(true);
    expect(Object.fromEntries(new URL(end.location!).searchParams)).toEqual({
      kept: '1',
      iss: stage.issuer,
      login_hint: 'shop:anna',
    });
    expect(await whoIsHere(browser)).toBe('shop:anna');
  });

  test('is thanked with a page where the client has no place to begin', async () => {
    for (const [clientId, words] of [
      ['quiet', 'The Quiet One'],
      ['unknown', 'go back to the application'],
    ] as const) {
      const browser = new Browser();
      const end = await press(browser, await arrive(browser, await offer(ANNA, { client: clientId })));
      expect(end.status).toBe(200);
      expect(end.body).toContain(words);
      expect(await whoIsHere(browser)).toBe('shop:anna');
    }
  });

  test('speaks the person’s language', async () => {
    const url = (token: string) => `${stage.issuer}/legacy/sessions/enter?token=${token}`;
    for (const [language, words] of [
      ['de', 'Mit diesem Konto anmelden?'],
      ['fr', 'Se connecter avec ce compte'],
    ] as const) {
      const page = await new Browser().visit(url(await offer(ANNA)), {
        headers: { 'accept-language': language },
      });
      expect(page.body).toContain(words);
    }
  });

  test('logs in nobody whose browser did not show the page, or by another site’s form', async () => {
    const attacker = new Browser();
    const page = await arrive(attacker, await offer(ANNA, { client: 'app' }));
    const victim = new Browser();
    await ask(victim);
    expect((await press(victim, page)).status).toBe(403);
    expect(await whoIsHere(victim)).toBe('login_required');
    expect((await press(attacker, page, { origin: 'https://evil.example' })).status).toBe(403);
    expect((await press(attacker, page, { 'sec-fetch-site': 'cross-site' })).status).toBe(403);
    const forged = {
      ...page,
      body: page.body.replace(/name="form_token" value="[^"]*"/, 'name="form_token" value="x"'),
    };
    expect((await press(attacker, forged)).status).toBe(403);
    expect((await press(attacker, page)).status).toBe(303);
  });

  test('logs in once per token', async () => {
    const [first, second] = [new Browser(), new Browser()];
    const token = await offer(ANNA, { client: 'app' });
    const [one, two] = [await arrive(first, token), await arrive(second, token)];
    expect((await press(first, one)).status).toBe(303);
    expect((await press(second, two)).status).toBe(400);
    expect(await whoIsHere(second)).toBe('login_required');
    expect((await arrive(new Browser(), token)).status).toBe(400);
  });

  test.each([
    ['nobody we know', () => offer({ login: 'nobody' })],
    ['somebody who may not log in', () => offer(LENA)],
    ['somebody whom we have asked about', () => offer(ANNA, { state: 'a state' })],
    ['nothing of the kind', async () => 'never-issued'],
  ])('and means %s gets a page that says so', async (_whom, token) => {
    const answer = await arrive(new Browser(), await token());
    expect(answer.status).toBe(400);
    expect(answer.headers['content-type']).toContain('text/html');
  });

  test('replaces somebody else, whose session ends, and leaves the same person logged in', async () => {
    const browser = new Browser();
    apps = [];
    await logIn(stage, browser, { person: BOB });
    const other = browser.copy();
    other.cookies = other.cookies.filter(({ name }) => name !== APP_COOKIE);
    await press(browser, await arrive(browser, await offer(ANNA)));
    expect(await whoIsHere(browser)).toBe('shop:anna');
    expect(await whoIsHere(other)).toBe('login_required');
    expect(await execute(stage.databaseUrl, 'select cause from session_endings')).toEqual([
      { cause: 'replaced' },
    ]);
    const session = browser.cookies.find(({ name }) => name === 'fb_session')?.value;
    await press(browser, await arrive(browser, await offer(ANNA)));
    expect(browser.cookies.find(({ name }) => name === 'fb_session')?.value).toBe(session);
  });
});

test('without hand-overs there are no such pages', async () => {
  const plain = await openStage();
  try {
    for (const path of ['return?state=x', 'enter?token=x'])
      expect((await new Browser().visit(`${plain.issuer}/legacy/sessions/${path}`)).status).toBe(404);
  } finally {
    await plain.close();
  }
});
