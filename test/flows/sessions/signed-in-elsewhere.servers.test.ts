/** Whoever is logged in at an old app is logged in here, at the wiki and at ZITADEL; and the old apps stop nobody. */
import { createHash } from 'node:crypto';
import { decodeJwt } from 'jose';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { requiresApache } from '../../servers/apache.ts';
import type { DjangoPerson } from '../../servers/django.ts';
import { requiresDjango } from '../../servers/django.ts';
import { requiresPhp } from '../../servers/php.ts';
import { Browser } from '../../support/browser.ts';
import { typing } from '../../support/zitadel/at-provider.ts';
import { until } from '../server.ts';
import { VERIFIER } from '../world.ts';
import type { Town } from './town.ts';
import { APACHE_SECRET, openTown } from './town.ts';

const needed = [requiresDjango(), requiresPhp(), requiresApache()];
const skip = needed.some((one) => one.skip);
const NAME = skip ? needed.map(({ name }) => name).join(', ') : 'a town of two old apps, a wiki and ZITADEL';

const NOWHERE = 'nowhere:';
const CHALLENGE = createHash('sha256').update(VERIFIER).digest('base64url');
/** Apps are waited for 1.5 seconds; twice that, and what a busy machine adds. */
const PAGE_WITHIN_MS = 5_000;
const seconds = () => Math.floor(Date.now() / 1_000);

describe.skipIf(skip)(NAME, () => {
  let town: Town;
  beforeAll(async () => {
    town = await openTown({
      people: 60,
      // All of them come from one network.
      change: (settings) => {
        settings.provider.login.networkLookups = 100_000;
      },
    });
  }, 180_000);
  afterAll(() => town?.close());

  /** Logged in at the one app, and nowhere else; `ago`: for so many seconds. */
  async function signedIn(
    app: 'django' | 'forum',
    person: DjangoPerson,
    { ago = 0 }: { readonly ago?: number } = {},
  ): Promise<Browser> {
    const browser = new Browser();
    const { username, password } = person;
    const answer = await town.post(
      town[app].origin,
      '/login',
      { username, password, ago: String(ago) },
      browser,
    );
    expect(answer.status).toBe(200);
    return browser;
  }
  /** What a request that asks nobody anything is answered, in a browser just like this one. */
  async function silently(browser: Browser, params: Record<string, string> = {}): Promise<string> {
    const { location } = await browser.copy().visit(town.silently(params));
    const query = new URL(location ?? 'x:').searchParams;
    return query.get('error') ?? (query.has('code') ? 'code' : 'nothing');
  }
  /** The address of a login that may ask. */
  function entrance(params: Record<string, string> = {}): string {
    const url = new URL(town.silently(params));
    if (params.prompt === undefined) url.searchParams.delete('prompt');
    return url.href;
  }
  /** Whether a login in a browser just like this one leads to the password page. */
  async function isAsked(browser: Browser, params: Record<string, string> = {}): Promise<boolean> {
    const page = await browser.copy().follow(entrance(params), town.at.redirectUri);
    if (page.location?.includes('code=')) return false;
    expect(page.body).toContain('name="password"');
    return true;
  }
  async function idTokenOf(location: string | undefined) {
    const code = new URL(location ?? 'x:').searchParams.get('code') ?? '';
    const form = {
      grant_type: 'authorization_code',
      code,
      redirect_uri: town.at.redirectUri,
      code_verifier: VERIFIER,
    };
    const authorization = `Basic ${Buffer.from(`apache:${APACHE_SECRET}`).toString('base64')}`;
    const answer = await new Browser().visit(`${town.bridge.issuer}/token`, {
      form,
      headers: { authorization },
    });
    return decodeJwt(answer.json<{ id_token: string }>().id_token);
  }
  /** With `max_age`, that the ID token tells when (OpenID Connect Core 1.0 section 3.1.2.1). */
  async function silentIdToken(browser: Browser) {
    const params = { code_challenge: CHALLENGE, max_age: '80000' };
    return idTokenOf((await browser.copy().visit(town.silently(params))).location);
  }
  const types = ({ username, password }: DjangoPerson) => typing({ username, password });
  const legacyRows = (person: DjangoPerson) =>
    town.sql('select app, origin, problem, ended_at from legacy_sessions where sub = $1 order by app', [
      town.subOf(person),
    ]);
  const opSessions = async (person: DjangoPerson) =>
    (
      await town.sql(
        `select id from oidc_records where kind = 'Session' and payload ->> 'accountId' = $1::text`,
        [town.subOf(person)],
      )
    ).length;
  const atApp = async (app: 'django' | 'forum', browser: Browser) => {
    const answer = await browser.visit(`${town[app].origin}/whoami`);
    return answer.status === 200 ? answer.json<{ id: number }>().id : undefined;
  };
  const setCookie = (browser: Browser, name: string, value: string) => {
    browser.cookies = browser.cookies.map((one) => (one.name === name ? { ...one, value } : one));
    return browser;
  };
  const cookieOf = (browser: Browser, name: string) =>
    browser.cookies.find((one) => one.name === name)?.value ?? '';

  describe.each([['django'], ['forum']] as const)('somebody who is logged in at %s only', (app) => {
    const cookie = { django: 'sessionid', forum: 'PHPSESSID' }[app];

    test('comes to the wiki without being asked', async () => {
      const person = town.somebody();
      const browser = await signedIn(app, person);
      const page = await browser.follow(town.at.page, NOWHERE);
      expect(page.status).toBe(200);
      expect(page.json()['x-remote-user']).toContain(town.subOf(person));
      const stranger = await new Browser().follow(town.at.page, NOWHERE);
      expect(stranger.body).toContain('name="password"');
    });

    test('comes to ZITADEL without being asked, and is moved there without knowing', async () => {
      const [person, stranger] = [town.somebody(), town.somebody()];
      const browser = await signedIn(app, person);
      await town.goOnToZitadel(person, browser);
      const row = () => town.bridge.row({ id: person.id });
      await until(async () => (await row())?.state === 'migrated');
      const own = await town.bridge.ownLogin(person.username, person.password);
      expect(own).toMatchObject({ kind: 'logged-in', userId: (await row())?.targetUserId });
      const wrong = await town.bridge.ownLogin(person.username, `${person.password}!`);
      expect(wrong.kind).not.toBe('logged-in');
      await expect(town.goOnToZitadel(stranger, new Browser())).rejects.toThrow('at ZITADEL');
      expect(await town.bridge.row({ id: stranger.id })).toBeUndefined();
    });

    test('is known to a request that asks nobody, and nobody else is', async () => {
      const person = town.somebody();
      const browser = await signedIn(app, person);
      expect(await silently(browser)).toBe('code');
      expect((await silentIdToken(browser)).sub).toBe(town.subOf(person));
      expect(await silently(new Browser())).toBe('login_required');
    });

    test('has proved it when they logged in there, and not now', async () => {
      const from = seconds();
      const browser = await signedIn(app, town.somebody(), { ago: 1_000 });
      const until = seconds();
      // The forum cannot pretend.
      const ago = app === 'django' ? 1_000 : 0;
      const { auth_time: authTime } = await silentIdToken(browser);
      expect(authTime).toBeGreaterThanOrEqual(from - ago);
      expect(authTime).toBeLessThanOrEqual(until - ago);
    });

    test('is asked where the client wants the password itself', async () => {
      const browser = await signedIn(app, town.somebody());
      expect(await isAsked(browser, { prompt: 'login' })).toBe(true);
      expect(await isAsked(browser)).toBe(false);
    });

    test('is nobody with a cookie that the app did not give', async () => {
      const browser = await signedIn(app, town.somebody());
      const value = cookieOf(browser, cookie);
      for (const forged of [`${value.slice(0, -1)}${value.endsWith('0') ? '1' : '0'}`, 'x', `${value}x`]) {
        const other = setCookie(browser.copy(), cookie, forged);
        expect(await silently(other)).toBe('login_required');
        expect(await isAsked(other)).toBe(true);
      }
      expect(await silently(browser)).toBe('code');
    });

    test('is nobody any more with the cookie of before a logout there', async () => {
      const browser = await signedIn(app, town.somebody());
      const kept = browser.copy();
      expect(await silently(kept)).toBe('code');
      await town.post(town[app].origin, '/logout', {}, browser);
      expect(await silently(kept)).toBe('login_required');
      expect(await isAsked(kept)).toBe(true);
    });

    test('is nobody while they are deactivated', async () => {
      const person = town.somebody();
      const browser = await signedIn(app, person);
      const set = (active: string) =>
        town.post(town.django.origin, '/active', { username: person.username, active });
      await set('no');
      expect(await silently(browser)).toBe('login_required');
      expect(await opSessions(person)).toBe(0);
      await set('yes');
      expect(await silently(browser)).toBe('code');
    });
  });

  test('a login longer ago than the client takes is one that has to be made again', async () => {
    const person = town.somebody();
    const browser = await signedIn('django', person, { ago: 1_000 });
    expect(await silently(browser, { max_age: '2000' })).toBe('code');
    expect(await silently(browser, { max_age: '500' })).toBe('login_required');
    const from = seconds();
    const params = { max_age: '500', code_challenge: CHALLENGE };
    expect(await isAsked(browser, params)).toBe(true);
    const end = await types(person)({
      browser,
      url: entrance(params),
      redirectUri: town.at.redirectUri,
    });
    expect((await idTokenOf(end.location)).auth_time).toBeGreaterThanOrEqual(from);
  });

  test('a session that began longer ago than the settings allow is nobody’s', async () => {
    const DAY = 86_400;
    expect(await silently(await signedIn('django', town.somebody(), { ago: DAY + 60 }))).toBe(
      'login_required',
    );
    expect(await silently(await signedIn('django', town.somebody(), { ago: DAY - 600 }))).toBe('code');
  });

  test('what is in Django’s table without Django’s signature is nobody’s', async () => {
    const browser = await signedIn('django', town.somebody());
    const key = cookieOf(browser, 'sessionid');
    const [row] = await town.atDjango('select session_data from django_session where session_key = $1', [
      key,
    ]);
    const write = (data: string) =>
      town.atDjango('update django_session set session_data = $2 where session_key = $1', [key, data]);
    const data = String(row!.session_data);
    await write(`${data.slice(0, -1)}${data.endsWith('A') ? 'B' : 'A'}`);
    expect(await silently(browser)).toBe('login_required');
    await write(data);
    expect(await silently(browser)).toBe('code');
  });

  test('a session from before a new password is nobody’s, as at Django itself', async () => {
    const person = town.somebody();
    const browser = await signedIn('django', person);
    await town.post(town.django.origin, '/password', { username: person.username, password: 'another' });
    expect(await atApp('django', browser)).toBeUndefined();
    expect(await silently(browser)).toBe('login_required');
    expect(await silently(await signedIn('django', { ...person, password: 'another' }))).toBe('code');
  });

  test('a login here makes sessions that Django and the forum take for their own', async () => {
    const person = town.somebody();
    const browser = new Browser();
    expect([await atApp('django', browser), await atApp('forum', browser)]).toEqual([undefined, undefined]);
    await town.enter({ ...person, password: 'wrong' }, browser);
    expect([await atApp('django', browser), await atApp('forum', browser)]).toEqual([undefined, undefined]);
    expect(await legacyRows(person)).toEqual([]);
    await town.enter(person, browser);
    expect([await atApp('django', browser), await atApp('forum', browser)]).toEqual([person.id, person.id]);
    const created = { origin: 'created', problem: null, ended_at: null };
    expect(await legacyRows(person)).toEqual([
      { app: 'forum', ...created },
      { app: 'shop', ...created },
    ]);
    // And the one that Django was given is as good for a login here as one of its own making.
    const alone = browser.copy();
    alone.cookies = alone.cookies.filter(({ name }) => name === 'sessionid');
    expect(await silently(alone)).toBe('code');
  });

  describe('an app that is not there', () => {
    /** How long the way to the login page takes at best. */
    async function fastestPage(browser: Browser): Promise<number> {
      const times: number[] = [];
      for (let tries = 0; tries < 3; tries++) {
        const startedAt = performance.now();
        expect(await isAsked(browser)).toBe(true);
        times.push(performance.now() - startedAt);
      }
      return Math.min(...times);
    }
    /** The ten seconds between two tries are over. */
    const madeUp = (browser: Browser, person: DjangoPerson, app: 'django' | 'forum') =>
      until(async () => {
        await town.sql(
          `update legacy_sessions set checked_at = now() - interval '1 minute' where sub = $1 and problem is not null`,
          [town.subOf(person)],
        );
        expect((await browser.visit(town.silently())).location).toContain('code=');
        return (await atApp(app, browser)) === person.id;
      });

    test('costs nobody a login: the forum is stopped, and its session follows when it is back', async () => {
      const [known, person] = [town.somebody(), town.somebody()];
      const there = await signedIn('forum', known);
      await town.forum.halt();
      let browser: Browser;
      try {
        expect(await fastestPage(there)).toBeLessThan(PAGE_WITHIN_MS);
        browser = await town.enter(person);
        expect((await browser.visit(town.at.page)).status).toBe(200);
        expect(await atApp('django', browser)).toBe(person.id);
        expect(await legacyRows(person)).toMatchObject([
          { app: 'forum', problem: 'unreachable' },
          { app: 'shop', problem: null },
        ]);
      } finally {
        await town.forum.resume();
      }
      expect(await atApp('forum', browser)).toBeUndefined();
      await madeUp(browser, person, 'forum');
      expect(await legacyRows(person)).toMatchObject([
        { app: 'forum', problem: null },
        { app: 'shop', problem: null },
      ]);
      await until(async () => (await silently(there)) === 'code');
    });

    test('costs nobody a login: Django’s table hangs, and its session follows when it is free', async () => {
      const [known, person] = [town.somebody(), town.somebody()];
      const there = await signedIn('django', known);
      const locker = new pg.Client({ connectionString: town.django.databaseUrl });
      await locker.connect();
      let browser: Browser;
      try {
        await locker.query('begin');
        await locker.query('lock table django_session in access exclusive mode');
        expect(await fastestPage(there)).toBeLessThan(PAGE_WITHIN_MS);
        browser = await town.enter(person);
        expect((await browser.visit(town.at.page)).status).toBe(200);
        expect(await legacyRows(person)).toMatchObject([
          { app: 'forum', problem: null },
          { app: 'shop', problem: expect.stringMatching(/^(timeout|unreachable|storage)$/) },
        ]);
      } finally {
        await locker.end();
      }
      await madeUp(browser, person, 'django');
      expect(await legacyRows(person)).toMatchObject([
        { app: 'forum', problem: null },
        { app: 'shop', problem: null },
      ]);
      await until(async () => (await silently(there)) === 'code');
    });

    test('ends nothing: whoever is logged in stays so while the forum is stopped', async () => {
      const whole = await town.everywhere(town.somebody());
      await town.forum.halt();
      try {
        await town.sql(
          `update legacy_sessions set checked_at = now() - interval '1 hour' where sub = $1 and app = 'forum'`,
          [town.subOf(whole.person)],
        );
        expect((await whole.browser.visit(town.silently())).location).toContain('code=');
        // A visit has asked the forum, or a round has: neither takes silence for a logout.
        await until(async () => {
          const asked = await town.sql(
            `select 1 from legacy_sessions where sub = $1 and app = 'forum' and checked_at > now() - interval '1 minute'`,
            [town.subOf(whole.person)],
          );
          return asked.length > 0;
        });
        expect(await town.isKnownHere(whole.browser)).toBe(true);
        expect(await atApp('django', whole.browser)).toBe(whole.person.id);
      } finally {
        await town.forum.resume();
      }
      expect(await atApp('forum', whole.browser)).toBe(whole.person.id);
      await town.post(town.forum.origin, '/logout', {}, whole.browser);
      await until(async () => !(await town.isKnownHere(whole.browser)));
    });
  });
});
