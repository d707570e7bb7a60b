/** SQL Server and Oracle as far as they go without a server: what would be sent to it, and what is made of answers. */
import knex from 'knex';
import { describe, expect, test } from 'vitest';
import { loadDriver, missingDriver } from '../../src/legacy/connectors/sql/driver.ts';
import type { Tedious } from '../../src/legacy/connectors/sql/mssql.ts';
import * as sqlServer from '../../src/legacy/connectors/sql/mssql.ts';
import type { Oracledb } from '../../src/legacy/connectors/sql/oracle.ts';
import * as oracleDatabase from '../../src/legacy/connectors/sql/oracle.ts';
import { legacySettings } from '../../src/legacy/legacy-settings.ts';

const LINES = {
  mssql: ['tedious', 'npm install tedious@20.3.9'],
  oracle: ['oracledb', 'npm install oracledb@26.0.0'],
} as const;

describe.each(['mssql', 'oracle'] as const)('the engine %s', (engine) => {
  const [driver, line] = LINES[engine];
  const settings = (part: object = {}) =>
    legacySettings.safeParse({
      store: 'shop',
      sql: { engine, connection: `${engine}://u:p@h/d`, table: 'people', login: ['login'], ...part },
    });

  test.skipIf(!missingDriver(driver))('is refused with the line that installs its driver', async () => {
    const { error } = settings();
    expect(error?.issues).toEqual([
      expect.objectContaining({ path: ['sql', 'engine'], message: expect.stringContaining(line) }),
    ]);
    await expect(loadDriver(driver)).rejects.toMatchObject({
      code: 'config_invalid',
      detail: expect.stringContaining(line),
    });
  });

  test('has the settings of the others', () => {
    const paths = (part: object) => settings(part).error?.issues.map(({ path }) => path.join('.')) ?? [];
    expect(paths({ login: undefined })).toContain('sql.login');
    expect(paths({ file: 'x' })).toContain('sql');
    expect(paths({ connection: { host: 'h', port: 0, user: 'u', database: 'd' } }).join()).toContain(
      'connection',
    );
  });
});

interface Call {
  readonly sql: string;
  readonly parameters?: readonly unknown[];
}

/** As much of the driver as knex meets; it notes what it is asked, and answers one row. */
function fakeTedious(calls: Call[], failure?: Error) {
  class Request {
    readonly parameters: unknown[] = [];
    onRow: ((columns: unknown) => void) | undefined;
    readonly sql: string;
    readonly done: (error: unknown, count?: number) => void;
    constructor(sql: string, done: (error: unknown, count?: number) => void) {
      this.sql = sql;
      this.done = done;
    }
    addParameter(name: string, type: unknown, value: unknown) {
      this.parameters.push([name, type, value]);
    }
    on(_event: string, listener: (columns: unknown) => void) {
      this.onRow = listener;
    }
  }
  class Connection {
    connected = true;
    state = { name: 'LoggedIn' };
    connect(done: (error?: Error) => void) {
      done();
    }
    on() {}
    readonly #ends: (() => void)[] = [];
    once(_event: string, listener: () => void) {
      this.#ends.push(listener);
    }
    close() {
      for (const end of this.#ends) end();
    }
    execSql(request: Request) {
      calls.push({ sql: request.sql, parameters: request.parameters });
      const columns = { id: 7, seen: new Date(Date.UTC(2024, 0, 31, 12)) };
      const row = Object.entries(columns).map(([colName, value]) => ({ metadata: { colName }, value }));
      if (failure) return request.done(failure);
      request.onRow?.(row);
      request.done(null, 1);
    }
  }
  return { TYPES: { NVarChar: 'nvarchar', Int: 'int' }, Request, Connection } as unknown as Tedious;
}

describe('SQL Server', () => {
  async function ask(writable: boolean, failure?: Error) {
    const calls: Call[] = [];
    const client = await sqlServer.dialectOn(fakeTedious(calls, failure), writable);
    return {
      calls,
      db: knex({ client, connection: { server: 'nowhere', user: 'u', database: 'd' }, pool: { min: 0 } }),
    };
  }

  test('is asked in its own words, with values as parameters and our numbers in the text', async () => {
    const { calls, db } = await ask(true);
    const people = db('dbo.people').select('*').orWhere('login', "o'x").orWhere('email', "o'x");
    await people.limit(21, { skipBinding: true });
    await db('people').select('*').orderBy('id').limit(5, { skipBinding: true }).where('id', '>', '7');
    await db.raw('select * from people where id > ? order by id', ['7']);
    await db.raw('select top (?) * from people', [5]);
    expect(calls).toEqual([
      {
        sql: 'select top (21) * from [dbo].[people] where [login] = @p0 or [email] = @p1',
        parameters: [
          ['p0', 'nvarchar', "o'x"],
          ['p1', 'nvarchar', "o'x"],
        ],
      },
      {
        sql: 'select top (5) * from [people] where [id] > @p0 order by [id] asc',
        parameters: [['p0', 'nvarchar', '7']],
      },
      { sql: 'select * from people where id > @p0 order by id', parameters: [['p0', 'nvarchar', '7']] },
      { sql: 'select top (@p0) * from people', parameters: [['p0', 'int', 5]] },
    ]);
    await db.destroy();
  });

  test('takes back whatever a reader’s statement changes, and keeps a writer’s', async () => {
    const reader = await ask(false);
    await reader.db.raw('select 1');
    expect(reader.calls.map(({ sql }) => sql)).toEqual([
      'set xact_abort on; begin transaction; select 1; rollback transaction',
    ]);
    const writer = await ask(true);
    const result = await writer.db.raw('update people set moved = ? where id = ?', [1, '7']);
    expect(writer.calls[0]?.sql).toBe('update people set moved = @p0 where id = @p1');
    expect(sqlServer.mssql.changed(result)).toBe(1);
    await Promise.all([reader.db.destroy(), writer.db.destroy()]);
  });

  test('gives moments as text', async () => {
    const { db } = await ask(false);
    expect(sqlServer.mssql.rows(await db('people').select('*'))).toEqual([
      { id: 7, seen: '2024-01-31T12:00:00.000Z' },
    ]);
    await db.destroy();
  });

  test('tells a value it cannot compare from a mistake and from an outage', async () => {
    const { db } = await ask(false, Object.assign(new Error('failed'), { number: 245 }));
    const error = await db.raw('select 1').catch((thrown: object) => thrown);
    const { isIncomparable, isMistake } = sqlServer.mssql;
    expect([isIncomparable(error), isMistake(error)]).toEqual([true, false]);
    expect([isIncomparable({ number: 207 }), isMistake({ number: 207 })]).toEqual([false, true]);
    expect(isMistake({ code: 'ELOGIN' })).toBe(true);
    expect([isIncomparable({ code: 'ESOCKET' }), isMistake({ code: 'ESOCKET' })]).toEqual([false, false]);
    await db.destroy();
  });

  test('tells a value that is taken from one that does not fit, and is given null', async () => {
    const { isTaken, isUnfit } = sqlServer.mssql;
    const told = (number: number) => [isTaken({ number }), isUnfit({ number })];
    expect([2601, 2627, 515, 2628, 208].map(told)).toEqual([
      [true, false],
      [true, false],
      [false, true],
      [false, true],
      [false, false],
    ]);
    const { calls, db } = await ask(true);
    await db.raw('update people set target = ? where id = ?', [null, '7']);
    expect(calls[0]?.parameters).toEqual([
      ['p0', 'nvarchar', null],
      ['p1', 'nvarchar', '7'],
    ]);
    await db.destroy();
  });
});

const TYPES = {
  OUT_FORMAT_OBJECT: 4002,
  STRING: 'string',
  BUFFER: 'buffer',
  DB_TYPE_NUMBER: 'number',
  DB_TYPE_CLOB: 'clob',
  DB_TYPE_NCLOB: 'nclob',
  DB_TYPE_BLOB: 'blob',
  DB_TYPE_DATE: 'date',
  DB_TYPE_TIMESTAMP: 'timestamp',
  DB_TYPE_TIMESTAMP_TZ: 'timestamp tz',
  DB_TYPE_TIMESTAMP_LTZ: 'timestamp ltz',
};

function fakeOracledb(calls: string[], failure?: Error): Oracledb {
  const connection = {
    callTimeout: 0,
    async execute(sql: string, binds: readonly unknown[]) {
      calls.push(binds.length > 0 ? `${sql} ${JSON.stringify(binds)}` : sql);
      if (failure && sql !== 'set transaction read only') throw failure;
      return { rows: [{ ID: '7' }], rowsAffected: 1 };
    },
    commit: async () => void calls.push('commit'),
    rollback: async () => void calls.push('rollback'),
    release: async () => undefined,
  };
  return { ...TYPES, poolMax: 4, getConnection: async () => connection } as unknown as Oracledb;
}

describe('Oracle', () => {
  async function ask(writable: boolean, failure?: Error) {
    const calls: string[] = [];
    const access = { writable, limitMs: 1_000, connectMs: 500 };
    const client = await oracleDatabase.dialectOn(fakeOracledb(calls, failure), access, { user: 'u' });
    return { calls, db: knex({ client, version: '12.2', connection: {}, pool: { min: 0 } }) };
  }

  test('is asked in read-only transactions, with values as parameters', async () => {
    const { calls, db } = await ask(false);
    const people = db('PEOPLE').select('*').orWhere('LOGIN', "o'x").orWhere('EMAIL', "o'x");
    expect(oracleDatabase.oracle.rows(await people.limit(21, { skipBinding: true }))).toEqual([{ ID: '7' }]);
    await db.raw('select id from people where id > ?', ['7']);
    expect(calls).toEqual([
      'set transaction read only',
      `select * from (select * from "PEOPLE" where "LOGIN" = :1 or "EMAIL" = :2) where rownum <= 21 ["o'x","o'x"]`,
      'rollback',
      'set transaction read only',
      'select id from people where id > :1 ["7"]',
      'rollback',
    ]);
    await db.destroy();
  });

  test('ends the transaction also where the statement fails', async () => {
    const { calls, db } = await ask(false, Object.assign(new Error('ORA-01722'), { errorNum: 1722 }));
    const error = await db.raw('select 1 from dual').catch((thrown: object) => thrown);
    const { isIncomparable, isMistake } = oracleDatabase.oracle;
    expect(calls.at(-1)).toBe('rollback');
    expect([isIncomparable(error), isMistake(error)]).toEqual([true, false]);
    expect([isIncomparable({ errorNum: 942 }), isMistake({ errorNum: 942 })]).toEqual([false, true]);
    expect([isIncomparable({ code: 'NJS-500' }), isMistake({ code: 'NJS-500' })]).toEqual([false, false]);
    await db.destroy();
  });

  test('lets a writer change one row, and keep it', async () => {
    const { calls, db } = await ask(true);
    await db.transaction(async (transaction) => {
      const result = await transaction.raw('update people set moved = ? where id = ?', [1, '7']);
      expect(oracleDatabase.oracle.changed(result)).toBe(1);
    });
    expect(calls[0]).toBe('update people set moved = :1 where id = :2 [1,"7"]');
    expect(calls).toContain('commit');
    expect(calls).not.toContain('rollback');
    await db.destroy();
  });

  test('tells a value that is taken from one that does not fit, and is given null', async () => {
    const { isTaken, isUnfit } = oracleDatabase.oracle;
    const told = (errorNum: number) => [isTaken({ errorNum }), isUnfit({ errorNum })];
    expect([1, 1400, 12899, 942].map(told)).toEqual([
      [true, false],
      [false, true],
      [false, true],
      [false, false],
    ]);
    const { calls, db } = await ask(true);
    await db.raw('update people set target = ? where id = ?', [null, '7']);
    expect(calls[0]).toBe('update people set target = :1 where id = :2 [null,"7"]');
    await db.destroy();
  });

  test('leaves the number of threads alone, which others read', async () => {
    const before = process.env.UV_THREADPOOL_SIZE;
    const { db } = await ask(false);
    expect(process.env.UV_THREADPOOL_SIZE).toBe(before);
    await db.destroy();
  });

  test('gives numbers with all their digits, and times without a zone as they are written', () => {
    const handler = oracleDatabase.textual(TYPES as unknown as Oracledb);
    expect(handler({ dbType: 'number' })).toEqual({ type: 'string' });
    expect(handler({ dbType: 'varchar' })).toBeUndefined();
    const converted = (dbType: string, value: Date | null) =>
      (handler({ dbType }) as { converter: (value: Date | null) => string | null }).converter(value);
    // The driver reads 12:30 as half past twelve where the process is.
    expect(converted('date', new Date(2024, 6, 31, 12, 30))).toBe('2024-07-31T12:30:00.000');
    expect(converted('timestamp', new Date(2024, 0, 1, 0, 0, 1, 5))).toBe('2024-01-01T00:00:01.005');
    expect(converted('timestamp tz', new Date(Date.UTC(2024, 0, 1)))).toBe('2024-01-01T00:00:00.000Z');
    expect(converted('date', null)).toBeNull();
  });
});
