/** Who taps, who uses the keyboard, and who reads letter by letter: what only a real browser can say of them. */
import { type Browser, type BrowserContext, chromium, type Page as Tab } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { openPages, pagesSettings } from '../../../src/provider/pages/index.ts';
import { SAMPLES } from '../../../src/provider/pages/samples.ts';
import { requires } from '../../support/requires.ts';
import { PageServer } from './page-server.ts';

const browserBinary = requires('Chromium', 'chromium', 'chromium-browser', 'google-chrome');
const PHONE = { width: 360, height: 740 };
const SWEEP_TIMEOUT_MS = 300_000;

/** As large as a finger, in CSS pixels. A link within a sentence is as high as its line. */
const TOO_SMALL = `[...document.querySelectorAll('a, button, input:not([type=hidden])')]
  .filter((control) => !control.closest('.contact'))
  .filter((control) => {
    const { width, height } = (control.closest('label') ?? control).getBoundingClientRect();
    return width > 0 && (width < 44 || height < 44);
  })
  .map((control) => control.outerHTML)`;
const FOCUSED = 'document.activeElement.tagName';

describe.skipIf(browserBinary.skip)(browserBinary.name, () => {
  const server = new PageServer();
  let browser: Browser;
  let context: BrowserContext;
  let tab: Tab;

  beforeAll(async () => {
    const link = 'https://example.com/';
    const links = { forgotPassword: link, support: link, privacy: link, imprint: link };
    server.sites.set('plain', openPages(pagesSettings.parse({ links })));
    await server.open();
    browser = await chromium.launch({ executablePath: browserBinary.path!, args: ['--no-sandbox'] });
  });
  beforeEach(async () => {
    context = await browser.newContext({ viewport: PHONE });
    tab = await context.newPage();
  });
  afterEach(() => context.close());
  afterAll(async () => {
    await browser?.close();
    await server.close();
  });

  it(
    'offers nothing to tap on a phone that is smaller than a finger',
    async () => {
      const small: string[] = [];
      for (const name of Object.keys(SAMPLES)) {
        await tab.goto(server.url('plain', 'fr', name));
        const found = await tab.evaluate<string[]>(TOO_SMALL);
        small.push(...found.map((control) => `${name}: ${control}`));
      }
      expect(small).toEqual([]);
    },
    SWEEP_TIMEOUT_MS,
  );

  it('gives the focus back to the passkey button when the browser said no', async () => {
    await tab.addInitScript(
      'navigator.credentials.get = () => new Promise((_, no) => { globalThis.sayNo = no; })',
    );
    await tab.goto(server.url('plain', 'en', 'passkey'));
    await tab.locator('button.primary:focus').waitFor();
    await tab.keyboard.press('Enter');
    await tab.waitForFunction(`${FOCUSED} === 'BODY'`);
    await tab.evaluate('sayNo(new Error())');
    await tab.getByRole('alert').getByText('That did not work.').waitFor();
    await tab.locator('button.primary:focus').waitFor();
  });

  it('leaves the focus where a person has taken it meanwhile', async () => {
    await tab.addInitScript(
      'navigator.credentials.get = () => new Promise((_, no) => { globalThis.sayNo = no; })',
    );
    await tab.goto(server.url('plain', 'en', 'passkey'));
    await tab.locator('button.primary:focus').waitFor();
    await tab.keyboard.press('Enter');
    await tab.getByRole('button', { name: 'Use a recovery code' }).focus();
    await tab.evaluate('sayNo(new Error())');
    await tab.getByRole('alert').getByText('That did not work.').waitFor();
    expect(await tab.locator('*:focus').innerText()).toBe('Use a recovery code');
  });

  it('puts no hyphen of its own into a name, an address or a reference', async () => {
    for (const [page, place] of [
      ['claim-confirm', '.identity bdi'],
      ['choose-account', '.account bdi'],
      ['error-client-detail', 'code'],
      ['error-client-detail', '.facts dd'],
    ] as const) {
      await tab.goto(server.url('plain', 'de', page));
      const hyphens = await tab.evaluate<string[]>(
        `[...document.querySelectorAll('${place}')].map((one) => getComputedStyle(one).hyphens)`,
      );
      expect(new Set(hyphens), `${page} ${place}`).toEqual(new Set(['none']));
    }
  });
});
