/** The console in a real browser: for eyes, for a keyboard, for a screen reader, on a phone, and without JavaScript. */
import { type Browser, type BrowserContext, chromium, type Page as Tab } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { until } from '../../flows/server.ts';
import { faultsOf } from '../../provider/pages/page-faults.ts';
import { requires } from '../../support/requires.ts';
import type { Issuer } from '../../targets/oidc-sign-in-issuer.ts';
import { CLIENT, openIssuer } from '../../targets/oidc-sign-in-issuer.ts';
import type { Stand } from './stand.ts';
import { openStand } from './stand.ts';

const browserBinary = requires('Chromium', 'chromium', 'chromium-browser', 'google-chrome');

/** Every page is drawn and examined. */
const SWEEP_TIMEOUT_MS = 300_000;

const LOOKS = {
  light: { viewport: { width: 1280, height: 900 }, colorScheme: 'light' },
  // Both at once: each page is examined twice, not thrice.
  'dark, on a phone': { viewport: { width: 360, height: 760 }, colorScheme: 'dark' },
} as const;

describe.skipIf(browserBinary.skip)(browserBinary.name, () => {
  let issuer: Issuer;
  let stand: Stand;
  let browser: Browser;
  let context: BrowserContext | undefined;
  /** What no page of ours may do. */
  const wrong: string[] = [];

  beforeAll(async () => {
    issuer = await openIssuer();
    const signIn = { issuer: issuer.url, clientId: CLIENT.clientId, secret: CLIENT.clientSecret };
    const roles = { roleClaim: 'roles', roles: { operator: ['ops'] } };
    stand = await openStand({ fourEyes: true, console: { signIn: { ...signIn, ...roles } } });
    browser = await chromium.launch({ executablePath: browserBinary.path!, args: ['--no-sandbox'] });
  });
  beforeEach(() => {
    wrong.length = 0;
    stand.deeds.length = 0;
    stand.waiting.length = 0;
  });
  afterEach(async () => {
    for (const one of stand.waiting) one.end('at last');
    await context?.close();
    expect(wrong).toEqual([]);
  });
  afterAll(async () => {
    await browser?.close();
    await stand?.close();
    await issuer?.close();
  });

  /** A tab that notes what a page asks of anybody else, and what its policy has to stop. */
  const open = async (options: Parameters<Browser['newContext']>[0] = {}): Promise<Tab> => {
    context = await browser.newContext(options);
    const tab = await context.newPage();
    tab.on('request', (request) => {
      const { protocol, host } = new URL(request.url());
      const isOurs = [String(stand.port), new URL(issuer.url).port].includes(new URL(request.url()).port);
      if (protocol !== 'data:' && !isOurs) wrong.push(`asks ${host}`);
    });
    tab.on('pageerror', (error) => wrong.push(error.message));
    tab.on('console', (message) => {
      if (/Content Security Policy|Refused/.test(message.text())) wrong.push(message.text());
    });
    return tab;
  };
  const signedIn = async (
    options: Parameters<Browser['newContext']>[0] = {},
    role: 'operator' | 'admin' = 'operator',
  ) => {
    const tab = await open(options);
    const { token } = await stand.invited(role);
    await tab.goto(`${stand.origin}/admin/sign-in/invitation#${token}`);
    if (options.javaScriptEnabled === false) await tab.fill('#token', token);
    await Promise.all([tab.waitForURL(/\/admin$/), tab.getByRole('button', { name: 'Sign in' }).click()]);
    return tab;
  };
  const go = (tab: Tab, path: string) => tab.goto(`${stand.origin}/admin/${path}`);

  it('takes an invitation out of its address, runs dry and confirms by keyboard alone', async () => {
    const tab = await open();
    const { token } = await stand.invited('operator', 'keyboard');
    await tab.goto(`${stand.origin}/admin/sign-in/invitation#${token}`);
    await until(() =>
      tab.evaluate<boolean>('location.hash === "" && document.activeElement.tagName === "BUTTON"'),
    );
    await Promise.all([tab.waitForURL(/\/admin$/), tab.keyboard.press('Enter')]);
    await go(tab, 'do/thing/change');
    await tab.keyboard.press('Tab');
    expect(await tab.locator('*:focus').innerText()).toBe('Skip to the page');
    await tab.keyboard.press('Enter');
    await tab.keyboard.press('Tab');
    expect(await tab.locator('*:focus').getAttribute('name')).toBe('name');
    await tab.keyboard.type('lantern');
    await Promise.all([tab.waitForURL(/\/runs\//), tab.keyboard.press('Enter')]);
    expect(await tab.locator('pre').innerText()).toContain('Would change lantern 3 times');
    const focused = () => tab.evaluate<string>('document.activeElement.textContent.trim()');
    for (let stops = 0; stops < 30 && (await focused()) !== 'Do it'; stops += 1)
      await tab.keyboard.press('Tab');
    const outline = await tab.evaluate<string>('getComputedStyle(document.activeElement).outlineStyle');
    expect(outline).toBe('solid');
    const before = tab.url();
    await Promise.all([tab.waitForURL((url) => url.href !== before), tab.keyboard.press('Enter')]);
    expect(await tab.getByRole('status').innerText()).toBe('Done.');
    expect(stand.deeds.map(({ actor }) => actor)).toEqual(['operator:keyboard']);
  });

  it('does the same without JavaScript', async () => {
    const tab = await signedIn({ javaScriptEnabled: false });
    await go(tab, 'do/thing/change');
    await tab.getByLabel('Name').fill('lamp');
    await tab.getByRole('button', { name: 'Show what will happen' }).click();
    await tab.getByRole('button', { name: 'Do it' }).click();
    await tab.getByText('Changed lamp 3 times.').waitFor();
    await go(tab, 'live');
    expect(await tab.getByRole('link', { name: 'Refresh' }).getAttribute('href')).toBe('/admin/live');
  });

  const steps: Readonly<Record<string, (tab: Tab) => Promise<unknown>>> = {
    operations: (tab) => go(tab, 'operations'),
    'nothing found': (tab) => go(tab, 'operations?q=zzz'),
    'a form': (tab) => go(tab, 'do/thing/change?loud=true'),
    'a form for the command line': (tab) => go(tab, 'do/thing/file'),
    'a form with faults': async (tab) => {
      await go(tab, 'do/thing/change?name=x&count=99');
      await tab.getByRole('button', { name: 'Show what will happen' }).click();
      await tab.locator('.fault').first().waitFor();
    },
    'something dangerous': async (tab) => {
      await go(tab, `do/thing/end?name=${'averylongname'.repeat(12)}`);
      await tab.getByRole('button', { name: 'Show what will happen' }).click();
      await tab.getByText('This will happen').waitFor();
    },
    'a wrong word': async (tab) => {
      await tab.getByLabel(/^Type/).fill('no');
      await tab.getByRole('button', { name: /^Do it/ }).click();
      await tab.locator('.fault').waitFor();
    },
    'something that waits': async (tab) => {
      await tab.getByLabel(/^Type/).fill('thing end');
      await tab.getByRole('button', { name: /^Do it/ }).click();
      await tab.getByText('Somebody else has to approve').waitFor();
    },
    approvals: (tab) => go(tab, 'approvals'),
    'a report': async (tab) => {
      await go(tab, 'do/thing/look?name=wrong');
      await tab.getByRole('button', { name: 'Run' }).click();
      await tab.frameLocator('iframe').getByText('5 characters').waitFor();
    },
    'a failure': async (tab) => {
      await go(tab, 'do/thing/fail?how=outage');
      await tab.getByRole('button', { name: 'Run' }).click();
      await tab.getByRole('alert').waitFor();
    },
    'something under way': async (tab) => {
      await go(tab, 'do/thing/read');
      await tab.getByRole('button', { name: 'Run' }).click();
      await tab.getByText('Under way').waitFor();
      stand.waiting.at(-1)!.tell({ users: 1, total: 3, continuedFrom: 0, perSecond: 1, failed: 1 });
      await tab.getByText('1 of 3').waitFor();
    },
    runs: (tab) => go(tab, 'runs'),
    'an error': (tab) => go(tab, 'broken'),
    'nothing there': (tab) => go(tab, 'nothing'),
    'signed out': async (tab) => {
      await tab.getByRole('button', { name: 'Sign out' }).click();
      await tab.getByText('You are signed out.').waitFor();
    },
    'an invitation that is used': async (tab) => {
      await go(tab, 'sign-in/invitation#used');
      await tab.getByRole('button', { name: 'Sign in' }).click();
      await tab.getByRole('alert').waitFor();
    },
    'nobody came back': (tab) => go(tab, 'sign-in/callback?state=x'),
  };

  it.each(Object.keys(LOOKS) as (keyof typeof LOOKS)[])(
    'finds nothing to complain about on any page: %s',
    async (look) => {
      const tab = await signedIn(LOOKS[look]);
      const faults: string[] = [];
      for (const [name, step] of Object.entries(steps)) {
        await step(tab);
        faults.push(...(await faultsOf(tab)).map((fault) => `${name}: ${fault}`));
      }
      expect(faults).toEqual([]);
    },
    SWEEP_TIMEOUT_MS,
  );

  it('shows what is new by itself, and leaves alone what somebody is at', async () => {
    const tab = await signedIn();
    await go(tab, 'live');
    const looks = () => tab.locator('main .lead').innerText();
    const changed = async () => {
      const before = await looks();
      await until(async () => (await looks()) !== before);
    };
    await tab.getByText('Only on the command line').click();
    await tab.getByRole('link', { name: 'All operations' }).focus();
    await changed();
    expect(await tab.locator('main details').getAttribute('open')).not.toBeNull();
    expect(await tab.locator('*:focus').innerText()).toBe('All operations');
    await changed();
    // While somebody types nothing is asked for at all.
    await tab.getByLabel('Name').fill('half a wo');
    await tab.evaluate(
      `document.addEventListener('htmx:beforeRequest', (event) => { window.isHeld = event.defaultPrevented; })`,
    );
    await until(async () => (await tab.evaluate('window.isHeld')) !== undefined);
    expect(await tab.evaluate('window.isHeld')).toBe(true);
    expect(await tab.getByLabel('Name').inputValue()).toBe('half a wo');
  });

  it('leads to the sign-in by itself when the session is over, and keeps what is there through an outage', async () => {
    const tab = await signedIn();
    await go(tab, 'live');
    await tab.route('**/admin/live', (route) => route.fulfill({ status: 503, body: 'away' }));
    await tab.waitForResponse((answer) => answer.status() === 503);
    expect(await tab.locator('main .lead').innerText()).toMatch(/^Looked at/);
    await tab.unroute('**/admin/live');
    await stand.sql('delete from operator_sessions');
    await tab.waitForURL(/\/admin\/sign-in\?to=%2Fadmin%2Flive/);
  });

  it('signs in at another site and comes back signed in, though nothing from there brings the session’s cookie', async () => {
    issuer.claims = { roles: ['ops'], auth_time: Math.floor(Date.now() / 1_000) };
    const ours = `http://localhost:${stand.port}`;
    issuer.instead.set('/authorize', (req, res) => {
      const back = issuer.answer(`${issuer.url}${req.url}`);
      res.writeHead(200, { 'content-type': 'text/html' });
      res.end(`<a href="${ours}/admin/sign-in/callback?${String(back).replaceAll('&', '&amp;')}">Back</a>`);
    });
    const tab = await open();
    await tab.goto(`${ours}/admin/runs`);
    await tab.getByRole('link', { name: /^Sign in with/ }).click();
    await tab.getByRole('link', { name: 'Back' }).click();
    await tab.waitForURL(`${ours}/admin/runs`);
    expect(await tab.locator('h1').innerText()).toBe('What you have run');
    // A link from there has no session with it: one more step.
    await tab.goto(`${issuer.url}/authorize`);
    await tab.evaluate(`document.querySelector('a').href = '${ours}/admin/runs'`);
    await tab.locator('a').click();
    await tab.getByRole('link', { name: 'Go on to the console' }).click();
    await tab.waitForURL(`${ours}/admin/runs`);
  });
});
