/** Operations at the console: their forms, what will happen, the confirmation, and what takes long. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { until } from '../../flows/server.ts';
import { field } from '../../support/browser.ts';
import type { Stand } from './stand.ts';
import { openStand } from './stand.ts';
import type { Operator } from './world.ts';

let stand: Stand;
let olga: Operator;
let otto: Operator;
beforeAll(async () => {
  stand = await openStand({ fourEyes: true });
  olga = await stand.signIn('operator', 'olga');
  otto = await stand.signIn('operator', 'otto');
});
beforeEach(() => {
  stand.deeds.length = 0;
  stand.waiting.length = 0;
});
afterAll(() => stand?.close());

const changes = (name = 'a', more = {}) =>
  olga.submit('/admin/do/thing/change', { name, careful: 'yes', ...more });
const confirmationIn = ({ body }: { body: string }) => field(body, 'confirmation') ?? '';

describe('a form', () => {
  test('is made of what the operation takes, and filled in from its address', async () => {
    const { body } = await olga.get('/admin/do/thing/change?name=a%22b&loud=true&how=slow&count=5');
    const control = (name: string) =>
      new RegExp(`<(?:input|select|textarea)[^>]* name="${name}"[^>]*>`).exec(body)?.[0];
    expect(control('name')).toMatch(/type="text".* value="a&quot;b".* required>/);
    expect(control('count')).toMatch(/inputmode="numeric" value="5"/);
    expect(control('loud')).toMatch(/type="checkbox".* checked/);
    expect(control('how')).toMatch(/^<select/);
    expect(body).toContain('<option value="slow" selected>');
    expect(control('plan')).toMatch(/^<textarea/);
    expect(control('careful')).toMatch(/^<select/);
    expect(body).toContain('How often. Without it: 3.');
    for (const label of ['Name', 'Count', 'Loud'])
      expect(body).toMatch(new RegExp(`<label for="f-[a-z]+">${label}`));
  });

  test('says what is wrong with which field, keeps what was typed, and does nothing', async () => {
    const answer = await olga.submit('/admin/do/thing/change', {
      name: '',
      count: '77',
      plan: 'x: 1\r\ny: 2',
    });
    expect(answer.status).toBe(400);
    expect(answer.body).toContain('Nothing was done');
    expect(answer.body).toMatch(/id="f-name-fault">[^<]+/);
    expect(answer.body).toMatch(/id="f-count-fault">[^<]*9/);
    expect(field(answer.body, 'count')).toBe('77');
    expect(answer.body).toContain('x: 1\ny: 2</textarea>');
    expect(stand.deeds).toEqual([]);
  });

  test('offers no files of the server, and says where they can be given', async () => {
    const some = (await olga.get('/admin/do/thing/change')).body;
    expect(some).not.toContain('name="out"');
    expect(some).toContain('<dt><code>out</code></dt>');
    const all = (await olga.get('/admin/do/thing/file')).body;
    expect(all).toContain('Only on the command line');
    expect(all).not.toContain('name="file"');
    await olga.submit('/admin/do/thing/change', { name: 'a', careful: 'yes', out: '/etc/passwd' });
    const [run] = (await olga.get('/admin/runs')).body.match(/\/admin\/runs\/[\w-]+/)!;
    expect((await olga.get(run!)).body).not.toContain('/etc/passwd');
  });

  test('of what there is not is not found', async () => {
    for (const path of [
      '/admin/do/thing',
      '/admin/do/thing/nothing',
      '/admin/do/nothing',
      '/admin/runs/nothing',
    ])
      expect((await olga.get(path)).status, path).toBe(404);
  });
});

describe('what changes nothing', () => {
  test('is run, and its answer shown as on the command line, without its colours', async () => {
    const { status, body } = await olga.submit('/admin/do/thing/look', { name: '<b>a</b>' });
    expect(status).toBe(200);
    expect(body).toContain('>Saw &lt;b&gt;a&lt;/b&gt;.</pre>');
    expect(body).not.toContain('\u001b');
    expect(stand.deeds).toEqual([
      { operation: 'thing look', actor: 'operator:olga', input: { name: '<b>a</b>' } },
    ]);
  });

  test('is shown with a warning where it has found something wrong', async () => {
    expect((await olga.submit('/admin/do/thing/look', { name: 'wrong' })).body).toContain(
      'needs to be looked at',
    );
    expect((await olga.submit('/admin/do/thing/look', { name: 'right' })).body).not.toContain(
      'to be looked at',
    );
  });

  test('shows its page in a frame that can do nothing, and hands it out, and its answer', async () => {
    const { location } = await olga.post('/admin/do/thing/look', { name: 'a' });
    expect((await olga.get(location!)).body).toMatch(/<iframe class="page" sandbox src="[^"]+\/report"/);
    const page = await olga.get(`${location}/report`);
    expect(page.headers['content-security-policy']).toMatch(/^default-src 'none'; .*; sandbox$/);
    expect(page.headers['x-frame-options']).toBe('SAMEORIGIN');
    expect(page.body).toContain('<p>1 characters</p>');
    const kept = await olga.get(`${location}/report?download`);
    expect(kept.headers['content-disposition']).toBe('attachment; filename="thing-look.html"');
    const answer = await olga.get(`${location}/answer.json`);
    expect(answer.json()).toEqual({ saw: 'a' });
    expect(answer.headers['content-disposition']).toMatch(/^attachment; /);
  });

  test('is there for whoever has run it, and for nobody else', async () => {
    const { location } = await olga.post('/admin/do/thing/look', { name: 'a' });
    for (const path of ['', '/report', '/answer.json'])
      expect((await otto.get(location + path)).status, path).toBe(404);
    expect((await otto.post(`${location}/stop`)).status).toBe(404);
    expect((await otto.get('/admin/runs')).body).not.toContain(new URL(location!).pathname);
  });

  test('is forgotten after half an hour', async () => {
    const { location } = await olga.post('/admin/do/thing/look', { name: 'a' });
    const { ms } = stand.clock;
    stand.clock.ms = ms + 29 * 60_000;
    expect((await olga.get(location!)).status).toBe(200);
    stand.clock.ms = ms + 31 * 60_000;
    await olga.get('/admin/runs');
    stand.clock.ms = ms;
    expect((await olga.get(location!)).status).toBe(404);
  });

  test('says what went wrong as far as it is theirs, and of the rest where the log has it', async () => {
    const failed = async (how: string) => (await olga.submit('/admin/do/thing/fail', { how })).body;
    expect(await failed('known')).toMatch(/There is no batch of this name\.<\/p>\s*<p>b-1 &lt;b&gt;bold/);
    expect(await failed('outage')).toContain('The legacy user store cannot be asked at the moment.');
    expect(await failed('bug')).toContain('Something went wrong on our side.');
    for (const how of ['outage', 'bug']) {
      expect(await failed(how)).not.toContain('CANARY');
      expect(await failed(how)).toMatch(/The log has more under <code>[0-9a-f]{8}/);
    }
  });
});

describe('what changes something', () => {
  test('is run dry first, and done with exactly that input once it is confirmed', async () => {
    const dry = await changes('a', { count: '5', careful: 'no' });
    expect(dry.body).toContain('This will happen');
    expect(dry.body).toContain('Would change a 5 times. Nothing was changed.<');
    expect(stand.deeds).toEqual([]);
    const done = await olga.submit('/admin/confirm', {
      confirmation: confirmationIn(dry),
      name: 'b',
      count: '9',
    });
    expect(done.body).toContain('Changed a 5 times.');
    expect(stand.deeds).toEqual([
      {
        operation: 'thing change',
        actor: 'operator:olga',
        input: { name: 'a', count: 5, loud: false, careful: false },
      },
    ]);
  });

  test('is done once, however often it is confirmed', async () => {
    const confirmation = confirmationIn(await changes());
    const answers = await Promise.all(
      Array.from({ length: 8 }, () => olga.post('/admin/confirm', { confirmation })),
    );
    expect(new Set(answers.map(({ location }) => location)).size).toBe(1);
    expect(stand.deeds.length).toBe(1);
  });

  test('is not done by a confirmation that was tampered with, is somebody else’s, or of another session', async () => {
    const confirmation = confirmationIn(await changes());
    const again = await stand.signIn('operator', 'olga');
    const middle = Math.floor(confirmation.length / 2);
    const other = confirmation[middle] === 'A' ? 'B' : 'A';
    const tampered = confirmation.slice(0, middle) + other + confirmation.slice(middle + 1);
    for (const [who, what] of [
      [olga, tampered],
      [olga, ''],
      [otto, confirmation],
      [again, confirmation],
    ] as const)
      expect((await who.post('/admin/confirm', { confirmation: what })).status).toBe(403);
    expect(stand.deeds).toEqual([]);
  });

  test('is not done by anything else that we have sealed', async () => {
    const sealed = stand.keyring.seal('console-sign-in', JSON.stringify({ operation: 'thing change' }), '');
    expect((await olga.post('/admin/confirm', { confirmation: sealed })).status).toBe(403);
  });

  test('is not done long after what will happen was shown', async () => {
    const confirmation = confirmationIn(await changes());
    const { ms } = stand.clock;
    stand.clock.ms = ms + 901_000;
    const late = await olga.post('/admin/confirm', { confirmation });
    stand.clock.ms = ms;
    expect(late.status).toBe(409);
    expect(late.body).toContain('shown too long ago');
    expect(stand.deeds).toEqual([]);
  });

  test('can be changed before it is confirmed, also where it is too long for an address', async () => {
    for (const plan of ['short: 1', `long: ${'ä '.repeat(3_000)}.`]) {
      const dry = await changes('again', { plan });
      const href = /class="button" href="([^"]+)">Change it</.exec(dry.body)![1]!.replaceAll('&amp;', '&');
      expect(href.length).toBeLessThan(2_001);
      const form = await olga.get(href);
      expect(form.body).toContain(`>${plan}</textarea>`);
      expect(field(form.body, 'name')).toBe('again');
      expect((await otto.get(href)).body.includes(plan)).toBe(plan === 'short: 1');
    }
  });

  test('cannot be done by asking for it at once', async () => {
    const dry = await olga.submit('/admin/do/thing/change?execute=true', { name: 'a', execute: 'true' });
    expect(dry.body).toContain('Would change a 3 times');
    expect(stand.deeds).toEqual([]);
  });
});

describe('what is dangerous', () => {
  const dry = (name: string) => olga.submit('/admin/do/thing/end', { name });

  test('wants its name typed', async () => {
    const shown = await dry('x');
    expect(shown.body).toContain('Type <code>thing end</code>');
    const confirmation = confirmationIn(shown);
    for (const word of ['', 'thing', 'yes']) {
      const answer = await olga.submit('/admin/confirm', { confirmation, word });
      expect(answer.body).toContain('That was something else. Nothing has happened.');
    }
    expect(stand.deeds).toEqual([]);
  });

  test('waits for somebody else, who finds it under approvals, and is then done once', async () => {
    const confirm = async () =>
      olga.submit('/admin/confirm', { confirmation: confirmationIn(await dry('y')), word: ' Thing  end ' });
    const waits = await confirm();
    expect(waits.body).toContain('Somebody else has to approve this first.');
    expect(stand.deeds).toEqual([]);
    expect((await olga.get('/admin/approvals')).body).toContain(
      'You have asked for it: somebody else decides.',
    );
    const seen = (await otto.get('/admin/approvals')).body;
    expect(seen).toContain('Would end y.');
    const grant = /href="(\/admin\/do\/approval\/grant\?id=\d+)"/.exec(seen)![1]!;
    const form = await otto.get(grant);
    const granting = await otto.submit('/admin/do/approval/grant', { id: field(form.body, 'id')! });
    await otto.submit('/admin/confirm', { confirmation: confirmationIn(granting) });
    const offered = (await olga.get('/admin/approvals')).body;
    expect(offered).toContain('href="/admin/do/thing/end?name=y">Do it now</a>');
    expect((await confirm()).body).toContain('Ended y.');
    expect(stand.deeds.length).toBe(1);
    expect((await confirm()).body).toContain('Somebody else has to approve this first.');
    expect(stand.deeds.length).toBe(1);
  });
});

describe('what takes long', () => {
  const begun = async (verb: 'read' | 'wait') => {
    const asked = olga.post(`/admin/do/thing/${verb}`);
    if (verb === 'read') return asked;
    const shown = await olga.get((await asked).location!);
    return olga.post('/admin/confirm', { confirmation: confirmationIn(shown) });
  };
  const page = async (at: string) => (await olga.get(at)).body;

  test('goes on while its page is looked at again, says how far it is, and ends with its answer', async () => {
    const { location = '' } = await begun('read');
    expect(await page(location)).toMatch(/hx-trigger="every 2s" hx-select="#main"/);
    stand.waiting[0]!.tell({ users: 250, total: 1_000, continuedFrom: 0, perSecond: 40 });
    expect(await page(location)).toMatch(/250 of 1,000<.*25 %/s);
    stand.waiting[0]!.end('well');
    await until(async () => (await page(location)).includes('It ended: well.'));
    expect(await page(location)).not.toContain('hx-trigger');
  });

  test('is told to stop, and ends in order', async () => {
    const { location = '' } = await begun('wait');
    const [running] = stand.waiting;
    expect(running!.signal!.aborted).toBe(false);
    await olga.post(`${location}/stop`);
    expect(running!.signal!.aborted).toBe(true);
    expect(await page(location)).toContain('Stopping');
    running!.end('early');
    await until(async () => (await page(location)).includes('It ended: early.'));
  });

  test('ends at its next step, where it only reads and knows of no stop', async () => {
    const { location = '' } = await begun('read');
    await olga.post(`${location}/stop`);
    stand.waiting[0]!.tell({ users: 1, total: 2, continuedFrom: 0, perSecond: 1 });
    await until(async () => (await page(location)).includes('Stopped before its end'));
  });

  test('is not begun without bound', async () => {
    const admins = [await stand.signIn('admin'), await stand.signIn('admin'), await stand.signIn('admin')];
    const each = await Promise.all(
      admins.map(async (admin) => {
        const many = Array.from({ length: 7 }, () => admin.post('/admin/do/thing/read'));
        return (await Promise.all(many)).filter(({ status }) => status === 303).length;
      }),
    );
    for (const one of stand.waiting) one.end('at last');
    // Six of one person, and sixteen of all.
    expect(Math.max(...each)).toBe(6);
    expect(each.reduce((sum, begun) => sum + begun, 0)).toBe(16);
  });
});
