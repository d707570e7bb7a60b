/** What only a browser does: say what came along, keep the place, and print. */
import type { Browser } from 'playwright-core';
import { chromium } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { requires } from '../../support/requires.ts';
import type { Stand } from './stand.ts';
import { openStand } from './stand.ts';

const binary = requires('Chromium', 'chromium', 'chromium-browser', 'google-chrome');

describe.skipIf(binary.skip)(binary.name, () => {
  let stand: Stand;
  let browser: Browser;
  beforeAll(async () => {
    stand = await openStand();
    browser = await chromium.launch({ executablePath: binary.path!, args: ['--no-sandbox'] });
  });
  afterAll(async () => {
    await browser?.close();
    await stand?.close();
  });

  const signedIn = async (options: Parameters<Browser['newContext']>[0] = {}) => {
    const tab = await (await browser.newContext(options)).newPage();
    const { token } = await stand.invited('operator');
    await tab.goto(`${stand.origin}/admin/sign-in/invitation`);
    // As when the link is opened where the form is open already.
    await tab.goto(`${stand.origin}/admin/sign-in/invitation#${token}`);
    await Promise.all([tab.waitForURL(/\/admin$/), tab.getByRole('button', { name: 'Sign in' }).click()]);
    return tab;
  };

  it('takes an invitation where the form is open already', async () => {
    const tab = await signedIn();
    expect(new URL(tab.url()).pathname).toBe('/admin');
    await tab.context().close();
  });

  it('says how far a run is, and that it has ended, in a place that stays', async () => {
    const tab = await signedIn();
    await tab.goto(`${stand.origin}/admin/do/thing/read`);
    await tab.getByRole('button', { name: 'Run' }).click();
    await tab.getByText('Under way').waitFor();
    await tab.evaluate(
      `document.getElementById('main').focus(); window.place = document.getElementById('news')`,
    );
    const told = { users: 1, total: 4, continuedFrom: 0, perSecond: 1, failed: 0 };
    stand.waiting.at(-1)!.tell(told);
    const news = () => tab.evaluate<string>('window.place.isConnected && window.place.textContent');
    await expect.poll(news, { timeout: 20_000 }).toBe('Under way, 20 %');
    expect(await tab.evaluate('document.activeElement.id')).toBe('main');
    stand.waiting.at(-1)!.end('well');
    await expect.poll(news, { timeout: 20_000 }).toBe('The answer is here.');
    await tab.context().close();
  });

  it('puts the focus on the first field that is wrong', async () => {
    const tab = await signedIn();
    await tab.goto(`${stand.origin}/admin/do/thing/change?name=x&count=99`);
    await tab.getByRole('button', { name: 'Show what will happen' }).click();
    await tab.locator('.fault').first().waitFor();
    const at = () => tab.evaluate('document.activeElement.name');
    await expect.poll(at, { timeout: 20_000 }).toBe('count');
    await tab.context().close();
  });

  it('draws how far something is with colours of somebody’s own, and prints nothing to press', async () => {
    const tab = await signedIn({ forcedColors: 'active' });
    await tab.goto(`${stand.origin}/admin/do/thing/read`);
    await tab.getByRole('button', { name: 'Run' }).click();
    await tab.getByText('Under way').waitFor();
    stand.waiting.at(-1)!.tell({ users: 1, total: 4, continuedFrom: 0, perSecond: 1, failed: 0 });
    await tab.locator('progress').waitFor();
    const [bar, ground, border] = await tab.evaluate<string[]>(
      `(({ color, backgroundColor, borderTopWidth }) =>
        [color, backgroundColor, borderTopWidth])(getComputedStyle(document.querySelector('progress')))`,
    );
    expect(bar).not.toBe(ground);
    expect(border).toBe('1px');
    await tab.emulateMedia({ media: 'print' });
    expect(await tab.locator('main .actions').isVisible()).toBe(false);
    stand.waiting.at(-1)!.end('well');
    await tab.context().close();
  });
});
