/** The demo as a newcomer clicks through it, in a real browser; every page's picture is kept in `test-output/journey`. */
import { mkdirSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { chromium } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { execute } from '../support/database.ts';
import { requires } from '../support/requires.ts';
import type { World } from './world.ts';
import { openWorld, person } from './world.ts';

const needed = requires('Chromium', 'chromium', 'chromium-browser', 'google-chrome');
const PICTURES = resolve(import.meta.dirname, '../../test-output/journey');

describe.skipIf(needed.skip)(needed.name, () => {
  let world: World;
  let browser: Browser;
  let page: Page;
  const complaints: string[] = [];
  let number = 0;

  beforeAll(async () => {
    mkdirSync(PICTURES, { recursive: true });
    world = await openWorld();
    browser = await chromium.launch({ executablePath: needed.path!, args: ['--no-sandbox'] });
    page = await browser.newPage();
    page.setDefaultTimeout(10_000);
    page.on('console', (message) => {
      if (message.type() === 'error' && !/status of [45]\d\d|favicon/.test(message.text()))
        complaints.push(message.text());
    });
    page.on('request', (request) => {
      if (!request.url().startsWith('http://127.0.0.1:'))
        complaints.push(`a request went outside: ${request.url()}`);
    });
  });
  afterAll(async () => {
    await browser?.close();
    await world?.close();
  });

  const picture = async (name: string) => {
    number += 1;
    await page.screenshot({
      path: `${PICTURES}/${String(number).padStart(2, '0')}-${name}.png`,
      fullPage: true,
    });
  };
  const press = (name: string | RegExp) =>
    page.getByRole('button', { name }).or(page.getByRole('link', { name })).first().click();
  const signInAtBridge = async (login: string) => {
    await page.goto(world.newApp);
    await press('Sign in');
    await press('Continue with your shop account');
    await picture(`bridge-${login}`);
    await page.getByLabel(/username or email/i).fill(login);
    await page.getByLabel('Password').fill(person(login).password);
    await press('Sign in');
  };
  const ledger = async () =>
    (
      await execute(
        world.databaseUrl('footbridge'),
        'select state from ledger order by proved_at desc limit 1',
      )
    )[0]?.state;

  test('the story tells the journey in three pictures', async () => {
    await page.goto(`http://127.0.0.1:${world.ports.story}`);
    expect(await page.locator('svg').count()).toBeGreaterThanOrEqual(3);
    await picture('story');
  });

  test('a wrong password is refused at the bridge, and the password manager’s fields stay', async () => {
    await page.goto(world.newApp);
    await picture('new-app');
    await press('Sign in');
    await picture('target');
    await press('Continue with your shop account');
    await page.getByLabel(/username or email/i).fill('anna');
    await page.getByLabel('Password').fill('not this one');
    await press('Sign in');
    await picture('wrong-password');
    expect(await page.getByRole('alert').innerText()).toMatch(/not correct/i);
    expect(await page.getByLabel(/username or email/i).inputValue()).toBe('anna');
    expect(await page.getByLabel('Password').inputValue()).toBe('');
  });

  test('the first login leads by the bridge back to the new app, and the ledger says migrated', async () => {
    await signInAtBridge('anna');
    await page.waitForURL(`${world.newApp}/**`);
    await picture('new-app-signed-in');
    expect(await page.innerText('body')).toContain('Anna Sommerfeld');
    expect(await ledger()).toBe('migrated');
  });

  test('the old shop is logged in as well', async () => {
    await page.goto(world.shop);
    await picture('shop-signed-in');
    expect(await page.innerText('body')).toContain('Anna');
    expect(await page.getByRole('button', { name: 'Sign out' }).count()).toBe(1);
  });

  test('the new system knows her password’s kind', async () => {
    await page.goto(world.target);
    await picture('target-knows');
    expect(await page.innerText('main')).toMatch(/Anna Sommerfeld[\s\S]*bcrypt/);
  });

  test('with the old store switched off, the same password opens the new system', async () => {
    await page.goto(world.newApp);
    await press('Sign out');
    await page.goto(`${world.shop}/backoffice`);
    await picture('back-office');
    await press(/switch.*off/i);
    await picture('store-off');
    await page.context().clearCookies();
    await page.goto(world.newApp);
    await press('Sign in');
    await page
      .getByLabel(/login|username|email/i)
      .first()
      .fill('anna');
    await page.getByLabel('Password').fill(person('anna').password);
    await press(/^Sign in/);
    await page.waitForURL(`${world.newApp}/**`);
    await picture('signed-in-without-the-store');
    expect(await page.innerText('body')).toContain('Anna Sommerfeld');
  });

  test('who has not moved yet is told about the outage, not about a wrong password', async () => {
    await page.context().clearCookies();
    await signInAtBridge('juergen');
    await picture('legacy-down');
    expect(await page.innerText('body')).not.toMatch(/not correct/i);
    expect(page.url()).toContain(world.issuer);
    await page.goto(`${world.shop}/backoffice`);
    await press(/switch.*on/i);
  });

  test('nothing complained on the way, and no request went outside', () => {
    expect(complaints).toEqual([]);
  });
});
