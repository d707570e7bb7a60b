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

test('tells how many connections are used and how many wait for one', async () => {
  const held = Promise.withResolvers<void>();
  const one = db.connection(() => held.promise);
  await vi.waitFor(() => expect(db.connections().used).toBe(1));
  held.resolve();
  await one;
  expect(db.connections()).toMatchObject({ used: 0, waiting: 0 });
});
