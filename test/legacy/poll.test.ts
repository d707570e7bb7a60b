import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { LegacyChange } from '../../src/legacy/feed.ts';
import { begin, feedContract, hear, ODD_IDS } from './feed-contract.ts';
import type { FeedDatabase, Opened } from './sql-feeds.ts';
import { act, openStore, pollStore, postgresqlDatabase, sqliteDatabase } from './sql-feeds.ts';

const TRAITS = { deletes: false, oddIds: ODD_IDS };
feedContract('a polled column in PostgreSQL', async () => pollStore(await postgresqlDatabase()), TRAITS);
feedContract('a polled column in SQLite', async () => pollStore(await sqliteDatabase()), TRAITS);

describe('a polled column', () => {
  let store: FeedDatabase;
  const opened: Opened[] = [];
  beforeAll(async () => {
    store = await postgresqlDatabase();
  });
  afterAll(async () => {
    await Promise.all(opened.map((one) => one.close()));
    await store?.drop();
  });
  const open = (changes: Record<string, unknown> = {}, more: Record<string, unknown> = {}) => {
    const one = openStore(store, store.place, { by: 'poll', everySeconds: 0, ...changes }, more);
    opened.push(one);
    return one.feed;
  };
  const table = (type: string, ...rows: string[]) =>
    act(
      store,
      'drop table if exists people',
      `create table people (id int primary key, email text, updated_at ${type})`,
      ...rows.map((row) => `insert into people values (${row})`),
    );
  const idsOf = (changes: readonly LegacyChange[]) => changes.map(({ id }) => id);

  test('tells of somebody who is changed twice at one moment', async () => {
    await table('timestamp(0)', "1, 'a', '2026-01-01'");
    const feed = open();
    const start = await begin(feed);
    const set = (email: string) => `update people set email = '${email}', updated_at = '2026-01-01 00:00:01'`;
    await act(store, set('b'));
    const first = await hear(feed, start, ['1']);
    await act(store, set('c'));
    const second = await hear(feed, first.position, ['1']);
    expect(idsOf(first.changes)).not.toEqual(idsOf(second.changes));
    expect((await feed.read(second.position, 10)).changes).toEqual([]);
  });

  test('tells of nobody without a moment, until there is one', async () => {
    await table('timestamptz', "1, 'a', null", "2, 'b', null");
    const feed = open();
    const start = await begin(feed);
    expect((await feed.read(start, 10)).changes).toEqual([]);
    await act(store, 'update people set updated_at = now() where id = 2');
    expect((await hear(feed, start, ['2'])).changes.map(({ legacyId }) => legacyId)).toEqual(['2']);
  });

  test.each([
    ['bigint', '1767225600', '1767225601'],
    ['bigint', '1767225600000', '1767225600001'],
    ['timestamp', "'2026-01-01 00:00:00'", "'2026-01-01 00:00:00.000001'"],
    // What is written now is not after it, and has to be younger than the floor.
    ['timestamptz', "'infinity'", 'now()'],
  ])('may be %s: %s', async (type, before, after) => {
    await table(type, `1, 'a', ${before}`, `2, 'b', ${before}`);
    const feed = open();
    const start = await begin(feed);
    await act(store, `update people set email = 'x', updated_at = ${after} where id = 1`);
    const { changes } = await hear(feed, start, ['1']);
    expect(changes.find(({ legacyId }) => legacyId === '1')?.kind).toBe('changed');
  });

  test.each([
    ['date', "'2026-01-01'"],
    ['text', "'1.1.2026'"],
  ])('is refused where it is %s', async (type, value) => {
    await table(type, `1, 'a', ${value}`);
    await expect(open().read(undefined, 10)).rejects.toMatchObject({ code: 'config_invalid' });
  });

  test('is the one that the mapping names, or the one of its own', async () => {
    await table('timestamptz', "1, 'a', now()");
    const none = { mapping: { email: 'email' } };
    expect(() => open({}, none)).toThrow(
      expect.objectContaining({ code: 'config_invalid', detail: expect.stringContaining('updatedAt') }),
    );
    const several = { mapping: { email: 'email', updatedAt: { columns: ['a', 'b'] } } };
    expect(() => open({}, several)).toThrow(expect.objectContaining({ code: 'config_invalid' }));
    const computed = { mapping: { updatedAt: { column: 'email', transform: [{ jsonPath: 'at' }] } } };
    expect(() => open({}, computed)).toThrow(expect.objectContaining({ code: 'config_invalid' }));
    const feed = open({ column: 'updated_at' }, none);
    const start = await begin(feed);
    await act(store, "insert into people values (2, 'b', now())");
    expect((await hear(feed, start, ['2'])).changes.map(({ legacyId }) => legacyId)).toContain('2');
    await expect(open({ column: 'nowhere' }).read(undefined, 10)).rejects.toMatchObject({
      code: 'legacy_unavailable',
      detail: expect.stringContaining('nowhere'),
    });
  });

  test('is read no more often than it is to be', async () => {
    await table('timestamptz', "1, 'a', now()");
    const feed = open({ everySeconds: 3_600 });
    const start = await begin(feed);
    const first = await feed.read(start, 10);
    await act(store, "insert into people values (2, 'b', now())");
    expect(await feed.read(first.position, 10)).toEqual({
      changes: [],
      position: first.position,
      isMore: false,
    });
    expect((await hear(open(), first.position, ['2'])).changes).not.toEqual([]);
  });
});
