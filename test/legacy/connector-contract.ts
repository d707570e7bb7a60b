/** What every connector does, whatever the store. A new one calls this with three users: see PEOPLE_SQL for who they are. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Connector } from '../../src/legacy/connector.ts';
import { openConnector } from '../../src/legacy/connectors/index.ts';
import type { LegacySettings } from '../../src/legacy/legacy-settings.ts';
import { legacySettings } from '../../src/legacy/legacy-settings.ts';

export const PEOPLE_SQL = `
create table people (id integer primary key, login varchar(100), email varchar(100), password varchar(100), moved integer default 0);
create table person_roles (person_id integer, name varchar(100));
insert into people (id, login, email, password) values
  (1, 'anna', 'anna@example.com', 'secret-hash-1'),
  (2, 'bob', 'bob@example.com', 'secret-hash-2'),
  (10, 'ceyda', 'bob', 'secret-hash-3');
insert into person_roles values (2, 'editor'), (2, 'author');
`;

export interface ContractStore {
  readonly settings: { engine: string; connection?: string; file?: string };
  drop(): void | Promise<void>;
}

const people = {
  table: 'people',
  login: ['login', 'email'],
  queries: { related: { roles: 'select name from person_roles where person_id = :id order by name' } },
  flag: { statement: 'update people set moved = :migrated where id = :id' },
};
const settingsFor = (sql: object): LegacySettings =>
  legacySettings.parse({ store: 'shop', sql: { ...people, ...sql } });

export function connectorContract(name: string, openStore: () => Promise<ContractStore>): void {
  describe(`the ${name} connector`, () => {
    let store: ContractStore;
    let connector: Connector;
    beforeAll(async () => {
      store = await openStore();
      connector = openConnector(settingsFor(store.settings));
    });
    afterAll(async () => {
      await connector.close();
      await store.drop();
    });
    const ids = (rows: readonly { id: string }[]) => rows.map((row) => row.id).sort();

    test('finds by each of the login columns, with all of the row', async () => {
      expect(ids(await connector.findByLogin('anna'))).toEqual(['1']);
      const [row] = await connector.findByLogin('anna@example.com');
      expect(row).toMatchObject({ id: '1', columns: { login: 'anna', password: 'secret-hash-1' } });
    });

    test('finds nobody by a login that nobody has', async () => {
      expect(await connector.findByLogin('nobody')).toEqual([]);
    });

    test('gives every row that answers, for the caller to refuse', async () => {
      expect(ids(await connector.findByLogin('bob'))).toEqual(['10', '2']);
    });

    test.each([
      "' or '1'='1",
      "\\' or 1=1 -- ",
      "anna'; drop table people; --",
      '%',
      '_nna',
      '*',
      'anna*',
      '*)(uid=*',
      '$1',
      '?',
      ':login',
      'null',
      '0',
    ])('takes %j for a value', async (login) => {
      expect(await connector.findByLogin(login)).toEqual([]);
      expect(ids(await connector.findByLogin('anna'))).toEqual(['1']);
    });

    test('finds by id, which is text', async () => {
      expect(await connector.findById('2')).toMatchObject([{ id: '2', columns: { login: 'bob' } }]);
      expect(await connector.findById('3')).toEqual([]);
    });

    test.each(['abc', '', '1 or 1=1', '99999999999999999999999', '1e1'])(
      'takes an id of another kind, %j, for nobody’s and not for a failure',
      async (id) => {
        expect((await connector.findById(id)).filter((row) => row.id === id)).toEqual([]);
      },
    );

    test('gives what belongs to a user, and nothing of others', async () => {
      expect((await connector.related!('2')).roles).toMatchObject([{ name: 'author' }, { name: 'editor' }]);
      expect((await connector.related!('1')).roles).toEqual([]);
    });

    test('gives all users in pages, each once, in the order of their ids', async () => {
      const first = await connector.page!('', 2);
      const second = await connector.page!(first.at(-1)!.id, 2);
      expect([first, second].map((page) => page.map((row) => row.id))).toEqual([['1', '2'], ['10']]);
      expect(await connector.page!('10', 2)).toEqual([]);
    });

    test('marks one user, and nobody where there is none', async () => {
      const moved = async (id: string) => Number((await connector.findById(id))[0]?.columns.moved);
      await connector.flag!('1', true);
      expect([await moved('1'), await moved('2')]).toEqual([1, 0]);
      await connector.flag!('1', false);
      expect(await moved('1')).toBe(0);
      await expect(connector.flag!('4', true)).rejects.toMatchObject({ code: 'user_not_found' });
      await expect(connector.flag!('x', true)).rejects.toMatchObject({ code: 'user_not_found' });
    });

    test('takes back a mark that would touch more than one user', async () => {
      const flag = { statement: "update people set moved = :migrated where id = :id or login <> ''" };
      const careless = openConnector(settingsFor({ ...store.settings, flag }));
      await expect(careless.flag!('1', true)).rejects.toMatchObject({ code: 'config_invalid' });
      expect((await connector.findById('2'))[0]?.columns.moved).toSatisfy((value) => Number(value) === 0);
      await careless.close();
    });

    test('answers a ping', async () => {
      await expect(connector.ping()).resolves.toBeUndefined();
    });

    test('says which column is missing, and no value', async () => {
      const mistaken = openConnector(settingsFor({ ...store.settings, login: ['no_such_column'] }));
      const error = await mistaken.findByLogin('a-secret-login').catch((thrown) => thrown);
      expect(error).toMatchObject({
        code: 'legacy_unavailable',
        detail: expect.stringContaining('no_such_column'),
      });
      expect(JSON.stringify([error.message, error.detail, error.stack])).not.toContain('a-secret-login');
      expect(error.cause).toBeUndefined();
      await mistaken.close();
    });

    test('opens a store that is not there, and says so when asked', async () => {
      const there = store.settings.file
        ? { file: `${store.settings.file}.missing` }
        : { connection: store.settings.connection!.replace(/:\d+\//, ':1/') };
      const absent = openConnector(settingsFor({ ...store.settings, ...there }));
      await expect(absent.ping()).rejects.toMatchObject({ code: 'legacy_unavailable' });
      await absent.close();
    });
  });
}
