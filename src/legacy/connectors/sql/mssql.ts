/**
 * SQL Server through tedious, which the operator installs. Written after the documentation of both: no server was
 * there to test on. It has no read-only session, so what a statement of a reader changes is rolled back behind it;
 * `ApplicationIntent=ReadOnly` sends readers to a replica where the availability group has one.
 */
import type { Knex } from 'knex';
import { Secret } from '../../../settings.ts';
import type { Row } from '../../connector.ts';
import { loadDriver } from './driver.ts';
import type { Engine, ServerSettings } from './engine.ts';

/** Login failed, database, object, column, permission, syntax: the messages name those, and no value. */
const MISTAKES = new Set([102, 156, 207, 208, 229, 230, 4060, 18456]);
/** Conversion failed (also of GUIDs and dates), arithmetic overflow. */
const INCOMPARABLE = new Set([220, 241, 242, 244, 245, 248, 8114, 8115, 8169]);

/** Duplicate key in an index, or of a constraint. */
const TAKEN = new Set([2601, 2627]);
/** No null, foreign key or check, text would be truncated (of both kinds). */
const UNFIT = new Set([515, 547, 2628, 8152]);

type Column = { readonly metadata: { readonly colName: string }; readonly value: unknown };

/** As much of tedious as is used here. */
export interface Tedious {
  readonly TYPES: { readonly NVarChar: unknown; readonly Int: unknown };
  readonly Request: new (sql: string, done: (error: unknown, count?: number) => void) => TediousRequest;
}
interface TediousRequest {
  addParameter(name: string, type: unknown, value: unknown): void;
  on(event: 'row', listener: (columns: readonly Column[]) => void): void;
}
interface TediousConnection {
  execSql(request: TediousRequest): void;
}

interface Result {
  readonly rows: readonly Row[];
  readonly changed: number;
}

export const mssql: Engine = {
  async config(settings, { writable, limitMs, connectMs }) {
    const tedious = await loadDriver<Tedious>('tedious');
    const { connection } = settings as { connection: ServerSettings };
    return {
      client: await dialectOn(tedious, writable),
      connection: {
        ...reach(connection),
        connectionTimeout: connectMs,
        requestTimeout: limitMs,
        options: {
          appName: 'footbridge',
          readOnlyIntent: !writable,
          ...trust(connection),
        },
      } as object as Knex.MsSqlConnectionConfig,
    };
  },
  rows: (result) => (result as Result).rows,
  changed: (result) => (result as Result).changed,
  isIncomparable: ({ number }) => INCOMPARABLE.has(number ?? 0),
  isTaken: ({ number }) => TAKEN.has(number ?? 0),
  isUnfit: ({ number }) => UNFIT.has(number ?? 0),
  isMistake: ({ number, code }) => code === 'ELOGIN' || MISTAKES.has(number ?? 0),
};

/** knex's dialect keeps one line of requests for all servers together: here each goes to its own connection. */
export async function dialectOn(tedious: Tedious, writable: boolean): Promise<typeof Knex.Client> {
  const { default: Dialect } = await import('knex/lib/dialects/mssql/index.js');
  return class extends Dialect {
    override _driver() {
      return tedious;
    }
    override _query(
      connection: TediousConnection,
      query: Parameters<InstanceType<typeof Dialect>['_query']>[1],
    ) {
      const { TYPES, Request } = tedious;
      return new Promise<typeof query>((resolve, reject) => {
        const rows: Row[] = [];
        const text = writable ? query.sql : undone(query.sql);
        const request = new Request(text, (error, changed = 0) =>
          error ? reject(error) : resolve(Object.assign(query, { response: { rows, changed } })),
        );
        request.on('row', (columns) => rows.push(rowOf(columns)));
        for (const [index, value] of (query.bindings ?? []).entries())
          request.addParameter(`p${index}`, typeof value === 'number' ? TYPES.Int : TYPES.NVarChar, value);
        connection.execSql(request);
      });
    }
    processResponse({ response }: { response: Result }) {
      return response;
    }
  } as unknown as typeof Knex.Client;
}

/** An error ends the transaction as well, by `xact_abort`. */
const undone = (sql: string) => `set xact_abort on; begin transaction; ${sql}; rollback transaction`;

/** Moments come as JavaScript's, which tedious reads as UTC. */
const rowOf = (columns: readonly Column[]): Row =>
  Object.fromEntries(
    columns.map(({ metadata, value }) => [
      metadata.colName,
      value instanceof Date ? value.toISOString() : value,
    ]),
  );

function reach(connection: ServerSettings) {
  if (!(connection instanceof Secret)) {
    const { host, port, user, password, database } = connection;
    return { server: host, port, user, password: password?.reveal(), database };
  }
  const { hostname, port, username, password, pathname } = new URL(connection.reveal());
  const [user, secret, database] = [username, password, pathname.slice(1)].map(decodeURIComponent);
  return { server: hostname, port: Number(port) || undefined, user, password: secret, database };
}

/** By URL always with TLS, as the server's own tools have it; else as `tls` says. */
function trust(connection: ServerSettings) {
  const tls = connection instanceof Secret ? true : connection.tls;
  const ca = typeof tls === 'boolean' ? undefined : tls.ca.reveal();
  return {
    encrypt: tls !== false,
    trustServerCertificate: false,
    ...(ca === undefined ? {} : { cryptoCredentialsDetails: { ca } }),
  };
}
