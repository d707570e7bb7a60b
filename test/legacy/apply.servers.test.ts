import { createConnection } from 'mysql2/promise';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { FieldChange } from '../../src/legacy/apply.ts';
import { marksPiece } from '../../src/legacy/connectors/sql/apply-marks.ts';
import { sqlSettings } from '../../src/legacy/connectors/sql/sql-settings.ts';
import type { Directory } from '../../src/legacy/directory.ts';
import { openDirectory } from '../../src/legacy/directory.ts';
import { legacySettings } from '../../src/legacy/legacy-settings.ts';
import type { Mariadb } from '../servers/mariadb.ts';
import { requiresMariadb, startMariadb } from '../servers/mariadb.ts';
import { applyContract } from './apply-contract.ts';
import { APPLY_SQL, sqlApplyStore } from './apply-stores.ts';

const mariadb = requiresMariadb();

describe.skipIf(mariadb.skip)(mariadb.name, () => {
  let server: Mariadb;
  beforeAll(async () => {
    server = await startMariadb();
  });
  afterAll(() => server?.stop());

  const rows = async (database: string, sql: string) => {
    const connection = await createConnection(server.url(database));
    try {
      const [found] = await connection.query({ sql, rowsAsArray: false });
      return (Array.isArray(found) ? found : []) as Record<string, unknown>[];
    } finally {
      await connection.end();
    }
  };
  const make = async (database: string, sql: string) => {
    await server.execute(
      `drop database if exists ${database}; create database ${database} character set utf8mb4`,
    );
    await server.execute(sql, database);
    const piece = marksPiece(
      sqlSettings.parse({
        engine: 'mysql',
        connection: server.url(database),
        table: 'people',
        login: ['login'],
        apply: {},
      }),
    );
    for (const step of [...piece!.install, ...piece!.install]) await rows(database, step as string);
  };

  applyContract(
    'MariaDB',
    async () => {
      await make('shop', APPLY_SQL({ moment: 'datetime(6)', yes: 'bit(1)' }).replaceAll("'0'", "b'0'"));
      const settings = { engine: 'mysql', connection: server.url('shop') };
      return sqlApplyStore({ settings, execute: (sql) => rows('shop', sql), drop: () => undefined });
    },
    { marks: true, unique: true },
  );

  describe('columns of MariaDB', () => {
    let directory: Directory;
    const connection = () => server.url('types');
    const mapping = {
      username: 'login',
      nickname: 'nick',
      givenName: 'given',
      familyName: 'family',
      emailVerified: { column: 'verified_at', past: true },
      email: 'login',
      disabled: { column: 'is_off', truthy: true },
    };
    const apply = {
      nickname: 'nick',
      givenName: 'given',
      familyName: 'family',
      emailVerified: { column: 'verified_at', values: { true: 'now', false: null } },
      state: { column: 'is_off', values: { active: 0, disabled: 1 } },
    };
    const open = (sql: object = {}) =>
      openDirectory(
        legacySettings.parse({
          store: 'shop',
          timeoutMs: 10_000,
          mapping,
          sql: {
            engine: 'mysql',
            connection: connection(),
            table: 'people',
            login: ['login'],
            apply,
            poolSize: 1,
            ...sql,
          },
        }),
      );
    beforeEach(async () => {
      await directory?.close();
      await make(
        'types',
        `create table people (id integer primary key, login varchar(100), nick varchar(50) collate utf8mb4_general_ci,
          given varchar(50) character set latin1, family varchar(50) character set utf8mb3, verified_at timestamp(3) null, is_off bit(1) not null default b'0');
        create table origins (what varchar(20), origin varchar(20));
        create trigger seen after update on people for each row insert into origins values (new.nick, @footbridge_origin);
        insert into people (id, login, nick, given, family, verified_at) values
          (1, 'anna@example.com', 'Ann', 'Zoë', 'Müller', '2024-01-31 12:30:00.123'), (2, 'bob@example.com', 'ann', 'Bob', 'B', null);`,
      );
      directory = open();
    });
    afterAll(() => directory?.close());
    let count = 0;
    const write = (fields: Record<string, FieldChange>, to = directory) =>
      to.apply('shop:1', { fields, mark: `t${++count}` });

    test.each([
      ['nickname', 'Ann', 'Änn 🔐'],
      ['givenName', 'Zoë', 'Jürgen'],
      ['familyName', 'Müller', '李'],
      ['emailVerified', 'true', 'false'],
      ['emailVerified', 'true', 'true'],
      ['state', 'active', 'disabled'],
    ])('are compared as they are: %s', async (field, before, after) => {
      expect(await write({ [field]: { before, after } })).toBe(before === after ? 'already' : 'applied');
      if (before === after) return;
      expect(await write({ [field]: { before: after, after: before } })).toBe('applied');
      const user = (await directory.findBySub('shop:1'))!.user;
      expect(user).toMatchObject({
        nickname: 'Ann',
        givenName: 'Zoë',
        familyName: 'Müller',
        emailVerified: true,
        state: 'active',
      });
    });

    test('are written where nothing was changed by it', async () => {
      expect(await write({ nickname: { before: 'Ann', after: 'ANN' } })).toBe('applied');
      expect(await rows('types', 'select nick from people where id = 1')).toEqual([{ nick: 'ANN' }]);
    });

    test('that their collation takes for the same are not written over', async () => {
      const { openConnector } = await import('../../src/legacy/directory.ts');
      const connector = openConnector(
        legacySettings.parse({
          store: 'shop',
          mapping,
          sql: { engine: 'mysql', connection: connection(), table: 'people', login: ['login'], apply },
        }),
      );
      const change = (before: string) =>
        connector.apply!({ id: '1', columns: { nick: { before, after: 'new' } }, mark: `c${++count}` });
      expect([await change('ann'), await change('ANN'), await change('Ann')]).toEqual([
        'changed',
        'changed',
        'applied',
      ]);
      await connector.close();
    });

    test('do not take a letter that they lack', async () => {
      await expect(write({ givenName: { before: 'Zoë', after: '李小龙' } })).rejects.toMatchObject({
        code: 'bad_request',
      });
      expect((await directory.findBySub('shop:1'))!.user.givenName).toBe('Zoë');
    });

    test('have triggers that know our changes, and take no other for one', async () => {
      await write({ nickname: { before: 'Ann', after: 'one' } });
      // What comes over the same connections after it, and after one that was taken back.
      await write({ nickname: { before: 'nobody', after: 'two' } });
      await rows('types', "update people set nick = 'three' where id = 1");
      expect(await rows('types', 'select * from origins')).toEqual([
        { what: 'one', origin: 'sync' },
        { what: 'three', origin: null },
      ]);
    });

    test('leave no mark of origin behind on a connection', async () => {
      const sql = {
        apply: {
          ...apply,
          nickname: {
            statement:
              'update people set nick = concat(:value, coalesce(@footbridge_origin, 0)) where id = :id',
          },
        },
      };
      const own = open(sql);
      await own.apply('shop:1', { fields: { nickname: { before: 'Ann', after: 'x' } }, mark: 'own' });
      expect(await rows('types', 'select nick from people where id = 1')).toEqual([{ nick: 'xsync' }]);
      await own.close();
      const { marksIn } = await import('../../src/legacy/connectors/sql/apply-marks.ts');
      const { default: knex } = await import('knex');
      const db = knex({ client: 'mysql2', connection: connection(), pool: { min: 0, max: 1 } });
      const marks = marksIn('mysql', 'footbridge_applied');
      const origin = () => db.raw('select @footbridge_origin as origin').then(([[row]]) => row.origin);
      await db.transaction(async (transaction) => void (await marks.begin(transaction)));
      expect(await origin()).toBe('sync');
      await db.transaction(async (transaction) => void (await marks.end(transaction)));
      expect(await origin()).toBeNull();
      await db.transaction(async (transaction) => void (await marks.prune(transaction)));
      await db.destroy();
    });

    test('without the table of marks say what makes it', async () => {
      await rows('types', 'drop table footbridge_applied');
      await expect(write({ nickname: { before: 'Ann', after: 'x' } })).rejects.toMatchObject({
        code: 'config_invalid',
        detail: expect.stringContaining('sync install'),
      });
    });
  });
});
