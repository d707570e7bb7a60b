/** One person's story, and how people are found, in a world whose legacy store and target answer, or do not. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { LOOKS_PER_MINUTE } from '../../../src/admin/console/looking-up.ts';
import type { StoryWorld } from './people-story.ts';
import { openStoryWorld, SECRETS, TARGET, tellPeople } from './people-story.ts';
import type { Operator } from './world.ts';

let world: StoryWorld;
let viewer: Operator;
let operator: Operator;
let targetUserId: string;
beforeAll(async () => {
  world = await openStoryWorld();
  ({ targetUserId } = await tellPeople(world));
  viewer = await world.signIn('viewer');
  operator = await world.signIn('operator');
});
afterAll(() => world?.close());

const ANNA = '/admin/users/shop%3A1';
/** As the page is read, without its marks. */
const textOf = (body: string) =>
  body
    .slice(body.indexOf('<main'))
    .replace(/<[^>]*>/g, ' ')
    .replaceAll('&#39;', "'")
    .replace(/\s+/g, ' ');
const looks = async (name: string) =>
  (
    await world.sql(
      `select subject is not null as is_known, detail->>'how' as how from audit_log
        where action = 'console.looked-up' and actor = $1 order by id`,
      [`operator:${name}`],
    )
  ).map(({ is_known, how }) => [is_known, how]);

describe('a search', () => {
  test('finds the same person by login, subject, and id at a target, and each look is written down', async () => {
    const eve = await world.signIn('viewer', 'eve');
    for (const wanted of ['anna', 'ANNA@example.com', 'shop:1', targetUserId]) {
      const { status, body } = await eve.get(`/admin/users?q=${encodeURIComponent(wanted)}`);
      expect([status, wanted, body.includes(`href="${ANNA}"`)]).toEqual([200, wanted, true]);
    }
    expect(await looks('eve')).toEqual([
      [true, 'what they type'],
      [true, 'what they type'],
      [true, 'their subject'],
      [true, `their id at ${TARGET}`],
    ]);
  });

  test('that finds nobody says so, and is written down without a name', async () => {
    const mallet = await world.signIn('viewer', 'mallet');
    expect(textOf((await mallet.get('/admin/users?q=nobody%40example.com')).body)).toContain(
      'Nobody was found',
    );
    expect(await looks('mallet')).toEqual([[false, 'nobody was found']]);
    const told = await world.sql(`select 1 from audit_log where detail::text like '%nobody@%'`);
    expect(told).toEqual([]);
  });

  test('shows what somebody is called as text, whatever it is', async () => {
    const { body } = await viewer.get('/admin/users?q=mallory');
    expect(body).toContain('&lt;script&gt;alert(1)&lt;/script&gt;');
    expect(body).not.toContain('<script>alert');
  });

  test('is refused to whoever looks up more in a minute than a desk does; everybody else goes on', async () => {
    const greedy = await world.signIn('viewer', 'greedy.one');
    const network = `console-${Buffer.from('greedy.one').toString('hex')}`;
    await world.sql(
      `insert into lookup_rates select $1, date_trunc('minute', now()) + n * interval '1 minute', $2 from generate_series(0, 1) n`,
      [network, LOOKS_PER_MINUTE],
    );
    expect((await greedy.get('/admin/users?q=anna')).status).toBe(429);
    expect((await greedy.get(ANNA)).status).toBe(429);
    expect(await looks('greedy.one')).toEqual([]);
    expect((await viewer.get('/admin/users?q=anna')).status).toBe(200);
  });
});

describe('the story of one person', () => {
  test('is told from both sides, with the plan’s decision and its reason', async () => {
    const text = textOf((await operator.get(ANNA)).body);
    for (const said of [
      'anna@example.com',
      '1 code generator',
      `${TARGET} says active`,
      'Has a password, a code generator.',
      'By the segment clerks, place 4,711 of 10,000, at a login, plan version 1.',
      'redirect Phase staff: They belong to this phase, and are at the target.',
      '1 conflict',
    ])
      expect(text).toContain(said);
  });

  test('tells in words what the audit log says, and what it has no words for as it is', async () => {
    const text = textOf((await operator.get(ANNA)).body);
    for (const said of [
      `Has moved to ${TARGET} for good`,
      `Their secrets were handed to ${TARGET} by way of operator`,
      'All their sessions ended: operator',
      'Was assigned to the phase staff',
      'Both sides had changed email',
      'moon.landed By somebody:new',
      'An operator looked them up: their story',
    ])
      expect(text).toContain(said);
    // What is the same again and again is told once.
    expect(text).toMatch(/Proved their password .* By themselves \d+ times, the first at /);
  });

  test('is read to its first day, and back, without a record missing or told twice', async () => {
    const ids: string[] = [];
    let href: string | undefined = ANNA;
    let last = '';
    for (let pages = 0; href !== undefined && pages < 10; pages += 1) {
      const { body } = await operator.get(href);
      last = body;
      ids.push(/before=(\d+)/.exec(body)?.[1] ?? 'end');
      href = /href="([^"]*before=\d+)"[^>]*rel="next"/.exec(body)?.[1]?.replaceAll('&amp;', '&');
    }
    expect(ids.at(-1)).toBe('end');
    expect(new Set(ids).size).toBe(ids.length);
    const newer = /href="([^"]*after=\d+)"[^>]*rel="prev"/.exec(last)?.[1]?.replaceAll('&amp;', '&');
    expect(textOf((await operator.get(newer!)).body)).toContain('Proved their password');
  });

  test('has no secret in it, and no value of a conflict', async () => {
    for (const sub of ['shop%3A1', 'shop%3A2', 'shop%3A3'])
      for (const page of [
        await operator.get(`/admin/users/${sub}`),
        await viewer.get(`/admin/users/${sub}`),
      ]) {
        expect(page.status).toBe(200);
        for (const secret of [...SECRETS, 'CANARY']) expect(page.body).not.toContain(secret);
        expect(page.body).not.toMatch(/sha256&quot;: &quot;[0-9a-f]/);
      }
  });

  test('offers what helps to whoever may do it, and nothing that changes something to a viewer', async () => {
    const offered = (body: string) =>
      [...body.matchAll(/href="\/admin\/do\/([a-z-]+\/[a-z-]+)/g)].map(([, name]) => name);
    const failed = await operator.get('/admin/users/shop%3A2');
    expect(offered(failed.body)).toEqual(expect.arrayContaining(['work/retry', 'batch/replay', 'user/move']));
    expect(textOf(failed.body)).toContain('Moving them was given up');
    const seen = await viewer.get('/admin/users/shop%3A2');
    expect(offered(seen.body)).not.toEqual(expect.arrayContaining(['work/retry']));
    expect(textOf(seen.body)).toContain('Moving them was given up');
  });

  test('of somebody nobody has ever heard of is not there', async () => {
    expect((await viewer.get('/admin/users/shop%3A4711')).status).toBe(404);
  });

  test('stands while the legacy store or the target is away, and says which', async () => {
    await world.shop.switchTo(false);
    await world.zitadel.close();
    try {
      const { status, body } = await operator.get(ANNA);
      const text = textOf(body);
      expect(status).toBe(200);
      expect(text).toContain('The legacy store does not say');
      expect(text).toContain('does not answer');
      expect(text).toContain('Ledger migrated');
      expect(text).toContain(`Has moved to ${TARGET} for good`);
      expect(text).toContain('cannot be said while nobody knows who they are');
      const found = await operator.get('/admin/users?q=shop%3A1');
      expect(textOf(found.body)).toContain('The legacy store was not asked in full');
      expect(found.body).toContain(`href="${ANNA}"`);
    } finally {
      await world.shop.switchTo(true);
    }
  });
});
