/** What a session, a code or a token is good for: until its time is over, once, whole, and in the browser that it was made for. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Stage } from '../provider/harness.ts';
import {
  ANNA,
  authorizationUrl,
  basic,
  CALLBACK,
  codeOf,
  logIn,
  openStage,
  redeem,
  userinfo,
} from '../provider/harness.ts';
import { Browser, field } from '../support/browser.ts';
import { execute } from '../support/database.ts';

let stage: Stage;
beforeAll(async () => {
  stage = await openStage();
});
afterAll(() => stage?.close());

const sql = (text: string) => execute(stage.databaseUrl, text);
const secondsLeft = async (kind: string): Promise<number> => {
  const [row] = await sql(
    `select extract(epoch from max(expires_at) - now())::float8 as left from oidc_records where kind = '${kind}'`,
  );
  return Number(row!.left);
};
const silently = (browser: Browser) => browser.follow(authorizationUrl(stage, { prompt: 'none' }), CALLBACK);
const isSignedIn = async (browser: Browser) => codeOf((await silently(browser)).location) !== '';
const refresh = (refresh_token: string) =>
  new Browser().visit(`${stage.issuer}/token`, {
    form: { grant_type: 'refresh_token', refresh_token },
    headers: basic(),
  });
const withOffline = { params: { scope: 'openid offline_access', prompt: 'login consent' } };

describe('what has expired', () => {
  test('is nobody’s: a code, an access token, a refresh token and a session', async () => {
    const browser = new Browser();
    const { access_token, refresh_token } = (
      await redeem(stage, codeOf((await logIn(stage, browser, withOffline)).location))
    ).json<Record<string, string>>();
    const code = codeOf((await silently(browser)).location);
    expect((await userinfo(stage, access_token!)).status).toBe(200);
    expect(await isSignedIn(browser)).toBe(true);
    await sql(
      `update oidc_records set expires_at = now() - interval '1 second' where expires_at is not null`,
    );
    expect((await redeem(stage, code)).json()).toMatchObject({ error: 'invalid_grant' });
    expect((await userinfo(stage, access_token!)).status).toBe(401);
    expect((await refresh(refresh_token!)).json()).toMatchObject({ error: 'invalid_grant' });
    expect(await isSignedIn(browser)).toBe(false);
  });

  test('is soon over: codes after a minute, sessions eight hours after their last use', async () => {
    await sql('delete from oidc_records');
    await logIn(stage, new Browser());
    const [code, session] = [await secondsLeft('AuthorizationCode'), await secondsLeft('Session')];
    expect(code).toBeGreaterThan(0);
    expect(code).toBeLessThanOrEqual(60);
    expect(session).toBeGreaterThan(60);
    expect(session).toBeLessThanOrEqual(8 * 3600);
  });
});

describe('what is not whole', () => {
  test('a token with a character less, more or changed opens nothing', async () => {
    const { access_token } = (
      await redeem(stage, codeOf((await logIn(stage, new Browser())).location))
    ).json<{ access_token: string }>();
    const other = access_token.at(-1) === 'A' ? 'B' : 'A';
    for (const changed of [
      access_token.slice(0, -1),
      access_token.slice(1),
      `${access_token}A`,
      access_token.slice(0, -1) + other,
      access_token.toLowerCase() === access_token ? access_token.toUpperCase() : access_token.toLowerCase(),
    ])
      expect((await userinfo(stage, changed)).status).toBe(401);
    expect((await userinfo(stage, access_token)).status).toBe(200);
  });

  test('a session cookie that is cut, unsigned, or signed for another one is nobody', async () => {
    const browser = new Browser();
    await logIn(stage, browser);
    const other = new Browser();
    await logIn(stage, other, { person: ANNA });
    const changed = (change: (name: string, value: string) => string | undefined) => {
      const twin = browser.copy();
      twin.cookies = twin.cookies.flatMap((cookie) => {
        const value = change(cookie.name, cookie.value);
        return value === undefined ? [] : [{ ...cookie, value }];
      });
      return twin;
    };
    const cookieOf = (name: string) => other.cookies.find((cookie) => cookie.name === name)!.value;
    for (const twin of [
      changed((name, value) => (name === 'fb_session' ? value.slice(0, -1) : value)),
      changed((name, value) => (name === 'fb_session.sig' ? undefined : value)),
      changed((name, value) => (name === 'fb_session.sig' ? cookieOf(name) : value)),
      changed((name, value) => (name === 'fb_session' ? '%00"><' : value)),
    ])
      expect(await isSignedIn(twin)).toBe(false);
    expect(await isSignedIn(browser)).toBe(true);
  });

  test.each([
    ['of 129 characters', 'a'.repeat(129)],
    ['with other characters', `${'a'.repeat(42)}'`],
    ['of another alphabet', 'ａ'.repeat(43)],
  ])('a code %s is not looked up at all', async (_what, code) => {
    stage.statements.length = 0;
    expect((await redeem(stage, code)).status).toBe(400);
    expect(stage.statements).toEqual([]);
  });
});

describe('a session', () => {
  test('gets a new id at each login, also of the same person, and the old one is worth nothing (fixation)', async () => {
    const browser = new Browser();
    await logIn(stage, browser);
    const before = browser.copy();
    const idOf = ({ cookies }: Browser) => cookies.find(({ name }) => name === 'fb_session')?.value;
    await logIn(stage, browser, { params: { prompt: 'login' } });
    expect(idOf(browser)).not.toBe(idOf(before));
    expect(await isSignedIn(browser)).toBe(true);
    expect(await isSignedIn(before)).toBe(false);
  });

  test('is not begun with an id that the browser brings along', async () => {
    const browser = new Browser();
    await logIn(stage, browser);
    const planted = browser.cookies.filter(({ name }) => name.startsWith('fb_session'));
    await sql(`delete from oidc_records where kind = 'Session'`);
    const victim = new Browser();
    victim.cookies = planted;
    await logIn(stage, victim);
    expect(await isSignedIn(victim)).toBe(true);
    const attacker = new Browser();
    attacker.cookies = planted;
    expect(await isSignedIn(attacker)).toBe(false);
  });
});

describe('the way back from a login page', () => {
  const returning = async () => {
    const browser = new Browser();
    const page = await browser.follow(authorizationUrl(stage), CALLBACK);
    const form = {
      username: ANNA.login,
      password: ANNA.password,
      form_token: field(page.body, 'form_token')!,
    };
    const answer = await browser.visit(page.url.split('?')[0]!, { form });
    expect(answer.location).toContain(stage.issuer);
    return { browser, back: answer.location! };
  };

  test('leads nowhere in another browser, with or without a login of its own under way', async () => {
    const { browser, back } = await returning();
    for (const victim of [new Browser(), await begun()]) {
      const answer = await victim.visit(back, { headers: { accept: 'text/html' } });
      expect(answer.status).toBe(400);
      expect(codeOf(answer.location)).toBe('');
    }
    expect(codeOf((await browser.visit(back)).location)).not.toBe('');
  });

  const begun = async () => {
    const browser = new Browser();
    await browser.follow(authorizationUrl(stage), CALLBACK);
    return browser;
  };
});

test('the keys that sign are of 2,048 bits and more, and their private halves are published nowhere', async () => {
  const { keys } = (await new Browser().visit(`${stage.issuer}/jwks`)).json<{
    keys: Record<string, string>[];
  }>();
  expect(keys.length).toBeGreaterThan(1);
  expect(new Set(keys.map(({ kid }) => kid)).size).toBe(keys.length);
  for (const key of keys) {
    if (key.kty === 'RSA') expect(Buffer.from(key.n!, 'base64url').length * 8).toBeGreaterThanOrEqual(2_048);
    for (const half of ['d', 'p', 'q', 'dp', 'dq', 'qi', 'k']) expect(key[half]).toBeUndefined();
  }
});

test('an address of another person’s makes nobody somebody else: the subject stays', async () => {
  const person = { login: 'mover', password: 'pw of the mover', email: 'mover@example.com' };
  stage.people.push(person);
  const browser = new Browser();
  const { id_token } = (
    await redeem(stage, codeOf((await logIn(stage, browser, { person })).location))
  ).json<{ id_token: string }>();
  stage.people.splice(stage.people.indexOf(person), 1, { ...person, email: 'bob@example.com' });
  const again = (
    await redeem(
      stage,
      codeOf((await logIn(stage, browser, { person, params: { prompt: 'login' } })).location),
    )
  ).json<{ id_token: string }>();
  const subOf = (token: string) =>
    (JSON.parse(Buffer.from(token.split('.')[1]!, 'base64url').toString()) as { sub: string }).sub;
  expect(subOf(again.id_token)).toBe(subOf(id_token));
  expect(subOf(id_token)).toBe('shop:mover');
});
