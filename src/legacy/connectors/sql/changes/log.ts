/**
 * What a database writes into its log of every commit: PostgreSQL's logical replication, MySQL's and MariaDB's binary log.
 * Nothing is added to the tables, nothing slows the app down, and deletions are in it; but the server has to keep its log
 * until it was read.
 */
import { z } from 'zod';
import type { Feed } from '../../../feed.ts';
import { connection } from '../connection-settings.ts';
import type { SetupPiece } from '../setup-piece.ts';
import type { SqlSettings } from '../sql-settings.ts';
import { missingLogDriver } from './log/driver.ts';
import type { FeedTimes } from './log/log-feed.ts';
import { logFeed } from './log/log-feed.ts';
import type { LogPlace } from './log/log-source.ts';
import { unfit } from './log/log-source.ts';
import { mysqlPiece } from './log/mysql-setup.ts';
import { mysqlLog } from './log/mysql-source.ts';
import { postgresPiece } from './log/postgres-setup.ts';
import { postgresLog } from './log/postgres-source.ts';
import { isName } from './names.ts';
import { reopened } from './reopened.ts';

const MAX_TABLES = 16;
const tableName = z.string().max(128).refine(isName, { error: 'no name that can be quoted safely' });
/** What a slot may be called; publications may be called more, but who would. */
const name = z
  .string()
  .regex(/^[a-z][a-z0-9_]{0,62}$/, { error: 'small letters, digits and _, at most 63, a letter first' });

export const logSettings = z
  .strictObject({
    by: z.literal('log').describe('The log of PostgreSQL, MySQL or MariaDB.'),
    connection: connection
      .optional()
      .describe(
        'A role that may read the log: with REPLICATION (PostgreSQL), with REPLICATION SLAVE, REPLICATION CLIENT and SELECT (MySQL, MariaDB). By default the one that reads.',
      ),
    setup: connection
      .optional()
      .describe('A role that may make the publication and the slot (PostgreSQL); by default the one above.'),
    slot: name
      .default('footbridge')
      .describe('PostgreSQL: the replication slot. Each store on one server needs one of its own.'),
    publication: name.default('footbridge').describe('PostgreSQL: the publication.'),
    tables: z
      .array(
        z.strictObject({
          table: tableName.describe('The table (schema.table).'),
          user: tableName.describe('Its column with the user’s id.'),
        }),
      )
      .max(MAX_TABLES)
      .default([])
      .describe('Further tables whose rows belong to a user: roles, profiles.'),
    serverId: z
      .int()
      .min(1)
      .max(4_294_967_295)
      .optional()
      .describe(
        'MySQL, MariaDB: as which replica we read; no other may have the number. By default a large random one.',
      ),
  })
  .describe('What the database writes into its log.');
export type LogSettings = z.output<typeof logSettings>;

/** Why these settings cannot be; undefined where they can. */
export function logProblem(settings: Pick<SqlSettings, 'engine' | 'table' | 'id'>): string | undefined {
  const { engine, table, id } = settings;
  if (engine !== 'postgresql' && engine !== 'mysql')
    return 'only the logs of PostgreSQL, MySQL and MariaDB can be read';
  if (table === undefined) return '`by: log` needs `table`: the table of users';
  if (!isName(table) || !isName(id)) return '`table` or `id` is no name that can be quoted safely';
  return missingLogDriver(engine === 'mysql' ? '@powersync/mysql-zongji' : 'pg-logical-replication');
}

function placeOf(settings: SqlSettings, changes: LogSettings, timeoutMs: number): LogPlace {
  const problem = logProblem(settings);
  const { engine, table, id } = settings;
  if (problem !== undefined || table === undefined) throw unfit(problem ?? 'no table');
  if (engine !== 'postgresql' && engine !== 'mysql') throw unfit('no log');
  return {
    engine,
    connection: changes.connection ?? settings.connection,
    users: { table, user: id },
    tables: changes.tables,
    slot: changes.slot,
    publication: changes.publication,
    serverId: changes.serverId,
    timeoutMs,
  };
}

/** Throws config_invalid. */
export function openLog(
  settings: SqlSettings,
  changes: LogSettings,
  { timeoutMs }: { readonly timeoutMs: number },
  times?: FeedTimes,
): Feed {
  const place = placeOf(settings, changes, timeoutMs);
  const pool = reopened(settings, { connection: changes.connection, timeoutMs, writable: false });
  return logFeed(place.engine === 'mysql' ? mysqlLog(place, pool) : postgresLog(place, pool), times);
}

/** What the log needs at the database. Throws config_invalid. */
export function logPiece(settings: SqlSettings, changes: LogSettings): SetupPiece {
  const place = placeOf(settings, changes, 0);
  const by = changes.setup ?? changes.connection;
  const connections = { ...(by === undefined ? {} : { connection: by }) };
  return { ...connections, ...(place.engine === 'mysql' ? mysqlPiece(place) : postgresPiece(place)) };
}
