import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import type { Db } from '../../src/store/db.ts';
import { openDb } from '../../src/store/db.ts';
import {
  allPairs,
  askSweep,
  finishSweep,
  keepSweep,
  leaseSweep,
  setPair,
  sweepAnew,
} from '../../src/sync/pairs.ts';
import { execute } from '../support/database.ts';
import type { TestDatabase } from '../support/postgres.ts';
import { testDatabase } from '../support/postgres.ts';

const TARGET = 'main';
const PLACE = { side: 'target', after: '7', begunAt: '2027-03-01T08:00:00.000Z' } as const;
let database: TestDatabase;
let db: Db;

beforeAll(async () => {
  database = await testDatabase();
  db = openDb({ url: database.url });
});
afterAll(async () => {
  await db?.close();
  await database?.drop();
});
beforeEach(async () => {
  await execute(database.url, 'delete from sync_pairs');
  await to('aligning');
});

const to = (state: 'aligning' | 'paused' | 'running' | 'draining' | 'stopped') =>
  setPair(db, { target: TARGET, state, actor: 'test' });
const pair = async () => (await allPairs(db))[0]!;

test('what was lost while both sides are being read has them read from the beginning', async () => {
  await leaseSweep(db, TARGET, 'one');
  await keepSweep(db, TARGET, 'one', PLACE);
  expect(await askSweep(db, TARGET)).toBe(false);
  await sweepAnew(db, TARGET);
  expect(await keepSweep(db, TARGET, 'one', PLACE)).toBe(false);
  await finishSweep(db, TARGET, { lease: 'one', place: PLACE, nextSeconds: 0 });
  expect(await pair()).toMatchObject({ state: 'aligning', sweep: {}, sweptAt: null });
  expect(await leaseSweep(db, TARGET, 'two')).toMatchObject({ sweep: {} });
});

test('what was lost in a pause has both sides read when it goes on, also where nobody reads them by the clock', async () => {
  await leaseSweep(db, TARGET, 'one');
  await finishSweep(db, TARGET, { lease: 'one', place: PLACE, nextSeconds: 0 });
  await to('paused');
  await sweepAnew(db, TARGET);
  expect(await leaseSweep(db, TARGET, 'two')).toBeUndefined();
  await to('running');
  expect(await leaseSweep(db, TARGET, 'two')).toMatchObject({ state: 'running', sweep: {} });
});

test('where nothing was lost nobody reads them after a pause', async () => {
  await leaseSweep(db, TARGET, 'one');
  await finishSweep(db, TARGET, { lease: 'one', place: PLACE, nextSeconds: 0 });
  await to('paused');
  await to('running');
  expect(await leaseSweep(db, TARGET, 'two')).toBeUndefined();
});

test('what is stopped is not begun by it', async () => {
  await to('draining');
  await to('stopped');
  await sweepAnew(db, TARGET);
  expect(await leaseSweep(db, TARGET, 'one')).toBeUndefined();
});
