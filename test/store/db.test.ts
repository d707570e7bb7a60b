import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type { Db } from '../../src/store/db.ts';
import { openDb, statement } from '../../src/store/db.ts';
import { execute } from '../support/database.ts';
import type { TestDatabase } from '../support/postgres.ts';
import { testDatabase } from '../support/postgres.ts';

let database: TestDatabase;
let db: Db;
beforeAll(async () => {
  database = await testDatabase({ empty: true });
  db = openDb({ url: database.url, poolSize: 2 });
});
afterAll(async () => {
  await db?.close();
  await database?.drop();
});

const PID = statement('select pg_backend_pid() as pid');

describe('a connection that dies', () => {
  test('between two statements of a transaction fails that transaction, and nothing else', async () => {
    const broken = db.transaction(async (tx) => {
      const [row] = await tx.run<{ pid: number }>(PID);
      await execute(database.url, `select pg_terminate_backend(${row?.pid})`);
      const alive = () => execute(database.url, `select 1 from pg_stat_activity where pid = ${row?.pid}`);
      await vi.waitFor(async () => expect(await alive()).toEqual([]));
      await tx.run(PID);
    });
    await expect(broken).rejects.toMatchObject({ code: 'storage_unavailable' });
    expect(await db.run(PID)).toHaveLength(1);
  });
});

describe('a connection that dies under a statement', () => {
  /** Sleeps first, so that it can be ended meanwhile; notes each time that it is run, whatever becomes of it. */
  const slow = (name: string) => ({
    text: `select nextval('${name}') as times, pg_sleep(case when currval('${name}') = 1 then 30 else 0 end)`,
    end: async () => {
      const asleep = () =>
        execute(
          database.url,
          `select pid from pg_stat_activity where query like '%${name}%' and wait_event = 'PgSleep'`,
        );
      await vi.waitFor(async () => expect(await asleep()).toHaveLength(1));
      await execute(
        database.url,
        `select pg_terminate_backend(pid) from pg_stat_activity where query like '%${name}%' and wait_event = 'PgSleep'`,
      );
    },
  });

  test('is not noticed by who only reads', async () => {
    await execute(database.url, 'create sequence reads');
    const { text, end } = slow('reads');
    const read = db.run<{ times: string }>(statement(text));
    await end();
    expect((await read)[0]?.times).toBe('2');
  });

  test('fails what may have been done already, which is not done again', async () => {
    await execute(database.url, 'create sequence writes');
    const { text, end } = slow('writes');
    const write = db.run(statement(`with a as (${text}) select * from a`));
    const failed = expect(write).rejects.toMatchObject({ code: 'storage_unavailable' });
    await end();
    await failed;
    const [row] = await execute(database.url, 'select last_value::int as times from writes');
    expect(row).toEqual({ times: 1 });
  });

  test('fails a read within a transaction, which has lost what was done before', async () => {
    await execute(database.url, 'create sequence transactions');
    const { text, end } = slow('transactions');
    const read = db.transaction((tx) => tx.run(statement(text)));
    const failed = expect(read).rejects.toMatchObject({ code: 'storage_unavailable' });
    await end();
    await failed;
  });
});

test('tells how many connections are used and how many wait for one', async () => {
  const held = Promise.withResolvers<void>();
  const one = db.connection(() => held.promise);
  await vi.waitFor(() => expect(db.connections().used).toBe(1));
  held.resolve();
  await one;
  expect(db.connections()).toMatchObject({ used: 0, waiting: 0 });
});
