/** The tables whose rows are looked for in the binary log, under the names that the server has them by. */
import { Secret } from '../../../../../settings.ts';
import type { Asking, LogPlace, WatchedTable } from './log-source.ts';
import { unfit } from './log-source.ts';

export interface WatchedColumn {
  readonly schema: string;
  readonly table: string;
  readonly user: string;
  /** Rows are people, and not only belong to them. */
  readonly isUsers: boolean;
}

/** Types whose values are the same text in the log and in an answer. */
const TYPES = new Set(
  'tinyint smallint mediumint int bigint char varchar binary varbinary tinytext text enum'.split(' '),
);

/** Throws config_invalid for one that is not there, or whose ids the log has in another form. */
export async function watchedColumns(pool: Asking, place: LogPlace): Promise<readonly WatchedColumn[]> {
  const all = [{ ...place.users, isUsers: true }, ...place.tables.map((one) => ({ ...one, isUsers: false }))];
  const found: WatchedColumn[] = [];
  for (const watched of all)
    found.push({ ...(await columnOf(pool, place, watched)), isUsers: watched.isUsers });
  return found;
}

async function columnOf(pool: Asking, place: LogPlace, { table, user }: WatchedTable) {
  const [name = '', schema = databaseOf(place)] = table.split('.').toReversed();
  // The server compares names as it does everywhere: `Users` may be `users`.
  const rows = await pool.rows((db) =>
    db.raw(
      `select table_schema as s, table_name as t, column_name as c, data_type as y
         from information_schema.columns where table_schema = ? and table_name = ? and column_name = ?`,
      [schema, name, user],
    ),
  );
  const row =
    rows.find(({ s, t }) => s === schema && t === name) ?? (rows.length === 1 ? rows[0] : undefined);
  if (!row) throw unfit(`there is no table ${table} with a column ${user}, or no right to see it`);
  if (!TYPES.has(String(row.y).toLowerCase()))
    throw unfit(
      `the log has ${user} of ${table} in another form than the table (${row.y}): take \`by: outbox\``,
    );
  return { schema: String(row.s), table: String(row.t), user: String(row.c) };
}

function databaseOf({ connection }: LogPlace): string {
  return connection instanceof Secret
    ? decodeURIComponent(new URL(connection.reveal()).pathname.slice(1))
    : connection.database;
}
