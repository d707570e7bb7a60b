import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { readSessionHook } from '../../../example/demo/session-hook.ts';
import { codeOfStep, stepAt } from '../../../example/demo/totp.ts';
import { Browser } from '../../support/browser.ts';
import { signatureOf } from './footbridge-double.ts';
import type { Stage } from './stage.ts';
import { ANNA, HOOK_KEY, INES, played, shopDatabase, stage, throughFootbridge } from './stage.ts';

const shop = shopDatabase();
const JUERGEN = { login: 'juergen', password: 'Grüße aus Köln' };

describe('the shop and Footbridge', () => {
  let at: Stage;
  beforeEach(async () => {
    at = await stage(shop.url);
  });
  afterEach(() => at.close());

  const signIn = (browser: Browser, { login, password }: { login: string; password: string }) =>
    browser.follow(`${at.shop}/login`, 'nowhere', { form: { login, password } });
  const signOut = (browser: Browser) => browser.visit(`${at.shop}/logout`, { form: {} });
  const isSignedIn = async (browser: Browser) => (await browser.visit(`${at.shop}/account`)).status === 200;
  const cookieOf = (browser: Browser) => browser.cookies.find(({ name }) => name === 'shop_session')?.value;
  /** As Footbridge calls. */
  const call = (path: string, told: object, key = HOOK_KEY) => {
    const body = JSON.stringify(told);
    return new Browser().visit(`${at.shop}/footbridge/session${path}`, {
      body,
      headers: { 'footbridge-signature': signatureOf(body, key) },
    });
  };
  /** What Footbridge was told, checked as the shop checks what it is told. */
  const told = () =>
    at.footbridge.ended.map(({ body, signature }) => {
      const call = { signature, body: Buffer.from(body), unixSeconds: Date.now() / 1000 };
      expect(readSessionHook(HOOK_KEY)(call)).not.toHaveProperty('refused');
      return JSON.parse(body) as { legacyId: string; session: string };
    });

  test('the shop says whose session a cookie is, and knows it by its id from then on', async () => {
    const browser = new Browser();
    await signIn(browser, ANNA);
    const byCookie = await call('/check', { session: { cookies: { shop_session: cookieOf(browser) } } });
    const { session, authTime, legacyId, amr } = byCookie.json<Record<string, unknown>>();
    expect([legacyId, amr]).toEqual(['1001', ['pwd']]);
    expect(Math.abs(Number(authTime) - Date.now() / 1000)).toBeLessThan(60);
    expect((await call('/check', { session: { id: session } })).json()).toEqual(byCookie.json());
    expect(session).not.toBe(cookieOf(browser));
  });

  test('the shop says that a second factor was used, of those who have one', async () => {
    const browser = new Browser();
    await signIn(browser, INES);
    expect(cookieOf(browser)).toBeUndefined();
    const code = codeOfStep(INES.otpSeed!, stepAt(Date.now() / 1000));
    await browser.visit(`${at.shop}/login/code`, { form: { code } });
    const found = await call('/check', { session: { cookies: { shop_session: cookieOf(browser) } } });
    expect(found.json()).toMatchObject({ amr: ['pwd', 'otp'] });
  });

  test('the shop knows no session by what opens none, and answers nobody else', async () => {
    const browser = new Browser();
    await signIn(browser, ANNA);
    const found = await call('/check', { session: { cookies: { shop_session: cookieOf(browser) } } });
    const { session } = found.json<{ session: string }>();
    const unknown = [{ cookies: { shop_session: session } }, { id: cookieOf(browser) }, { id: 'made-up' }];
    for (const wrong of unknown) expect((await call('/check', { session: wrong })).status).toBe(404);
    expect((await call('/check', { session: { id: session } }, 'another key')).status).toBe(401);
    expect((await call('/end', { session: { id: session } }, 'another key')).status).toBe(401);
    expect(await isSignedIn(browser)).toBe(true);
  });

  test('a session that Footbridge ends is over, and those of others are not', async () => {
    at.footbridge.next = await played(ANNA);
    const [anna, elsewhere] = [new Browser(), new Browser()];
    await throughFootbridge(anna, at);
    await signIn(elsewhere, ANNA);
    const found = await call('/check', { session: { cookies: { shop_session: cookieOf(anna) } } });
    await call('/end', { session: { id: found.json<{ session: string }>().session } });
    expect([await isSignedIn(anna), await isSignedIn(elsewhere)]).toEqual([false, true]);
    await call('/end', { legacyId: '1001' });
    expect(await isSignedIn(elsewhere)).toBe(false);
  });

  test('who signs out of the shop is told to Footbridge, who was not signed in is not', async () => {
    const browser = new Browser();
    await signOut(browser);
    await signIn(browser, ANNA);
    const found = await call('/check', { session: { cookies: { shop_session: cookieOf(browser) } } });
    await signOut(browser);
    expect(told()).toEqual([{ legacyId: '1001', session: found.json<{ session: string }>().session }]);
    expect(await isSignedIn(browser)).toBe(false);
  });

  test('who signs in as somebody else has left as the first', async () => {
    const browser = new Browser();
    await signIn(browser, ANNA);
    const left = browser.copy();
    await signIn(browser, JUERGEN);
    expect(told().map(({ legacyId }) => legacyId)).toEqual(['1001']);
    expect([await isSignedIn(left), await isSignedIn(browser)]).toEqual([false, true]);
  });

  test('without Footbridge the shop signs people out all the same', async () => {
    const browser = new Browser();
    await signIn(browser, ANNA);
    await at.footbridge.close();
    expect((await signOut(browser)).status).toBe(302);
    expect(await isSignedIn(browser)).toBe(false);
    expect(at.log.join('\n')).toContain('Footbridge does not answer');
  });
});
