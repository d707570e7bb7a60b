/**
 * The pictures of docs/console.md: `npm run screenshots`. Two worlds of the tests, a rollout that has run for two months and people
 * in the middle of a move, seen in Chromium. It runs as a test, for those have a database at hand; nothing is asserted but that
 * every page is there.
 */
import { mkdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { BrowserContextOptions, Browser as Chromium, Page as Tab } from 'playwright-core';
import { chromium } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { parse } from 'yaml';
import type { Person } from '../example/demo/people.ts';
import { openStoryWorld, TARGET as PEOPLE_TARGET, tellPeople } from '../test/admin/console/people-story.ts';
import { TARGET, tellRollout, tellSurvey } from '../test/admin/console/rollout-story.ts';
import type { ConsoleWorld } from '../test/admin/console/world.ts';
import { openConsoleWorld } from '../test/admin/console/world.ts';
import { until } from '../test/flows/server.ts';
import { requires } from '../test/support/requires.ts';

const FOLDER = join(import.meta.dirname, 'pictures');
/** A repository is cloned by many. */
const MAX_BYTES = 200_000;
const LIGHT: BrowserContextOptions = { viewport: { width: 1280, height: 900 }, colorScheme: 'light' };
/** Where what matters stands below the fold. */
const TALL: BrowserContextOptions = { ...LIGHT, viewport: { width: 1280, height: 1080 } };
const DARK: BrowserContextOptions = { ...LIGHT, colorScheme: 'dark' };
const PHONE: BrowserContextOptions = { viewport: { width: 360, height: 760 }, colorScheme: 'light' };
const TIMEOUT = 300_000;

const { skip, path: binary } = requires('Chromium', 'chromium', 'chromium-browser', 'google-chrome');
let browser: Chromium;

beforeAll(async () => {
  if (skip) throw new Error('there is no Chromium here');
  mkdirSync(FOLDER, { recursive: true });
  browser = await chromium.launch({ executablePath: binary!, args: ['--no-sandbox'] });
});
afterAll(() => browser?.close());

async function picture(tab: Tab, name: string): Promise<void> {
  // Charts are drawn after the page has come.
  await tab.evaluate('document.fonts.ready');
  await tab.waitForLoadState('networkidle');
  const path = join(FOLDER, `${name}.png`);
  await tab.screenshot({ path, animations: 'disabled' });
  expect(statSync(path).size).toBeLessThan(MAX_BYTES);
}

type Shots = Readonly<Record<string, string>>;

async function pictures(world: ConsoleWorld, look: BrowserContextOptions, shots: Shots): Promise<void> {
  const tab = await world.tab(browser, 'admin', { ...look, name: 'ada' });
  for (const [name, path] of Object.entries(shots)) {
    const answer = await tab.goto(`${world.origin}/admin/${path}`);
    expect(`${path} ${answer?.status()}`).toBe(`${path} 200`);
    await picture(tab, name);
  }
  await tab.context().close();
}

test('a rollout that has run for two months', { timeout: TIMEOUT }, async () => {
  const world = await openConsoleWorld();
  try {
    await tellRollout(world.db, { now: new Date(), parse });
    await tellSurvey(world.db, new Date());
    await pictures(world, TALL, {
      overview: '',
      phase: `rollout/${TARGET}/phases/pilot`,
    });
    await pictures(world, LIGHT, {
      rollout: 'rollout',
      logins: 'logins?range=week',
      hashes: 'hashes',
    });
    await pictures(world, DARK, { 'overview-dark': '', 'forecast-dark': 'forecast' });
    await pictures(world, PHONE, { 'overview-phone': '', 'rollout-phone': 'rollout' });
  } finally {
    await world.close();
  }
});

/** Enough for a batch that takes some seconds. */
const CROWD = Array.from(
  { length: 80 },
  (_, index): Person => ({
    ...{ id: 100 + index, login: `guest${index}`, givenName: 'Gast', familyName: `No ${index}` },
    ...({ password: `guest-${index}-crosses`, kind: 'md5', role: 'customer', language: 'en' } as const),
    ...{ email: `guest${index}@example.com`, emailConfirmed: true, active: true },
  }),
);

test('people in the middle of a move', { timeout: TIMEOUT }, async () => {
  const world = await openStoryWorld((settings) => {
    settings.admin.fourEyes = true;
  });
  try {
    await tellPeople(world);
    await world.shop.seed(CROWD);
    await ofBatch(world);
    await pictures(world, LIGHT, { user: 'users/shop%3A1' });
    await ofTimeline(world);
    await pictures(world, LIGHT, { sync: 'sync', audit: 'audit', settings: 'settings?own=yes' });
    await pictures(world, DARK, { 'letters-dark': 'letters' });
    await ofApproval(world);
  } finally {
    await world.close();
  }
});

async function ofTimeline(world: ConsoleWorld): Promise<void> {
  const tab = await world.tab(browser, 'admin', { ...LIGHT, name: 'ada' });
  await tab.goto(`${world.origin}/admin/users/shop%3A1`);
  await tab.evaluate(`[...document.querySelectorAll('h2')].find(({ textContent }) => textContent === 'What happened')
    .scrollIntoView({ block: 'center' })`);
  await tab.mouse.wheel(0, 200);
  await picture(tab, 'timeline');
  await tab.context().close();
}

async function ofBatch(world: ConsoleWorld): Promise<void> {
  const named = { target: PEOPLE_TARGET, name: 'first-guests', perSecond: 4, size: 2 };
  await world.api('batch plan', { ...named, execute: true });
  void world.api('batch run', { batch: 'first-guests', execute: true }).catch(() => undefined);
  const done = `select count(outcome)::int as n from batch_users where batch = 'first-guests'`;
  await until(async () => Number((await world.sql(done))[0]?.n) > 30);
  await pictures(world, LIGHT, { batch: 'batches/first-guests' });
}

/** Somebody asks for what cannot be taken back, and somebody else reads it. */
async function ofApproval(world: ConsoleWorld): Promise<void> {
  const mona = await world.tab(browser, 'admin', { ...LIGHT, name: 'mona' });
  await mona.goto(`${world.origin}/admin/do/user/erase?user=${encodeURIComponent('shop:2')}`);
  await picture(mona, 'operation');
  await mona.getByRole('button', { name: 'Show what will happen' }).click();
  await mona.waitForSelector('#word');
  await mona.fill('#word', 'user erase');
  await picture(mona, 'confirmation');
  await mona.getByRole('button', { name: 'Do it' }).click();
  await mona.waitForSelector('text=Somebody else has to approve this first');
  await mona.context().close();
  await pictures(world, LIGHT, { approvals: 'approvals' });
  await pictures(world, PHONE, { 'approvals-phone': 'approvals' });
}
