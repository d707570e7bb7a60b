/**
 * The guide's own sequence in a real browser: a letter, its link, an account at the hub, both sides on one page, and the
 * organization after it. Pictures of every page are kept in `test-output/claim-tokens`.
 */
import { mkdirSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { chromium } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { DEFAULT_PASSWORD } from '../../support/hub/index.ts';
import { requires } from '../../support/requires.ts';
import type { Town } from './town.ts';
import { openTown, PASSWORD, until } from './town.ts';

const needed = requires('Chromium', 'chromium', 'chromium-browser', 'google-chrome');
const PICTURES = resolve(import.meta.dirname, '../../../test-output/claim-tokens');

describe.skipIf(needed.skip)(needed.name, () => {
  let town: Town;
  let browser: Browser;
  let context: BrowserContext;
  let page: Page;
  /** Addresses, with their Referer, that the browser has asked for. */
  const asked: string[] = [];
  const complaints: string[] = [];
  let number = 0;

  beforeAll(async () => {
    mkdirSync(PICTURES, { recursive: true });
    town = await openTown();
    browser = await chromium.launch({ executablePath: needed.path!, args: ['--no-sandbox'] });
  });
  afterAll(async () => {
    await browser?.close();
    await town?.close();
  });

  const anew = async () => {
    await context?.close();
    context = await browser.newContext({ locale: 'en' });
    page = await context.newPage();
    page.setDefaultTimeout(10_000);
    page.on('console', (message) => {
      if (message.type() === 'error' && !/status of [45]\d\d|favicon/.test(message.text()))
        complaints.push(message.text());
    });
    page.on('request', (request) => {
      asked.push(`${request.url()} ${request.headers().referer ?? ''}`);
      if (!request.url().startsWith('http://127.0.0.1:'))
        complaints.push(`a request went outside: ${request.url()}`);
    });
  };
  const picture = async (name: string) => {
    number += 1;
    const path = `${PICTURES}/${String(number).padStart(2, '0')}-${name}.png`;
    await page.screenshot({ path, fullPage: true });
  };
  const press = (name: string | RegExp) =>
    page.getByRole('button', { name }).or(page.getByRole('link', { name })).first().click();
  const signUpAtHub = async () => {
    await press('Create an account');
    await page.getByLabel('Password').fill(DEFAULT_PASSWORD);
    await press('Create the account');
    await press('Allow');
  };

  test('a person follows their link, signs up with what is filled in, and links both accounts', async () => {
    await anew();
    const link = await town.issue('shop:1');
    await page.goto(link);
    expect(new URL(page.url()).pathname).toBe('/claim');
    await picture('whose-link-it-is');
    await press(/continue/i);
    expect(await page.getByLabel('Email').inputValue()).toBe('erika@print.example');
    await press('Create an account');
    expect(await page.getByLabel('First name').inputValue()).toBe('Erika');
    await page.getByLabel('Password').fill(DEFAULT_PASSWORD);
    await press('Create the account');
    await press('Allow');
    await picture('both-sides');
    expect(await page.getByText('erika@print.example').count()).toBeGreaterThanOrEqual(2);
    await press(/^link/i);
    await picture('done');
    expect((await town.ledger('shop:1'))?.state).toBe('migrated');
    const secret = link.split('.').at(-1)!;
    // Only the one request that opens it, and that one leads to no other with it.
    expect(asked.filter((line) => line.includes(secret))).toHaveLength(1);
    expect(JSON.stringify(town.hub.heard)).not.toContain(secret);
  });

  test('the organization follows without another link, for its owner', async () => {
    await press(/Druckerei Muster GmbH/);
    expect(await page.getByLabel('Name of the organization').inputValue()).toBe('Druckerei Muster GmbH');
    await picture('organization-at-the-hub');
    await page.getByRole('button', { name: 'Create the organization' }).click();
    await press('Allow');
    await picture('both-organizations');
    await press(/^link/i);
    await picture('organization-done');
    const [link] = await town.sql('select organization, state from organization_links');
    expect(link).toEqual({ organization: 'shop:70', state: 'linked' });
  });

  test('somebody who comes by themselves logs in with the old account first', async () => {
    await anew();
    await page.goto(`${town.issuer}/claim/start/hub`);
    await picture('start');
    await press(/continue|sign in|log in/i);
    await page.getByLabel(/username or email/i).fill('otto');
    await page.getByLabel('Password').fill(PASSWORD);
    await press('Sign in');
    await signUpAtHub();
    await press(/^link/i);
    expect((await town.ledger('shop:2'))?.state).toBe('migrated');
  });

  test('who says no at the hub is told that nothing has changed, and goes on from there', async () => {
    await anew();
    await page.goto(await town.issue('shop:3'));
    await press(/continue/i);
    await press('Create an account');
    await page.getByLabel('Password').fill(DEFAULT_PASSWORD);
    await press('Create the account');
    await press('Cancel');
    await picture('cancelled');
    expect(await town.ledger('shop:3')).toBeUndefined();
    await press(/again/i);
    await press('Allow');
    await picture('both-sides-again');
    expect(await page.getByRole('button', { name: /^link/i }).count()).toBe(1);
  });

  test('the back button after linking shows no page that could link again', async () => {
    await press(/^link/i);
    await until(async () => (await town.ledger('shop:3'))?.state === 'migrated');
    await page.goBack();
    await page.reload();
    expect(await page.getByRole('button', { name: /^link these/i }).count()).toBe(0);
  });

  test('no page complains, and none asks anybody else', () => {
    expect(complaints).toEqual([]);
  });
});
