/** SQLite through Node’s own node:sqlite, which knex has no dialect for. */
import type { Knex } from 'knex';
import type { Row } from '../../connector.ts';
import type { Engine } from './engine.ts';

export const sqlite: Engine = {
  async config(settings, { writable, limitMs }) {
    const { default: Dialect } = await import('knex/lib/dialects/better-sqlite3/index.js');
    const { DatabaseSync } = await import('node:sqlite');
    /** The few calls of better-sqlite3 that knex makes, on Node’s own SQLite. */
    class Driver {
      readonly #db: InstanceType<typeof DatabaseSync>;
      constructor(file: string) {
        this.#db = new DatabaseSync(file, { readOnly: !writable, timeout: limitMs });
      }
      prepare(sql: string) {
        const statement = this.#db.prepare(sql);
        statement.setReadBigInts(true);
        return {
          reader: statement.columns().length > 0,
          all: (values: string[]) => statement.all(...values),
          run: (values: string[]) => statement.run(...values),
        };
      }
      close() {
        this.#db.close();
      }
    }
    return {
      client: class extends Dialect {
        override _driver() {
          return Driver;
        }
      } as unknown as typeof Knex.Client,
      connection: { filename: (settings as { file: string }).file },
      useNullAsDefault: true,
      // Its queries run one after the other in any case.
      pool: { max: 1 },
    };
  },
  rows: (result) => result as Row[],
  // `returning` gives rows instead of their number.
  changed: (result) =>
    Array.isArray(result) ? result.length : Number((result as { changes: number | bigint }).changes),
  isIncomparable: () => false,
  // SQLITE_CONSTRAINT_PRIMARYKEY, _UNIQUE, _ROWID.
  isTaken: ({ errcode }) => [1555, 2067, 2579].includes(errcode ?? 0),
  // SQLITE_CONSTRAINT and its kinds, SQLITE_TOOBIG, SQLITE_MISMATCH.
  isUnfit: ({ errcode = 0 }) => (errcode & 0xff) === 19 || errcode === 18 || errcode === 20,
  // SQLITE_ERROR: no such table, no such column, syntax.
  isMistake: ({ errcode }) => errcode === 1,
};
