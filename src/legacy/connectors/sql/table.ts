/** One table of an app's database: rows found, made, changed and deleted by what stands in their columns. */
import type { Knex } from 'knex';
import type { Row } from '../../connector.ts';
import { limitsWithin, openPool } from './pool.ts';
import type { DatabaseSettings } from './sql-settings.ts';

/** Column to value; names are quoted, values bound. */
export type Values = Readonly<Record<string, string | number | bigint | Uint8Array>>;

/** All throw legacy_unavailable. What the database cannot even compare is in no row. */
export interface Table {
  find(where: Values, columns: readonly string[], limit: number): Promise<readonly Row[]>;
  insert(values: Values): Promise<void>;
  /** How many rows it changed. */
  update(values: Values, where: Values): Promise<number>;
  /** How many rows are gone. */
  remove(where: Values): Promise<number>;
  close(): Promise<void>;
}

export interface TableOptions {
  /** schema.table, or table. */
  readonly name: string;
  readonly timeoutMs: number;
  /** False: the connections cannot write. */
  readonly writable: boolean;
}

/** Connects when first asked. Finding goes through connections that cannot write. */
export function openTable(settings: DatabaseSettings, { name, timeoutMs, writable }: TableOptions): Table {
  const limits = { ...limitsWithin(timeoutMs), isUtc: true };
  const reader = openPool(settings, { writable: false, ...limits });
  const writer = writable ? openPool(settings, { writable: true, ...limits }) : reader;
  const table = (db: Knex): Knex.QueryBuilder => db(name);
  return {
    find: (where, columns, limit) =>
      reader.rows((db) =>
        table(db)
          .select(...columns)
          .where(where)
          .limit(limit, { skipBinding: true }),
      ),
    insert: (values) => writer.insert((db) => table(db).insert(values)),
    update: (values, where) => writer.changed((db) => table(db).where(where).update(values)),
    remove: (where) => writer.changed((db) => table(db).where(where).delete()),
    close: async () => {
      await Promise.all([reader.close(), writer.close()]);
    },
  };
}
