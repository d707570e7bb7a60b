/** Databases of three engines as stores that tell of their changes: a table `people`, and what an app does to it. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { createConnection } from 'mysql2/promise';
import pg from 'pg';
import { openConnector } from '../../src/legacy/directory.ts';
import type { Feed, StoreSetup } from '../../src/legacy/feed.ts';
import { legacySettings } from '../../src/legacy/legacy-settings.ts';
import { testDatabase } from '../support/postgres.ts';
import type { FeedStore } from './feed-contract.ts';

type Rows = Record<string, unknown>[];
type Values = readonly unknown[];

/** One session of an app. Binds are `?`. */
export interface Session {
  run(sql: string, values?: Values): Promise<Rows>;
  end(): Promise<void>;
}

export interface FeedDatabase {
  readonly engine: 'postgresql' | 'mysql' | 'sqlite';
  /** Where it is, as in the settings. */
  readonly place: Record<string, unknown>;
  readonly absent: Record<string, unknown>;
  session(): Promise<Session>;
  /** Of `updated_at`, and what an app sets it to. */
  readonly moment: { readonly type: string; readonly now: string; readonly yesterday: string };
  drop(): void | Promise<void>;
}

export async function postgresqlDatabase(): Promise<FeedDatabase> {
  const { url, drop } = await testDatabase({ empty: true });
  return {
    engine: 'postgresql',
    place: { connection: url },
    absent: { connection: 'postgres://nobody:nothing@127.0.0.1:1/nowhere' },
    moment: { type: 'timestamptz', now: 'clock_timestamp()', yesterday: `now() - interval '1 day'` },
    session: () => postgresqlSession(url),
    drop,
  };
}

export async function postgresqlSession(url: string): Promise<Session> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  return {
    run: async (sql, values = []) => {
      let count = 0;
      const text = values.length > 0 ? sql.replaceAll('?', () => `$${++count}`) : sql;
      return (await client.query(text, [...values])).rows;
    },
    end: () => client.end(),
  };
}

export async function mysqlDatabase(url: string): Promise<FeedDatabase> {
  return {
    engine: 'mysql',
    place: { connection: url },
    absent: { connection: 'mysql://nobody:nothing@127.0.0.1:1/nowhere' },
    // Whole seconds, as most have them.
    moment: { type: 'datetime', now: 'utc_timestamp()', yesterday: 'utc_timestamp() - interval 1 day' },
    async session() {
      const connection = await createConnection({ uri: url, charset: 'utf8mb4' });
      return {
        run: async (sql, values = []) => {
          const [rows] = await connection.query(sql, [...values]);
          return Array.isArray(rows) ? (rows as Rows) : [];
        },
        end: () => connection.end(),
      };
    },
    drop: () => undefined,
  };
}

export async function sqliteDatabase(): Promise<FeedDatabase> {
  const folder = mkdtempSync(join(tmpdir(), 'footbridge-feed-'));
  const file = join(folder, 'store.sqlite3');
  return {
    engine: 'sqlite',
    place: { file },
    absent: { file: join(folder, 'nowhere', 'store.sqlite3') },
    moment: { type: 'text', now: `datetime('now')`, yesterday: `datetime('now', '-1 day')` },
    async session() {
      const db = new DatabaseSync(file, { timeout: 5_000 });
      return {
        run: async (sql, values = []) => db.prepare(sql).all(...(values as string[])) as Rows,
        end: async () => db.close(),
      };
    },
    drop: () => rmSync(folder, { recursive: true, force: true }),
  };
}

export async function act(
  database: Pick<FeedDatabase, 'session'>,
  ...statements: (string | [string, Values])[]
): Promise<Rows> {
  const session = await database.session();
  try {
    let rows: Rows = [];
    for (const statement of statements)
      rows = await (typeof statement === 'string' ? session.run(statement) : session.run(...statement));
    return rows;
  } finally {
    await session.end();
  }
}

/** One statement for so many, as an app that imports. */
const ROWS_AT_ONCE = 1_000;

export interface Opened {
  readonly feed: Feed;
  readonly setup: StoreSetup | undefined;
  close(): Promise<void>;
}

export function openStore(
  { engine }: FeedDatabase,
  place: Record<string, unknown>,
  changes: Record<string, unknown>,
  more: Record<string, unknown> = {},
): Opened {
  const connector = openConnector(
    legacySettings.parse({
      store: 'shop',
      sql: { engine, ...place, table: 'people', id: 'id', login: ['email'], changes },
      mapping: { email: 'email', updatedAt: 'updated_at' },
      ...more,
    }),
  );
  const feed = connector.feed?.();
  if (!feed) throw new Error('there is no feed');
  return {
    feed,
    setup: connector.setup?.(),
    close: async () => void (await Promise.all([feed.close(), connector.close()])),
  };
}

export const peopleTable = ({ engine, moment }: FeedDatabase) =>
  `create table people (id varchar(255) ${engine === 'mysql' ? 'collate utf8mb4_bin ' : ''}primary key, email varchar(100), name varchar(100), updated_at ${moment.type})`;

/** What the contract does to it. */
export function feedStore(
  database: FeedDatabase,
  changes: Record<string, unknown>,
  { ours }: { readonly ours: boolean },
): FeedStore {
  const { engine, moment, place, absent } = database;
  const { now } = moment;
  const opened: Opened[] = [];
  const open = (at: Record<string, unknown>) => {
    const one = openStore(database, at, changes);
    opened.push(one);
    return one.feed;
  };
  let times = 0;
  const touch = (): [string, Values] => [
    `update people set name = ?, updated_at = ${now} where id = ?`,
    [`name ${++times}`],
  ];
  const update = (id: string): [string, Values] => {
    const [sql, values] = touch();
    return [sql, [...values, id]];
  };
  const begin = engine === 'mysql' ? 'start transaction' : 'begin';
  const all = (statements: (string | [string, Values])[]) =>
    act(database, begin, ...statements, 'commit').then(() => undefined);
  const parts = (ids: readonly string[]) =>
    Array.from({ length: Math.ceil(ids.length / ROWS_AT_ONCE) }, (_none, index) =>
      ids.slice(index * ROWS_AT_ONCE, (index + 1) * ROWS_AT_ONCE),
    );
  return {
    open: () => open(place),
    absent: () => open(absent),
    insert: (ids) =>
      all(
        parts(ids).map((part): [string, Values] => [
          `insert into people (id, email, updated_at) values ${part.map(() => `(?, 'e', ${now})`).join(', ')}`,
          part,
        ]),
      ),
    update: (ids) => all(ids.map(update)),
    remove: (ids) => all(ids.map((id): [string, Values] => ['delete from people where id = ?', [id]])),
    ...(engine === 'sqlite'
      ? {}
      : {
          hold: async (id: string) => {
            const session = await database.session();
            await session.run(begin);
            await session.run(...update(id));
            return async () => {
              await session.run('commit');
              await session.end();
            };
          },
        }),
    ...(ours && engine !== 'sqlite'
      ? {
          ours: (id: string) =>
            engine === 'postgresql'
              ? all([`select set_config('footbridge.origin', 'sync', true)`, update(id)])
              : all([`set @footbridge_origin = 'sync'`, update(id), 'set @footbridge_origin = null']),
        }
      : {}),
    async drop() {
      await Promise.all(opened.map((one) => one.close()));
      await database.drop();
    },
  };
}

/** With people of before: `p0` of long ago, and somebody newer. */
export async function outboxStore(database: FeedDatabase): Promise<FeedStore> {
  await act(
    database,
    peopleTable(database),
    `insert into people (id, updated_at) values ('p0', ${database.moment.yesterday})`,
  );
  const { setup, close } = openStore(database, database.place, { by: 'outbox' });
  await setup?.install();
  await close();
  await act(database, `update people set name = 'long ago' where id = 'p0'`);
  return feedStore(database, { by: 'outbox' }, { ours: true });
}

export async function pollStore(database: FeedDatabase): Promise<FeedStore> {
  const { yesterday, now } = database.moment;
  await act(
    database,
    peopleTable(database),
    `insert into people (id, updated_at) values ('p0', ${yesterday}), ('newer', ${now}), ('never', null)`,
  );
  return feedStore(database, { by: 'poll', everySeconds: 0 }, { ours: false });
}
