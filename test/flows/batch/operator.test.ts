/** Batches as an operator works with them: commands and calls, while two servers on one database do the sending. */
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type { Person } from '../../../example/demo/people.ts';
import type { StandInKratos } from '../../support/kratos/index.ts';
import { startKratos } from '../../support/kratos/index.ts';
import type { Server } from '../server.ts';
import { startServer, until } from '../server.ts';
import type { Told, Town } from './town.ts';
import { ADMIN_TOKEN, openRelay, openTown, subOf } from './town.ts';

vi.setConfig({ testTimeout: 90_000 });

const PEOPLE = 80;
/** Kratos refuses people without an address. */
const REFUSED = 2;
/** Slow enough to watch: everybody takes 20 seconds. */
const PACE = { size: 2, workers: 1, perSecond: 4 };
const SERVERS = ['token-of-the-first', 'token-of-the-second'] as const;

let kratos: StandInKratos;
/** Hears who sends whom to Kratos. */
let relay: Awaited<ReturnType<typeof openRelay>>;
let town: Town;
let servers: Server[];
let addressless: Person[];

beforeAll(async () => {
  kratos = await startKratos();
  relay = await openRelay(() => kratos.url);
  const api = { url: relay.url, token: 'token-of-the-command', identityProvider: 'footbridge' };
  town = await openTown({ target: { kind: 'kratos', api: { ...api, perSecond: 1_000 } }, app: false });
  const people = await town.settle(Array.from({ length: PEOPLE }, () => ({ kind: 'md5' })));
  addressless = people.slice(0, REFUSED);
  for (const { id } of addressless)
    await town.shop.sql('update customers set email = null where id = $1', [id]);
  const start = (token: string) =>
    startServer(town, (settings) => {
      settings.targets[0].api.token = token;
    });
  servers = await Promise.all(SERVERS.map(start));
});
afterAll(async () => {
  for (const { process } of servers ?? []) process.kill('SIGTERM');
  await Promise.all((servers ?? []).map(({ exited }) => exited));
  await town?.close();
  await relay?.close();
  await kratos?.close();
});

async function call<T = Told & { executed: boolean }>(name: string, body: object, token = ADMIN_TOKEN) {
  const response = await fetch(`${servers[0]!.inside}/admin/api/batch/${name}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
    body: JSON.stringify(body),
  });
  return { status: response.status, answer: (await response.json()) as T };
}
const batch = (...args: string[]) => town.cli('batch', ...args);
const status = () => town.told('batch', 'status', 'move', '--look', '0');
const names = async () =>
  (await town.told<{ batches: { id: string }[] }>('batch', 'list')).batches.map(({ id }) => id);

/** Our ids of whom each server has sent. */
function sent(): Record<string, string[]> {
  const by: Record<string, string[]> = {};
  for (const { method, path, headers, body } of relay.heard) {
    if (`${method} ${path}` !== 'PATCH /admin/identities') continue;
    const who = String(headers.authorization).replace('Bearer ', '');
    const { identities } = JSON.parse(body) as { identities: { create: { external_id: string } }[] };
    by[who] = [...(by[who] ?? []), ...identities.map(({ create }) => create.external_id)];
  }
  return by;
}

describe('a plan', () => {
  test('without --execute writes nothing down and asks nobody', async () => {
    const { code, out } = await batch('plan', '--target', 'kratos', '--name', 'move');
    expect({ code, out }).toEqual({ code: 0, out: expect.stringContaining('Nothing was written down') });
    expect(await call('plan', { target: 'kratos', name: 'move' })).toMatchObject({
      status: 200,
      answer: { executed: false, members: 0 },
    });
    expect([await names(), await town.states(), relay.heard]).toEqual([[], {}, []]);
  });

  test('with --execute writes everybody down and moves nobody', async () => {
    const pace = ['--size', String(PACE.size), '--workers', '1', '--per-second', String(PACE.perSecond)];
    expect(await batch('plan', '--target', 'kratos', '--name', 'move', ...pace, '--execute')).toMatchObject({
      code: 0,
    });
    expect(await status()).toMatchObject({ state: 'planned', counts: { users: PEOPLE, waiting: PEOPLE } });
    expect([await town.states(), relay.heard]).toEqual([{}, []]);
  });

  test('that is not wanted is dropped', async () => {
    await batch('plan', '--target', 'kratos', '--name', 'unwanted', '--execute');
    expect((await batch('drop', 'unwanted')).out).toContain('Nothing was changed');
    expect(await names()).toEqual(['unwanted', 'move']);
    expect((await batch('drop', 'unwanted', '--execute')).out).toContain('is forgotten');
    expect(await names()).toEqual(['move']);
  });
});

describe('a run over the API', () => {
  test('needs the operator’s token', async () => {
    expect(await call('run', { batch: 'move', execute: true }, 'token-of-somebody-else')).toMatchObject({
      status: 401,
    });
    expect(await status()).toMatchObject({ state: 'planned' });
  });

  test('without execute only says what it would do', async () => {
    expect(await call('run', { batch: 'move' })).toMatchObject({
      status: 200,
      answer: { executed: false, state: 'planned', counts: { waiting: PEOPLE } },
    });
    expect(await status()).toMatchObject({ state: 'planned' });
  });

  test('is answered at once, and every server works on it by itself', async () => {
    expect(await call('run', { batch: 'move', execute: true })).toMatchObject({
      status: 200,
      answer: { executed: true, state: 'running' },
    });
    await until(async () => SERVERS.every((token) => sent()[token] !== undefined));
    expect((await status()).state).toBe('running');
  });

  test('is not begun a second time, nor can what was sent be dropped', async () => {
    for (const command of ['drop', 'resume'])
      expect(await batch(command, 'move', '--execute')).toMatchObject({
        code: expect.not.toSatisfy((code) => code === 0),
        err: expect.stringContaining('move is running'),
      });
    expect(await names()).toEqual(['move']);
  });
});

describe('a running batch', () => {
  test('is paused for all servers', async () => {
    expect((await batch('pause', 'move')).out).toContain('Nothing was changed');
    expect((await status()).state).toBe('running');
    expect(await batch('pause', 'move', '--execute')).toMatchObject({ code: 0 });
    // What was under way is recorded: nobody is in between.
    await until(async () => (await town.openWork()).length === 0);
    const { state, note, counts } = await status();
    expect([state, note?.code]).toEqual(['paused', 'paused_by_operator']);
    expect(counts.waiting).toBeGreaterThan(0);
    expect(Object.values(sent()).flat()).toHaveLength(PEOPLE - counts.waiting!);
  });

  test('is tuned, and says how it was sent before', async () => {
    expect((await batch('tune', 'move', '--per-second', '0')).out).toContain('Nothing was changed');
    const { out } = await batch('tune', 'move', '--per-second', '0', '--size', '5', '--execute');
    expect(out).toMatch(/^Before: 2 people per call, .* at most 4 per second\.$/m);
    expect(out).toMatch(/^Now: +5 people per call, .* as fast as the target takes them\.$/m);
    expect(await status()).toMatchObject({ state: 'paused', size: 5, perSecond: null });
  });

  test('goes on where it stopped, and none is sent twice', async () => {
    expect(await batch('resume', 'move', '--execute')).toMatchObject({
      code: 0,
      out: expect.stringContaining('It was paused: '),
    });
    await town.done('move');
    const all = Object.values(sent()).flat();
    expect([all.length, new Set(all).size]).toEqual([PEOPLE, PEOPLE]);
    expect(kratos.state()).toMatchObject({ identities: PEOPLE - REFUSED, duplicates: 0 });
    expect(await town.states()).toEqual({ migrated: PEOPLE - REFUSED, failed: REFUSED });
  });
});

describe('a batch that is done', () => {
  test('says in status and list how it went', async () => {
    const { code, out } = await batch('status', 'move');
    expect(code).toBe(1);
    expect(out).toMatch(/^Batch move to kratos: done$/m);
    expect(out).toMatch(/^ +78 +migrated /m);
    expect(out).toMatch(/^ +2 +failed +target:traits-required /m);
    expect((await batch('list')).out).toMatch(/^ *move +kratos +done +100\.0 % .* 80 +2 /m);
  });

  test('lists its people a page at a time, by outcome', async () => {
    interface Page {
      readonly users: { sub: string }[];
      readonly next?: string;
    }
    const failed = await town.told<Page>('batch', 'users', 'move', '--outcome', 'failed');
    expect(failed.users.map(({ sub }) => sub)).toEqual(addressless.map(subOf));
    const seen: string[] = [];
    for (let page: Page = { users: [], next: '' }; page.next !== undefined; ) {
      const after = page.next === '' ? [] : ['--after', page.next];
      page = await town.told<Page>('batch', 'users', 'move', '--limit', '25', ...after);
      seen.push(...page.users.map(({ sub }) => sub));
    }
    expect([seen.length, new Set(seen).size]).toEqual([PEOPLE, PEOPLE]);
  });

  test('has its dead letters sent again by the servers, once they are mended', async () => {
    for (const { id, email } of addressless)
      await town.shop.sql('update customers set email = $2 where id = $1', [id, email]);
    expect((await batch('replay', 'move')).out).toContain('Would send again in move: 2 people.');
    expect(await status()).toMatchObject({ state: 'done', counts: { failed: REFUSED } });
    expect(await call('replay', { batch: 'move', code: 'no-such-code', execute: true })).toMatchObject({
      answer: { users: 0 },
    });
    expect(
      await call('replay', { batch: 'move', code: 'target:traits-required', execute: true }),
    ).toMatchObject({ status: 200, answer: { executed: true, users: REFUSED } });
    await town.done('move');
    expect((await status()).counts).toMatchObject({ migrated: PEOPLE, failed: 0, waiting: 0 });
    expect(kratos.state()).toMatchObject({ identities: PEOPLE, duplicates: 0 });
  });
});

test('what was done, and by whom, is in the audit log', async () => {
  const rows = await town.sql(`select actor, action from audit_log where action like 'batch.%' order by id`);
  expect(rows.map(({ actor, action }) => `${actor} ${action}`)).toEqual([
    'operator:cli batch.planned',
    'operator:cli batch.planned',
    'operator:cli batch.dropped',
    'operator:api batch.started',
    'operator:cli batch.paused',
    'operator:cli batch.tuned',
    'operator:cli batch.resumed',
    'operator:api batch.replayed',
    'operator:api batch.replayed',
  ]);
});
