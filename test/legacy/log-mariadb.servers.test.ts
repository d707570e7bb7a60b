import { createConnection } from 'mysql2/promise';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { logFeed } from '../../src/legacy/connectors/sql/changes/log/log-feed.ts';
import { mysqlLog } from '../../src/legacy/connectors/sql/changes/log/mysql-source.ts';
import { reopened } from '../../src/legacy/connectors/sql/changes/reopened.ts';
import { openSetup } from '../../src/legacy/connectors/sql/changes/setup.ts';
import type { Feed } from '../../src/legacy/feed.ts';
import type { Mariadb } from '../servers/mariadb.ts';
import { requiresMariadb, startMariadb } from '../servers/mariadb.ts';
import { freePort } from '../support/ports.ts';
import { certificateFor, requiresOpenssl } from './certificates.ts';
import { begin, feedContract, hear, ODD_IDS } from './feed-contract.ts';
import { feedAt, logAt, oneAtATime, storeAt } from './log-store.ts';

const required = requiresMariadb();
/** Small files, so that the log goes over from one to the next all the time. */
const ARGS = ['--log-bin=binlog', '--server-id=7', '--binlog-format=ROW', '--max-binlog-size=65536'];
const PEOPLE = 'create table people (id varchar(250) primary key, email text, note text)';

describe.skipIf(required.skip)(`the log of ${required.name}`, () => {
  let server: Mariadb;
  beforeAll(async () => {
    server = await startMariadb({ args: ARGS });
    await server.execute('create database shop');
    await server.execute(PEOPLE, 'shop');
  });
  afterAll(async () => {
    await server?.stop();
  });
  const ask = async (sql: string, values?: unknown[]) => {
    const connection = await createConnection({ uri: server.url('shop'), charset: 'utf8mb4' });
    try {
      return (await connection.query(sql, values))[0];
    } finally {
      await connection.end();
    }
  };

  feedContract(
    'MariaDB’s log',
    async () => {
      const port = await freePort();
      return {
        open: oneAtATime(() => feedAt(server.url('shop'))),
        absent: () => feedAt(`mysql://x:y@127.0.0.1:${port}/z`),
        insert: async (ids) => void (await ask('insert into people (id) values ?', [ids.map((id) => [id])])),
        update: async (ids) => void (await ask('update people set note = uuid() where id in (?)', [ids])),
        remove: async (ids) => void (await ask('delete from people where id in (?)', [ids])),
        async hold(id) {
          const connection = await createConnection({ uri: server.url('shop') });
          await connection.beginTransaction();
          await connection.query("update people set note = 'held' where id = ?", [id]);
          return async () => {
            await connection.commit();
            await connection.end();
          };
        },
        drop: () => undefined,
      };
    },
    { oddIds: ODD_IDS },
  );

  const opened: Feed[] = [];
  const CHANGES = { tables: [{ table: 'roles', user: 'person' }] };
  const open = (changes: object = CHANGES, url = server.url('shop')) => {
    const feed = feedAt(url, changes);
    opened.push(feed);
    return feed;
  };
  const run = (sql: string) => server.execute(sql, 'shop');
  const told = (changes: readonly { legacyId: string; kind: string }[]) =>
    changes.map(({ legacyId, kind }) => `${kind} ${legacyId}`);

  beforeEach(async () => {
    await run(
      'delete from people; create table roles (id serial primary key, person varchar(250), name text)',
    );
  });
  afterEach(async () => {
    await Promise.all(opened.splice(0).map((feed) => feed.close()));
    await run('drop table roles');
  });

  test('tells of both when a person gets another id, and of the owner of a row elsewhere', async () => {
    await run("insert into people (id) values ('old')");
    const feed = open();
    const start = await begin(feed);
    await run("update people set id = 'new' where id = 'old'");
    const renamed = await hear(feed, start, ['old', 'new']);
    expect(told(renamed.changes)).toEqual(['deleted old', 'changed new']);
    await run(
      "insert into roles (person) values ('anna'), (null); update roles set person = 'bob' where person = 'anna'",
    );
    const given = await hear(feed, renamed.position, ['anna', 'bob']);
    await run('delete from roles');
    const gone = await hear(feed, given.position, ['bob']);
    expect(told(given.changes)).toEqual(['changed anna', 'changed anna', 'changed bob']);
    expect(told(gone.changes)).toEqual(['changed bob']);
  });

  test('tells who it was where rows have only what changed', async () => {
    await run("insert into people (id) values ('anna')");
    const feed = open();
    const start = await begin(feed);
    await run("set session binlog_row_image = 'MINIMAL'; update people set note = 'x'; delete from people");
    const { changes } = await hear(feed, start, ['anna']);
    expect(told(changes)).toEqual(['changed anna', 'deleted anna']);
  });

  test('does not tell of what was rolled back, or is in another table or database', async () => {
    await run(
      'create database if not exists other; create table if not exists other.people (id varchar(9)); create table if not exists pets (id varchar(9))',
    );
    const feed = open();
    const start = await begin(feed);
    await run(
      "begin; insert into people (id) values ('undone'); rollback; insert into other.people values ('theirs'); insert into pets values ('rex'); insert into people (id) values ('last')",
    );
    const { changes } = await hear(feed, start, ['last']);
    expect(told(changes)).toEqual(['changed last']);
  });

  test('gives numbers of every size as the store does', async () => {
    await run('create table numbered (id bigint unsigned primary key, email text)');
    const feed = feedAt(server.url('shop'), {}, {}, { table: 'numbered' });
    opened.push(feed);
    const start = await begin(feed);
    const ids = ['0', '42', '9007199254740993', '18446744073709551615'];
    await run(`insert into numbered (id) values ${ids.map((id) => `(${id})`).join()}`);
    const { changes } = await hear(feed, start, ids);
    expect(changes.map(({ legacyId }) => legacyId)).toEqual(ids);
  });

  test('goes on in the middle of a large transaction, over many files', async () => {
    const reader = open();
    const start = await begin(reader);
    await reader.close();
    await run("insert into people (id) select concat('p', seq) from seq_1_to_50000");
    const heard: string[] = [];
    let position = start;
    for (const pages of [15, Number.POSITIVE_INFINITY]) {
      const feed = open();
      for (let read = 0, isMore = true; isMore && read < pages; ) {
        const page = await feed.read(position, 1_000);
        ({ position, isMore } = page);
        heard.push(...page.changes.map(({ legacyId }) => legacyId));
        if (page.changes.length > 0) read++;
      }
      await feed.close();
    }
    expect([heard.length, new Set(heard).size]).toEqual([50_000, 50_000]);
  });

  test('goes on after the server was restarted', async () => {
    const feed = open();
    const start = await begin(feed);
    await run("insert into people (id) values ('before')");
    await feed.read(start, 100);
    await server.restart();
    await run("insert into people (id) values ('after')");
    const { changes } = await hear(open(), start, ['before', 'after']);
    expect(told(changes)).toEqual(['changed before', 'changed after']);
  });

  test('goes on after its connection was cut', async () => {
    const feed = open();
    const start = await begin(feed);
    await run("insert into people (id) values ('one')");
    const first = await hear(feed, start, ['one'], { keeps: false });
    const threads = (await ask(
      "select id from information_schema.processlist where command = 'Binlog Dump'",
    )) as { id: number }[];
    expect(threads.length).toBeGreaterThan(0);
    for (const { id } of threads) await run(`kill ${id}`);
    await run("insert into people (id) values ('two')");
    const read = async () => {
      const page = await feed.read(first.position, 100).catch(() => undefined);
      return page && told(page.changes);
    };
    await expect.poll(read, { timeout: 20_000 }).toEqual(['changed two']);
  });

  test('is lost when the server has deleted its log, which is said before', async () => {
    const feed = open();
    const start = await begin(feed);
    await feed.close();
    await run("insert into people (id) values ('unheard'); flush binary logs; flush binary logs");
    const last = ((await ask('show binary logs')) as { Log_name: string }[]).at(-1);
    const file = start.slice(start.indexOf('/') + 1, start.lastIndexOf(':'));
    await run(`purge binary logs to '${file}'`);
    expect((await feed.lag(start)).problem).toContain('is the next that the server deletes');
    // Not while a reader that has just gone is still at it.
    const purged = async () => {
      await run(`purge binary logs to '${last?.Log_name}'`);
      return (await feed.lag(start)).problem;
    };
    await expect.poll(purged, { timeout: 20_000 }).toContain('no longer has its binary log');
    await expect(feed.read(start, 10)).rejects.toMatchObject({ code: 'feed_lost' });
  });

  test.each([
    ['the table was truncated', 'truncate table people'],
    [
      'a session writes statements',
      "set session binlog_format = 'STATEMENT'; insert into people (id) values ('x')",
    ],
    [
      'its columns were others when it was written',
      "insert into people (id) values ('x'); alter table people add column more text first",
    ],
  ])('is lost when %s', async (_why, sql) => {
    const feed = open();
    const start = await begin(feed);
    await feed.close();
    await run(sql);
    await expect(feed.read(start, 10)).rejects.toMatchObject({ code: 'feed_lost' });
    await run('alter table people drop column if exists more');
    await expect(begin(feed)).resolves.toBeDefined();
  });

  test('is lost on another server, and on one whose log ends before', async () => {
    const feed = open();
    const start = await begin(feed);
    const other = start.replace(/^7/, '8');
    const later = start.replace(/:\d+$/, ':999999999');
    for (const position of [other, later])
      await expect(feed.read(position, 10)).rejects.toMatchObject({ code: 'feed_lost' });
    await expect(feed.read('7/binlog:4', 10)).rejects.toMatchObject({ code: 'bad_request' });
  });

  test('says what is missing at the server', async () => {
    const setup = openSetup(storeAt(server.url('shop'), { changes: { by: 'log', ...CHANGES } }));
    expect(await setup?.check()).toEqual([]);
    const wrong = [
      ["binlog_format = 'MIXED'", 'binlog_format of the server is not ROW'],
      ["binlog_row_image = 'MINIMAL'", 'binlog_row_image of the server is MINIMAL'],
      ['log_bin_compress = 1', 'The binary log is compressed'],
    ] as const;
    for (const [variable, problem] of wrong) {
      const [name] = variable.split(' ');
      const [row] = (await ask(`select @@global.${name} as was`)) as { was: string | number }[];
      await run(`set global ${variable}`);
      expect(await setup?.check()).toEqual([expect.stringContaining(problem)]);
      if (!variable.includes('MINIMAL'))
        await expect(open().read(undefined, 10)).rejects.toMatchObject({ code: 'config_invalid' });
      await run(`set global ${name} = ${typeof row?.was === 'number' ? row.was : `'${row?.was}'`}`);
    }
  });

  test('says which right its role lacks', async () => {
    await run("create user reader@'%' identified by 'reader'; grant select on shop.* to reader@'%'");
    const url = `mysql://reader:reader@127.0.0.1:${server.port}/shop`;
    const denied = { code: 'config_invalid', detail: expect.stringContaining('REPLICATION') };
    await expect(open({}, url).read(undefined, 10)).rejects.toMatchObject(denied);
    await run("grant binlog monitor on *.* to reader@'%'");
    await expect(open({}, url).read(undefined, 10)).rejects.toMatchObject(denied);
    await run("grant replication slave on *.* to reader@'%'");
    await expect(open({}, url).read(undefined, 10)).resolves.toMatchObject({ changes: [] });
  });

  test('refuses ids that the log has in another form than the table', async () => {
    await run('create table keyed (id uuid primary key, email text)');
    const feed = feedAt(server.url('shop'), {}, {}, { table: 'keyed' });
    opened.push(feed);
    await expect(feed.read(undefined, 10)).rejects.toMatchObject({
      code: 'config_invalid',
      detail: expect.stringContaining('by: outbox'),
    });
  });
});

const openssl = requiresOpenssl();
describe.skipIf(required.skip || openssl.skip)(
  `the log of ${required.name} over TLS, with ${openssl.name}`,
  () => {
    test.each([
      ['its own', 'IP:127.0.0.1', true],
      ['somebody else’s', 'DNS:elsewhere.example', false],
    ])('is read from a server whose certificate is %s: %s', async (_whose, name, isRead) => {
      const certificate = certificateFor(name);
      const tls = [
        `--ssl-cert=${certificate.cert}`,
        `--ssl-key=${certificate.key}`,
        `--ssl-ca=${certificate.ca}`,
      ];
      const server = await startMariadb({ args: [...ARGS, ...tls] });
      try {
        await server.execute(
          "create database shop; create user tls@'%' identified by 'tls' require ssl; grant all on *.* to tls@'%'",
        );
        await server.execute(PEOPLE, 'shop');
        const reach = {
          host: '127.0.0.1',
          port: server.port,
          user: 'tls',
          password: 'tls',
          database: 'shop',
        };
        // The connection for questions is another driver's: here it is the stream that is tried.
        const source = mysqlLog(
          {
            engine: 'mysql',
            connection: logAt({ connection: { ...reach, tls: { ca: certificate.caPem } } }).connection!,
            users: { table: 'people', user: 'id' },
            tables: [],
            slot: '',
            publication: '',
            serverId: undefined,
            timeoutMs: 10_000,
          },
          reopened(storeAt(server.url('shop')), { timeoutMs: 10_000, writable: false }),
        );
        const feed = logFeed(source);
        const reading = feed.read(undefined, 10);
        if (isRead) {
          const { position } = await reading;
          await server.execute("insert into people (id) select concat('p', seq) from seq_1_to_50000", 'shop');
          const { changes } = await hear(feed, position, ['p50000'], { limit: 5_000 });
          expect(new Set(changes.map(({ legacyId }) => legacyId)).size).toBe(50_000);
        } else await expect(reading).rejects.toMatchObject({ code: 'legacy_unavailable' });
        await feed.close();
      } finally {
        await server.stop();
        certificate.drop();
      }
    });
  },
);
