/**
 * Oracle Database (12.1 or newer) through oracledb in its thin mode, which the operator installs and which needs no
 * client libraries. Written after its documentation: no server was there to test on. Readers ask in read-only
 * transactions, which the server enforces. Names are as the server keeps them, mostly in capitals; an empty text is
 * no text there, so that a page after '' has to be asked for with `:after is null or …`.
 */
import type { Knex } from 'knex';
import { Secret } from '../../../settings.ts';
import type { Row } from '../../connector.ts';
import { loadDriver } from './driver.ts';
import type { Access, Engine, ServerSettings } from './engine.ts';

/** Table, column, login, rights, syntax, writing in a read-only transaction, account locked or expired, no such service. */
const MISTAKES = new Set([904, 923, 933, 936, 942, 1017, 1031, 1045, 1456, 12505, 12514, 28000, 28001]);
/** Invalid number, numeric overflow, invalid hex, and what makes no date. */
const INCOMPARABLE = new Set([1426, 1465, 1722, 1830, 1840, 1841, 1843, 1847, 1858, 1861]);

/** No null (of both kinds), check, parent key, too large for its column, too precise. */
const UNFIT = new Set([1400, 1407, 2290, 2291, 12899, 1438]);

/** As much of oracledb as is used here. */
export interface Oracledb {
  readonly OUT_FORMAT_OBJECT: number;
  readonly STRING: unknown;
  readonly BUFFER: unknown;
  readonly DB_TYPE_NUMBER: unknown;
  readonly DB_TYPE_CLOB: unknown;
  readonly DB_TYPE_NCLOB: unknown;
  readonly DB_TYPE_BLOB: unknown;
  readonly DB_TYPE_DATE: unknown;
  readonly DB_TYPE_TIMESTAMP: unknown;
  readonly DB_TYPE_TIMESTAMP_TZ: unknown;
  readonly DB_TYPE_TIMESTAMP_LTZ: unknown;
  getConnection(options: object): Promise<OracleConnection>;
}
interface OracleConnection {
  callTimeout: number;
  isTransaction?: boolean;
  execute(sql: string, binds: readonly unknown[], options?: object): Promise<Outcome>;
  commit(): Promise<void>;
  rollback(): Promise<void>;
}
interface Outcome {
  readonly rows?: readonly Row[];
  readonly rowsAffected?: number;
}

export const oracle: Engine = {
  ping: 'select 1 from dual',
  async config(settings, access) {
    const oracledb = await loadDriver<Oracledb>('oracledb');
    const { connection } = settings as { connection: ServerSettings };
    return {
      client: await dialectOn(oracledb, access, reach(connection)),
      // knex asks for features by it that are not used here.
      version: '12.2',
      connection: {},
    };
  },
  rows: (result) => (result as Outcome).rows ?? [],
  changed: (result) => (result as Outcome).rowsAffected ?? 0,
  isIncomparable: ({ errorNum }) => INCOMPARABLE.has(errorNum ?? 0),
  isTaken: ({ errorNum }) => errorNum === 1,
  isUnfit: ({ errorNum }) => UNFIT.has(errorNum ?? 0),
  isMistake: ({ errorNum }) => MISTAKES.has(errorNum ?? 0),
};

/** `account`: for the driver alone, as knex hides passwords from it too. */
export async function dialectOn(
  oracledb: Oracledb,
  access: Access,
  account: object,
): Promise<typeof Knex.Client> {
  const { default: Dialect } = await import('knex/lib/dialects/oracledb/index.js');
  const { writable, limitMs, connectMs } = access;
  const options = { outFormat: oracledb.OUT_FORMAT_OBJECT, fetchTypeHandler: textual(oracledb) };
  return class extends Dialect {
    constructor(config: Knex.Config) {
      // knex counts its driver's threads into this, which others here read; the thin mode uses none.
      const { UV_THREADPOOL_SIZE: threads } = process.env;
      super(config);
      if (threads === undefined) delete process.env.UV_THREADPOOL_SIZE;
      else process.env.UV_THREADPOOL_SIZE = threads;
    }
    override _driver() {
      return oracledb;
    }
    override async acquireRawConnection() {
      const connectTimeout = Math.ceil(connectMs / 1_000);
      const connection = await oracledb.getConnection({ ...account, connectTimeout });
      connection.callTimeout = limitMs;
      // The names that knex's transactions call.
      const commitAsync = () => connection.commit();
      const rollbackAsync = () => connection.rollback();
      return Object.assign(connection, { commitAsync, rollbackAsync });
    }
    override async _query(
      connection: OracleConnection,
      query: Parameters<InstanceType<typeof Dialect>['_query']>[1],
    ) {
      try {
        if (!writable) await connection.execute('set transaction read only', []);
        const response = await connection.execute(query.sql, query.bindings ?? [], options);
        return Object.assign(query, { response });
      } finally {
        if (!connection.isTransaction) await connection.rollback();
      }
    }
    processResponse({ response }: { response: Outcome }) {
      return response;
    }
  } as unknown as typeof Knex.Client;
}

/** Numbers keep all their digits, long texts come whole, and moments without a zone come as they are written. */
export const textual = (oracledb: Oracledb) => {
  const handlers = new Map<unknown, object>([
    [oracledb.DB_TYPE_NUMBER, { type: oracledb.STRING }],
    [oracledb.DB_TYPE_CLOB, { type: oracledb.STRING }],
    [oracledb.DB_TYPE_NCLOB, { type: oracledb.STRING }],
    [oracledb.DB_TYPE_BLOB, { type: oracledb.BUFFER }],
    [oracledb.DB_TYPE_DATE, { converter: wallClock }],
    [oracledb.DB_TYPE_TIMESTAMP, { converter: wallClock }],
    [oracledb.DB_TYPE_TIMESTAMP_TZ, { converter: instant }],
    [oracledb.DB_TYPE_TIMESTAMP_LTZ, { converter: instant }],
  ]);
  return ({ dbType }: { readonly dbType: unknown }) => handlers.get(dbType);
};

const instant = (value: Date | null) => value?.toISOString() ?? null;

const MINUTE_MS = 60_000;

/** oracledb reads them in the process's time zone: so this writes them in it too. */
function wallClock(value: Date | null): string | null {
  if (value === null) return null;
  const local = new Date(value.getTime() - value.getTimezoneOffset() * MINUTE_MS);
  return local.toISOString().replace('Z', '');
}

/** Host, port and service name; with TLS, and the authority's certificate as wallet where one is given. */
function reach(connection: ServerSettings): object {
  if (connection instanceof Secret) {
    const { hostname, port, username, password, pathname } = new URL(connection.reveal());
    const [user, secret] = [username, password].map(decodeURIComponent);
    return { user, password: secret, connectString: `${hostname}:${port || 1521}${pathname}` };
  }
  const { host, port, user, password, database, tls } = connection;
  return {
    user,
    password: password?.reveal(),
    connectString: `${tls === false ? '' : 'tcps://'}${host}:${port ?? (tls === false ? 1521 : 2484)}/${database}`,
    ...(typeof tls === 'boolean' ? {} : { walletContent: tls.ca.reveal() }),
  };
}
