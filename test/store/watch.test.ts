import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Watch } from '../../src/store/watch.ts';
import { watchDatabase } from '../../src/store/watch.ts';
import { execute, withDatabase } from '../support/database.ts';
import type { TestDatabase } from '../support/postgres.ts';
import { testDatabase } from '../support/postgres.ts';

let database: TestDatabase;
let watch: Watch;
let heard: boolean[];
beforeEach(async () => {
  database = await testDatabase({ empty: true });
  heard = [];
  watch = await watchDatabase(database.url, (up) => heard.push(up));
});
afterEach(async () => {
  await watch.close();
  await database.drop();
});

const server = () => withDatabase(database.url, 'postgres');
const name = () => new URL(database.url).pathname.slice(1);

/** The processes that serve it. */
async function backends(): Promise<unknown[]> {
  const text = 'select pid from pg_stat_activity where datname = $1';
  return (await execute(server(), text, [name()])).map(({ pid }) => pid);
}

async function endAll(): Promise<void> {
  const text = 'select pg_terminate_backend(pid, 5000) from pg_stat_activity where datname = $1';
  await execute(server(), text, [name()]);
}

test('a connection that somebody ends is no outage: the next one stands at once', async () => {
  const [first] = await backends();
  expect(first).toBeDefined();
  await endAll();
  await expect.poll(backends, { timeout: 10_000 }).toHaveLength(1);
  expect(await backends()).not.toEqual([first]);
  expect(watch.up).toBe(true);
  expect(heard).toEqual([true]);
});

test('a server that takes no other connection is away, until it takes one', async () => {
  await execute(server(), `alter database ${name()} with allow_connections false`);
  await endAll();
  await expect.poll(() => watch.up, { timeout: 10_000 }).toBe(false);
  await execute(server(), `alter database ${name()} with allow_connections true`);
  await expect.poll(() => watch.up, { timeout: 10_000 }).toBe(true);
  expect(heard).toEqual([true, false, true]);
});
