/**
 * PostgreSQL, MySQL, MariaDB, SQLite, SQL Server and Oracle through knex. The connections that look people up cannot
 * write, whatever SQL the operator gives; the mark of a moved user goes through a pool of its own. Dates arrive as
 * text, so that the process's time zone has no say in them.
 */
import type { Knex } from 'knex';
import { FootbridgeError } from '../../../errors.ts';
import type { Connector, LegacyRow, Related, Row } from '../../connector.ts';
import { connectorKind, MAX_CANDIDATES } from '../../connector.ts';
import type { SqlTemplate } from '../../sql-template.ts';
import { textOf } from '../../values.ts';
import type { Access, Engine, Failure } from './engine.ts';
import { mssql } from './mssql.ts';
import { mysql } from './mysql.ts';
import { oracle } from './oracle.ts';
import { postgresql } from './postgresql.ts';
import type { SqlSettings } from './sql-settings.ts';
import { sqlSettings } from './sql-settings.ts';
import { sqlite } from './sqlite.ts';

const IDLE_MS = 30_000;
/** A number of ours needs no parameter. */
const INLINE = { skipBinding: true } as const;
/** A share of the caller's deadline is left for what comes around the statement. */
const STATEMENT_SHARE = 0.8;
/** Less than that, so that who waits for a connection hears why, and the next one does not inherit the failure. */
const CONNECT_SHARE = 0.5;
/** How long a stopping process waits for queries under way. */
const CLOSE_LIMIT_MS = 2_000;

function openSql(settings: SqlSettings, { timeoutMs }: { timeoutMs: number }): Connector {
  const { queries, flag } = settings;
  const limits = {
    limitMs: Math.round(timeoutMs * STATEMENT_SHARE),
    connectMs: Math.round(timeoutMs * CONNECT_SHARE),
  };
  const reader = openPool(settings, { writable: false, ...limits });
  const writer = flag && openPool(withConnection(settings, flag.connection), { writable: true, ...limits });
  const rowOf = (columns: Row): LegacyRow => ({ id: idOf(columns, settings.id), columns });
  const find = async (
    template: SqlTemplate | undefined,
    binds: Binds,
    table: (db: Knex) => Knex.QueryBuilder,
  ) => (await reader.rows((db) => (template ? raw(db, template, binds) : table(db)))).map(rowOf);
  const from = (db: Knex) => db(settings.table as string).select('*');
  const related = Object.entries(queries.related);

  return {
    findByLogin: (login) =>
      find(queries.byLogin, { login }, (db) =>
        (settings.login ?? [])
          .reduce((query, column) => query.orWhere(column, login), from(db))
          .limit(MAX_CANDIDATES + 1, INLINE),
      ),
    findById: (id) => find(queries.byId, { id }, (db) => from(db).where(settings.id, id).limit(2, INLINE)),
    ping: async () => {
      await reader.rows((db) => db.raw(ENGINES[settings.engine].ping ?? 'select 1'));
    },
    close: async () => {
      await Promise.all([reader.close(), writer?.close()]);
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
    ...(flag && writer
      ? { flag: (id, migrated) => writer.write(flag.statement, { id, migrated: migrated ? 1 : 0 }) }
      : {}),
  };
}

export const sql = connectorKind({
  settings: sqlSettings,
  open: openSql,
  fromUrl,
  relatedNames: ({ queries }) => Object.keys(queries.related),
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

type Binds = Readonly<Record<string, string | number>>;

const raw = (db: Knex | Knex.Transaction, { text, binds }: SqlTemplate, values: Binds) =>
  db.raw(
    text,
    binds.map((name) => values[name] as string | number),
  );

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

interface Pool {
  rows(query: (db: Knex) => Knex.Raw | Knex.QueryBuilder): Promise<readonly Row[]>;
  write(template: SqlTemplate, binds: Binds): Promise<void>;
  close(): Promise<void>;
}

function openPool(settings: SqlSettings, access: Access): Pool {
  const engine = ENGINES[settings.engine];
  // The driver is loaded at once, so that the first login does not pay for it; connections are made when needed.
  const opening = openKnex(engine, settings, access);
  opening.catch(() => undefined);
  const failed = (error: unknown) =>
    error instanceof FootbridgeError ? error : unavailable(settings.engine, error);

  return {
    async rows(query) {
      const startedMs = performance.now();
      // A connection that was under way before we asked may fail us for what is over by now: ask for another.
      const isInherited = () => performance.now() - startedMs < access.connectMs;
      for (let attemptsLeft = settings.poolSize; ; attemptsLeft--) {
        try {
          return engine.rows(await query(await opening).timeout(access.limitMs));
        } catch (error) {
          if (engine.isIncomparable(error as Failure)) return [];
          if (attemptsLeft === 0 || engine.isMistake(error as Failure) || !isInherited()) throw failed(error);
        }
      }
    },
    async write(template, binds) {
      try {
        // The transaction takes back a statement that forgot its condition.
        await (await opening).transaction(async (transaction) => {
          const changed = engine.changed(await raw(transaction, template, binds).timeout(access.limitMs));
          if (changed === 0) throw new FootbridgeError('user_not_found');
          if (changed > 1)
            throw new FootbridgeError('config_invalid', { detail: 'sql.flag changes more than one row' });
        });
      } catch (error) {
        throw engine.isIncomparable(error as Failure) ? new FootbridgeError('user_not_found') : failed(error);
      }
    },
    async close() {
      const db = await opening.catch(() => undefined);
      const limit = new Promise((resolve) => setTimeout(resolve, CLOSE_LIMIT_MS).unref());
      await Promise.race([db?.destroy(), limit]);
    },
  };
}

async function openKnex(engine: Engine, settings: SqlSettings, access: Access): Promise<Knex> {
  const { default: knex } = await import('knex');
  const { pool, ...config } = await engine.config(settings, access);
  return knex({
    ...config,
    // What knex would print carries SQL and values.
    log: { warn: silent, error: silent, debug: silent, deprecate: silent },
    compileSqlOnError: false,
    acquireConnectionTimeout: access.limitMs,
    pool: {
      min: 0,
      max: access.writable ? 1 : settings.poolSize,
      createTimeoutMillis: access.connectMs,
      destroyTimeoutMillis: CLOSE_LIMIT_MS,
      idleTimeoutMillis: IDLE_MS,
      ...pool,
    },
  });
}
const silent = () => undefined;

/** Never the error itself: drivers put the statement, and knex its values, on what they throw. */
function unavailable(engine: SqlSettings['engine'], thrown: unknown): FootbridgeError {
  const error = thrown as Failure;
  const code = [error.code, error.errno, error.name].find(
    (part) => part !== undefined && /^[\w-]{2,40}$/.test(String(part)),
  );
  // knex writes `<statement> - <message>`.
  const message = ENGINES[engine].isMistake(error)
    ? `: ${error.message?.split(' - ').at(-1)?.slice(0, 200)}`
    : '';
  const detail = `${engine} ${code ?? 'failed'}${message}`;
  return new FootbridgeError('legacy_unavailable', { detail, retryAfterSeconds: 2 });
}

function withConnection(settings: SqlSettings, connection: unknown): SqlSettings {
  return connection === undefined ? settings : ({ ...settings, connection } as SqlSettings);
}

const ENGINES: Record<SqlSettings['engine'], Engine> = { postgresql, mysql, sqlite, mssql, oracle };
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
