/** A passkey in a real browser: Chromium’s own authenticator signs, our page’s script asks it. */
import { createPrivateKey } from 'node:crypto';
import type { Browser, CDPSession, Page } from 'playwright-core';
import { chromium } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { newPasskey } from '../support/authenticator.ts';
import { requires } from '../support/requires.ts';
import type { Person, Stage } from './harness.ts';
import { authorizationUrl, CALLBACK, openStage } from './harness.ts';

const needed = requires('Chromium', 'chromium', 'chromium-browser', 'google-chrome');
const mine = newPasskey({ signCount: 3 });
const another = newPasskey();
const PIA: Person = {
  login: 'pia',
  password: 'pw of pia',
  credentials: {
    passkeys: [mine.passkey, another.passkey],
    passkeyIsFactor: true,
    recoveryCodes: [{ code: 'e58d3023' }],
  },
};

describe.skipIf(needed.skip)(needed.name, () => {
  let stage: Stage;
  let browser: Browser;
  let page: Page;
  let cdp: CDPSession;
  let authenticatorId: string;
  const complaints: string[] = [];

  beforeAll(async () => {
    stage = await openStage({ host: 'localhost', people: [PIA] });
    browser = await chromium.launch({ executablePath: needed.path!, args: ['--no-sandbox'] });
  });
  afterAll(async () => {
    await browser?.close();
    await stage?.close();
  });
  const openPage = async (options: { javaScriptEnabled?: boolean } = {}) => {
    const context = await browser.newContext(options);
    page = await context.newPage();
    complaints.length = 0;
    page.on('console', (message) => {
      if (message.type() === 'error' && !/status of [45]\d\d|favicon/.test(message.text()))
        complaints.push(message.text());
    });
  };
  const openWithAuthenticator = async () => {
    await openPage();
    cdp = await page.context().newCDPSession(page);
    await cdp.send('WebAuthn.enable');
    const options = {
      protocol: 'ctap2',
      transport: 'internal',
      hasUserVerification: true,
      isUserVerified: true,
    };
    ({ authenticatorId } = await cdp.send('WebAuthn.addVirtualAuthenticator', {
      options: { ...options, automaticPresenceSimulation: true } as never,
    }));
  };
  beforeEach(openWithAuthenticator);
  afterEach(() => page.context().close());

  const plugIn = (key: typeof mine, signCount: number) =>
    cdp.send('WebAuthn.addCredential', {
      authenticatorId,
      credential: {
        credentialId: Buffer.from(key.passkey.credentialId, 'base64url').toString('base64'),
        isResidentCredential: false,
        rpId: 'localhost',
        privateKey: createPrivateKey(key.privateKey)
          .export({ format: 'der', type: 'pkcs8' })
          .toString('base64'),
        signCount,
      },
    });
  const enterPassword = async () => {
    await page.goto(authorizationUrl(stage));
    await page.locator('#username').fill('pia');
    await page.locator('#password').fill('pw of pia');
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.getByRole('heading', { name: 'Confirm it is you' }).waitFor();
  };
  const press = () => page.getByRole('button', { name: 'Use passkey or security key' }).click();
  /** The client’s page does not answer: what counts is the address the browser goes to. */
  const end = () => page.waitForRequest((request) => request.url().startsWith(`${CALLBACK}?code=`));

  test('the key of the store opens, under our policy, and its counter moves on with us', async () => {
    for (const signCount of [10, 20]) {
      await plugIn(mine, signCount);
      await enterPassword();
      await Promise.all([end(), press()]);
      expect(complaints).toEqual([]);
      // Not the same page again: nobody serves the client’s, and its failing would come in the way.
      await page.context().close();
      await openWithAuthenticator();
    }
  });

  test('a key whose counter went back is refused by a page that can be tried again', async () => {
    await plugIn(mine, 0);
    await enterPassword();
    await press();
    await page.getByText('This passkey was not accepted').waitFor();
    expect(await page.locator('form[data-options] button').isVisible()).toBe(true);
  });

  test('a key that is not one of theirs is not even asked, and the page says that it did not work', async () => {
    await plugIn(newPasskey(), 1);
    await enterPassword();
    await press();
    await page.locator('[data-failed]').waitFor({ state: 'visible' });
    expect(stage.errors).toEqual([]);
  });

  test('a browser without passkeys says so and leaves the other ways', async () => {
    await page.addInitScript('delete window.PublicKeyCredential');
    await enterPassword();
    await page.getByText('This browser cannot use passkeys here').waitFor();
    await page.getByRole('button', { name: 'Use a recovery code' }).click();
    await page.getByLabel('Recovery code').waitFor();
  });

  test('without JavaScript the page says so, and a recovery code opens', async () => {
    await page.context().close();
    await openPage({ javaScriptEnabled: false });
    await enterPassword();
    await page.getByText('Passkeys need JavaScript').waitFor();
    expect(await page.locator('form[data-options] button').isVisible()).toBe(false);
    await page.getByRole('button', { name: 'Use a recovery code' }).click();
    await page.getByLabel('Recovery code').fill('e58d3023');
    await Promise.all([end(), page.getByRole('button', { name: 'Confirm' }).click()]);
  });
});
