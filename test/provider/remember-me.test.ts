/** Staying signed in on this device, where people are asked whether they want to. */
import { createHmac } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { providerSettings } from '../../src/provider/provider-settings.ts';
import type { Answer } from '../support/browser.ts';
import { Browser, field } from '../support/browser.ts';
import { execute } from '../support/database.ts';
import type { Person, Stage } from './harness.ts';
import { ANNA, authorizationUrl, CALLBACK, codeOf, openStage } from './harness.ts';
import type { LegacyWorld } from './legacy-world.ts';
import { APP_COOKIE, legacyWorld } from './legacy-world.ts';

const DAY = 86_400;
const SEED = Buffer.from('12345678901234567890');
const TIM: Person = {
  login: 'tim',
  password: 'pw of tim',
  totp: { secret: SEED, digits: 6, periodSeconds: 30, algorithm: 'SHA1' },
};

let stage: Stage;
let plain: Stage;
let world: LegacyWorld;
beforeAll(async () => {
  const people = [ANNA, TIM];
  stage = await openStage({
    people,
    settings: { login: { failureFloorMs: 0 }, lifetimes: { rememberedSeconds: 30 * DAY } },
    overrides: ({ directory }) => {
      world = legacyWorld({}, { userByLogin: async (login) => (await directory.findByLogin(login))?.user });
      return { legacySessions: world };
    },
  });
  plain = await openStage({ people });
});
afterAll(async () => {
  await stage.close();
  await plain.close();
});
afterEach(async () => {
  world.logins.length = 0;
  await execute(stage.databaseUrl, 'truncate login_attempts, totp_uses, oidc_records');
});

async function openLogin(at = stage, params: Record<string, string> = {}, browser = new Browser()) {
  return { browser, page: await browser.follow(authorizationUrl(at, params), CALLBACK) };
}
type Opened = Awaited<ReturnType<typeof openLogin>>;

const submit = ({ browser, page }: Opened, person: Person, more: Record<string, string> = {}) =>
  browser.follow(page.url, CALLBACK, {
    form: {
      username: person.login,
      password: person.password,
      form_token: field(page.body, 'form_token') ?? '',
      ...more,
    },
  });
const remember = { remember: 'yes' };

/** How long the session lives by the database, and until when the browser keeps it; seconds from now. */
async function lives(at: Stage, answer: Answer) {
  const [row] = await execute(
    at.databaseUrl,
    `select extract(epoch from expires_at - now())::float8 as seconds from oidc_records where kind = 'Session'
       and payload ->> 'accountId' is not null order by expires_at desc limit 1`,
  );
  const cookie = answer.headers['set-cookie']?.find((line) => line.startsWith('fb_session='));
  const expires = /expires=([^;]*)/i.exec(cookie ?? '')?.[1];
  const inBrowser = expires === undefined ? undefined : (Date.parse(expires) - Date.now()) / 1_000;
  const days = (seconds: number | undefined) =>
    seconds === undefined ? undefined : Math.round((seconds * 24) / DAY) / 24;
  return { stored: days(Number(row?.seconds)), browser: days(inBrowser) };
}

const box = (html: string) => /<input name="remember"[^>]*>/.exec(html)?.[0];

describe('the box', () => {
  test.each([
    ['en', 'Keep me signed in on this device'],
    ['de', 'Auf diesem Gerät angemeldet bleiben'],
    ['fr', 'Rester connecté sur cet appareil'],
  ])('speaks %s', async (locale, label) => {
    const { page } = await openLogin(stage, { ui_locales: locale });
    expect(page.body).toContain(label);
    expect(box(page.body)).not.toContain('checked');
  });

  test('stays as the person left it when the page is shown again', async () => {
    const opened = await openLogin();
    const again = await submit(opened, { ...ANNA, password: 'wrong' }, remember);
    expect([again.status, box(again.body)]).toEqual([401, expect.stringContaining('checked')]);
    const without = await submit(await openLogin(), { ...ANNA, password: 'wrong' });
    expect(box(without.body)).not.toContain('checked');
  });

  test('is not there without the setting, and sessions are as they always were', async () => {
    const opened = await openLogin(plain);
    expect(box(opened.page.body)).toBeUndefined();
    const end = await submit(opened, ANNA, remember);
    expect(await lives(plain, end)).toEqual({ stored: 8 / 24, browser: 8 / 24 });
  });
});

describe('a session', () => {
  test('that is to stay lives for as long as the settings say, used or not', async () => {
    const end = await submit(await openLogin(), ANNA, remember);
    expect(codeOf(end.location)).not.toBe('');
    expect(await lives(stage, end)).toEqual({ stored: 30, browser: 30 });
  });

  test('that is not ends with the browser, and after as long as ever', async () => {
    const end = await submit(await openLogin(), ANNA);
    expect(await lives(stage, end)).toEqual({ stored: 8 / 24, browser: undefined });
  });

  test('is remembered across the second step, and only if it was asked for', async () => {
    for (const [more, lifetimes] of [
      [remember, { stored: 30, browser: 30 }],
      [{}, { stored: 8 / 24, browser: undefined }],
    ] as const) {
      const opened = await openLogin();
      const second = await submit(opened, TIM, more);
      const form = {
        form_token: field(second.body, 'form_token') ?? '',
        step: field(second.body, 'step') ?? '',
      };
      const end = await opened.browser.follow(second.url, CALLBACK, { form: { ...form, code: codeNow() } });
      expect(codeOf(end.location)).not.toBe('');
      expect(await lives(stage, end)).toEqual(lifetimes);
      await execute(stage.databaseUrl, 'truncate totp_uses, oidc_records');
    }
  });

  test('cannot be made to stay at the second step', async () => {
    const opened = await openLogin();
    const second = await submit(opened, TIM);
    const form = {
      form_token: field(second.body, 'form_token') ?? '',
      step: field(second.body, 'step') ?? '',
    };
    const end = await opened.browser.follow(second.url, CALLBACK, {
      form: { ...form, code: codeNow(), ...remember },
    });
    expect(await lives(stage, end)).toEqual({ stored: 8 / 24, browser: undefined });
  });

  test('changes when the person logs in again and chooses otherwise', async () => {
    const first = await openLogin();
    await submit(first, ANNA);
    const again = await openLogin(stage, { prompt: 'login' }, first.browser);
    expect(await lives(stage, await submit(again, ANNA, remember))).toEqual({ stored: 30, browser: 30 });
    const third = await openLogin(stage, { prompt: 'login' }, first.browser);
    expect(await lives(stage, await submit(third, ANNA))).toEqual({ stored: 8 / 24, browser: undefined });
  });

  test('that has stayed for so long is over', async () => {
    const opened = await openLogin();
    await submit(opened, ANNA, remember);
    const age = (days: number) =>
      execute(
        stage.databaseUrl,
        `update oidc_records set payload = jsonb_set(payload, '{loginTs}', to_jsonb(extract(epoch from now())::bigint - ${days * DAY})) where kind = 'Session'`,
      );
    await age(29);
    const silent = () => opened.browser.follow(authorizationUrl(stage, { prompt: 'none' }), CALLBACK);
    expect(codeOf((await silent()).location)).not.toBe('');
    await age(31);
    expect((await silent()).location).toContain('error=login_required');
  });

  test('of somebody whom a legacy app knows ends with the browser: nobody asked for more', async () => {
    const browser = new Browser();
    browser.cookies.push({ name: APP_COOKIE, value: 'anna', path: '/', host: '127.0.0.1' });
    const end = await browser.follow(authorizationUrl(stage), CALLBACK);
    expect(codeOf(end.location)).not.toBe('');
    expect(await lives(stage, end)).toEqual({ stored: 8 / 24, browser: undefined });
  });
});

test('staying for less time than without asking is refused in the settings', () => {
  const parse = (rememberedSeconds: number) =>
    providerSettings.safeParse({ lifetimes: { rememberedSeconds } }).success;
  expect([parse(0), parse(60), parse(30 * DAY)]).toEqual([true, false, true]);
});

test('legacy apps learn whether and until when', async () => {
  await submit(await openLogin(), ANNA, remember);
  await submit(await openLogin(), ANNA);
  const told = world.logins.map(({ remember, authTime, expiresAt }) => [
    remember,
    (expiresAt - authTime) / DAY,
  ]);
  expect(told).toEqual([
    [true, 30],
    [false, 1],
  ]);
});

function codeNow(): string {
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 30_000)));
  const mac = createHmac('sha1', SEED).update(counter).digest();
  const offset = mac[19]! & 15;
  return String((mac.readUInt32BE(offset) & 0x7fffffff) % 1_000_000).padStart(6, '0');
}
