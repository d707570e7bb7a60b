import pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { FeedTimes } from '../../src/legacy/connectors/sql/changes/log/log-feed.ts';
import { logPiece } from '../../src/legacy/connectors/sql/changes/log.ts';
import { openSetup } from '../../src/legacy/connectors/sql/changes/setup.ts';
import { sqlSettings } from '../../src/legacy/connectors/sql/sql-settings.ts';
import type { Feed } from '../../src/legacy/feed.ts';
import type { LogicalPostgres } from '../support/logical-postgres.ts';
import { startLogicalPostgres } from '../support/logical-postgres.ts';
import { freePort } from '../support/ports.ts';
import { begin, feedContract, hear, ODD_IDS } from './feed-contract.ts';
import { feedAt, logAt, oneAtATime, storeAt } from './log-store.ts';

let server: LogicalPostgres;
beforeAll(async () => {
  server = await startLogicalPostgres();
  await server.execute('create table people (id text primary key, email text, note text)');
});
afterAll(async () => {
  await server?.stop();
});

const setupAt = (url: string, changes: object = {}, store: object = {}) => {
  const setup = openSetup(storeAt(url, { ...store, changes: { by: 'log', ...changes } }));
  if (!setup) throw new Error('nothing to set up');
  return setup;
};

/** A transaction that is open until it is ended. */
async function transaction(...statements: string[]): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: server.url() });
  await client.connect();
  for (const sql of ['begin', ...statements]) await client.query(sql);
  return client;
}

feedContract(
  'PostgreSQL’s log',
  async () => {
    await setupAt(server.url()).install();
    const port = await freePort();
    return {
      open: oneAtATime(() => feedAt(server.url())),
      absent: () => feedAt(`postgresql://x:y@127.0.0.1:${port}/z`),
      insert: async (ids) =>
        void (await server.execute('insert into people select unnest($1::text[])', [ids])),
      update: async (ids) =>
        void (await server.execute('update people set note = gen_random_uuid()::text where id = any ($1)', [
          ids,
        ])),
      remove: async (ids) => void (await server.execute('delete from people where id = any ($1)', [ids])),
      async hold(id) {
        const client = await transaction();
        await client.query("update people set note = 'held' where id = $1", [id]);
        return async () => {
          await client.query('commit');
          await client.end();
        };
      },
      drop: () => setupAt(server.url()).remove(),
    };
  },
  { oddIds: ODD_IDS },
);

describe('the log of PostgreSQL', () => {
  const opened: Feed[] = [];
  const CHANGES = { slot: 'shop', publication: 'shop', tables: [{ table: 'roles', user: 'person' }] };
  const open = (times: Partial<FeedTimes> = {}, changes: object = CHANGES) => {
    const feed = feedAt(server.url(), changes, times);
    opened.push(feed);
    return feed;
  };
  const setup = () => setupAt(server.url(), CHANGES);
  const add = (...ids: string[]) => server.execute('insert into people select unnest($1::text[])', [ids]);
  const told = (changes: readonly { legacyId: string; kind: string }[]) =>
    changes.map(({ legacyId, kind }) => `${kind} ${legacyId}`);

  beforeEach(async () => {
    await server.execute('truncate people');
    await server.execute('create table roles (id serial primary key, person text, name text)');
    await server.execute('alter table roles replica identity full');
    await setup().install();
  });
  afterEach(async () => {
    await Promise.all(opened.splice(0).map((feed) => feed.close()));
    await setup().remove();
    await server.execute('drop table roles');
  });

  test('tells of both when a person gets another id', async () => {
    await add('old');
    const feed = open();
    const start = await begin(feed);
    await server.execute("update people set id = 'new' where id = 'old'");
    const { changes } = await hear(feed, start, ['old', 'new']);
    expect(told(changes)).toEqual(['deleted old', 'changed new']);
  });

  test('tells of the person whose row in another table was made, given away and deleted', async () => {
    const feed = open();
    const start = await begin(feed);
    await server.execute("insert into roles (person, name) values ('anna', 'admin'), (null, 'nobody')");
    const made = await hear(feed, start, ['anna']);
    await server.execute("update roles set person = 'bob' where person = 'anna'");
    const given = await hear(feed, made.position, ['anna', 'bob']);
    await server.execute('delete from roles');
    const gone = await hear(feed, given.position, ['bob']);
    expect([made, given, gone].map(({ changes }) => told(changes))).toEqual([
      ['changed anna'],
      ['changed anna', 'changed bob'],
      ['changed bob'],
    ]);
  });

  test('tells of one person once for each transaction, whatever was done to them in it', async () => {
    const feed = open();
    const start = await begin(feed);
    const client = await transaction(
      "insert into people values ('anna')",
      "update people set note = 'x'",
      "delete from people where id = 'anna'",
    );
    await client.query('commit');
    await client.end();
    await add('anna');
    const { changes } = await hear(feed, start, ['anna']);
    expect(told(changes)).toEqual(['deleted anna', 'changed anna']);
    expect(new Set(changes.map(({ id }) => id)).size).toBe(2);
  });

  test('does not tell of what was rolled back, or is in another table', async () => {
    await server.execute('create table if not exists other (id text primary key)');
    const feed = open();
    const start = await begin(feed);
    const client = await transaction("insert into people values ('undone')");
    await client.query('rollback');
    await client.end();
    await server.execute("insert into other values ('elsewhere')");
    await add('last');
    const { changes } = await hear(feed, start, ['last']);
    expect(told(changes)).toEqual(['changed last']);
  });

  test('loses no transaction that was committed right behind one that was kept', async () => {
    await add('a', 'b', 'c');
    const [first, second, third] = await Promise.all(
      ['a', 'b', 'c'].map((id) => transaction(`update people set note = 'x' where id = '${id}'`)),
    );
    const reader = open();
    const start = await begin(reader);
    await reader.close();
    // The three commits lie side by side in the log.
    await Promise.all([first, second, third].map((client) => client?.query('commit')));
    await Promise.all([first, second, third].map((client) => client?.end()));
    const heard: string[] = [];
    let position = start;
    while (heard.length < 3) {
      const feed = open();
      const page = await feed.read(position, 1);
      position = page.position;
      heard.push(...page.changes.map(({ legacyId }) => legacyId));
      await feed.confirm(position);
      await feed.close();
    }
    expect(heard.sort()).toEqual(['a', 'b', 'c']);
  });

  test('goes on in the middle of a transaction of a hundred thousand', async () => {
    const reader = open();
    const start = await begin(reader);
    await reader.close();
    await server.execute("insert into people select 'p' || n from generate_series(1, 100000) n");
    const heard: string[] = [];
    let position = start;
    // Killed in the middle, twice.
    for (const pages of [20, 60, Number.POSITIVE_INFINITY]) {
      const feed = open();
      for (let read = 0, isMore = true; isMore && read < pages; ) {
        const page = await feed.read(position, 1_000);
        ({ position, isMore } = page);
        heard.push(...page.changes.map(({ legacyId }) => legacyId));
        if (page.changes.length > 0) read++;
        await feed.confirm(position);
      }
      await feed.close();
    }
    expect(heard.length).toBe(100_000);
    expect(new Set(heard).size).toBe(100_000);
  });

  test('goes on after the server was restarted, whether somebody reads or not', async () => {
    const feed = open();
    const start = await begin(feed);
    await add('before');
    const unread = await feed.read(start, 100);
    await server.restart();
    await add('after');
    const { changes } = await hear(open(), start, ['before', 'after']);
    expect(told(changes)).toEqual(['changed before', 'changed after']);
    expect(told(unread.changes)).toEqual(['changed before']);
  });

  test('goes on after its connection was cut in the middle of a page', async () => {
    const feed = open();
    const start = await begin(feed);
    await server.execute("insert into people select 'p' || n from generate_series(1, 30000) n");
    const first = await feed.read(start, 100);
    await server.execute('select pg_terminate_backend(active_pid) from pg_replication_slots where active');
    const heard = new Set(first.changes.map(({ legacyId }) => legacyId));
    for (let position = first.position; heard.size < 30_000; ) {
      const page = await feed.read(position, 5_000).catch((error) => {
        expect(error).toMatchObject({ code: 'legacy_unavailable' });
        return undefined;
      });
      if (!page) continue;
      position = page.position;
      for (const { legacyId } of page.changes) heard.add(legacyId);
    }
    expect(heard.size).toBe(30_000);
  });

  test('names the process that reads already, and reads when that has ended', async () => {
    const [one, other] = [open(), open()];
    const start = await begin(one);
    const [{ active_pid: pid } = {}] = await server.execute(
      "select active_pid from pg_replication_slots where slot_name = 'shop'",
    );
    await expect(other.read(start, 10)).rejects.toMatchObject({
      code: 'legacy_unavailable',
      detail: expect.stringContaining(`process ${pid}`),
    });
    await one.close();
    await expect(other.read(start, 10)).resolves.toMatchObject({ changes: [] });
  });

  test('frees the slot when nobody has read for a while', async () => {
    const feed = open({ idleMs: 50 });
    const start = await begin(feed);
    const isActive = async () =>
      (await server.execute("select active from pg_replication_slots where slot_name = 'shop'"))[0]?.active;
    await expect.poll(isActive, { timeout: 10_000 }).toBe(false);
    await add('later');
    expect(told((await hear(feed, start, ['later'])).changes)).toEqual(['changed later']);
  });

  test('is lost without its slot, and with another one in its place', async () => {
    const feed = open();
    const start = await begin(feed);
    await feed.close();
    await setup().remove();
    await expect(feed.read(start, 10)).rejects.toMatchObject({ code: 'feed_lost' });
    await expect(feed.lag(start)).resolves.toMatchObject({
      problem: expect.stringContaining('no replication slot'),
    });
    await add('unheard');
    await setup().install();
    await expect(feed.read(start, 10)).rejects.toMatchObject({ code: 'feed_lost' });
    const anew = await begin(feed);
    await add('heard');
    expect(told((await hear(feed, anew, ['heard'])).changes)).toEqual(['changed heard']);
  });

  test('is lost when the server has thrown the log away, which is said before', async () => {
    await server.execute("alter system set max_slot_wal_keep_size = '1MB'");
    await server.execute('select pg_reload_conf()');
    try {
      const feed = open();
      const start = await begin(feed);
      await feed.close();
      for (let segment = 0; segment < 4; segment++) {
        await add(`p${segment}`);
        await server.execute('select pg_switch_wal()');
      }
      const { problem = '' } = await feed.lag(start);
      expect(problem).toMatch(/about to lose its log|may fall behind/);
      await server.execute('checkpoint');
      await expect(feed.read(start, 10)).rejects.toMatchObject({ code: 'feed_lost' });
      await expect(feed.lag(start)).resolves.toMatchObject({
        problem: expect.stringContaining('has lost its log'),
      });
      expect(await setup().check()).toEqual([expect.stringContaining('has lost its log')]);
    } finally {
      await server.execute('alter system reset max_slot_wal_keep_size');
      await server.execute('select pg_reload_conf()');
    }
  });

  test('is lost when the table was truncated: nobody is named', async () => {
    const feed = open();
    const start = await begin(feed);
    await server.execute('truncate people');
    await expect(feed.read(start, 10)).rejects.toMatchObject({ code: 'feed_lost' });
  });

  test('is lost on a server that is behind what was read', async () => {
    await expect(open().read('FFFFFFFF/0', 10)).rejects.toMatchObject({ code: 'feed_lost' });
  });

  test.each(['', 'x', '0/0/0', '0/1+', '0/1+-1', `0/1+${'9'.repeat(20)}`, 'g/1'])(
    'refuses %j, which is no position',
    async (position) => {
      await expect(open().read(position, 10)).rejects.toMatchObject({ code: 'bad_request' });
    },
  );

  test('never lets the server forget more than was confirmed', async () => {
    const feed = open();
    const start = await begin(feed);
    const keptBy = async () =>
      (
        await server.execute(
          "select confirmed_flush_lsn::text as at from pg_replication_slots where slot_name = 'shop'",
        )
      )[0]?.at;
    const before = await keptBy();
    await add('a');
    const page = await hear(feed, start, ['a'], { keeps: false });
    await server.execute('select pg_switch_wal(), pg_log_standby_snapshot()');
    await feed.read(page.position, 10);
    expect(await keptBy()).toBe(before);
    await feed.confirm(page.position);
    await expect.poll(keptBy, { timeout: 10_000 }).not.toBe(before);
  });
});

describe('the set-up of PostgreSQL’s log', () => {
  const CHANGES = { slot: 'kept', publication: 'kept' };

  test('says what is missing, makes it, makes it again, and takes it away', async () => {
    const setup = setupAt(server.url(), CHANGES);
    const missing = await setup.check();
    expect(missing).toEqual([
      expect.stringContaining('no publication kept'),
      expect.stringContaining('no replication slot kept'),
      expect.stringContaining('people is not in the publication'),
    ]);
    await setup.install();
    await setup.install();
    expect(await setup.check()).toEqual([]);
    expect(setup.plan().join('\n')).toContain('pg_create_logical_replication_slot');
    await setup.remove();
    await setup.remove();
    expect(await setup.check()).toEqual(missing);
  });

  test('adds a table that was configured later', async () => {
    await server.execute('create table later (id text primary key)');
    await setupAt(server.url(), CHANGES).install();
    const more = setupAt(server.url(), { ...CHANGES, tables: [{ table: 'later', user: 'id' }] });
    expect(await more.check()).toEqual([expect.stringContaining('later is not in the publication')]);
    await more.install();
    expect(await more.check()).toEqual([]);
    await more.remove();
  });

  test('keeps a table out whose updates the app could not make any more', async () => {
    await server.execute('create table bare (id text, person text)');
    const setup = setupAt(server.url(), { ...CHANGES, tables: [{ table: 'bare', user: 'person' }] });
    await expect(setup.install()).rejects.toMatchObject({
      code: 'config_invalid',
      detail: expect.stringContaining('bare has neither a primary key'),
    });
    await server.execute("insert into bare values ('1', 'anna')");
    await server.execute("update bare set person = 'bob'");
    await setup.remove();
  });

  test('says which deleted rows would not tell whose they were', async () => {
    await server.execute('create table notes (id text primary key, person text)');
    const setup = setupAt(server.url(), { ...CHANGES, tables: [{ table: 'notes', user: 'person' }] });
    await setup.install();
    expect(await setup.check()).toEqual([expect.stringContaining('alter table notes replica identity full')]);
    await server.execute('alter table notes replica identity full');
    expect(await setup.check()).toEqual([]);
    await setup.remove();
  });

  test('leaves a publication of somebody else’s', async () => {
    await server.execute('create publication theirs for all tables');
    const setup = setupAt(server.url(), { slot: 'kept', publication: 'theirs' });
    await setup.install();
    expect(await setup.check()).toEqual([]);
    await setup.remove();
    expect(await server.execute("select 1 from pg_publication where pubname = 'theirs'")).toHaveLength(1);
    await server.execute('drop publication theirs');
  });

  test('says that a role may not read the log', async () => {
    await server.execute("create role reader login password 'reader'");
    const url = new URL(server.url());
    url.username = 'reader';
    url.password = 'reader';
    await setupAt(server.url(), CHANGES).install();
    const setup = setupAt(server.url(), { ...CHANGES, connection: url.href, setup: server.url() });
    expect(await setup.check()).toEqual([expect.stringContaining('may not read the log')]);
    const feed = feedAt(server.url(), { ...CHANGES, connection: url.href });
    await expect(feed.read(undefined, 10)).rejects.toMatchObject({
      code: 'config_invalid',
      detail: expect.stringContaining('REPLICATION'),
    });
    await server.execute('alter role reader replication');
    await expect(feed.read(undefined, 10)).resolves.toMatchObject({ changes: [] });
    await feed.close();
    await setup.remove();
  });

  test('is refused at load without a table, and for a database without a log', () => {
    const at = (store: object) =>
      sqlSettings.safeParse({ login: ['email'], changes: { by: 'log' }, ...store }).error?.issues[0]?.message;
    const queries = { byLogin: 'select 1 where :login = 1', byId: 'select 1 where :id = 1' };
    expect(at({ engine: 'postgresql', connection: 'postgres://x', queries })).toContain('the table of users');
    expect(at({ engine: 'sqlite', file: 'x', table: 'people' })).toContain('only the logs of');
    expect(at({ engine: 'postgresql', connection: 'postgres://x', table: 'people' })).toBeUndefined();
  });

  test('has everything that its plan says in it, whatever the names', async () => {
    const { install } = logPiece(
      storeAt(server.url(), { table: `public.o'"hara` }),
      logAt({ slot: 'odd', publication: 'odd' }),
    );
    await server.execute(`create table "o'""hara" (id text primary key)`);
    const setup = setupAt(server.url(), { slot: 'odd', publication: 'odd' }, { table: `public.o'"hara` });
    await setup.install();
    expect(await setup.check()).toEqual([]);
    expect(install).toHaveLength(3);
    await setup.remove();
  });
});
