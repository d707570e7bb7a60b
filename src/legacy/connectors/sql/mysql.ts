/** MySQL (5.6 or newer, for read-only sessions) and MariaDB (10.0 or newer) through mysql2. */
import type { Knex } from 'knex';
import { Secret } from '../../../settings.ts';
import type { Row } from '../../connector.ts';
import type { Engine, ServerSettings } from './engine.ts';
import { partsOf } from './engine.ts';

/** ER_BAD_DB, ER_ACCESS_DENIED, ER_BAD_FIELD, ER_NO_SUCH_TABLE, ER_TABLEACCESS_DENIED, read-only transaction. */
const MISTAKES = new Set([1044, 1045, 1049, 1054, 1146, 1142, 1143, 1792]);
/** ER_CANT_AGGREGATE_2COLLATIONS, ER_INVALID_CHARACTER_STRING, ER_CANNOT_CONVERT_STRING: letters that the column’s character set lacks. */
const INCOMPARABLE = new Set([1267, 1300, 3854]);

/** ER_DUP_ENTRY, ER_DUP_ENTRY_WITH_KEY_NAME. */
const TAKEN = new Set([1062, 1586]);
/**
 * Null, parent row, out of range, truncated, wrong value (of both kinds), no default, too long; checks of MySQL and of
 * MariaDB.
 */
const UNFIT = new Set([1048, 1216, 1452, 1264, 1265, 1292, 1366, 1364, 1406, 3819, 4025]);

type Callback = (error: unknown, ...response: unknown[]) => void;
interface Socket {
  query(options: { sql: string; timeout: number }, callback: Callback): void;
  execute(sql: string, values: readonly (string | Uint8Array | null)[], callback: Callback): void;
  destroy(): void;
  __knex__disposed?: unknown;
}

/** MariaDB runs the first kind of comment, MySQL the second; older ones of both have only the lock's limit. */
const limits = (limitMs: number) =>
  [
    `lock_wait_timeout = ${Math.ceil(limitMs / 1_000)}`,
    `/*M!100101 , max_statement_time = ${limitMs / 1_000} */`,
    `/*!50708 , max_execution_time = ${limitMs} */`,
  ].join(' ');

export const mysql: Engine = {
  async config(settings, { writable, limitMs, connectMs, isUtc }) {
    const { default: Dialect } = await import('knex/lib/dialects/mysql2/index.js');
    const { connection } = settings as { connection: ServerSettings };
    return {
      client: class extends Dialect {
        /** Values go as parameters of the protocol: escaping them into the text fails under NO_BACKSLASH_ESCAPES. */
        override _query(socket: Socket, query: Parameters<InstanceType<typeof Dialect>['_query']>[1]) {
          if (!query.bindings?.length) return super._query(socket, query);
          // A number would be sent as a double, which MySQL does not take for LIMIT.
          const values = query.bindings.map((value) =>
            value === null || value instanceof Uint8Array ? value : String(value),
          );
          return new Promise<typeof query>((resolve, reject) => {
            socket.execute(query.sql, values, (error: unknown, ...response: unknown[]) =>
              error ? reject(error) : resolve(Object.assign(query, { response })),
            );
          });
        }
        /** A polite good-bye waits in line behind the query that never ends. */
        override async destroyRawConnection(socket: Socket) {
          return socket.__knex__disposed ? socket.destroy() : super.destroyRawConnection(socket);
        }
      } as unknown as typeof Knex.Client,
      connection: {
        ...(connection instanceof Secret ? { uri: connection.reveal() } : partsOf(connection)),
        connectTimeout: connectMs,
        charset: 'utf8mb4',
        dateStrings: true,
        jsonStrings: true,
        supportBigNumbers: true,
      } as object as Knex.MySql2ConnectionConfig,
      pool: {
        afterCreate: (socket: Socket, done: Callback) => {
          // knex drops a connection that fails here without closing it.
          const failed = (error: unknown) => {
            socket.destroy();
            done(error);
          };
          const set = (what: string, then: () => void) =>
            socket.query({ sql: `set session ${what}`, timeout: connectMs }, (error) =>
              error ? failed(error) : then(),
            );
          set(limits(limitMs) + (isUtc ? ", time_zone = '+00:00'" : ''), () =>
            writable ? done(null) : set('transaction read only', () => done(null)),
          );
        },
      },
    };
  },
  rows: (result) => (Array.isArray((result as unknown[])[0]) ? (result as [Row[]])[0] : (result as Row[])),
  changed: (result) => (result as [{ affectedRows: number }])[0].affectedRows,
  isIncomparable: ({ errno }) => INCOMPARABLE.has(errno ?? 0),
  isTaken: ({ errno }) => TAKEN.has(errno ?? 0),
  isUnfit: ({ errno }) => UNFIT.has(errno ?? 0),
  isMistake: ({ errno }) => MISTAKES.has(errno ?? 0),
};
