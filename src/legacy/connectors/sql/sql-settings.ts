/** Settings of the SQL connector: how to reach the database, and how to find a person in it. */
import { z } from 'zod';
import { count } from '../../../settings.ts';
import { sqlTemplate } from '../../sql-template.ts';
import { applyIssues, sqlApply } from './apply-settings.ts';
import { changesProblem, changesSettings } from './changes/index.ts';
import { connection } from './connection-settings.ts';
import type { OptionalDriver } from './driver.ts';
import { missingDriver } from './driver.ts';
import { sqlWrites } from './write-settings.ts';

const column = z.string().min(1).max(128);
const READ = ['select', 'with'];
/** Each is one more round trip per user. */
const MAX_RELATED_QUERIES = 8;

const queries = z
  .strictObject({
    byLogin: sqlTemplate(READ, ['login'])
      .optional()
      .describe(
        'The user’s row by what they typed, bound as :login, with the comparison the legacy application uses.',
      ),
    byId: sqlTemplate(READ, ['id']).optional().describe('The user’s row by primary key, bound as :id.'),
    page: sqlTemplate(READ, ['after', 'limit'])
      .optional()
      .describe(
        'Rows in the order of their ids after :after (empty at the start), :limit at most: for surveys and batches.',
      ),
    related: z
      .record(z.string().regex(/^[A-Za-z]\w{0,31}$/), sqlTemplate(READ, ['id']))
      .refine((named) => Object.keys(named).length <= MAX_RELATED_QUERIES, {
        error: `at most ${MAX_RELATED_QUERIES}: join some of them`,
      })
      .default({})
      .describe(
        'Rows of other tables for :id (roles, credentials, properties), by the name the mapping calls them.',
      ),
  })
  .prefault({});

const poolSize = count(1, 50, 5).describe('Connections to the legacy store.');
const people = {
  table: z
    .string()
    .min(1)
    .max(128)
    .optional()
    .describe('The table of users (schema.table), unless `queries` says it all.'),
  id: column
    .default('id')
    .describe('The column with the primary key: it never changes, and makes the subject.'),
  login: z
    .array(column)
    .min(1)
    .max(5)
    .optional()
    .describe('Columns that hold what people type, compared as the store compares.'),
  queries: queries.describe('SQL of your own, with named binds.'),
  poolSize,
};
const flag = (server: z.ZodType) =>
  z
    .strictObject({
      statement: sqlTemplate(['update', 'insert', 'merge'], ['id', 'migrated']).describe(
        'Marks one user as moved: :migrated is 1, or 0 when taken back.',
      ),
      connection: server
        .optional()
        .describe('Another role that may write this mark; by default the one that reads.'),
    })
    .optional()
    .describe('The only thing that is written to the legacy store besides `writes` and `apply`.');

const DRIVERS: Readonly<Record<string, OptionalDriver>> = { mssql: 'tedious', oracle: 'oracledb' };

export const sqlSettings = z
  .discriminatedUnion('engine', [
    z.strictObject({
      engine: z.literal('postgresql').describe('PostgreSQL.'),
      connection: connection.describe('postgres://user:password@host/database, or its parts.'),
      ...people,
      flag: flag(connection),
      writes: sqlWrites(connection),
      apply: sqlApply(connection),
      changes: changesSettings,
    }),
    z.strictObject({
      engine: z.literal('mysql').describe('MySQL or MariaDB.'),
      connection: connection.describe('mysql://user:password@host/database, or its parts.'),
      ...people,
      flag: flag(connection),
      writes: sqlWrites(connection),
      apply: sqlApply(connection),
      changes: changesSettings,
    }),
    z.strictObject({
      engine: z.literal('mssql').describe('SQL Server; its driver has to be installed.'),
      connection: connection.describe('mssql://user:password@host/database, or its parts.'),
      ...people,
      flag: flag(connection),
      writes: sqlWrites(connection),
      apply: sqlApply(connection),
      changes: changesSettings,
    }),
    z.strictObject({
      engine: z.literal('oracle').describe('Oracle Database; its driver has to be installed.'),
      connection: connection.describe('oracle://user:password@host/service, or its parts.'),
      ...people,
      flag: flag(connection),
      writes: sqlWrites(connection),
      apply: sqlApply(connection),
      changes: changesSettings,
    }),
    z.strictObject({
      engine: z
        .literal('sqlite')
        .describe('SQLite: for small stores and copies, as its queries hold up the process.'),
      file: z.string().min(1).describe('Path of the database.'),
      ...people,
      flag: flag(z.never()),
      writes: sqlWrites(z.never()),
      apply: sqlApply(z.never()),
      changes: changesSettings,
    }),
  ])
  .superRefine((settings, context) => {
    const { engine, table, login, queries } = settings;
    const driver = DRIVERS[engine];
    const missing = driver && missingDriver(driver);
    if (missing) context.addIssue({ code: 'custom', path: ['engine'], message: missing });
    const need = (path: string[], message: string) => context.addIssue({ code: 'custom', path, message });
    if (!queries.byLogin && !(table && login))
      need(['login'], 'expected `table` and `login`, or `queries.byLogin`');
    if (!queries.byId && !table) need(['table'], 'expected `table`, or `queries.byId`');
    for (const [path, message] of applyIssues(settings)) need(['apply', path], message);
    const problem = changesProblem(settings);
    if (problem) need(['changes'], problem);
  })
  .describe('A relational database.');
export type SqlSettings = z.output<typeof sqlSettings>;

/** A database of which we read and write one table. */
export const databaseSettings = z
  .discriminatedUnion('engine', [
    z.strictObject({
      engine: z.literal('postgresql').describe('PostgreSQL.'),
      connection: connection.describe('postgres://user:password@host/database, or its parts.'),
      poolSize,
    }),
    z.strictObject({
      engine: z.literal('mysql').describe('MySQL or MariaDB.'),
      connection: connection.describe('mysql://user:password@host/database, or its parts.'),
      poolSize,
    }),
    z.strictObject({
      engine: z.literal('sqlite').describe('SQLite: for small apps, as its queries hold up the process.'),
      file: z.string().min(1).describe('Path of the database.'),
      poolSize,
    }),
  ])
  .describe('Where the table is.');

/** Where a database is, for whatever it is opened. */
export type DatabaseSettings =
  | {
      readonly engine: Exclude<SqlSettings['engine'], 'sqlite'>;
      readonly connection: z.output<typeof connection>;
      readonly poolSize: number;
    }
  | { readonly engine: 'sqlite'; readonly file: string; readonly poolSize: number };
