import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { HASH_KINDS } from '../../../example/demo/hash-kinds.ts';
import { codeOfStep, stepAt } from '../../../example/demo/totp.ts';
import { Browser, field } from '../../support/browser.ts';
import type { Stage } from './stage.ts';
import {
  ANNA,
  INES,
  played,
  shopDatabase,
  stage,
  switchShop,
  throughFootbridge,
  toLogin,
  withPassword,
} from './stage.ts';

const shop = shopDatabase();

describe('the journey', () => {
  let at: Stage;
  beforeEach(async () => {
    at = await stage(shop.url);
  });
  afterEach(() => at.close());

  test('the first login makes the user first and fetches the secrets then, with the ticket', async () => {
    at.footbridge.next = await played(ANNA);
    const browser = new Browser();
    const home = await throughFootbridge(browser, at);
    expect(home.body).toContain('Hello, Anna.');
    expect(home.url.startsWith(at.newApp)).toBe(true);
    expect(at.footbridge.flagged).toEqual([
      {
        sub: 'shop:1001',
        state: 'migrated',
        targetUserId: expect.stringMatching(/^\d{18}$/),
        imported: ['password'],
      },
    ]);
    const discoveries = at.footbridge.calls.filter((call) => call.includes('openid-configuration'));
    expect(discoveries.length).toBeGreaterThanOrEqual(2);
    expect(at.footbridge.calls.indexOf('GET /me')).toBeLessThan(
      at.footbridge.calls.findIndex((call) => call.startsWith('POST /migration')),
    );
  });

  test('afterwards the same password opens the target with the legacy store off', async () => {
    at.footbridge.next = await played(ANNA);
    await throughFootbridge(new Browser(), at);
    await switchShop(at, 'off');
    const shopLogin = await new Browser().visit(`${at.shop}/login`);
    expect(shopLogin.status).toBe(503);
    expect(shopLogin.body).toContain('database is switched off');
    const calls = at.footbridge.calls.length;
    expect((await withPassword(new Browser(), at, ANNA)).body).toContain('Hello, Anna.');
    expect(at.footbridge.calls).toHaveLength(calls);
    await switchShop(at, 'on');
  });

  test('a wrong password opens nothing, and neither does one of somebody who has not moved', async () => {
    at.footbridge.next = await played(ANNA);
    await throughFootbridge(new Browser(), at);
    const wrong = await withPassword(new Browser(), at, { ...ANNA, password: 'wrong' });
    const unknown = await withPassword(new Browser(), at, INES);
    expect([wrong.status, unknown.status]).toEqual([401, 401]);
  });

  test('a second factor moves along, is asked for, and is good once', async () => {
    at.footbridge.next = await played(INES);
    await throughFootbridge(new Browser(), at);
    expect(at.footbridge.flagged[0]!.imported).toEqual(['password', 'totp']);
    const code = codeOfStep(INES.otpSeed!, stepAt(Date.now() / 1000));
    const enter = async () => {
      const browser = new Browser();
      const page = await withPassword(browser, at, INES);
      expect(page.body).toContain('Your code');
      return browser.follow(`${at.target}/ui/login/login/code`, 'nowhere', {
        form: { authRequestID: field(page.body, 'authRequestID')!, code },
      });
    };
    expect((await enter()).body).toContain('Hello, Inês.');
    expect((await enter()).status).toBe(401);
  });

  test('without the code there is no session, however often the password was right', async () => {
    at.footbridge.next = await played(INES);
    await throughFootbridge(new Browser(), at);
    const browser = new Browser();
    await withPassword(browser, at, INES);
    const complete = await browser.visit(`${at.target}/ui/login/login/complete`);
    expect(complete.location).toBe(`${at.target}/ui/login/login`);
  });

  test('a hash that cannot be taken along leads to a new password, and to the end of the move', async () => {
    const secrets = { password: { reason: 'untranslatable_algorithm', sentence: 'Not here.' } };
    at.footbridge.next = await played(ANNA, { secrets });
    const browser = new Browser();
    await throughFootbridge(browser, at);
    expect(at.footbridge.flagged.map(({ state }) => state)).toEqual(['created']);
    expect((await browser.visit(`${at.target}/account`)).body).toContain('could not be taken along');
    await browser.visit(`${at.target}/account/password`, { form: { password: 'a new password' } });
    expect(at.footbridge.flagged.map(({ state }) => state)).toEqual(['created', 'migrated']);
    const home = await withPassword(new Browser(), at, { login: 'anna', password: 'a new password' });
    expect(home.body).toContain('Hello, Anna.');
  });

  test('a password is never taken without its second factor, nor chosen anew', async () => {
    const secrets = {
      password: { format: 'bcrypt', encoded: (await HASH_KINDS.bcrypt.make(ANNA.password)).pw },
      totp: { secret: INES.otpSeed, algorithm: 'SHA256', digits: 8, periodSeconds: 60 },
    };
    at.footbridge.next = await played(ANNA, { secrets });
    const browser = new Browser();
    await throughFootbridge(browser, at);
    expect(at.footbridge.flagged.map(({ state, imported }) => [state, imported])).toEqual([['created', []]]);
    expect((await withPassword(new Browser(), at, ANNA)).status).toBe(401);
    const chosen = await browser.visit(`${at.target}/account/password`, {
      form: { password: 'a new password' },
    });
    expect(chosen.status).toBe(409);
  });

  test('a hash that ZITADEL refuses is refused', async () => {
    const secrets = { password: { format: 'bcrypt', encoded: '{SSHA}uQ5sP8/uK6FOP/20RITN7t06n6LTuhfC' } };
    at.footbridge.next = await played(ANNA, { secrets });
    await throughFootbridge(new Browser(), at);
    expect(at.footbridge.flagged.map(({ state }) => state)).toEqual(['created']);
    expect((await new Browser().visit(at.target)).body).toContain('CRYPT-2xK7d');
  });

  test('secrets that could not be fetched are fetched at the next login', async () => {
    at.footbridge.next = await played(ANNA);
    at.footbridge.refusals.push({ status: 429, code: 'volume_exceeded' });
    expect((await throughFootbridge(new Browser(), at)).body).toContain('Hello, Anna.');
    expect(at.footbridge.flagged).toEqual([]);
    await throughFootbridge(new Browser(), at);
    expect(at.footbridge.flagged.map(({ state }) => state)).toEqual(['migrated']);
  });

  test('a login through Footbridge is a login at the shop', async () => {
    at.footbridge.next = await played(ANNA);
    const browser = new Browser();
    await throughFootbridge(browser, at);
    const account = await browser.visit(`${at.shop}/account`);
    expect(account.body).toContain('You never signed in here');
    expect((await new Browser().visit(`${at.shop}/account`)).location).toBe(`${at.shop}/login`);
  });

  test('signing out of the new app ends the session at the target as well', async () => {
    at.footbridge.next = await played(ANNA);
    const browser = new Browser();
    await throughFootbridge(browser, at);
    const page = await browser.follow(`${at.newApp}/logout`, 'nowhere', { form: {} });
    const action = /action="([^"]*end_session[^"]*)"/.exec(page.body)![1]!;
    const back = await browser.follow(action, 'nowhere', {
      form: { xsrf: field(page.body, 'xsrf')!, logout: 'yes' },
    });
    expect(back.url).toBe(`${at.newApp}/`);
    expect((await browser.visit(`${at.target}/account`)).location).toBe(`${at.target}/ui/login/login`);
    expect((await toLogin(browser, at)).body).toContain('Continue with your shop account');
  });
});
