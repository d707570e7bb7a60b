/** Whoever is signed in at a legacy app is signed in here, as far as that goes. */
import { decodeJwt } from 'jose';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { find, proveParts, statePart } from '../../src/migration/ledger.ts';
import { TICKET_CLAIM } from '../../src/provider/claims.ts';
import { recordKey } from '../../src/provider/record.ts';
import { legacySessionsOf, legacySessionsOfPerson } from '../../src/sessions/registry.ts';
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
  logIn,
  openStage,
  redeem,
  submitLogin,
} from './harness.ts';
import type { LegacyWorld } from './legacy-world.ts';
import { APP_COOKIE, legacyWorld } from './legacy-world.ts';

const LENA: Person = { login: 'lena', password: 'pw of lena', state: 'disabled' };
const EXPIRED = 3 * 86_400;
const now = () => Math.floor(Date.now() / 1_000);

let stage: Stage;
let world: LegacyWorld;
let tickets: { authTime: number; startedAt: number }[] = [];
const clients = ['app', 'second'].map((clientId) =>
  client({ clientId, backchannelLogoutUri: `https://${clientId}.example/` }),
);
beforeAll(async () => {
  stage = await openStage({
    people: [ANNA, BOB, LENA],
    clients,
    settings: { login: { failureFloorMs: 0, networkLookups: 1_000 } },
    overrides: ({ keyring, directory }) => {
      world = legacyWorld(
        {},
        { keyring, userByLogin: async (login) => (await directory.findByLogin(login))?.user },
      );
      return {
        legacySessions: world,
        // As public.ts does for a target's client.
        ledgerStatePart: (sub, clientId) => (clientId === 'app' ? statePart('main', sub) : undefined),
        loginParts: async ({ user: sub, clientId, amr }) =>
          clientId === 'app'
            ? proveParts({
                target: 'main',
                sub,
                legacyId: sub,
                amr,
                subject: keyring.mac('audit-subject', sub),
              })
            : [],
        ticket: async ({ authTime, startedAt }) => {
          tickets.push({ authTime, startedAt });
          return `ticket since ${startedAt}`;
        },
      };
    },
  });
});
afterAll(() => stage.close());
beforeEach(() => {
  tickets = [];
  Object.assign(world, { session: {}, isDown: false });
  for (const list of [world.recognitions, world.visits, world.logins]) list.length = 0;
  world.ended.clear();
});
afterEach(async () => {
  await execute(stage.databaseUrl, 'truncate ledger, legacy_sessions, lookup_rates');
});

/** A browser in which this person is signed in at the legacy app. */
function known({ login }: Pick<Person, 'login'>): Browser {
  const browser = new Browser();
  browser.cookies.push({ name: APP_COOKIE, value: login, path: '/', host: '127.0.0.1' });
  return browser;
}
const ask = (browser: Browser, params: Record<string, string | undefined> = {}) =>
  browser.follow(authorizationUrl(stage, params), CALLBACK);
const errorOf = (answer: Answer) => new URL(answer.location ?? 'x:').searchParams.get('error');
const idTokenOf = async (answer: Answer) =>
  decodeJwt((await redeem(stage, codeOf(answer.location))).json<{ id_token: string }>().id_token);
const isLoginPage = ({ body }: Answer) => body.includes('name="password"');
const sessionUids = async () =>
  (
    await execute(
      stage.databaseUrl,
      `select payload ->> 'uid' as uid, payload ->> 'accountId' as sub from oidc_records where kind = 'Session' order by expires_at`,
    )
  ).map(({ uid, sub }) => ({ uid: String(uid), sub }));

describe('somebody who is signed in at a legacy app', () => {
  test('gets a code without a page, and the client learns when and how they proved who they are', async () => {
    const authTime = now() - 100;
    world.session = { authTime, amr: ['pwd'] };
    const end = await ask(known(ANNA));
    expect(await idTokenOf(end)).toMatchObject({
      sub: 'shop:anna',
      auth_time: authTime,
      amr: ['pwd'],
      acr: 'urn:footbridge:acr:1',
    });
  });

  test('gets a session of ours, to which the legacy session belongs', async () => {
    const browser = known(ANNA);
    await ask(browser);
    const [session] = (await sessionUids()).slice(-1);
    expect(session?.uid).toMatch(/^r[0-9a-z]{7}-[\w-]{22}$/);
    const rows = await legacySessionsOf(stage.db, recordKey('uid', session!.uid));
    expect(rows).toMatchObject([{ app: 'shop', sub: 'shop:anna', origin: 'recognised' }]);
    // From then on it is an ordinary session.
    browser.cookies = browser.cookies.filter(({ name }) => name !== APP_COOKIE);
    expect(codeOf((await ask(browser, { client_id: 'second', prompt: 'none' })).location)).not.toBe('');
    expect(world.recognitions).toEqual(['anna']);
  });

  test('is known to a silent request as well', async () => {
    expect(codeOf((await ask(known(ANNA), { prompt: 'none' })).location)).not.toBe('');
    expect(errorOf(await ask(new Browser(), { prompt: 'none' }))).toBe('login_required');
  });

  test('is said to have used two factors only where that is certain', async () => {
    world.session = { amr: ['pwd', 'otp', 'mfa'], isTwoFactor: true };
    expect(await idTokenOf(await ask(known(ANNA)))).toMatchObject({
      acr: 'urn:footbridge:acr:2',
      amr: ['pwd', 'otp', 'mfa'],
    });
    world.session = { amr: ['pwd', 'otp'], isTwoFactor: false };
    expect(await idTokenOf(await ask(known(ANNA)))).toMatchObject({ acr: 'urn:footbridge:acr:1' });
    world.session = { amr: [] };
    const { acr, amr } = await idTokenOf(await ask(known(ANNA)));
    expect([acr, amr]).toEqual(['urn:footbridge:acr:1', undefined]);
  });

  test('and proved it longer ago than our sessions live is known for as long as any login', async () => {
    world.session = { authTime: now() - EXPIRED };
    const browser = known(ANNA);
    expect(await idTokenOf(await ask(browser))).toMatchObject({ auth_time: world.session.authTime });
    browser.cookies = browser.cookies.filter(({ name }) => name !== APP_COOKIE);
    expect(codeOf((await ask(browser, { prompt: 'none' })).location)).not.toBe('');
  });

  test('is noted as somebody who has logged in, whatever page stands between', async () => {
    await ask(known(ANNA));
    expect(await find(stage.db, 'main', 'shop:anna')).toMatchObject({ state: 'authenticated', amr: ['pwd'] });
    const browser = known(BOB);
    const page = await ask(browser, { prompt: 'select_account' });
    expect(page.body).toContain('bob Example');
    expect(await find(stage.db, 'main', 'shop:bob')).toBeUndefined();
    const form = { choice: 'continue', form_token: field(page.body, 'form_token') ?? '' };
    const end = await browser.follow(page.url, CALLBACK, { form });
    expect(codeOf(end.location)).not.toBe('');
    expect(await find(stage.db, 'main', 'shop:bob')).toMatchObject({ state: 'authenticated' });
  });

  test('may fetch secrets after it: the ticket counts from the recognition', async () => {
    const authTime = now() - 4_000;
    world.session = { authTime };
    const end = await ask(known(ANNA));
    expect((await idTokenOf(end))[TICKET_CLAIM]).toMatch(/^ticket since \d+$/);
    expect(tickets.length).toBeGreaterThan(0);
    for (const ticket of tickets) {
      expect(ticket.authTime).toBe(authTime);
      expect(Math.abs(ticket.startedAt - now())).toBeLessThan(60);
    }
  });

  test('whose login here is an ordinary one has a ticket that counts from that', async () => {
    await idTokenOf(await logIn(stage, new Browser()));
    for (const { authTime, startedAt } of tickets) expect(startedAt).toBe(authTime);
    expect(tickets.length).toBeGreaterThan(0);
  });
});

describe('a person’s password is asked for in spite of it', () => {
  test.each([
    ['where the client wants that', { prompt: 'login' }, 0],
    ['where the proof is too old for the client', { max_age: '30' }, 1],
    ['where somebody else is meant', { login_hint: 'bob@example.com' }, 1],
  ])('%s', async (_where, params, recognitions) => {
    expect(isLoginPage(await ask(known(ANNA), params))).toBe(true);
    expect(world.recognitions).toHaveLength(recognitions);
  });

  test('and not where the proof is young enough, or they are meant themselves', async () => {
    expect(codeOf((await ask(known(ANNA), { max_age: '600' })).location)).not.toBe('');
    expect(codeOf((await ask(known(ANNA), { login_hint: 'anna@example.com' })).location)).not.toBe('');
  });

  test('where they may not log in any more, or the app does not answer', async () => {
    expect(isLoginPage(await ask(known(LENA)))).toBe(true);
    world.isDown = true;
    expect(isLoginPage(await ask(known(ANNA)))).toBe(true);
    expect(errorOf(await ask(known(ANNA), { prompt: 'none' }))).toBe('login_required');
  });

  test('where they have moved to the target for good', async () => {
    await ask(known(ANNA));
    await execute(stage.databaseUrl, `update ledger set state = 'cut-over'`);
    expect(isLoginPage(await ask(known(ANNA)))).toBe(true);
    // At a client of no target they are as welcome as ever.
    expect(codeOf((await ask(known(ANNA), { client_id: 'second' })).location)).not.toBe('');
  });

  test('where their network asks too often', async () => {
    const strict = await openStage({
      settings: { login: { failureFloorMs: 0, networkLookups: 1 } },
      overrides: ({ directory }) => ({
        legacySessions: legacyWorld(
          {},
          { userByLogin: async (login) => (await directory.findByLogin(login))?.user },
        ),
      }),
    });
    try {
      const [first, second] = [known(ANNA), known(ANNA)];
      expect(codeOf((await first.follow(authorizationUrl(strict), CALLBACK)).location)).not.toBe('');
      expect(isLoginPage(await second.follow(authorizationUrl(strict), CALLBACK))).toBe(true);
    } finally {
      await strict.close();
    }
  });
});

test('an unknown client has nobody recognised', async () => {
  expect((await ask(known(ANNA), { client_id: 'nobody' })).status).toBe(400);
  expect(world.recognitions).toEqual([]);
});

test('a stale or forged session cookie is no hindrance, and no session', async () => {
  const browser = known(ANNA);
  browser.cookies.push({ name: 'fb_session', value: 'forged', path: '/', host: '127.0.0.1' });
  browser.cookies.push({ name: 'fb_session.sig', value: 'forged', path: '/', host: '127.0.0.1' });
  expect((await idTokenOf(await ask(browser))).sub).toBe('shop:anna');
});

describe('whoever is logged in here', () => {
  test('is not looked for; their legacy sessions live on with ours', async () => {
    const browser = new Browser();
    await logIn(stage, browser);
    world.recognitions.length = 0;
    await ask(browser, { client_id: 'second' });
    expect(world.recognitions).toEqual([]);
    const [visit] = world.visits.slice(-1);
    const [session] = (await sessionUids()).slice(-1);
    expect(visit).toMatchObject({ clientId: 'second', amr: ['pwd'], remember: false });
    expect(visit?.user.sub).toBe('shop:anna');
    expect(visit?.opSession.equals(recordKey('uid', session!.uid))).toBe(true);
    expect(Math.abs(visit!.expiresAt - now() - 86_400)).toBeLessThan(60);
    expect(Math.abs(visit!.idleUntil - now() - 8 * 3_600)).toBeLessThan(60);
    expect(browser.cookies.map(({ name }) => name)).toContain('shop_seen');
  });

  test('is logged out here once they have logged out there, and is not recognised right after', async () => {
    const browser = new Browser();
    await logIn(stage, browser);
    browser.cookies.push({ name: APP_COOKIE, value: 'anna', path: '/', host: '127.0.0.1' });
    world.ended.add('shop:anna');
    const before = await sessionUids();
    expect(errorOf(await ask(browser, { prompt: 'none' }))).toBe('login_required');
    expect((await sessionUids()).length).toBe(before.length - 1);
    const endings = await execute(stage.databaseUrl, 'select cause, actor from session_endings');
    expect(endings).toEqual([{ cause: 'legacy', actor: 'legacy:shop' }]);
    expect(isLoginPage(await ask(browser))).toBe(true);
  });

  test('is somebody else than the legacy app says, and stays who they are', async () => {
    const browser = new Browser();
    await logIn(stage, browser);
    browser.cookies = browser.cookies.filter(({ name }) => name !== APP_COOKIE);
    browser.cookies.push({ name: APP_COOKIE, value: 'bob', path: '/', host: '127.0.0.1' });
    expect((await idTokenOf(await ask(browser))).sub).toBe('shop:anna');
  });
});

describe('a login here', () => {
  test('makes legacy sessions, which belong to the session of ours that begins', async () => {
    const end = await logIn(stage, new Browser());
    expect(codeOf(end.location)).not.toBe('');
    const [login] = world.logins;
    expect(login).toMatchObject({ sub: 'shop:anna', clientId: 'app', remember: false });
    expect(login!.expiresAt - login!.authTime).toBe(86_400);
    const [session] = (await sessionUids()).slice(-1);
    expect(await legacySessionsOf(stage.db, recordKey('uid', session!.uid))).toMatchObject([
      { origin: 'created', sub: 'shop:anna' },
    ]);
  });

  test('that is not brought to its end leaves legacy sessions that are nobody’s', async () => {
    const browser = new Browser();
    const page = await ask(browser);
    const form = {
      username: 'anna',
      password: ANNA.password,
      form_token: field(page.body, 'form_token') ?? '',
    };
    expect((await browser.visit(page.url, { form })).status).toBe(303);
    expect(await legacySessionsOfPerson(stage.db, 'shop:anna', 5)).toMatchObject([{ opSession: null }]);
  });
});

describe('after a logout', () => {
  const logOut = async (browser: Browser) => {
    const page = await browser.visit(`${stage.issuer}/session/end`);
    const form = { xsrf: field(page.body, 'xsrf') ?? '', logout: 'yes' };
    return browser.follow(`${stage.issuer}/session/end/confirm`, CALLBACK, { form });
  };

  test('the browser forgets the app’s cookies, and nobody is recognised for a while', async () => {
    const browser = known(ANNA);
    await ask(browser);
    await logOut(browser);
    expect(browser.cookies.map(({ name }) => name)).not.toContain(APP_COOKIE);
    browser.cookies.push({ name: APP_COOKIE, value: 'anna', path: '/', host: '127.0.0.1' });
    expect(isLoginPage(await ask(browser))).toBe(true);
    expect(errorOf(await ask(browser, { prompt: 'none' }))).toBe('login_required');
  });

  test('they are recognised again once somebody has logged in', async () => {
    const browser = known(ANNA);
    await ask(browser);
    await logOut(browser);
    expect(browser.cookies.map(({ name }) => name)).toContain('fb_out');
    expect(codeOf((await submitLogin(browser, await ask(browser), BOB)).location)).not.toBe('');
    expect(browser.cookies.map(({ name }) => name)).not.toContain('fb_out');
  });

  test('that was not confirmed everything is as before', async () => {
    const browser = known(ANNA);
    await ask(browser);
    const page = await browser.visit(`${stage.issuer}/session/end`);
    await browser.visit(`${stage.issuer}/session/end/confirm`, {
      form: { xsrf: field(page.body, 'xsrf') ?? '' },
    });
    expect(browser.cookies.map(({ name }) => name)).not.toContain('fb_out');
  });
});
