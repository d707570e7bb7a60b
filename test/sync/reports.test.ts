/** Reports that both sides were equal: how they are summed up, and kept. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Db } from '../../src/store/db.ts';
import { openDb } from '../../src/store/db.ts';
import type { EqualityReport } from '../../src/sync/reports.ts';
import { checksumOf, keepReport, lastReport, reportById, sealedReport } from '../../src/sync/reports.ts';
import type { TestDatabase } from '../support/postgres.ts';
import { testDatabase } from '../support/postgres.ts';

let database: TestDatabase;
let db: Db;
beforeAll(async () => {
  database = await testDatabase();
  db = openDb({ url: database.url });
});
afterAll(async () => {
  await db.close();
  await database.drop();
});

const report = (id: string, at: string, target = 'main'): EqualityReport =>
  sealedReport({
    ...{ type: 'footbridge-sync-equality', version: 1, id, target, at, targetKind: 'cidaas' },
    ...{ actor: 'operator:test', softwareVersion: '1.2.3', ledger: { migrated: 2, 'cut-over': 1 } },
    queue: {
      ...{ live: 0, backlog: 0, underWay: 0, waiting: 0, dead: 0 },
      ...{ oldestLiveSeconds: 0, oldestBacklogSeconds: 0 },
    },
    conflicts: { byRule: 1, byPeople: 0, byThemselves: 0 },
    passwords: [],
    accepted: ['extra'],
    reconciliation: { type: 'footbridge-reconciliation', checksum: 'ab' },
    feeds: [{ store: 'shop', feed: 'outbox', position: '{"id":1}', changes: '12', readAt: at }],
    auditHead: null,
  } as unknown as Omit<EqualityReport, 'checksum'>);

describe('a checksum', () => {
  const one = report('r1', '2026-11-22T05:00:00.000Z');

  test('is the same in whatever order the members stand, and through JSON', () => {
    const { target, ...rest } = one;
    expect(checksumOf({ ...rest, target })).toBe(one.checksum);
    expect(checksumOf(JSON.parse(JSON.stringify(one)))).toBe(one.checksum);
    expect(one.checksum).toMatch(/^[\da-f]{64}$/);
  });

  test.each([
    ['a count', { ledger: { migrated: 3, 'cut-over': 1 } }],
    ['what was accepted', { accepted: [] }],
    ['something deep inside', { reconciliation: { type: 'footbridge-reconciliation', checksum: 'ac' } }],
    ['something more', { note: 'all is well' }],
  ])('is another one with another %s', (_what, more) => {
    expect(checksumOf({ ...one, ...more })).not.toBe(one.checksum);
  });

  test('counts the order of lists', () => {
    expect(checksumOf({ a: [1, 2] })).not.toBe(checksumOf({ a: [2, 1] }));
  });
});

test('the last report of a target is found, with its signature; of another one nothing', async () => {
  await keepReport(db, report('r1', '2026-11-20T05:00:00.000Z'), 'signed 1');
  await keepReport(db, report('r3', '2026-11-22T05:00:00.000Z'), 'signed 3');
  await keepReport(db, report('r2', '2026-11-21T05:00:00.000Z'), 'signed 2');
  await keepReport(db, report('r4', '2026-11-23T05:00:00.000Z', 'other'), 'signed 4');
  const last = await lastReport(db, 'main');
  expect(last).toMatchObject({ id: 'r3', signed: 'signed 3', at: new Date('2026-11-22T05:00:00.000Z') });
  // The database has its own order of members.
  expect(checksumOf(last!.report)).toBe(last!.report.checksum);
  expect(await lastReport(db, 'nobody')).toBeUndefined();
  expect(await reportById(db, 'r2')).toMatchObject({ signed: 'signed 2' });
  expect(await reportById(db, 'r9')).toBeUndefined();
});

test('no report is written over another one', async () => {
  await keepReport(db, report('once', '2026-11-20T05:00:00.000Z'), 'first');
  await expect(keepReport(db, report('once', '2026-11-20T05:00:00.000Z'), 'second')).rejects.toThrow();
  expect((await reportById(db, 'once'))?.signed).toBe('first');
});
