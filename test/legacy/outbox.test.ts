import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { begin, feedContract, hear, ODD_IDS } from './feed-contract.ts';
import { outboxContract } from './outbox-contract.ts';
import type { FeedDatabase, Opened } from './sql-feeds.ts';
import {
  act,
  openStore,
  outboxStore,
  postgresqlDatabase,
  postgresqlSession,
  sqliteDatabase,
} from './sql-feeds.ts';

feedContract('an outbox in PostgreSQL', async () => outboxStore(await postgresqlDatabase()), {
  oddIds: ODD_IDS,
});
feedContract('an outbox in SQLite', async () => outboxStore(await sqliteDatabase()), { oddIds: ODD_IDS });
outboxContract('PostgreSQL', postgresqlDatabase);
outboxContract('SQLite', sqliteDatabase);

describe('an outbox in PostgreSQL', () => {
  const ROLE = `outbox_app_${randomBytes(4).toString('hex')}`;
  let store: FeedDatabase;
  const opened: Opened[] = [];
  const open = (changes: Record<string, unknown>, more: Record<string, unknown> = {}) => {
    const one = openStore(store, { ...store.place, ...more }, { by: 'outbox', ...changes });
    opened.push(one);
    return one;
  };
  beforeAll(async () => {
    store = await postgresqlDatabase();
    await act(
      store,
      'create table people (id char(5) primary key, email text, settings json, updated_at timestamptz)',
      'create schema "Old ""Shop"""',
      'create table "Old ""Shop"""."Per son" ("The Id" uuid primary key, "e-mail" text)',
      `create role ${ROLE} login password '${ROLE}'`,
    );
  });
  afterAll(async () => {
    await Promise.all(opened.map((one) => one.close()));
    await act(store, `drop owned by ${ROLE}`, `drop role ${ROLE}`);
    await store?.drop();
  });
  const asApp = () => {
    const url = new URL(String(store.place.connection));
    url.username = ROLE;
    url.password = ROLE;
    return url.href;
  };

  test('compares what has no equality, and gives ids as drivers do', async () => {
    const { setup, feed } = open({ columns: ['settings'] });
    await setup?.install();
    const start = await begin(feed);
    await act(
      store,
      `insert into people values ('ab', 'x', '{"a": 1}')`,
      `update people set email = 'y'`,
      `update people set settings = '{"a": 2}'`,
      `update people set settings = '{"a": 2}'`,
    );
    const { changes } = await hear(feed, start, ['ab   ']);
    expect(changes.map(({ legacyId, kind }) => [legacyId, kind])).toEqual([
      ['ab   ', 'changed'],
      ['ab   ', 'changed'],
    ]);
    await setup?.remove();
  });

  test('tells two who have exchanged their ids in one statement', async () => {
    const { setup, feed } = open({});
    await act(store, 'delete from people', 'alter table people drop constraint people_pkey');
    await act(store, 'alter table people add primary key (id) deferrable initially deferred');
    await act(store, "insert into people (id) values ('1'), ('2'), ('3')");
    await setup?.install();
    const start = await begin(feed);
    await act(store, "update people set id = case id when '1' then '2' when '2' then '4' else '1' end");
    const { changes } = await hear(feed, start, ['4    ']);
    expect(changes.map(({ legacyId, kind }) => `${legacyId.trim()} ${kind}`).sort()).toEqual([
      '1 changed',
      '2 changed',
      '3 deleted',
      '4 changed',
    ]);
    await setup?.remove();
  });

  test('is lost where a table is emptied without a word about whom', async () => {
    const { setup, feed } = open({});
    await setup?.install();
    const start = await begin(feed);
    await act(store, "insert into people (id) values ('t')");
    const { position } = await hear(feed, start, ['t    ']);
    await act(store, 'truncate people');
    await expect(feed.read(position, 10)).rejects.toMatchObject({ code: 'feed_lost' });
    await expect(feed.read(position, 10)).rejects.toMatchObject({ code: 'feed_lost' });
    const again = await begin(feed);
    await act(store, "insert into people (id) values ('t')");
    expect((await hear(feed, again, ['t    '])).changes).toHaveLength(1);
    await setup?.remove();
  });

  test('hears of odd names, through a role that has no right to the outbox and a path of its own', async () => {
    const table = 'Old "Shop".Per son';
    const changes = { by: 'outbox', table: 'Old "Shop".what"s $new', columns: ['e-mail'] };
    const sql = { engine: 'postgresql', ...store.place, table, id: 'The Id', login: ['e-mail'], changes };
    const { setup, feed, close } = openStore(store, {}, {}, { sql });
    await setup?.install();
    expect(await setup?.check()).toEqual([]);
    const start = await begin(feed);
    await act(
      store,
      `grant usage on schema "Old ""Shop""" to ${ROLE}`,
      `grant select, insert, update on "Old ""Shop"""."Per son" to ${ROLE}`,
    );
    const id = '8a3ed0a5-1c3b-4c60-9f39-0a4f0b6f6d01';
    await act(
      { session: () => postgresqlSession(asApp()) },
      `create temp table "what""s $new" (id bigint, user_id text, kind text, at timestamptz, origin text)`,
      `create function pg_temp.concat(uuid) returns text language sql as 'select ''mallory'''`,
      'set search_path = pg_temp, pg_catalog',
      `insert into "Old ""Shop"""."Per son" values ('${id}', 'x')`,
    );
    const { changes: told } = await hear(feed, start, [id]);
    expect(told.map(({ legacyId }) => legacyId)).toEqual([id]);
    await close();
  });

  test('says which rights are missing', async () => {
    const { setup, feed } = open({}, { connection: asApp() });
    await expect(setup?.install()).rejects.toMatchObject({
      code: 'config_invalid',
      detail: expect.stringMatching(/42501: permission denied .*GRANT CREATE ON SCHEMA/),
    });
    await open({}).setup?.install();
    const problems = await open({ connection: asApp() }).setup?.check();
    expect(problems).toEqual([
      expect.stringMatching(/GRANT SELECT, DELETE ON "footbridge_changes".*permission denied/),
    ]);
    await act(store, `grant select, delete on footbridge_changes to ${ROLE}`);
    expect(await open({ connection: asApp() }).setup?.check()).toEqual([]);
    expect((await feed.read(undefined, 10)).changes).toEqual([]);
  });

  test('says what it would do, and asks nobody', async () => {
    const { setup } = open({}, store.absent);
    expect(setup?.plan().join('\n')).toMatch(
      /create table if not exists "footbridge_changes"[\s\S]*create trigger/,
    );
    await expect(setup?.install()).rejects.toMatchObject({ code: 'legacy_unavailable' });
    await expect(setup?.check()).rejects.toMatchObject({ code: 'legacy_unavailable' });
  });

  test('is checked for triggers that somebody has switched off', async () => {
    const { setup } = open({});
    await setup?.install();
    await act(store, 'alter table people disable trigger user');
    expect(await setup?.check()).toEqual([expect.stringContaining('disabled')]);
    await act(store, 'alter table people enable trigger user');
    expect(await setup?.check()).toEqual([]);
  });
});
