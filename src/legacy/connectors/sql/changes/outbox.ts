/**
 * The outbox: a table beside the app's own that triggers fill with who was changed, in the transaction of the change. We read
 * it and delete what we have kept.
 */
import { z } from 'zod';
import type { Feed } from '../../../feed.ts';
import { connection } from '../connection-settings.ts';
import type { SetupPiece } from '../setup-piece.ts';
import type { SqlSettings } from '../sql-settings.ts';
import type { EngineName } from './names.ts';
import { isName, quoteTable } from './names.ts';
import { mssqlOutbox } from './outbox-mssql.ts';
import { mysqlOutbox } from './outbox-mysql.ts';
import type { OutboxEngine, OutboxPlan } from './outbox-plan.ts';
import { checking, installing, removing } from './outbox-plan.ts';
import { postgresqlOutbox } from './outbox-postgresql.ts';
import { outboxReader } from './outbox-reader.ts';
import { sqliteOutbox } from './outbox-sqlite.ts';

const name = z
  .string()
  .min(1)
  .refine(isName, { error: 'no name that can be quoted safely in every statement' });
const columns = z.array(name).min(1).max(64).optional();
const MAX_TABLES = 16;

export const outboxSettings = z
  .strictObject({
    by: z.literal('outbox').describe('A table that triggers fill. `footbridge sync install` makes both.'),
    table: name.default('footbridge_changes').describe('Its name (schema.table).'),
    columns: columns.describe('Only changes of these columns count; by default any.'),
    tables: z
      .array(
        z.strictObject({
          table: name.describe('The table (schema.table).'),
          user: name.describe('Its column with the user’s id.'),
          columns: columns.describe('Only changes of these columns count; by default any.'),
        }),
      )
      .max(MAX_TABLES)
      .default([])
      .describe('Further tables whose rows belong to a user: roles, profiles.'),
    connection: connection
      .optional()
      .describe('A role that may read and delete the rows of that table; by default the one that reads.'),
    setup: connection
      .optional()
      .describe('A role that may make the table and the triggers; by default the one that reads.'),
  })
  .describe('A table that triggers fill.');
export type OutboxSettings = z.output<typeof outboxSettings>;

const ENGINES: Partial<Record<EngineName, (plan: OutboxPlan) => OutboxEngine>> = {
  postgresql: postgresqlOutbox,
  mysql: mysqlOutbox,
  mssql: mssqlOutbox,
  sqlite: sqliteOutbox,
};

type Store = Pick<SqlSettings, 'engine' | 'table' | 'id'>;

/** Why these settings cannot work, as a sentence; undefined: they can. */
export function outboxProblem({ engine, table, id }: Store, changes: OutboxSettings): string | undefined {
  if (!table) return '`outbox` needs `table`: the triggers are on the table of users itself';
  if (!ENGINES[engine])
    return `no triggers are written for ${engine}, as none could be tried there: use \`by: poll\``;
  if (engine === 'sqlite' && (changes.connection ?? changes.setup) !== undefined)
    return 'a file has no roles: leave out `connection` and `setup`';
  const unfit = [table, id].find((one) => !isName(one));
  return unfit === undefined
    ? undefined
    : '`table` or `id` is no name that can be quoted safely in every statement';
}

function engineFor({ engine, table = '', id }: Store, changes: OutboxSettings): OutboxEngine {
  const users = { table, user: id, columns: changes.columns, isUsers: true };
  const more = changes.tables.map(({ table, user, columns }) => ({ table, user, columns, isUsers: false }));
  const plan = { table: changes.table, watched: [users, ...more] };
  return (ENGINES[engine] ?? sqliteOutbox)(plan);
}

/** What the outbox needs at the database. */
export function outboxPiece(settings: Store, changes: OutboxSettings): SetupPiece {
  const engine = engineFor(settings, changes);
  const quoted = quoteTable(settings.engine, changes.table);
  return {
    name: 'sql.changes',
    ...(changes.setup === undefined ? {} : { connection: changes.setup }),
    install: installing(engine),
    remove: removing(engine),
    check: checking(engine, { quoted, connection: changes.connection ?? null }),
    rights: engine.rights.setup,
  };
}

export const openOutbox = (
  settings: SqlSettings,
  changes: OutboxSettings,
  { timeoutMs }: { readonly timeoutMs: number },
): Feed => outboxReader(settings, { table: changes.table, connection: changes.connection, timeoutMs });
