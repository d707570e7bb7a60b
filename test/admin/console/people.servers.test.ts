/** Pages that have something to tell, in a browser: on a phone at night, without JavaScript, and while something is under way. */
import type { Browser } from 'playwright-core';
import { chromium } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { faultsOf } from '../../provider/pages/page-faults.ts';
import { requires } from '../../support/requires.ts';
import type { StoryWorld } from './people-story.ts';
import { openStoryWorld, tellPeople } from './people-story.ts';

const binary = requires('Chromium', 'chromium', 'chromium-browser', 'google-chrome');
const PHONE = { viewport: { width: 360, height: 760 }, colorScheme: 'dark' } as const;
const PATHS = [
  'users?q=anna',
  'users/shop%3A1',
  'users/shop%3A2',
  'batches',
  'batches/pilot?outcome=failed',
  'sync',
  'claims',
  'sessions',
  'letters',
  'audit?action=secrets.',
  'settings?q=pages',
  'health',
];

describe.skipIf(binary.skip)(binary.name, () => {
  let world: StoryWorld;
  let browser: Browser;
  beforeAll(async () => {
    world = await openStoryWorld();
    await tellPeople(world);
    browser = await chromium.launch({ executablePath: binary.path!, args: ['--no-sandbox'] });
  });
  afterAll(async () => {
    await browser?.close();
    await world?.close();
  });

  it('finds no fault with any page on a phone, and nothing that its policy has to stop', async () => {
    const tab = await world.tab(browser, 'admin', PHONE);
    const wrong: string[] = [];
    tab.on('console', (message) => void (message.type() === 'error' && wrong.push(message.text())));
    tab.on('pageerror', (error) => void wrong.push(error.message));
    tab.on(
      'request',
      (request) => void (new URL(request.url()).origin !== world.origin && wrong.push(request.url())),
    );
    for (const path of PATHS) {
      const answer = await tab.goto(`${world.origin}/admin/${path}`);
      expect([path, answer?.status(), await faultsOf(tab)]).toEqual([path, 200, []]);
    }
    expect(wrong).toEqual([]);
    await tab.context().close();
  });

  it('finds somebody without JavaScript, with the keyboard alone', async () => {
    const tab = await world.tab(browser, 'viewer', { javaScriptEnabled: false });
    await tab.goto(`${world.origin}/admin/users`);
    await tab.getByLabel('Login, subject, or id at a target').focus();
    await tab.keyboard.type('otto@example.com');
    await Promise.all([tab.waitForURL(/q=otto/), tab.keyboard.press('Enter')]);
    await tab.getByRole('link', { name: 'Otto Sommerfeld' }).focus();
    await Promise.all([tab.waitForURL(/users\/shop%3A2$/), tab.keyboard.press('Enter')]);
    expect(await tab.getByRole('heading', { level: 1 }).textContent()).toBe('Otto Sommerfeld');
    expect(await tab.getByText('Moving them was given up', { exact: true }).count()).toBe(1);
    await tab.context().close();
  });

  it('sees a batch come along without asking again', async () => {
    await world.sql(`update batches set state = 'planning' where id = 'pilot'`);
    const tab = await world.tab(browser, 'operator');
    await tab.goto(`${world.origin}/admin/batches/pilot`);
    await tab.getByText('50.0 %, 1 of 2').first().waitFor();
    await world.sql(`insert into batch_counts values ('pilot', 'two', 'migrated', 1)`);
    await tab.getByText('100.0 %, 2 of 2').first().waitFor();
    await tab.context().close();
  });
});
