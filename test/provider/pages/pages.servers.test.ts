/** The pages in a real browser, under the Content-Security-Policy they are made for. Screenshots: test-output/pages/. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Browser, type BrowserContext, chromium, type Page as Tab } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { LOCALES, openPages, pagesSettings } from '../../../src/provider/pages/index.ts';
import { SAMPLES } from '../../../src/provider/pages/samples.ts';
import { requires } from '../../support/requires.ts';
import { faultsOf } from './page-faults.ts';
import { PageServer } from './page-server.ts';

const browserBinary = requires('Chromium', 'chromium', 'chromium-browser', 'google-chrome');
const OUTPUT = join(import.meta.dirname, '../../../test-output/pages');
const NARROW = 320;
const VIEWS = [
  { width: NARROW, colorScheme: 'light' },
  { width: NARROW, colorScheme: 'dark' },
  { width: 1280, colorScheme: 'light' },
  { width: 1280, colorScheme: 'dark' },
] as const;
/** Other words change how wide things are, and no colour: each width once, and each scheme. */
const VIEWS_OF_OTHER_WORDS = [VIEWS[0], VIEWS[3]] as const;
/** Some hundred pages, each drawn and examined several times: minutes on a busy machine. */
const SWEEP_TIMEOUT_MS = 600_000;

const LOGO =
  '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 160 40"><rect width="160" height="40" rx="8"/></svg>';
const LONG = 'Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft';

describe.skipIf(browserBinary.skip)(browserBinary.name, () => {
  const server = new PageServer();
  let browser: Browser;
  let context: BrowserContext;
  let tab: Tab;
  let complaints: string[];
  let folder: string;

  beforeAll(async () => {
    mkdirSync(OUTPUT, { recursive: true });
    folder = mkdtempSync(join(tmpdir(), 'footbridge-pages-'));
    writeFileSync(join(folder, 'logo.svg'), LOGO);
    const site = (name: string, settings: unknown) =>
      server.sites.set(name, openPages(pagesSettings.parse(settings)));
    const link = 'https://example.com/';
    const links = { forgotPassword: link, support: link, privacy: link, imprint: link };
    site('plain', { links });
    for (const brand of ['#ffffff', '#000000', '#ffd400', '#808080', '#e4002b']) {
      site(brand.slice(1), {
        name: LONG.slice(0, 60),
        colours: { brand },
        links,
        logo: join(folder, 'logo.svg'),
      });
    }
    server.pages.set('login-long', {
      page: 'login',
      action: '/posted',
      formToken: 'token',
      username: `${LONG}@example.com`,
      clientName: LONG,
      problem: 'locked',
      cancelHref: '/',
    });
    server.pages.set('choose-long', {
      page: 'choose-account',
      action: '/posted',
      formToken: 't',
      name: LONG,
    });
    server.pages.set('error-long', {
      page: 'error',
      kind: 'client',
      detail: LONG.repeat(3),
      reference: 'K7PQ-2MXD',
    });
    await server.open();
    browser = await chromium.launch({ executablePath: browserBinary.path!, args: ['--no-sandbox'] });
  });
  afterAll(async () => {
    await browser?.close();
    await server.close();
    rmSync(folder, { recursive: true, force: true });
  });

  const openTab = async (options: { javaScriptEnabled?: boolean } = {}) => {
    context = await browser.newContext(options);
    tab = await context.newPage();
    complaints = [];
    tab.on('console', (message) => complaints.push(message.text()));
    tab.on('requestfailed', (request) => complaints.push(`failed: ${request.url()}`));
    tab.on('response', (response) => {
      if (response.status() >= 400) complaints.push(`${response.status()}: ${response.url()}`);
    });
  };
  beforeEach(() => openTab());
  afterEach(() => context.close());

  const faults = async () => [...(await faultsOf(tab)), ...complaints];

  const sweep = async (name: string, views: readonly (typeof VIEWS)[number][] = VIEWS) => {
    const wrong: string[] = [];
    for (const { width, colorScheme } of views) {
      await tab.setViewportSize({ width, height: width === NARROW ? 640 : 800 });
      await tab.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
      await tab.screenshot({ path: join(OUTPUT, `${name}-${width}-${colorScheme}.png`), fullPage: true });
      wrong.push(...(await faults()).map((fault) => `${name} ${width} ${colorScheme}: ${fault}`));
    }
    return wrong;
  };

  it.each(LOCALES)(
    'finds nothing to complain about on any page in %s, narrow and wide, light and dark',
    async (locale) => {
      const wrong: string[] = [];
      for (const name of Object.keys(SAMPLES)) {
        await tab.goto(server.url('plain', locale, name));
        wrong.push(...(await sweep(`${name}-${locale}`, locale === 'en' ? VIEWS : VIEWS_OF_OTHER_WORDS)));
      }
      expect(wrong).toEqual([]);
    },
    SWEEP_TIMEOUT_MS,
  );

  it(
    'finds nothing to complain about with any brand colour, a logo, and texts that are too long',
    async () => {
      const wrong: string[] = [];
      for (const site of server.sites.keys()) {
        for (const name of ['login-long', 'choose-long', 'error-long', 'moved']) {
          await tab.goto(server.url(site, 'de', name));
          wrong.push(...(await sweep(`brand-${site}-${name}`)));
        }
      }
      expect(wrong).toEqual([]);
    },
    SWEEP_TIMEOUT_MS,
  );

  it(
    'shows every page at 200 % text size on a narrow phone without scrolling sideways',
    async () => {
      await tab.setViewportSize({ width: 320, height: 640 });
      const wrong: string[] = [];
      for (const name of [...Object.keys(SAMPLES), 'login-long', 'choose-long', 'error-long']) {
        await tab.goto(server.url('plain', 'de', name));
        const overflow = await tab.evaluate(() => {
          const { documentElement: root } = (
            globalThis as unknown as {
              document: {
                documentElement: { style: { fontSize: string }; scrollWidth: number; clientWidth: number };
              };
            }
          ).document;
          root.style.fontSize = '200%';
          return root.scrollWidth - root.clientWidth;
        });
        if (overflow > 0) wrong.push(`${name}: ${overflow} px`);
        if (name === 'login-wrong')
          await tab.screenshot({ path: join(OUTPUT, 'zoom-200.png'), fullPage: true });
      }
      expect(wrong).toEqual([]);
    },
    SWEEP_TIMEOUT_MS,
  );

  it('sees the policy at work: the same server refuses an inline style', async () => {
    server.sites.set('hostile', {
      ...server.sites.get('plain')!,
      render: () => '<!doctype html><title>x</title><p style="color:red">x</p>',
    });
    await tab.goto(server.url('hostile', 'en', 'login'));
    expect(complaints.join()).toContain('Content Security Policy');
  });

  it('sees faults where there are some: a missing label, and what is too wide', async () => {
    server.sites.set('hostile', {
      ...server.sites.get('plain')!,
      render: () => '<!doctype html><title>x</title><input><table width="5000"><tr><td>wide',
    });
    await tab.goto(server.url('hostile', 'en', 'login'));
    const found = (await faults()).join();
    expect(found).toContain('label:');
    expect(found).toContain('scrolls sideways:');
  });

  it('shows a logo that has no size of its own', async () => {
    await tab.goto(server.url('ffd400', 'en', 'login'));
    expect(await tab.getByRole('img').boundingBox()).toMatchObject({ width: 160, height: 40 });
  });

  it('puts the cursor where the next thing is typed', async () => {
    // A browser sets it with the first frame, not with the load event.
    for (const [page, field] of [
      ['login', 'username'],
      ['login-wrong', 'password'],
      ['code-wrong', 'code'],
    ] as const) {
      await tab.goto(server.url('plain', 'en', page));
      await tab.locator(`#${field}:focus`).waitFor();
    }
  });

  it('logs in by keyboard alone, without JavaScript', async () => {
    await context.close();
    await openTab({ javaScriptEnabled: false });
    await tab.goto(server.url('plain', 'en', 'login'));
    server.posts.length = 0;
    await tab.locator('#username:focus').waitFor();
    await tab.keyboard.type('erika@example.com');
    await tab.keyboard.press('Tab');
    await tab.locator('#password:focus').waitFor();
    await tab.keyboard.type('p ä"<&ß');
    await Promise.all([tab.waitForNavigation(), tab.keyboard.press('Enter')]);
    expect(server.posts.map((post) => Object.fromEntries(post))).toEqual([
      { form_token: 'sample', username: 'erika@example.com', password: 'p ä"<&ß' },
    ]);
    expect(complaints).toEqual([]);
  });

  it.each([
    ['Sign out', { xsrf: 'sample', logout: 'yes' }],
    ['Stay signed in', { xsrf: 'sample' }],
  ])('"%s" posts what it says', async (button, fields) => {
    await tab.goto(server.url('plain', 'en', 'confirm-logout'));
    server.posts.length = 0;
    await Promise.all([tab.waitForNavigation(), tab.getByRole('button', { name: button }).click()]);
    expect(Object.fromEntries(server.posts[0]!)).toEqual(fields);
  });

  it.each([
    ['Continue as Erika Mustermann', 'continue'],
    ['Use another account', 'other'],
  ])('"%s" posts its choice', async (button, choice) => {
    await tab.goto(server.url('plain', 'en', 'choose-account'));
    server.posts.length = 0;
    await Promise.all([tab.waitForNavigation(), tab.getByRole('button', { name: button }).click()]);
    expect(Object.fromEntries(server.posts[0]!)).toEqual({ form_token: 'sample', choice });
  });

  it('asks to stay signed in only whoever ticks the box, by its words or by keyboard', async () => {
    for (const [tick, remember] of [
      ['words', ['yes']],
      ['keyboard', ['yes']],
      ['not at all', []],
    ] as const) {
      await tab.goto(server.url('plain', 'en', 'login-remember'));
      server.posts.length = 0;
      await tab.getByLabel('Username').fill('erika');
      if (tick === 'words') await tab.getByText('Keep me signed in').click();
      await tab.getByLabel('Password').fill('secret');
      if (tick === 'keyboard') {
        await tab.keyboard.press('Tab');
        await tab.keyboard.press('Space');
      }
      await Promise.all([tab.waitForNavigation(), tab.getByRole('button', { name: 'Sign in' }).click()]);
      expect(server.posts[0]!.getAll('remember')).toEqual(remember);
    }
  });

  it('keeps the tick after a wrong password', async () => {
    await tab.goto(server.url('plain', 'en', 'login-remembered'));
    expect(await tab.getByLabel('Keep me signed in').isChecked()).toBe(true);
  });

  it('enters with the button and nothing else', async () => {
    await tab.goto(server.url('plain', 'en', 'enter'));
    server.posts.length = 0;
    expect(await tab.getByRole('button').count()).toBe(1);
    await Promise.all([
      tab.waitForNavigation(),
      tab.getByRole('button', { name: 'Continue as Erika Mustermann' }).click(),
    ]);
    expect(Object.fromEntries(server.posts[0]!)).toEqual({ form_token: 'sample' });
  });

  it('lists after a logout who was told, and what else there is to do', async () => {
    await tab.goto(server.url('plain', 'en', 'logged-out-told'));
    expect(await tab.getByRole('listitem').filter({ hasText: 'Sample' }).allInnerTexts()).toEqual([
      expect.stringMatching(/^Sample Shop\s+signed out$/),
      expect.stringMatching(/^Sample Forum\s+being signed out$/),
      expect.stringMatching(/^Sample Wiki\s+does not answer; we will keep trying$/),
      expect.stringMatching(/^Sample Archive\s+not signed out: please sign out there yourself$/),
    ]);
    await tab.goto(server.url('plain', 'en', 'logged-out'));
    expect(await tab.getByText('Your sessions in these applications').count()).toBe(0);
  });

  it('does not send a code that cannot be one', async () => {
    await tab.goto(server.url('plain', 'en', 'code'));
    server.posts.length = 0;
    await tab.getByLabel('Code').fill('12345');
    await tab.keyboard.press('Enter');
    expect(await tab.evaluate('document.querySelector("#code").validity.patternMismatch')).toBe(true);
    await tab.getByLabel('Code').fill('123 456');
    await Promise.all([tab.waitForNavigation(), tab.keyboard.press('Enter')]);
    expect(server.posts.map((post) => post.get('code'))).toEqual(['123 456']);
  });
});
