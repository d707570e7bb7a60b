import { createHmac } from 'node:crypto';
import { decodeJwt } from 'jose';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { Browser, field } from '../support/browser.ts';
import { execute } from '../support/database.ts';
import type { Person, Stage } from './harness.ts';
import {
  ANNA,
  authorizationUrl,
  BOB,
  CALLBACK,
  codeOf,
  logIn,
  openStage,
  redeem,
  submitLogin,
} from './harness.ts';
import { legacyWorld } from './legacy-world.ts';

const SEED = Buffer.from('12345678901234567890');
const TINA: Person = {
  login: 'tina',
  password: 'pw of tina',
  totp: { secret: SEED, digits: 6, periodSeconds: 30, algorithm: 'SHA1' },
};
const MONA: Person = { login: 'mona', password: 'pw of mona' };
const LARS: Person = { login: 'lars', password: 'pw of lars', state: 'locked' };

let stage: Stage;
let movedTo: string | undefined;
beforeAll(async () => {
  stage = await openStage({
    people: [ANNA, TINA, LARS, MONA],
    settings: {
      login: {
        failureFloorMs: 0,
        accountFailures: 5,
        networkFailures: 1000,
        factorFailures: 5,
        blockSeconds: 60,
      },
    },
    overrides: {
      ledgerStatePart: (sub) => ({
        name: 'ledger_state',
        text: 'select $1::text as target, $2::text as state, $3::text as sub',
        values: ['zitadel', movedTo ?? 'legacy', sub],
      }),
    },
  });
});
afterAll(() => stage.close());
afterEach(async () => {
  movedTo = undefined;
  await execute(stage.databaseUrl, 'truncate login_attempts, totp_uses');
});

const totpAt = (step: number) => {
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(step));
  const digest = createHmac('sha1', SEED).update(counter).digest();
  const offset = digest.at(-1)! & 15;
  return String((digest.readUInt32BE(offset) & 0x7fffffff) % 1_000_000).padStart(6, '0');
};
const stepNow = () => Math.floor(Date.now() / 30_000);

/** The page as a stranger sees it, without what differs from page to page. */
const bare = (html: string) => html.replace(/value="[^"]*"|\/login\/[\w-]+/g, '');

async function openLogin(browser = new Browser()) {
  return { browser, page: await browser.follow(authorizationUrl(stage), CALLBACK) };
}

describe('a refused password', () => {
  test('looks the same for a wrong password, an unknown user, a locked user and an empty field', async () => {
    const answers = [];
    for (const [login, password] of [
      ['anna', 'wrong'],
      ['nobody', 'wrong'],
      ['lars', 'wrong'],
      ['anna', ''],
    ] as const) {
      const { browser, page } = await openLogin();
      answers.push(await submitLogin(browser, page, { login, password }));
    }
    for (const answer of answers) {
      expect(answer.status).toBe(401);
      expect(bare(answer.body)).toBe(bare(answers[0]!.body));
      expect(Object.keys(answer.headers).sort()).toEqual(Object.keys(answers[0]!.headers).sort());
    }
  });

  test('is never repeated in the page, and leaves no session', async () => {
    const { browser, page } = await openLogin();
    const answer = await submitLogin(browser, page, { login: 'anna', password: 'canary-password' });
    expect(answer.body).not.toContain('canary-password');
    expect(browser.cookies.some((c) => c.name === 'fb_session')).toBe(false);
  });

  test.each([
    ['a NUL', 'a\0b', 400],
    ['more than 1,024 bytes', 'x'.repeat(1100), 401],
  ])('is one with %s', async (_what, password, status) => {
    const { browser, page } = await openLogin();
    expect((await submitLogin(browser, page, { login: 'anna', password })).status).toBe(status);
  });
});

describe('guessing', () => {
  test('has to wait after five wrong passwords, however the name is written and wherever it is tried', async () => {
    for (const login of ['anna', 'ANNA', ' anna', 'Anna ', 'aNNa']) {
      const { browser, page } = await openLogin();
      expect((await submitLogin(browser, page, { login, password: 'wrong' })).status).toBe(401);
    }
    const { browser, page } = await openLogin();
    const answer = await submitLogin(browser, page, ANNA);
    expect(answer.status).toBe(429);
    expect(Number(answer.headers['retry-after'])).toBeGreaterThan(30);
    expect(answer.body).toContain('name="password"');
  });

  test('in parallel gains nothing: of 20 simultaneous guesses at most five are looked at', async () => {
    const { browser, page } = await openLogin();
    const answers = await Promise.all(
      Array.from({ length: 20 }, () =>
        submitLogin(browser.copy(), page, { login: 'anna', password: 'wrong' }),
      ),
    );
    expect(answers.filter((a) => a.status === 401).length).toBeLessThanOrEqual(5);
    expect(answers.filter((a) => a.status === 429).length).toBeGreaterThanOrEqual(15);
  });

  test('is remembered by the database, so that another node knows', async () => {
    const { browser, page } = await openLogin();
    for (let i = 0; i < 5; i++) await submitLogin(browser, page, { login: 'tina', password: 'wrong' });
    const [row] = await execute(
      stage.databaseUrl,
      'select failures, blocked_until > now() as blocked from login_attempts order by failures desc limit 1',
    );
    expect(row).toEqual({ failures: 5, blocked: true });
    expect(JSON.stringify(await execute(stage.databaseUrl, 'select * from login_attempts'))).not.toContain(
      'tina',
    );
  });

  test('is forgiven when the right password comes in time', async () => {
    const { browser, page } = await openLogin();
    const person = { login: 'rita', password: 'pw of rita' };
    stage.people.push(person);
    for (let i = 0; i < 4; i++) await submitLogin(browser, page, { ...person, password: 'wrong' });
    expect(codeOf((await submitLogin(browser, page, person)).location)).not.toBe('');
    expect(await execute(stage.databaseUrl, 'select 1 from login_attempts where failures = 4')).toHaveLength(
      1,
    ); // the network’s
  });
});

describe('what is said only after the right password', () => {
  test('that the user is locked', async () => {
    const { browser, page } = await openLogin();
    const answer = await submitLogin(browser, page, LARS);
    expect(answer.status).toBe(403);
    expect(browser.cookies.some((c) => c.name === 'fb_session')).toBe(false);
  });

  test('that the user has moved, with a button to the target', async () => {
    movedTo = 'cut-over';
    const { browser, page } = await openLogin();
    const answer = await submitLogin(browser, page, MONA);
    expect(answer.status).toBe(200);
    expect(answer.body).toContain('https://target.example/');
    expect(browser.cookies.some((c) => c.name === 'fb_session')).toBe(false);
    const wrong = await submitLogin(browser, page, { ...MONA, password: 'wrong' });
    expect(wrong.status).toBe(401);
    expect(wrong.body).not.toContain('https://target.example/');
  });
});

describe('a second factor', () => {
  const codePage = async () => {
    const { browser, page } = await openLogin();
    const answer = await submitLogin(browser, page, TINA);
    expect(answer.status).toBe(200);
    expect(answer.body).toContain('name="code"');
    const form = { form_token: field(answer.body, 'form_token')!, step: field(answer.body, 'step')! };
    return {
      page,
      form,
      send: (code: string) => browser.follow(page.url, CALLBACK, { form: { ...form, code } }),
      browser,
    };
  };

  test('is asked for where the legacy user has one, and the tokens say so', async () => {
    const { send } = await codePage();
    const end = await send(totpAt(stepNow()));
    const { id_token } = (await redeem(stage, codeOf(end.location))).json<Record<string, string>>();
    expect(decodeJwt(id_token!)).toMatchObject({ amr: ['pwd', 'otp'], acr: 'urn:footbridge:acr:2' });
  });

  test('cannot be skipped by returning to the client', async () => {
    const { browser, page } = await codePage();
    const back = await browser.follow(page.url.replace('/login/', '/auth/'), CALLBACK);
    expect(codeOf(back.location)).toBe('');
  });

  test('takes each code once', async () => {
    const step = stepNow();
    expect(codeOf((await (await codePage()).send(totpAt(step))).location)).not.toBe('');
    expect((await (await codePage()).send(totpAt(step))).status).toBe(401);
  });

  test('is locked after five wrong codes, and the right password does not unlock it', async () => {
    const { send } = await codePage();
    for (let i = 0; i < 5; i++) expect((await send('000000')).status).toBe(401);
    expect((await send(totpAt(stepNow()))).status).toBe(429);
    const again = await codePage();
    const answer = await again.send(totpAt(stepNow()));
    expect(answer.status).toBe(429);
    expect(Number(answer.headers['retry-after'])).toBeGreaterThan(50);
  });

  test('does not accept the step of another login page', async () => {
    const first = await codePage();
    const second = await codePage();
    const answer = await second.browser.visit(second.page.url, {
      form: { ...second.form, step: first.form.step, code: totpAt(stepNow()) },
    });
    expect(answer.status).toBe(400);
  });
});

describe('a required legacy app that fails', () => {
  test('stops the login and leaves everything as it was: whoever was logged in still is', async () => {
    const { FootbridgeError } = await import('../../src/errors.ts');
    let fails = false;
    const strict = await openStage({
      overrides: {
        legacySessions: legacyWorld({
          create: async () => {
            if (fails) throw new FootbridgeError('legacy_unavailable', { retryAfterSeconds: 2 });
            return { setCookies: [], failures: [], parts: () => [] };
          },
        }),
      },
    });
    try {
      const browser = new Browser();
      await logIn(strict, browser);
      fails = true;
      const page = await browser.follow(authorizationUrl(strict, { prompt: 'login' }), CALLBACK);
      expect((await submitLogin(browser, page, BOB)).status).toBe(503);
      const silent = await browser.follow(authorizationUrl(strict, { prompt: 'none' }), CALLBACK);
      expect(codeOf(silent.location)).not.toBe('');
    } finally {
      await strict.close();
    }
  });
});

describe('a person who gives up', () => {
  test('is sent back with access_denied', async () => {
    const { browser, page } = await openLogin();
    const end = await browser.follow(`${page.url}/cancel`, CALLBACK);
    expect(new URL(end.location!).searchParams.get('error')).toBe('access_denied');
  });
});

describe('the page', () => {
  test('speaks the language of ui_locales, and otherwise of the browser', async () => {
    const ask = async (params: object, language?: string) => {
      const answer = await new Browser().follow(
        authorizationUrl(stage, params as Record<string, string>),
        CALLBACK,
        {},
      );
      const page = await new Browser().visit(
        answer.url,
        language ? { headers: { 'accept-language': language } } : {},
      );
      return [answer.headers['content-language'], page.headers['content-language']];
    };
    expect((await ask({ ui_locales: 'fr-CH de' }))[0]).toBe('fr');
    expect((await ask({}, 'de-CH,de;q=0.9'))[1]).toBe('de');
  });

  test('without its cookies says so', async () => {
    const { page } = await openLogin();
    const answer = await new Browser().visit(page.url);
    expect(answer.status).toBe(400);
    expect(answer.body).toMatch(/cookie/i);
  });
});
