/** What somebody who wants in, or wants to see more, tries at the console. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { chartView } from '../../../src/admin/console/charts.ts';
import { LOOKS_PER_MINUTE, looksBy } from '../../../src/admin/console/looking-up.ts';
import { openRendering } from '../../../src/admin/console/rendering.ts';
import { isFootbridgeError } from '../../../src/errors.ts';
import type { Stand } from './stand.ts';
import { openStand } from './stand.ts';

let stand: Stand;
beforeAll(async () => {
  stand = await openStand({ console: { idleSeconds: 600 } });
});
afterAll(() => stand?.close());

describe('somebody of the same name', () => {
  test('does not read what an operation said that their role does not allow', async () => {
    const erika = await stand.signIn('admin', 'erika');
    const { location = '' } = await erika.post('/admin/do/thing/rule');
    expect((await erika.get(location)).body).toContain('Ruled.');
    const other = await stand.signIn('viewer', 'erika');
    for (const path of [location, `${location}/report`, `${location}/answer.json`]) {
      const answer = await other.get(path);
      expect([path, answer.status]).toEqual([path, 403]);
      expect(answer.body).not.toContain('Ruled.');
    }
  });

  test('reads what everybody may run', async () => {
    const vera = await stand.signIn('viewer', 'vera');
    const { location = '' } = await vera.post('/admin/do/thing/look', { name: 'a' });
    expect((await (await stand.signIn('viewer', 'vera')).get(location)).body).toContain('Saw a.');
  });
});

describe('a browser that was left alone', () => {
  test('is signed out although its page goes on asking for itself', async () => {
    const gone = await stand.signIn('operator');
    for (let minutes = 0; minutes < 9; minutes += 3) {
      stand.clock.ms += 180_000;
      expect((await gone.get('/admin/live', { 'hx-request': 'true' })).status).toBe(200);
    }
    stand.clock.ms += 120_000;
    expect((await gone.get('/admin/live', { 'hx-request': 'true' })).status).toBe(401);
  });

  test('stays signed in while somebody uses it', async () => {
    const there = await stand.signIn('operator');
    for (let minutes = 0; minutes < 15; minutes += 5) {
      stand.clock.ms += 300_000;
      expect((await there.get('/admin/live')).status).toBe(200);
    }
  });
});

test('operations that speak of one person are as many as looks at people, and written down', async () => {
  const asked = Array.from({ length: LOOKS_PER_MINUTE + 10 }, () =>
    looksBy({ db: stand.db } as never, { name: 'mallory' }, 'user show').then(
      () => 'seen',
      (error: unknown) => (isFootbridgeError(error, 'throttled') ? 'throttled' : String(error)),
    ),
  );
  const outcomes = await Promise.all(asked);
  expect(outcomes.filter((one) => one === 'seen').length).toBeLessThanOrEqual(LOOKS_PER_MINUTE);
  expect(outcomes).toContain('throttled');
  const [row] = await stand.sql(
    `select count(*)::int as n from audit_log where actor = 'operator:mallory' and action = 'console.looked-up'`,
  );
  expect(row?.n).toBe(outcomes.filter((one) => one === 'seen').length);
});

describe('markup in what people are called', () => {
  const EVIL = `</script><img src=x onerror=alert(1)>'"\`{{7*7}}<%= 7*7 %>`;
  const SAFE = /<img|onerror=alert\(1\)>|<script>/;

  test('stays text in the fields and the answer of an operation', async () => {
    const olga = await stand.signIn('operator');
    const { location = '' } = await olga.post('/admin/do/thing/look', { name: EVIL });
    expect((await olga.get(location)).body).not.toMatch(SAFE);
    const form = await olga.get(`/admin/do/thing/look?${new URLSearchParams({ name: EVIL })}`);
    expect(form.body).not.toMatch(SAFE);
    expect(form.body).toContain('&lt;img');
  });

  test('stays text in an address that is asked for again', async () => {
    const olga = await stand.signIn('operator');
    const page = await olga.get(`/admin/live?x=${encodeURIComponent(EVIL)}&"><img src=x>`);
    expect(page.body).not.toMatch(SAFE);
  });

  test('stays text in a chart, its legend, its table and its figures', () => {
    const chart = chartView({
      ...{ title: EVIL, caption: EVIL, kind: 'lines', unit: 'people', x: [1, 2] },
      series: [{ name: EVIL, values: [1, 2], slot: EVIL }],
      band: { name: EVIL, low: [0, 1], high: [1, 2] },
      marks: [{ at: 1, name: EVIL }],
    });
    const rendering = openRendering({ stylesheets: [], scripts: [], icon: '' });
    const panel = { title: EVIL, chart, facts: [[EVIL, { text: EVIL, href: `javascript:${EVIL}` }]] };
    const frame = { title: EVIL, now: new Date(), here: '/admin' };
    const body = rendering.page(frame, 'panels', { lead: EVIL, panels: [panel] });
    expect(body).not.toMatch(SAFE);
    expect(body).not.toContain('javascript:');
  });
});
