/** What every connector does, whatever the store. A new one calls this with the three users of PEOPLE. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Connector } from '../../src/legacy/connector.ts';
import { LEGACY_WRITES } from '../../src/legacy/connector.ts';
import { openConnector } from '../../src/legacy/directory.ts';
import type { LegacySettings } from '../../src/legacy/legacy-settings.ts';
import { legacySettings, writesOf } from '../../src/legacy/legacy-settings.ts';
import { memberQuery, sqlWrites, writeContract } from './write-contract.ts';

export const PEOPLE_SQL = `
create table people (id integer primary key, login varchar(100), email varchar(100), password varchar(100), moved integer default 0,
  name varchar(100), target_id varchar(100) unique);
create table person_roles (person_id integer, name varchar(100));
create table organizations (id varchar(20) primary key, name varchar(100) not null, target_id varchar(100) unique);
create table members (organization varchar(20) not null references organizations (id), person_id integer not null,
  roles varchar(100) not null, primary key (organization, person_id));
insert into organizations (id, name) values ('o1', 'Mill'), ('o2', 'Press');
insert into people (id, login, email, password) values
  (1, 'anna', 'anna@example.com', 'secret-hash-1'),
  (2, 'bob', 'bob@example.com', 'secret-hash-2'),
  (10, 'ceyda', 'bob', 'secret-hash-3');
insert into person_roles values (2, 'editor'), (2, 'author');
`;

/** Three users, however the store keeps them: `login`, `email`, `password`; ceyda's email address is bob's login. */
export const PEOPLE = [
  { id: '1', login: 'anna', email: 'anna@example.com', password: 'secret-hash-1', roles: [] },
  { id: '2', login: 'bob', email: 'bob@example.com', password: 'secret-hash-2', roles: ['author', 'editor'] },
  { id: '10', login: 'ceyda', email: 'bob', password: 'secret-hash-3', roles: [] },
] as const;

export interface ContractStore {
  /** The store's settings as in the configuration file, its connector's part at least: `{ sql: { … } }`. */
  readonly settings: Record<string, unknown>;
  /** The same for a place where no store is. */
  readonly absent: Record<string, unknown>;
  /** The same with a column, attribute or path that is not there, and the name that the error has to mention. */
  readonly mistaken?: { readonly settings: Record<string, unknown>; readonly names: string };
  /** The same with a mark that would touch more than one user. */
  readonly careless?: Record<string, unknown>;
  /** The order of ids in pages; by default as numbers. */
  readonly order?: readonly string[];
  /** The same with a `linkPerson` that would touch more than one user. */
  readonly carelessWrite?: Record<string, unknown>;
  /** Where the store knows passwords itself: anna's. */
  readonly password?: string;
  drop(): void | Promise<void>;
}

const settingsFor = (part: Record<string, unknown>): LegacySettings =>
  legacySettings.parse({ store: 'shop', ...part });

/** What a connector need not have; what it has is tested. `statements`: SQL of the operator's own; `columns`: a schema. */
type Ability = 'related' | 'findByIds' | 'page' | 'flag' | 'statements' | 'columns' | 'verifyPassword';
const CAPABILITIES = ['related', 'findByIds', 'page', 'flag', 'verifyPassword'] as const;

export function connectorContract(
  name: string,
  openStore: () => Promise<ContractStore>,
  { lacks = ['verifyPassword'], writes = false }: { lacks?: readonly Ability[]; writes?: boolean } = {},
): void {
  const has = (ability: Ability) => !lacks.includes(ability);
  const testWhere = (is: boolean) => (is ? test : () => undefined);
  describe(`the ${name} connector`, () => {
    let store: ContractStore;
    let connector: Connector;
    beforeAll(async () => {
      store = await openStore();
      connector = openConnector(settingsFor(store.settings));
    });
    afterAll(async () => {
      await connector?.close();
      await store?.drop();
    });
    const ids = (rows: readonly { id: string }[]) => rows.map((row) => row.id).sort();

    test('has the capabilities it says it has', () => {
      for (const capability of CAPABILITIES)
        expect(connector[capability] !== undefined, capability).toBe(has(capability));
      const all = writes ? Object.keys(LEGACY_WRITES) : [];
      expect([[...(connector.writes ?? [])], connector.write !== undefined]).toEqual([all, writes]);
      expect([...writesOf(settingsFor(store.settings))]).toEqual(all);
    });

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

    testWhere(has('findByIds'))('finds many at once, and leaves out whom it does not have', async () => {
      expect(ids(await connector.findByIds!(['1', '3', '2']))).toEqual(['1', '2']);
    });

    test.each(['abc', '', '1 or 1=1', '99999999999999999999999', '1e1'])(
      'takes an id of another kind, %j, for nobody’s and not for a failure',
      async (id) => {
        expect((await connector.findById(id)).filter((row) => row.id === id)).toEqual([]);
      },
    );

    testWhere(has('related'))('gives what belongs to a user, and nothing of others', async () => {
      expect((await connector.related!('2')).roles).toMatchObject([{ name: 'author' }, { name: 'editor' }]);
      expect((await connector.related!('1')).roles).toEqual([]);
    });

    testWhere(has('page'))('gives all users in pages, each once, in the order of their ids', async () => {
      const [one, two, last] = store.order ?? ['1', '2', '10'];
      const first = await connector.page!('', 2);
      const second = await connector.page!(first.at(-1)!.id, 2);
      expect([first, second].map((page) => page.map((row) => row.id))).toEqual([[one, two], [last]]);
      expect(await connector.page!(last!, 2)).toEqual([]);
    });

    testWhere(has('flag'))('marks one user, and nobody where there is none', async () => {
      const moved = async (id: string) => Number((await connector.findById(id))[0]?.columns.moved);
      await connector.flag!('1', true);
      expect([await moved('1'), await moved('2')]).toEqual([1, 0]);
      await connector.flag!('1', false);
      expect(await moved('1')).toBe(0);
      await expect(connector.flag!('4', true)).rejects.toMatchObject({ code: 'user_not_found' });
      await expect(connector.flag!('x', true)).rejects.toMatchObject({ code: 'user_not_found' });
    });

    testWhere(has('statements'))('takes back a mark that would touch more than one user', async () => {
      const careless = openConnector(settingsFor(store.careless!));
      await expect(careless.flag!('1', true)).rejects.toMatchObject({ code: 'config_invalid' });
      expect((await connector.findById('2'))[0]?.columns.moved).toSatisfy((value) => Number(value) === 0);
      await careless.close();
    });

    testWhere(has('verifyPassword'))('lets the store check a password', async () => {
      const [anna] = await connector.findById('1');
      expect(await connector.verifyPassword!(anna!, store.password!)).toBe(true);
      for (const wrong of ['wrong', '', `${store.password} `, store.password!.toUpperCase(), '*', '\0'])
        expect(await connector.verifyPassword!(anna!, wrong), JSON.stringify(wrong)).toBe(false);
    });

    test('answers a ping', async () => {
      await expect(connector.ping()).resolves.toBeUndefined();
    });

    testWhere(has('columns'))('says which column is missing, and no value', async () => {
      const mistaken = openConnector(settingsFor(store.mistaken!.settings));
      const error = await mistaken.findByLogin('a-secret-login').catch((thrown) => thrown);
      expect(error).toMatchObject({
        code: 'legacy_unavailable',
        detail: expect.stringContaining(store.mistaken!.names),
      });
      expect(JSON.stringify([error.message, error.detail, error.stack])).not.toContain('a-secret-login');
      expect(error.cause).toBeUndefined();
      await mistaken.close();
    });

    test('opens a store that is not there, and says so when asked', async () => {
      const absent = openConnector(settingsFor(store.absent));
      await expect(absent.ping()).rejects.toMatchObject({ code: 'legacy_unavailable' });
      await expect(absent.findByLogin('anna')).rejects.toMatchObject({ code: 'legacy_unavailable' });
      await absent.close();
    });

    if (writes) writeContract(() => connector);

    testWhere(writes && has('statements'))(
      'takes back a write that would touch more than one user',
      async () => {
        const careless = openConnector(settingsFor(store.carelessWrite!));
        await connector.write!('linkPerson', { id: '1', targetUserId: 'kept' });
        const write = careless.write!('linkPerson', { id: '1', targetUserId: null });
        await expect(write).rejects.toMatchObject({
          code: 'config_invalid',
          detail: 'sql.writes.linkPerson changes more than one row',
        });
        expect((await connector.findById('1'))[0]?.columns.target_id).toBe('kept');
        await careless.close();
      },
    );
  });
}

const people = {
  table: 'people',
  login: ['login', 'email'],
  queries: {
    related: {
      roles: 'select name from person_roles where person_id = :id order by name',
      members: memberQuery,
    },
  },
  flag: { statement: 'update people set moved = :migrated where id = :id' },
};

/** What differs from engine to engine is how to reach it; `reach` is given a place and the place where nothing is. */
export function sqlStore(
  reach: Record<string, unknown>,
  absent: Record<string, unknown>,
  drop: () => void | Promise<void> = () => {},
): ContractStore {
  const writes = sqlWrites(reach.engine);
  const sql = (part: Record<string, unknown>) => ({ sql: { ...people, writes, ...part } });
  const linkPerson = {
    statement: "update people set target_id = :targetUserId where id = :id or login <> ''",
  };
  const careless = { statement: "update people set moved = :migrated where id = :id or login <> ''" };
  return {
    settings: sql(reach),
    absent: sql({ ...reach, ...absent }),
    mistaken: { settings: sql({ ...reach, login: ['no_such_column'] }), names: 'no_such_column' },
    careless: sql({ ...reach, flag: careless }),
    carelessWrite: sql({ ...reach, writes: { linkPerson } }),
    drop,
  };
}
