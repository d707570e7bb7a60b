import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Directory } from '../../src/legacy/directory.ts';
import { openConnector } from '../../src/legacy/directory.ts';
import type { LegacySettings } from '../../src/legacy/legacy-settings.ts';
import { legacySettings } from '../../src/legacy/legacy-settings.ts';
import type { Mariadb } from '../servers/mariadb.ts';
import { requiresMariadb, startMariadb } from '../servers/mariadb.ts';
import { connectorContract, PEOPLE_SQL, sqlStore } from './connector-contract.ts';
import { survey } from './counted.ts';
import { Line } from './line.ts';
import { entry, exampleSettings, expected, expectUser, fixture, openDirectory } from './stores.ts';
import { sqlWrites } from './write-contract.ts';

const mariadb = requiresMariadb();
let server: Mariadb;

async function load(database: string, sql: string): Promise<string> {
  await server.execute(`create database ${database} character set utf8mb4`);
  await server.execute(sql, database);
  return server.url(database);
}

describe.skipIf(mariadb.skip)(mariadb.name, () => {
  beforeAll(async () => {
    server = await startMariadb();
  });
  afterAll(() => server?.stop());

  describe('a WordPress store', () => {
    // eve2 was inserted by hand, without the rows of wp_usermeta.
    const people = expected('wordpress').map((person) =>
      person.username === 'eve2' ? { ...person, first: '', last: '' } : person,
    );
    let directory: Directory;
    beforeAll(async () => {
      const url = await load('wordpress', fixture('wordpress.mariadb.sql'));
      directory = openDirectory(exampleSettings('wordpress', { LEGACY_DATABASE: url }));
    });
    afterAll(() => directory.close());

    const formatOf = (algorithm: string) =>
      algorithm.startsWith('unusable') ? [] : [algorithm === 'md5' ? 'wordpress-md5' : 'auto'];

    test.each(people)('gives $username', async (person) => {
      const found = await entry(directory, person.username);
      expectUser(found, person, 'wordpress', { unknown: ['verified'], adminRole: 'administrator' });
      if (person.username !== 'eve2') expect(found.user.phoneNumber).toMatch(/^\+49 30 10000\d\d$/);
      expect(found.credentials.passwords.map(({ format }) => format)).toEqual(formatOf(person.algorithm));
    });
  });

  describe('a home-grown store', () => {
    const people = expected('homegrown');
    let directory: Directory;
    let settings: LegacySettings;
    beforeAll(async () => {
      const url = await load('homegrown', fixture('homegrown.mariadb.sql'));
      settings = exampleSettings('homegrown', { LEGACY_DATABASE: url });
      directory = openDirectory(settings);
    });
    afterAll(() => directory.close());

    const formatOf = ({ username, algorithm }: { username: string; algorithm: string }) => {
      if (algorithm === 'none') return [];
      if (algorithm.startsWith('md5(md5hex')) return ['vbulletin'];
      return ['eve2', 'jan', 'olga'].includes(username) ? ['generic-hex_md5'] : ['generic-md5-salt-prefix'];
    };

    test.each(people)('gives $username', async (person) => {
      const found = await entry(directory, person.username);
      expectUser(found, person, 'shop', { unknown: ['admin'] });
      expect(found.credentials.passwords.map(({ format }) => format)).toEqual(formatOf(person));
      for (const { columns } of found.credentials.passwords) {
        expect(columns.password ?? columns.password_hash).toMatch(/^[0-9a-f]{32}$/);
      }
    });

    test('keeps an empty salt empty', async () => {
      expect((await entry(directory, 'anna')).credentials.passwords[0]?.columns).toMatchObject({ salt: '' });
    });

    test.each([
      ['ANNA', 'anna'],
      ['anna ', 'anna'],
      ['karl', 'KARL'],
    ])('lets “%s” in as %s, as the store and the facade agree on it', async (typed, username) => {
      expect((await entry(directory, typed)).user.username).toBe(username);
    });

    test('does not take one letter for two, though the collation does', async () => {
      await server.execute("update tblKunden set Benutzer = 'bäcker' where KundenNr = 5001", 'homegrown');
      const lenient = openDirectory({ ...settings, recheckLogin: false });
      expect(await directory.findByLogin('baecker')).toBeUndefined();
      expect((await entry(lenient, 'baecker')).user.legacyId).toBe('5001');
      expect((await entry(directory, 'BÄCKER')).user.legacyId).toBe('5001');
      await lenient.close();
      await server.execute("update tblKunden set Benutzer = 'bob' where KundenNr = 5001", 'homegrown');
    });

    test('tells two people apart whose addresses differ in case only', async () => {
      expect((await entry(directory, 'EVE@Example.com')).user.username).toBe('eve');
      expect((await entry(directory, 'eve@example.com')).user.username).toBe('eve2');
      await expect(directory.findByLogin('Eve@example.com')).rejects.toMatchObject({
        code: 'user_ambiguous',
      });
    });

    test.each(['shop:5000abc', 'shop:5000 ', 'shop:05000', 'shop:5000.0', 'other:5000', 'shop:'])(
      'knows nobody as %s, though MySQL would compare it as the number 5000',
      async (sub) => {
        expect(await directory.findBySub(sub)).toBeUndefined();
      },
    );

    test('is marked, and the mark taken back', async () => {
      await directory.flag?.('shop:5003', true);
      const marked = openDirectory(markMapping(settings));
      expect((await marked.findBySub('shop:5003'))?.user.attributes).toEqual({ moved: 1 });
      await directory.flag?.('shop:5003', false);
      expect((await marked.findBySub('shop:5003'))?.user.attributes).toEqual({ moved: 0 });
      await expect(directory.flag?.('shop:1', true)).rejects.toMatchObject({ code: 'user_not_found' });
      await marked.close();
    });

    test('is surveyed', async () => {
      expect(await survey(directory.entries!())).toMatchObject({
        users: 20,
        states: { active: 18, disabled: 1, locked: 1 },
        formats: { vbulletin: 5, 'generic-hex_md5': 3, 'generic-md5-salt-prefix': 11 },
        withoutPassword: 1,
        withTotp: 4,
        unmappable: {},
      });
    });
  });

  describe('the pool that looks people up', () => {
    test('is read-only and has a limit for each statement', async () => {
      const url = await load('readonly', PEOPLE_SQL);
      const byLogin =
        'select 1 as id, @@tx_read_only as ro, @@max_statement_time as seconds from people where login = :login';
      const sql = { engine: 'mysql', connection: url, table: 'people', queries: { byLogin } };
      const connector = openConnector(legacySettings.parse({ store: 'shop', sql, timeoutMs: 1_000 }));
      const [row] = await connector.findByLogin('anna');
      expect([Number(row?.columns.ro), Number(row?.columns.seconds)]).toEqual([1, 0.8]);
      await connector.close();
    });

    test('is back after a silence, and leaves no connection behind', async () => {
      const database = new URL(await load('silence', PEOPLE_SQL));
      const line = new Line(() => connect(server.port, '127.0.0.1'));
      database.port = String(await line.listen());
      const sql = { engine: 'mysql', connection: database.href, table: 'people', login: ['login'] };
      const directory = openDirectory(legacySettings.parse({ store: 'shop', sql, timeoutMs: 500 }));
      await entry(directory, 'anna');
      line.mode = 'silent';
      await expect(directory.findByLogin('anna')).rejects.toMatchObject({ code: 'legacy_unavailable' });
      await expect(directory.findByLogin('anna')).rejects.toMatchObject({ code: 'legacy_unavailable' });
      line.mode = 'open';
      expect((await entry(directory, 'anna')).user.sub).toBe('shop:1');
      await directory.close();
      await expect.poll(() => line.connections, { timeout: 10_000 }).toBe(0);
      await line.close();
    });
  });

  describe('values', () => {
    test('are bound, not escaped, also where a backslash escapes nothing', async () => {
      const url = await load('backslash', PEOPLE_SQL);
      await server.execute("set global sql_mode = 'NO_BACKSLASH_ESCAPES'");
      const directory = openDirectory(
        legacySettings.parse({
          store: 'shop',
          recheckLogin: false,
          sql: { engine: 'mysql', connection: url, table: 'people', login: ['login'] },
        }),
      );
      expect(await directory.findByLogin("\\' or 1=1 -- ")).toBeUndefined();
      expect((await entry(directory, 'anna')).user.legacyId).toBe('1');
      await directory.close();
      await server.execute('set global sql_mode = default');
    });

    test('that the column’s character set lacks find nobody', async () => {
      const url = await load(
        'latin',
        PEOPLE_SQL.replaceAll('varchar(100)', 'varchar(100) character set utf8mb3'),
      );
      const directory = openDirectory(
        legacySettings.parse({
          store: 'shop',
          sql: { engine: 'mysql', connection: url, table: 'people', login: ['login'] },
        }),
      );
      expect(await directory.findByLogin('anna🔐')).toBeUndefined();
      await directory.close();
    });
  });

  describe('writes', () => {
    const opened = async (name: string, writes: object) => {
      const sql = {
        engine: 'mysql',
        connection: await load(name, PEOPLE_SQL),
        table: 'people',
        login: ['login'],
      };
      return openConnector(legacySettings.parse({ store: 'shop', sql: { ...sql, writes } }));
    };

    test('may insert or update, which counts one row as two', async () => {
      const statement =
        'insert into people (id, target_id) values (:id, :targetUserId) on duplicate key update target_id = :targetUserId';
      const connector = await opened('upsert', { linkPerson: { statement } });
      expect(await connector.write!('linkPerson', { id: '1', targetUserId: 't-1' })).toBe(2);
      expect((await connector.findById('1'))[0]?.columns.target_id).toBe('t-1');
      await connector.close();
    });

    test('tell a value that does not fit from an outage', async () => {
      const connector = await opened('unfit', sqlWrites('mysql'));
      const write = connector.write!('linkPerson', { id: '1', targetUserId: 'x'.repeat(101) });
      await expect(write).rejects.toMatchObject({
        code: 'bad_request',
        detail: 'sql.writes.linkPerson: mysql ER_DATA_TOO_LONG refuses one of its values',
      });
      await connector.close();
    });
  });

  connectorContract(
    'mysql',
    async () => {
      const name = `contract_${Date.now().toString(36)}`;
      const connection = await load(name, PEOPLE_SQL);
      return sqlStore({ engine: 'mysql', connection }, { connection: connection.replace(/:\d+\//, ':1/') });
    },
    { writes: true },
  );
});

const markMapping = (settings: LegacySettings): LegacySettings => ({
  ...settings,
  mapping: { ...settings.mapping, attributes: { moved: { column: 'migriert', transform: [], list: false } } },
});
