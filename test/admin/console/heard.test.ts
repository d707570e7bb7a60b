/** What pages say to whoever hears them, or sees no colours of ours: what is wrong, what came along, and what a link is about. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { until } from '../../flows/server.ts';
import { field } from '../../support/browser.ts';
import type { StoryWorld } from './people-story.ts';
import { openStoryWorld, tellPeople } from './people-story.ts';
import type { Stand } from './stand.ts';
import { openStand } from './stand.ts';
import type { Operator } from './world.ts';

describe('a form', () => {
  let stand: Stand;
  let olga: Operator;
  beforeAll(async () => {
    stand = await openStand({ fourEyes: true });
    olga = await stand.signIn('operator', 'olga');
  });
  afterAll(() => stand?.close());

  test('with faults says in words what has to stand there, and begins at the first', async () => {
    const { body } = await olga.submit('/admin/do/thing/change', { count: 'three' });
    expect(body).toMatch(/id="f-name-fault">Something has to stand here\./);
    expect(body).toMatch(/id="f-count-fault">A number has to stand here\./);
    expect(body.match(/ autofocus/g)).toHaveLength(1);
    expect(body).toMatch(/name="name"[^>]* aria-invalid="true" autofocus/);
    const half = await olga.submit('/admin/do/thing/change', { name: 'a', count: '1.5' });
    expect(half.body).toMatch(/name="count"[^>]* aria-invalid="true" autofocus/);
    expect(half.body).toMatch(/id="f-count-fault">A whole number has to stand here\./);
  });

  test('without faults leaves the focus where it is', async () => {
    expect((await olga.get('/admin/do/thing/change')).body).not.toContain('autofocus');
  });

  test('of something dangerous begins at the word that was another one', async () => {
    const shown = await olga.submit('/admin/do/thing/end', { name: 'x' });
    const confirmation = field(shown.body, 'confirmation')!;
    const { body } = await olga.submit('/admin/confirm', { confirmation, word: 'no' });
    expect(body).toMatch(/id="word"[^>]* aria-describedby="word-fault" autofocus/);
  });

  test('that is approved elsewhere speaks of no option of the command line', async () => {
    const shown = await olga.submit('/admin/do/thing/end', { name: 'y' });
    await olga.submit('/admin/confirm', {
      confirmation: field(shown.body, 'confirmation')!,
      word: 'thing end',
    });
    await stand.sql(
      `update approvals set says = 'Would end y. Nothing was changed: add --execute.' where says like '%end y%'`,
    );
    const { body } = await olga.get('/admin/approvals');
    expect(body).toContain('Nothing was changed.');
    expect(body).not.toContain('--execute');
  });

  test('of an invitation that does not work begins at the invitation', async () => {
    const { body } = await stand.redeem('used');
    expect(body).toMatch(/id="token"[^>]* aria-invalid="true" autofocus/);
  });

  test('tells how far it is in tens of a hundred, for what reads pages out', async () => {
    const { location } = await olga.post('/admin/do/thing/read');
    stand.waiting.at(-1)!.tell({ users: 67, total: 100, continuedFrom: 0, perSecond: 1, failed: 0 });
    expect((await olga.get(location!)).body).toContain('data-news="Under way, 60 %"');
    stand.waiting.at(-1)!.end('well');
    await until(async () => (await olga.get(location!)).body.includes('data-news="The answer is here."'));
  });
});

describe('with people in the middle of a move', () => {
  let world: StoryWorld;
  let ada: Operator;
  beforeAll(async () => {
    world = await openStoryWorld();
    await tellPeople(world);
    ada = await world.signIn('admin', 'ada');
  });
  afterAll(() => world?.close());

  test('whatever can be done in a row of a table says to whom', async () => {
    const { body } = await ada.get('/admin/letters');
    expect(body).toContain('Try again<span class="visually-hidden">: shop:2</span></a>');
    expect(body).toContain('Try again<span class="visually-hidden">: shop:3</span></a>');
  });

  test('names of settings are code, and no backticks', async () => {
    for (const path of ['letters', 'sync', 'claims', 'batches', 'health']) {
      const { body } = await ada.get(`/admin/${path}`);
      expect([path, body.slice(body.indexOf('<main')).includes('`')]).toEqual([path, false]);
    }
    expect((await ada.get('/admin/letters')).body).toContain('or in <code>legacy</code> of the settings');
  });

  test('what waits for somebody is told with where it stands on the page, and not with a command', async () => {
    const { body } = await ada.get('/admin/sync');
    expect(body).toContain('<p>1 dead letter, below.</p>');
    expect(body).toContain('<p>1 conflict to be decided, below.</p>');
    expect((await ada.get('/admin/letters')).body).toContain('tick “Repeat failed” there');
  });

  test('a batch of nobody says so, and who planned it in words', async () => {
    const { body } = await ada.get('/admin/batches/later');
    expect(body).toContain('<span>nobody is in it</span>');
    expect(body).toContain('by the operator ada');
  });

  test('somebody who is not there can be looked up anew', async () => {
    const { status, body } = await ada.get('/admin/users/shop%3A999');
    expect(status).toBe(404);
    expect(body).toContain('href="/admin/users">Look somebody up</a>');
  });
});
