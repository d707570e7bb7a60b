import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { sweep } from '../../src/migration/sweeper.ts';
import { LookupRate, SWEEP_LOOKUP_RATES } from '../../src/provider/lookup-rate.ts';
import type { Db } from '../../src/store/db.ts';
import { openDb, statement } from '../../src/store/db.ts';
import { execute } from '../support/database.ts';
import { freePort } from '../support/ports.ts';
import type { TestDatabase } from '../support/postgres.ts';
import { testDatabase } from '../support/postgres.ts';

let database: TestDatabase;
let nodes: readonly [Db, Db];
beforeAll(async () => {
  database = await testDatabase();
  nodes = [openDb({ url: database.url }), openDb({ url: database.url })];
});
afterAll(async () => {
  for (const db of nodes) await db.close();
  await database.drop();
});
const sql = (text: string) => execute(database.url, text);
beforeEach(() => sql('delete from lookup_rates'));

const rates = (perMinute: number) => nodes.map((db) => new LookupRate(db, perMinute));
const takes = async (rate: LookupRate | undefined, addresses: readonly string[]) => {
  const taken: (boolean | undefined)[] = [];
  for (const address of addresses) taken.push(await rate?.take(address));
  return taken;
};

test('lookups are counted by network, on all nodes together', async () => {
  const [one, two] = rates(3);
  expect(await takes(one, ['192.0.2.1', '192.0.2.99'])).toEqual([true, true]);
  expect(await takes(two, ['192.0.2.7', '192.0.2.7'])).toEqual([true, false]);
  expect(await takes(one, ['192.0.2.1'])).toEqual([false]);
  expect(await takes(one, ['198.51.100.1', '2001:db8::1'])).toEqual([true, true]);
});

test('a hundred at once on two nodes take no more than there are', async () => {
  const [one, two] = rates(30);
  const taken = await Promise.all(
    Array.from({ length: 100 }, (_, i) => (i % 2 ? one : two)?.take('203.0.113.5')),
  );
  expect(taken.filter(Boolean)).toHaveLength(30);
  expect(await sql('select sum(lookups)::int as lookups from lookup_rates')).toEqual([{ lookups: 30 }]);
});

test('a network that has none left costs no statement for a second', async () => {
  let [statements, now] = [0, 0];
  const counting: Db = {
    ...nodes[0],
    run: (...call) => {
      statements += 1;
      return nodes[0].run(...call);
    },
  };
  const rate = new LookupRate(counting, 1, () => now);
  const addresses = ['192.0.2.1', '192.0.2.1', '192.0.2.1', '192.0.2.2'];
  expect(await takes(rate, addresses)).toEqual([true, false, false, false]);
  expect(statements).toBe(2);
  now += 1_000;
  expect(await takes(rate, addresses)).toEqual([false, false, false, false]);
  expect(statements).toBe(3);
});

test('lookups come back with time, and not all at once at the full minute', async () => {
  const [one, two] = rates(10);
  await sql(`insert into lookup_rates (network, minute, lookups)
    values ('192.0.2', date_trunc('minute', now()) - interval '1 minute', 10)`);
  // Between none and nine, by how much of this minute is over.
  const taken = await takes(
    one,
    Array.from({ length: 11 }, () => '192.0.2.1'),
  );
  expect(taken.filter(Boolean).length).toBeLessThan(10);
  await sql(`update lookup_rates set minute = minute - interval '2 minutes'`);
  expect(await takes(two, ['192.0.2.1', '192.0.2.1'])).toEqual([true, true]);
});

test('a sweep deletes minutes that are over, and no other', async () => {
  await sql(`insert into lookup_rates (network, minute, lookups)
    select '10.0.' || i, date_trunc('minute', now()) - interval '4 minutes', 1 from generate_series(1, 2500) i`);
  const [one] = rates(2);
  await one?.take('192.0.2.1');
  expect(await sweep(nodes[0], SWEEP_LOOKUP_RATES)).toBe(2_500);
  expect(await sql('select network from lookup_rates')).toEqual([{ network: '192.0.2' }]);
});

test('without our database nobody is looked up: it is an outage, as for the limits of passwords', async () => {
  const down = openDb({ url: `postgres://nobody@127.0.0.1:${await freePort()}/none` });
  await expect(new LookupRate(down, 5).take('192.0.2.1')).rejects.toMatchObject({
    code: 'storage_unavailable',
  });
  await expect(down.run(statement('select 1'))).rejects.toMatchObject({ code: 'storage_unavailable' });
  await down.close();
});
