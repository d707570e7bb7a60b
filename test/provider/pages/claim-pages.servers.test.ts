/** The pages on which people link their own accounts, in a real browser. */
import { type Browser, type BrowserContext, chromium, type Page as Tab } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { openPages, type Page, pagesSettings } from '../../../src/provider/pages/index.ts';
import { requires } from '../../support/requires.ts';
import { faultsOf } from './page-faults.ts';
import { PageServer } from './page-server.ts';

const browserBinary = requires('Chromium', 'chromium', 'chromium-browser', 'google-chrome');
/** Each page is drawn and examined some times. */
const SWEEP_TIMEOUT_MS = 300_000;

const form = { action: '/claim', formToken: 'token', targetName: 'Hub' } as const;
const LONG = 'Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft';
const HOSTILE = `<script>alert(1)</script><img src=x onerror=alert(1)> \u202e\u2067${LONG.repeat(4)}`.slice(
  0,
  300,
);

const HARD: Readonly<Record<string, Page>> = {
  'confirm-long': {
    ...form,
    page: 'claim-confirm',
    targetName: LONG,
    here: { system: LONG, name: LONG.repeat(4).slice(0, 300), username: LONG, email: `${LONG}@example.com` },
    there: { system: LONG, name: HOSTILE, username: HOSTILE, email: HOSTILE },
    isEmailDifferent: true,
  },
  'confirm-right-to-left': {
    ...form,
    page: 'claim-confirm',
    here: { system: 'חנות', name: 'אביגיל לוי (1)', email: 'abigail@example.com' },
    there: { system: 'متجر', name: 'محمد الأمين', email: 'm@example.com' },
    organization: { here: 'חברה בע״מ', there: 'شركة' },
    isEmailDifferent: true,
  },
  'done-long': {
    ...form,
    page: 'claim-done',
    here: { system: LONG, name: HOSTILE },
    there: { system: 'Hub', email: `${LONG}@example.com` },
    organizations: [
      { id: '1', name: LONG, state: 'open' },
      { id: '2', name: HOSTILE, state: 'linked' },
    ],
    continue: { href: '/', name: LONG },
  },
  'login-long': {
    ...form,
    page: 'login',
    signInWith: [
      { name: LONG, href: '/' },
      { name: HOSTILE, href: '/' },
    ],
  },
};

describe.skipIf(browserBinary.skip)(browserBinary.name, () => {
  const server = new PageServer();
  let browser: Browser;
  let context: BrowserContext | undefined;

  beforeAll(async () => {
    server.sites.set('shop', openPages(pagesSettings.parse({ name: 'Shop' })));
    for (const [name, page] of Object.entries(HARD)) server.pages.set(name, page);
    await server.open();
    browser = await chromium.launch({ executablePath: browserBinary.path!, args: ['--no-sandbox'] });
  });
  afterEach(() => context?.close());
  afterAll(async () => {
    await browser?.close();
    await server.close();
  });

  const open = async (page: string, options: { javaScriptEnabled?: boolean; width?: number } = {}) => {
    const { width = 1280, ...others } = options;
    context = await browser.newContext({ ...others, viewport: { width, height: 800 } });
    const tab = await context.newPage();
    await tab.goto(server.url('shop', 'en', page));
    server.posts.length = 0;
    return tab;
  };
  const posted = () => server.posts.map((post) => Object.fromEntries(post));
  /** What has the focus, by its words. */
  const focused = (tab: Tab) => tab.locator('*:focus').innerText();

  it('links two accounts by keyboard alone, without JavaScript', async () => {
    const tab = await open('claim-confirm', { javaScriptEnabled: false });
    await tab.keyboard.press('Enter');
    const stops: string[] = [];
    for (const _ of [1, 2, 3]) {
      await tab.keyboard.press('Tab');
      stops.push(await focused(tab));
    }
    expect(stops).toEqual(['Link these two accounts', 'Use another account at New Login', 'Cancel']);
    expect(posted()).toEqual([]);
    await tab.keyboard.press('Shift+Tab');
    await tab.keyboard.press('Shift+Tab');
    await Promise.all([tab.waitForNavigation(), tab.keyboard.press('Enter')]);
    expect(posted()).toEqual([{ form_token: 'sample', choice: 'link' }]);
  });

  it.each([
    ['claim', 'Continue to New Login', { form_token: 'sample', choice: 'continue' }],
    ['claim', 'This is not me', { form_token: 'sample', choice: 'not-me' }],
    ['claim-confirm', 'Use another account at New Login', { form_token: 'sample', choice: 'other' }],
    ['claim-confirm', 'Cancel', { form_token: 'sample', choice: 'cancel' }],
    ['claim-done-organizations', 'Link Acme GmbH', { form_token: 'sample', organization: 'shop:17' }],
    ['claim-problem-expired', 'Send me a new link', { form_token: 'sample', choice: 'new-link' }],
    ['claim-needed-soon', 'Not now', { form_token: 'sample', step: 'sample', choice: 'later' }],
    ['claim-needed-refused', 'Link my account now', { form_token: 'sample', step: 'sample', choice: 'link' }],
    ['sign-in-unknown-claim', 'Link my account', { form_token: 'sample', choice: 'link' }],
  ])('%s: "%s" posts what it says', async (page, button, fields) => {
    const tab = await open(page, { javaScriptEnabled: false });
    await Promise.all([tab.waitForNavigation(), tab.getByRole('button', { name: button }).click()]);
    expect(posted()).toEqual([fields]);
  });

  it('shows both sides beside one another where there is room, else one above the other', async () => {
    for (const [width, beside] of [
      [1280, true],
      [360, false],
      [320, false],
    ] as const) {
      const tab = await open('claim-confirm', { width });
      const sides = tab.locator('.identity');
      const [left, right] = await Promise.all([sides.nth(0).boundingBox(), sides.nth(1).boundingBox()]);
      const bridges = tab.locator('.span svg:visible');
      expect(await bridges.count()).toBe(1);
      const bridge = await bridges.boundingBox();
      if (beside) {
        expect(right!.y).toBe(left!.y);
        expect(right!.height).toBe(left!.height);
        expect(bridge!.x).toBeCloseTo(left!.x + left!.width, 0);
        expect(bridge!.x + bridge!.width).toBeCloseTo(right!.x, 0);
      } else {
        expect(right!.x).toBe(left!.x);
        expect(bridge!.y).toBeCloseTo(left!.y + left!.height, 0);
        expect(bridge!.y + bridge!.height).toBeCloseTo(right!.y, 0);
      }
      await context?.close();
    }
  });

  it('is told to a screen reader in the order in which it is understood', async () => {
    const tab = await open('claim-confirm');
    const names = await tab.getByRole('heading').allInnerTexts();
    expect(names).toEqual(['Link these two accounts?', 'Sample Shop', 'New Login']);
    const button = tab.getByRole('button', { name: 'Link these two accounts' });
    const described = (await button.getAttribute('aria-describedby'))!.split(' ');
    const texts = await Promise.all(described.map((id) => tab.locator(`#${id}`).innerText()));
    expect(texts.join(' ')).toMatch(/^Once they are linked.*The email addresses are different/s);
    await tab.goto(server.url('shop', 'en', 'claim-done'));
    expect(await tab.getByRole('status').innerText()).toMatch(/^Your accounts are linked/);
  });

  it('reaches "Sign in with" by keyboard after the form, and follows it', async () => {
    const tab = await open('login-with');
    await tab.locator('#username:focus').waitFor();
    const stops: string[] = [];
    for (const _ of [1, 2, 3, 4]) {
      await tab.keyboard.press('Tab');
      stops.push(await focused(tab));
    }
    expect(stops).toEqual(['', 'Sign in', 'Sign in with New Login', 'Cancel']);
    const link = tab.getByRole('link', { name: 'Sign in with New Login' });
    expect(await link.getAttribute('href')).toBe('/login/sample/with/new');
  });

  it(
    'finds nothing to complain about with names of 300 characters, hostile and right-to-left ones, and large letters',
    async () => {
      const wrong: string[] = [];
      for (const name of Object.keys(HARD)) {
        for (const width of [320, 1280]) {
          const tab = await open(name, { width });
          for (const colorScheme of ['light', 'dark'] as const) {
            await tab.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
            wrong.push(...(await faultsOf(tab)).map((fault) => `${name} ${width} ${colorScheme}: ${fault}`));
          }
          const overflow = await tab.evaluate<number>(
            `document.documentElement.style.fontSize = '200%';
             document.documentElement.scrollWidth - document.documentElement.clientWidth`,
          );
          if (overflow > 0) wrong.push(`${name} ${width}: ${overflow} px at 200 %`);
          await context?.close();
        }
      }
      expect(wrong).toEqual([]);
    },
    SWEEP_TIMEOUT_MS,
  );

  it('crosses the bridge only for people who do not mind things that move', async () => {
    const tab = await open('claim-done');
    const animation = () =>
      tab.evaluate<string>(`getComputedStyle(document.querySelector('.across .deck')).animationName`);
    await tab.emulateMedia({ reducedMotion: 'reduce' });
    expect(await animation()).toBe('none');
    await tab.emulateMedia({ reducedMotion: 'no-preference' });
    expect(await animation()).toBe('cross');
  });
});
