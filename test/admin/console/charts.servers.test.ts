/** Charts and the pages that have them in a real browser, under the console’s Content-Security-Policy. */
import type { Browser, Page as Tab } from 'playwright-core';
import { chromium } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { faultsOf } from '../../provider/pages/page-faults.ts';
import { requires } from '../../support/requires.ts';
import { TARGET, tellRollout, tellSurvey } from './rollout-story.ts';
import type { ConsoleWorld } from './world.ts';
import { openConsoleWorld } from './world.ts';

const binary = requires('Chromium', 'chromium', 'chromium-browser', 'google-chrome');
const WIDE = { viewport: { width: 1280, height: 900 } };
const PATHS = [
  '',
  'rollout',
  `rollout/${TARGET}/phases/pilot`,
  `rollout/${TARGET}/plan`,
  'logins?range=week',
  'hashes',
  'forecast',
];
const VIEWS = {
  'light and wide': { ...WIDE, paths: PATHS },
  'dark, on a phone': {
    paths: ['', 'rollout', 'logins', 'forecast'],
    viewport: { width: 360, height: 800 },
    colorScheme: 'dark',
    hasTouch: true,
  },
} as const;

describe.skipIf(binary.skip)(binary.name, () => {
  let world: ConsoleWorld;
  let browser: Browser;
  beforeAll(async () => {
    world = await openConsoleWorld();
    await tellRollout(world.db, { now: new Date(), parse });
    await tellSurvey(world.db, new Date());
    browser = await chromium.launch({ executablePath: binary.path!, args: ['--no-sandbox'] });
  });
  afterAll(async () => {
    await browser?.close();
    await world?.close();
  });

  const open = (tab: Tab, path: string) => tab.goto(`${world.origin}/admin${path && `/${path}`}`);
  /** In how many charts something was painted. */
  const painted = (tab: Tab) =>
    tab.evaluate<number>(`[...document.querySelectorAll('figure[data-figures] .chart-box canvas')].filter((canvas) =>
      canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data.some((value) => value !== 0)).length`);
  const width = (tab: Tab) =>
    tab.evaluate<number>(`document.querySelector('.chart-box .uplot')?.offsetWidth ?? 0`);

  test.each(Object.entries(VIEWS))(
    'every page is drawn without a complaint, %s',
    async (_, { paths, ...view }) => {
      const tab = await world.tab(browser, 'admin', view);
      const complaints: string[] = [];
      tab.on('console', (message) => complaints.push(message.text()));
      tab.on('pageerror', (error) => complaints.push(error.message));
      tab.on('request', (request) => {
        if (!request.url().startsWith(world.origin)) complaints.push(request.url());
      });
      for (const path of paths) {
        await open(tab, path);
        const charts = await tab.locator('figure[data-figures]').count();
        await expect.poll(() => painted(tab), { timeout: 20_000 }).toBe(charts);
        expect(await faultsOf(tab), path).toEqual([]);
      }
      expect(complaints).toEqual([]);
      await tab.context().close();
    },
    120_000,
  );

  test('a chart follows its box, and tells what somebody points at', async () => {
    const tab = await world.tab(browser, 'viewer', WIDE);
    await open(tab, '');
    await expect.poll(() => painted(tab), { timeout: 20_000 }).toBeGreaterThan(0);
    const wide = await width(tab);
    await tab.setViewportSize({ width: 700, height: 900 });
    await expect.poll(() => width(tab), { timeout: 20_000 }).toBeLessThan(wide);
    const river = tab.locator('.chart-river').first();
    const before = await river.locator('.chart-when').textContent();
    const over = river.locator('.u-over');
    const box = (await over.boundingBox())!;
    await tab.mouse.move(box.x + 20, box.y + 40);
    await expect.poll(() => river.locator('.chart-when').textContent(), { timeout: 20_000 }).not.toBe(before);
    await tab.context().close();
  }, 60_000);

  test('a page that asks for itself again has its charts again, and what was folded open', async () => {
    const tab = await world.tab(browser, 'viewer', WIDE);
    await open(tab, 'logins?range=week');
    await expect.poll(() => painted(tab), { timeout: 20_000 }).toBe(2);
    await tab.locator('.chart-table > summary').first().click();
    await tab.evaluate(`document.querySelector('figure').dataset.before = 'yes';
      htmx.ajax('GET', location.href, { target: '#main', select: '#main', swap: 'outerHTML' })`);
    await expect.poll(() => tab.locator('figure[data-before]').count(), { timeout: 20_000 }).toBe(0);
    await expect.poll(() => painted(tab), { timeout: 20_000 }).toBe(2);
    expect(await tab.locator('.chart-table').first().getAttribute('open')).not.toBeNull();
    await tab.context().close();
  }, 60_000);

  test('without JavaScript the figures are there as a table', async () => {
    const tab = await world.tab(browser, 'viewer', { ...WIDE, javaScriptEnabled: false });
    await open(tab, '');
    const river = tab.locator('.chart-river').first();
    await river.locator('summary').click();
    expect(await river.locator('tbody tr').count()).toBe(61);
    expect(await river.locator('noscript').innerText()).toContain('table below');
    await tab.context().close();
  }, 60_000);
});
