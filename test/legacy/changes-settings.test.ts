import { describe, expect, test } from 'vitest';
import { openConnector } from '../../src/legacy/directory.ts';
import { legacySettings } from '../../src/legacy/legacy-settings.ts';

const POSTGRESQL = { engine: 'postgresql', connection: 'postgres://reader@127.0.0.1:1/shop' };
const SQLITE = { engine: 'sqlite', file: '/nowhere/store.sqlite3' };
const PEOPLE = { table: 'people', login: ['email'] };
const parse = (sql: Record<string, unknown>, changes: Record<string, unknown>) =>
  legacySettings.safeParse({ store: 'shop', sql: { ...PEOPLE, ...sql, changes } });
const problemsOf = (sql: Record<string, unknown>, changes: Record<string, unknown>) =>
  parse(sql, changes).error?.issues.map(({ path, message }) => `${path.join('.')}: ${message}`) ?? [];

const QUERIES = {
  table: undefined,
  queries: {
    byLogin: 'select * from people where email = :login',
    byId: 'select * from people where id = :id',
  },
};

describe('changes', () => {
  test.each([
    [POSTGRESQL, { by: 'outbox' }],
    [SQLITE, { by: 'outbox', columns: ['email'], tables: [{ table: 'roles', user: 'person' }] }],
    [
      POSTGRESQL,
      { by: 'outbox', connection: 'postgres://x@y/z', setup: { host: 'h', user: 'u', database: 'd' } },
    ],
    [{ ...POSTGRESQL, engine: 'mysql' }, { by: 'outbox' }],
    [POSTGRESQL, { by: 'poll' }],
    [SQLITE, { by: 'poll', column: 'changed', overlapSeconds: 600, everySeconds: 1, deletes: 'never' }],
  ])('may be %o %o', (sql, changes) => {
    expect(problemsOf(sql, changes)).toEqual([]);
  });

  test.each([
    [{ ...POSTGRESQL, ...QUERIES }, { by: 'outbox' }, /sql\.changes: `outbox` needs `table`/],
    [{ ...POSTGRESQL, ...QUERIES }, { by: 'poll' }, /sql\.changes: `poll` needs `table`/],
    [{ ...POSTGRESQL, table: 'what?' }, { by: 'outbox' }, /sql\.changes: .*quoted/],
    [{ ...POSTGRESQL, id: 'a\\b' }, { by: 'poll' }, /sql\.changes: .*quoted/],
    [{ ...POSTGRESQL, engine: 'oracle' }, { by: 'outbox' }, /sql\.changes: no triggers.*`by: poll`/],
    [SQLITE, { by: 'outbox', setup: 'postgres://x@y/z' }, /sql\.changes: a file has no roles/],
    [POSTGRESQL, { by: 'outbox', table: 'a?b' }, /sql\.changes\.table: /],
    [POSTGRESQL, { by: 'outbox', tables: [{ table: 'roles' }] }, /sql\.changes\.tables\.0\.user: /],
    [POSTGRESQL, { by: 'poll', deletes: 'always' }, /sql\.changes\.deletes: /],
    [POSTGRESQL, { by: 'poll', overlapSeconds: 1 }, /sql\.changes\.overlapSeconds: /],
    [POSTGRESQL, { by: 'magic' }, /sql\.changes/],
  ])('cannot be %o %o', (sql, changes, problem) => {
    expect(problemsOf(sql, changes)).toContainEqual(expect.stringMatching(problem));
  });

  test('that are not said open no feed, and need nothing at the database', async () => {
    const connector = openConnector(legacySettings.parse({ store: 'shop', sql: { ...PEOPLE, ...SQLITE } }));
    expect([connector.feed, connector.setup]).toEqual([undefined, undefined]);
    await connector.close();
  });

  test('that are polled need nothing at the database', async () => {
    const sql = { ...PEOPLE, ...SQLITE, changes: { by: 'poll', column: 'at' } };
    const connector = openConnector(legacySettings.parse({ store: 'shop', sql }));
    expect([connector.feed?.().name, connector.setup]).toEqual(['poll', undefined]);
    await connector.close();
  });
});
