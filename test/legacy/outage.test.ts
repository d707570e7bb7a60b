import { connect, Socket } from 'node:net';
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Directory } from '../../src/legacy/directory.ts';
import { openDirectory } from '../../src/legacy/directory.ts';
import { legacySettings } from '../../src/legacy/legacy-settings.ts';
import { execute } from '../support/database.ts';
import type { TestDatabase } from '../support/postgres.ts';
import { testDatabase } from '../support/postgres.ts';
import { PEOPLE_SQL } from './connector-contract.ts';
import { Line } from './line.ts';

/** Deadlines are short here: loading the drivers must not count. */
beforeAll(() => Promise.all([import('knex'), import('pg'), import('mysql2')]));

const UNAVAILABLE = { code: 'legacy_unavailable', retryAfterSeconds: 2 };

describe('a PostgreSQL store', () => {
  let database: TestDatabase;
  let line: Line;
  let directory: Directory;
  let clockMs: number;

  beforeEach(async () => {
    database = await testDatabase({ empty: true });
    await execute(database.url, PEOPLE_SQL);
    const there = new URL(database.url);
    line = new Line(() => connect(Number(there.port), there.hostname));
    const through = new URL(database.url);
    through.hostname = '127.0.0.1';
    through.port = String(await line.listen());
    clockMs = 0;
    const settings = legacySettings.parse({
      store: 'shop',
      sql: { engine: 'postgresql', connection: through.href, table: 'people', login: ['login'] },
      mapping: { username: 'login' },
      timeoutMs: 1_000,
    });
    directory = openDirectory(settings, { elapsed: () => clockMs });
  });
  afterEach(async () => {
    await directory.close();
    await line.close();
    await database.drop();
  });

  test('answers through the line', async () => {
    expect((await directory.findByLogin('anna'))?.user.sub).toBe('shop:1');
  });

  test('that falls silent in mid-connection is unavailable, and back when it speaks again', async () => {
    await directory.findByLogin('anna');
    line.mode = 'silent';
    await expect(directory.findByLogin('anna')).rejects.toMatchObject(UNAVAILABLE);
    await expect(directory.check()).rejects.toMatchObject(UNAVAILABLE);
    line.mode = 'open';
    expect((await directory.findByLogin('anna'))?.user.sub).toBe('shop:1');
  });

  test('that cuts its connections is unavailable at once, and back without a restart', async () => {
    await directory.findByLogin('anna');
    line.cutAll();
    await expect(directory.findByLogin('anna')).rejects.toMatchObject(UNAVAILABLE);
    for (let attempt = 0; attempt < 6; attempt++) await directory.check().catch(() => undefined);
    line.mode = 'open';
    clockMs += 2_000;
    expect((await directory.findByLogin('anna'))?.user.sub).toBe('shop:1');
  });

  test('that comes back after many failures serves everybody again', async () => {
    line.mode = 'silent';
    const crowd = await Promise.allSettled(Array.from({ length: 12 }, () => directory.findByLogin('anna')));
    expect(crowd.map(({ status }) => status)).toEqual(Array(12).fill('rejected'));
    line.mode = 'open';
    clockMs += 2_000;
    expect((await directory.findByLogin('anna'))?.user.sub).toBe('shop:1');
    const back = await Promise.all(['anna', 'bob', 'anna'].map((login) => directory.findByLogin(login)));
    expect(back.map((entry) => entry?.user.sub)).toEqual(['shop:1', 'shop:2', 'shop:1']);
  });

  test('that sleeps over a statement is unavailable', async () => {
    const settings = legacySettings.parse({
      store: 'shop',
      sql: {
        engine: 'postgresql',
        connection: database.url,
        table: 'people',
        queries: { byLogin: 'select *, pg_sleep(60) from people where login = :login' },
      },
      timeoutMs: 300,
    });
    const slow = openDirectory(settings);
    await expect(slow.findByLogin('anna')).rejects.toMatchObject(UNAVAILABLE);
    await slow.close();
  });
});

describe.each(['postgresql', 'mysql'] as const)('a %s store nobody ever answers for', (engine) => {
  const open = async (line: Line) => {
    const connection = `${engine}://user:canary@127.0.0.1:${await line.listen()}/shop`;
    const sql = { engine, connection, table: 'people', login: ['login'] };
    return openDirectory(legacySettings.parse({ store: 'shop', sql, timeoutMs: 300 }));
  };

  test.each(['silent', 'cut'] as const)(
    'is unavailable when its line is %s, and leaks neither password nor socket',
    async (mode) => {
      const line = new Line(() => new Socket());
      line.mode = mode;
      const directory = await open(line);
      const error = await directory.findByLogin('anna').catch((thrown) => thrown);
      expect(error).toMatchObject(UNAVAILABLE);
      expect([error.message, error.detail, String(error.cause)].join()).not.toContain('canary');
      await directory.close();
      await expect.poll(() => line.connections, { timeout: 10_000 }).toBe(0);
      await line.close();
    },
  );
});
