/**
 * People in PostgreSQL, MySQL, MariaDB, SQLite, SQL Server and Oracle. The connections that look them up cannot write,
 * whatever SQL the operator gives; what is written goes through a pool of its own.
 */
import type { Knex } from 'knex';
import { FootbridgeError } from '../../../errors.ts';
import type { Connector, LegacyRow, OpenOptions, Related, Row } from '../../connector.ts';
import { connectorKind, MAX_CANDIDATES, writesIn } from '../../connector.ts';
import type { Feed } from '../../feed.ts';
import type { SqlTemplate } from '../../sql-template.ts';
import { textOf } from '../../values.ts';
import { openApplier } from './apply.ts';
import { openFeed } from './changes/index.ts';
import { openSetup } from './changes/setup.ts';
import type { Pool } from './pool.ts';
import { limitsWithin, openPool, pingOf } from './pool.ts';
import type { Binds } from './raw.ts';
import { raw } from './raw.ts';
import type { SqlSettings } from './sql-settings.ts';
import { sqlSettings } from './sql-settings.ts';
import { openWriter } from './writer.ts';

/** A number of ours needs no parameter. */
const INLINE = { skipBinding: true } as const;

function openSql(settings: SqlSettings, options: OpenOptions): Connector {
  const { timeoutMs } = options;
  const { queries } = settings;
  const limits = limitsWithin(timeoutMs);
  const reader = openPool(settings, { writable: false, ...limits });
  const { close: closeWriter, ...writing } = openWriter(settings, limits);
  const { close: closeApplier, ...applying } = openApplier(settings, limits);
  const rowOf = (columns: Row): LegacyRow => ({ id: idOf(columns, settings.id), columns });
  const find = async (
    template: SqlTemplate | undefined,
    binds: Binds,
    table: (db: Knex) => Knex.QueryBuilder,
  ) => (await reader.rows((db) => (template ? raw(db, template, binds) : table(db)))).map(rowOf);
  const from = (db: Knex) => db(settings.table as string).select('*');
  const related = Object.entries(queries.related);
  const setup = openSetup(settings);

  return {
    findByLogin: (login) =>
      find(queries.byLogin, { login }, (db) =>
        (settings.login ?? [])
          .reduce((query, column) => query.orWhere(column, login), from(db))
          .limit(MAX_CANDIDATES + 1, INLINE),
      ),
    findById: (id) => find(queries.byId, { id }, (db) => from(db).where(settings.id, id).limit(2, INLINE)),
    ...(settings.table && !queries.byId
      ? {
          findByIds: (ids: readonly string[]) =>
            find(undefined, {}, (db) => from(db).whereIn(settings.id, [...ids])),
        }
      : {}),
    ping: async () => {
      await reader.rows((db) => db.raw(pingOf(settings.engine)));
    },
    close: async () => {
      await Promise.all([reader.close(), closeWriter(), closeApplier()]);
    },
    ...(related.length ? { related: (id: string) => readRelated(reader, related, id) } : {}),
    ...(queries.page || settings.table
      ? {
          page: (after: string, limit: number) =>
            find(queries.page, { after, limit }, (db) => {
              const query = from(db).orderBy(settings.id).limit(limit, INLINE);
              return after === '' ? query : query.where(settings.id, '>', after);
            }),
        }
      : {}),
    ...(settings.table
      ? {
          count: async () => {
            const [row] = await reader.rows((db) => db(settings.table as string).count({ users: '*' }));
            return Number(row?.users);
          },
        }
      : {}),
    ...writing,
    ...applying,
    ...(settings.changes ? { feed: () => feedOf(settings, options) } : {}),
    ...(setup ? { setup: () => setup } : {}),
  };
}

function feedOf(settings: SqlSettings, limits: OpenOptions): Feed {
  const feed = openFeed(settings, limits);
  if (feed) return feed;
  throw new FootbridgeError('config_invalid', { detail: '`changes` is not configured' });
}

export const sql = connectorKind({
  settings: sqlSettings,
  open: openSql,
  fromUrl,
  relatedNames: ({ queries }) => Object.keys(queries.related),
  writes: ({ writes }) => writesIn(writes),
  applies: ({ apply }) => apply,
  // SQL of the operator's own compares with what only the operator knows.
  loginColumns: ({ queries, login }) => (queries.byLogin ? undefined : login),
});

/** Throws an Error where the scheme is no engine's. */
function fromUrl(url: string): Readonly<Record<string, unknown>> {
  const scheme = url.split(':', 1)[0] ?? '';
  const engine = SCHEMES[scheme.toLowerCase()];
  if (!engine) throw new Error(`expected a URL that begins with one of ${Object.keys(SCHEMES).join(', ')}`);
  if (engine === 'sqlite') return { engine, file: url.replace(/^sqlite:(?:\/\/)?/, '') };
  return { engine, connection: url };
}

function idOf(columns: Row, name: string): string {
  if (!Object.hasOwn(columns, name))
    throw new FootbridgeError('mapping_failed', { detail: `the row has no column ${name}` });
  return textOf(columns[name]) ?? '';
}

async function readRelated(pool: Pool, queries: [string, SqlTemplate][], id: string): Promise<Related> {
  const answers = queries.map(async ([name, template]) => {
    return [name, await pool.rows((db) => raw(db, template, { id }))] as const;
  });
  return Object.fromEntries(await Promise.all(answers));
}

const SCHEMES: Readonly<Record<string, SqlSettings['engine']>> = {
  postgres: 'postgresql',
  postgresql: 'postgresql',
  mysql: 'mysql',
  mariadb: 'mysql',
  sqlite: 'sqlite',
  mssql: 'mssql',
  sqlserver: 'mssql',
  oracle: 'oracle',
};
