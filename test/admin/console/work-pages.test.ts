/** Batches, sync, claims, sessions, dead letters, the audit trail, settings and health: with something to tell, and with nothing. */
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { paceNow } from '../../../src/admin/console/batches.ts';
import { webhooks } from '../../../src/admin/console/undelivered.ts';
import type { Desk } from '../../../src/admin/operation.ts';
import { openBatches } from '../../../src/migration/batch/batch-rows.ts';
import { statement } from '../../../src/store/db.ts';
import type { StoryWorld } from './people-story.ts';
import { openStoryWorld, SECRETS, tellPeople } from './people-story.ts';
import type { Operator } from './world.ts';

let world: StoryWorld;
let viewer: Operator;
let operator: Operator;
beforeAll(async () => {
  process.env.NAME_ON_THE_DOOR = 'The Shop’s door';
  world = await openStoryWorld((settings) => {
    settings.pages = { name: '$' + '{NAME_ON_THE_DOOR}', loginWith: '$' + '{WHAT_PEOPLE_TYPE:-email}' };
    settings.claimTokens = [];
  });
  viewer = await world.signIn('viewer');
  operator = await world.signIn('operator');
});
afterAll(() => world?.close());

const PATHS = [
  'batches',
  'sync',
  'claims',
  'sessions',
  'letters',
  'audit',
  'settings',
  'health',
  'users',
] as const;
const textOf = (body: string) =>
  body
    .slice(body.indexOf('<main'))
    .replace(/<[^>]*>/g, ' ')
    .replace(/\s+/g, ' ');
const read = async (path: string, who = operator) => {
  const { status, body } = await who.get(`/admin/${path}`);
  expect([path, status]).toEqual([path, 200]);
  return textOf(body);
};

test('with nothing there each page says so, and most say what comes next', async () => {
  expect(await read('batches')).toContain('footbridge batch plan');
  expect(await read('sync')).toContain('not-started');
  expect(await read('claims')).toContain('claimTokens');
  expect(await read('letters')).toContain('There is no dead letter of any kind.');
  expect(await read('sessions')).toContain('Everybody has been told of every ending.');
});

describe('with a move under way', () => {
  beforeAll(() => tellPeople(world));

  test('a viewer sees every page, and is offered nothing that changes something', async () => {
    for (const path of PATHS) {
      const { status, body } = await viewer.get(`/admin/${path}`);
      expect([path, status]).toEqual([path, 200]);
      const offered = [...body.matchAll(/href="\/admin\/do\/([a-z-]+\/[a-z-]+)/g)].map(([, name]) => name);
      expect(offered.filter((name) => !READS.has(name!))).toEqual([]);
      for (const secret of [...SECRETS, 'CANARY']) expect(body).not.toContain(secret);
    }
  });
  const READS = new Set([
    'audit/verify',
    'claim/organizations',
    'claim/status',
    'schema/status',
    'session/list',
    'sync/conflicts',
    'sync/status',
    'sync/user',
  ]);

  test('a batch says how far it is, what went wrong with whom, and what can be done', async () => {
    const text = await read('batches/pilot?outcome=failed');
    expect(text).toContain('50.0 %, 1 of 2');
    expect(text).toContain('email_missing');
    expect(text).toContain('Give them an address in the legacy store');
    const { body } = await operator.get('/admin/batches/pilot?outcome=failed');
    expect(body).toContain('href="/admin/users/shop%3A2"');
    expect(body).toContain('href="/admin/do/batch/replay?batch=pilot&amp;code=email_missing"');
    expect(body).toContain('href="/admin/do/batch/resume?batch=pilot"');
    expect(body).not.toContain('hx-trigger="every');
    expect((await operator.get('/admin/batches/none')).status).toBe(404);
  });

  test('a batch that runs tells its pace by those who were done last, and asks again by itself', async () => {
    const now = new Date();
    const at = { db: world.db };
    await world.sql(
      `insert into batch_users (batch, rank, sub, outcome, finished_at)
        select 'later', n, 'x:' || n, case when n <= 100 then 'migrated' end,
          case when n <= 100 then $1::timestamptz - make_interval(secs => (100 - n) / 10.0) end from generate_series(1, 300) n`,
      [now],
    );
    await world.sql(
      `insert into batch_counts values ('later', 'plan', 'users', 300), ('later', 'one', 'migrated', 100)`,
    );
    // By its word alone: a server would work on it.
    const batch = { ...(await openBatches(world.db).status('later')), state: 'running' } as const;
    const pace = await paceNow(at, batch, now);
    expect(pace?.perSecond).toBeCloseTo(10.1, 1);
    expect(pace?.secondsLeft).toBe(20);
    // Whose last one is long ago stands still.
    expect(await paceNow(at, batch, new Date(now.getTime() + 61_000))).toBeUndefined();
    await world.sql(`update batches set state = 'planning' where id = 'later'`);
    expect((await operator.get('/admin/batches/later')).body).toContain('hx-trigger="every');
  });

  test('sync shows what waits for somebody, without a value of anybody', async () => {
    const text = await read('sync');
    expect(text).toContain('It was changed on both sides since they were last equal.');
    expect(text).toContain('target_unavailable');
    const { body } = await operator.get('/admin/sync');
    expect(body).toMatch(/href="\/admin\/do\/sync\/resolve\?id=\d+&amp;keep=legacy"/);
    expect(body).toContain('href="/admin/do/sync/redrive?target=new-one&amp;user=shop%3A3"');
    expect(body).toContain('href="/admin/do/sync/resume?target=new-one"');
  });

  test('dead letters of every kind are on one page, each with what helps', async () => {
    const text = await read('letters');
    for (const said of [
      'Moves that were given up',
      'Dead letters of batches',
      'Sync: people who could not be made equal',
      'Logouts that nobody took',
      'Letters that did not go out',
      'Letters to single people that did not go out',
      'Writes that the legacy store did not take',
    ])
      expect(text).toContain(said);
    const { body } = await operator.get('/admin/letters');
    for (const href of [
      'work/retry?target=new-one',
      'batch/replay?batch=pilot',
      'delivery/retry?kind=client&amp;name=new-one',
      'claim/invite?target=new-one&amp;campaign=autumn',
    ])
      expect(body).toContain(`href="/admin/do/${href}`);
  });

  test('an event that no server has dealt with is told once it is late', async () => {
    const who = { name: 'ada', role: 'viewer' } as const;
    // Within a transaction: a running server would deal with it.
    await world.db.transaction(async (db) => {
      await db.run(
        statement(
          `insert into target_events (target, id, name, subject) values ('elsewhere', 'e1', 'user.changed', 'user/1')`,
        ),
      );
      const after = (seconds: number) =>
        webhooks({ db } as unknown as Desk, who, new Date(Date.now() + seconds * 1_000));
      expect(await after(0)).toEqual([]);
      expect((await after(600))[0]?.table?.rows[0]?.slice(0, 2)).toEqual(['elsewhere', '1']);
      await db.run(statement(`delete from target_events where target = 'elsewhere'`));
    });
  });

  test('sessions tell what ended, why, and who was not told of it', async () => {
    const text = await read('sessions');
    expect(text).toContain('client new-one shop:1 one session');
    expect(text).toContain('timeout: It did not answer.');
    expect(text).toMatch(/operator the whole person the operator ada shop:1 2 1 0/);
  });

  test('the audit trail is read by who, what, whom and when, and both ways', async () => {
    expect(await read('audit?action=ledger.&sub=shop%3A1')).toContain('ledger.confirm');
    expect(await read('audit?action=ledger.confirm&sub=shop%3A3')).toContain('There is no such record.');
    expect(await read('audit?actor=somebody%3Anew')).toContain('moon.landed');
    const long = new Date(Date.now() - 10 * 86_400_000).toISOString().slice(0, 16);
    const old = await read(`audit?to=${long}`);
    expect(old).toContain('ledger.prove');
    expect(old).not.toContain('ledger.confirm');
    const { body } = await operator.get('/admin/audit?action=ledger.prove');
    const older = /href="([^"]*before=\d+)"/.exec(body)?.[1]?.replaceAll('&amp;', '&');
    const next = await operator.get(older!);
    const back = /href="([^"]*after=\d+)"/.exec(next.body)?.[1]?.replaceAll('&amp;', '&');
    expect(back).toContain('action=ledger.prove');
    const tableOf = (page: string) => /<tbody>.*<\/tbody>/s.exec(page)?.[0].replace(/>[^<]*ago</g, '><');
    expect(tableOf((await operator.get(back!)).body)).toBe(tableOf(body));
    expect(body).toContain('href="/admin/do/audit/verify"');
  });

  test('whose trail is looked at is written down', async () => {
    const eve = await world.signIn('viewer', 'eve');
    await eve.get('/admin/audit?sub=shop%3A1');
    const [look] = await world.sql(
      `select subject is not null as is_known from audit_log where action = 'console.looked-up' and actor = 'operator:eve'`,
    );
    expect(look).toEqual({ is_known: true });
  });

  test('settings tell where each comes from, and no secret', async () => {
    const { body } = await viewer.get('/admin/settings?q=pages');
    const text = textOf(body);
    expect(text).toMatch(/name The Shop’s door NAME_ON_THE_DOOR footbridge.yaml:\d+/);
    expect(text).toMatch(/loginWith email WHAT_PEOPLE_TYPE is not set footbridge.yaml:\d+/);
    expect(text).toMatch(/defaultLocale en default/);
    const all = textOf((await viewer.get('/admin/settings')).body);
    expect(all).toMatch(/masterKey \[secret\]/);
    expect(all).not.toContain('postgres://footbridge');
    expect(textOf((await viewer.get('/admin/settings?own=yes')).body)).not.toContain('networkFailures');
  });

  test('health tells of each part by itself, and stands while the legacy store is away', async () => {
    const well = await read('health');
    expect(well).toContain('Ready takes logins');
    expect(well).toContain('Schema complete');
    expect(well).toMatch(/RS256 current/);
    await world.shop.switchTo(false);
    try {
      // What probes are told is remembered for a moment.
      const away = await vi.waitFor(
        async () => {
          const page = await read('health');
          expect(page).toContain('down (logins answer 503; sessions go on)');
          return page;
        },
        { timeout: 15_000, interval: 500 },
      );
      expect(away).toContain('Answers no');
      expect(away).toContain('Schema complete');
    } finally {
      await world.shop.switchTo(true);
    }
  });
});
