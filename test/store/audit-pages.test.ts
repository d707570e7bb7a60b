/** The audit log, a page at a time. */
import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Secret } from '../../src/settings.ts';
import type { AuditQuestion } from '../../src/store/audit-pages.ts';
import { auditPage, STRETCH_RECORDS } from '../../src/store/audit-pages.ts';
import type { Db } from '../../src/store/db.ts';
import { openDb } from '../../src/store/db.ts';
import { openKeyring } from '../../src/store/encryption.ts';
import { execute } from '../support/database.ts';
import { testDatabase } from '../support/postgres.ts';

const keyring = openKeyring(new Secret(randomBytes(32).toString('base64')));
const START = Date.UTC(2026, 0, 1);
const RECORDS = STRETCH_RECORDS + 500;
let database: Awaited<ReturnType<typeof testDatabase>>;
let db: Db;
beforeAll(async () => {
  database = await testDatabase();
  db = openDb({ url: database.url, poolSize: 2 });
  // One record a minute: every seventh about Anna, one in the middle of the night that nobody else is like, and the first one.
  await execute(
    database.url,
    `insert into audit_log (actor, action, subject, at)
      select case when n % 2 = 0 then 'user' else 'client:shop' end,
        case when n in (1, 300) then 'rare.thing' when n % 3 = 0 then 'ledger.prove' else 'ledger.confirm' end,
        case when n % 7 = 0 then $1::bytea end, $2::timestamptz + n * interval '1 minute'
      from generate_series(1, ${RECORDS}) n`,
    [keyring.mac('audit-subject', 'shop:1'), new Date(START)],
  );
});
afterAll(async () => {
  await db?.close();
  await database?.drop();
});

const page = (asked: Partial<AuditQuestion> = {}) => auditPage({ db, keyring }, { limit: 50, ...asked });
const ids = ({ entries }: Awaited<ReturnType<typeof page>>) => entries.map(({ id }) => Number(id));
const minute = (n: number) => new Date(START + n * 60_000);

test('the newest come first, and nothing is newer', async () => {
  const first = await page();
  expect(ids(first)).toEqual(Array.from({ length: 50 }, (_, n) => RECORDS - n));
  expect(first).toMatchObject({ older: String(RECORDS - 49) });
  expect(first.newer).toBeUndefined();
});

test('what is rare is looked for in a bounded stretch, which says how far it came, and goes on from there', async () => {
  const first = await page({ action: 'rare.thing' });
  expect(first).toMatchObject({
    entries: [],
    looked: STRETCH_RECORDS,
    older: String(RECORDS - STRETCH_RECORDS + 1),
  });
  const second = await page({ action: 'rare.thing', before: first.older });
  expect(ids(second)).toEqual([300, 1]);
  expect(second.older).toBeUndefined();
  expect(second.looked).toBeUndefined();
});

describe('a question', () => {
  test('about one person is answered from all of the log', async () => {
    const last = Math.floor(RECORDS / 7) * 7;
    const first = await page({ sub: 'shop:1' });
    expect(ids(first)).toEqual(Array.from({ length: 50 }, (_, n) => last - n * 7));
    expect((await page({ sub: 'shop:1', before: '20' })).entries.map(({ id }) => id)).toEqual(['14', '7']);
    expect(ids(await page({ sub: 'shop:1', after: '7', limit: 2 }))).toEqual([21, 14]);
    expect((await page({ sub: 'shop:2' })).entries).toEqual([]);
  });

  test('about a time begins there, wherever in the log it is', async () => {
    expect(ids(await page({ from: minute(100), to: minute(103) }))).toEqual([102, 101, 100]);
    expect(ids(await page({ to: minute(3) }))).toEqual([2, 1]);
    expect(ids(await page({ from: minute(RECORDS) }))).toEqual([RECORDS]);
    expect(ids(await page({ from: minute(RECORDS + 60) }))).toEqual([]);
    expect(ids(await page({ to: minute(0) }))).toEqual([]);
  });

  test('about actions that begin alike ends with a full stop, and any other is about one', async () => {
    expect((await page({ action: 'ledger.' })).entries).toHaveLength(50);
    expect(new Set((await page({ action: 'ledger.prove' })).entries.map(({ action }) => action))).toEqual(
      new Set(['ledger.prove']),
    );
    expect((await page({ action: 'ledger.pro', before: '400' })).entries).toEqual([]);
    expect((await page({ action: 'ledger_prove', before: '400' })).entries).toEqual([]);
  });

  test('is read to the end and back again: nothing is missing, and nothing twice', async () => {
    const question = fc.record(
      {
        actor: fc.constantFrom('user', 'client:shop'),
        action: fc.constantFrom('ledger.', 'ledger.prove', 'rare.thing'),
        sub: fc.constant('shop:1'),
        from: fc.integer({ min: 0, max: 400 }).map(minute),
        to: fc.integer({ min: 0, max: 400 }).map(minute),
      },
      { requiredKeys: ['to'] },
    );
    const all = (await page({ to: minute(401), limit: 1_000 })).entries;
    await fc.assert(
      fc.asyncProperty(question, fc.integer({ min: 20, max: 120 }), async (asked, limit) => {
        const { actor, action, sub, from = minute(-1), to } = asked;
        const wanted = all
          .filter(
            (one) =>
              one.at >= from && one.at < to && (!actor || one.actor === actor) && (!sub || one.subject),
          )
          .filter(
            (one) =>
              !action || (action.endsWith('.') ? one.action.startsWith(action) : one.action === action),
          )
          .map(({ id }) => Number(id));
        const down: number[] = [];
        let last = await page({ ...asked, limit });
        for (down.push(...ids(last)); last.older; down.push(...ids(last)))
          last = await page({ ...asked, limit, before: last.older });
        expect(down).toEqual(wanted);
        const up: number[] = [...ids(last)];
        for (; last.newer; up.unshift(...ids(last)))
          last = await page({ ...asked, limit, after: last.newer });
        expect(up).toEqual(wanted);
      }),
      { numRuns: 25 },
    );
  });
});

test('an empty log has an empty page', async () => {
  const other = await testDatabase();
  const at = openDb({ url: other.url, poolSize: 1 });
  try {
    expect(await auditPage({ db: at, keyring }, { limit: 5, from: minute(1), to: minute(2) })).toEqual({
      entries: [],
    });
  } finally {
    await at.close();
    await other.drop();
  }
});
