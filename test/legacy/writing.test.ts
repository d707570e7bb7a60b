import { connect } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { FootbridgeError } from '../../src/errors.ts';
import type { Connector, LegacyWrite, WriteValues } from '../../src/legacy/connector.ts';
import { openDirectory } from '../../src/legacy/directory.ts';
import { legacySettings, legacyStores } from '../../src/legacy/legacy-settings.ts';
import { openStores } from '../../src/legacy/stores.ts';
import { execute } from '../support/database.ts';
import type { TestDatabase } from '../support/postgres.ts';
import { testDatabase } from '../support/postgres.ts';
import { PEOPLE_SQL } from './connector-contract.ts';
import { Line } from './line.ts';
import type { Store } from './stores.ts';
import { sqliteStore } from './stores.ts';
import { memberQuery, sqlWrites } from './write-contract.ts';

class FakeStore implements Connector {
  readonly writes: ReadonlySet<LegacyWrite> = new Set(['linkPerson', 'setMember', 'createPerson']);
  written: unknown[] = [];
  failure: Error | undefined;
  name = 'Anna';
  isSilent = false;

  async findByLogin() {
    return [{ id: '1', columns: { login: 'anna', name: this.name } }];
  }
  async findById(id: string) {
    return [{ id, columns: { login: 'anna', name: this.name } }];
  }
  async write(what: LegacyWrite, values: WriteValues) {
    if (this.isSilent) return new Promise<number>(() => undefined);
    if (this.failure) throw this.failure;
    this.written.push([what, values]);
    return 1;
  }
  async ping() {}
  async close() {}
}

let store: FakeStore;
beforeEach(() => {
  store = new FakeStore();
});
const open = (changes: object = {}) =>
  openDirectory(
    legacySettings.parse({
      store: 'shop',
      sql: { engine: 'sqlite', file: 'unused', table: 'people', login: ['login'] },
      mapping: { name: 'name' },
      timeoutMs: 100,
      ...changes,
    }),
    { connector: store },
  );

describe('a write', () => {
  test('reaches the store with its own ids', async () => {
    const directory = open();
    expect(directory.writes('shop:1')).toEqual(store.writes);
    const member = { organization: 'shop:o:7', id: 'shop:1', roles: 'a,b' };
    expect(await directory.write('shop:o:7', 'setMember', member)).toBe(1);
    await directory.write('shop:1', 'linkPerson', { id: 'shop:1', targetUserId: null });
    expect(store.written).toEqual([
      ['setMember', { organization: 'o:7', id: '1', roles: 'a,b' }],
      ['linkPerson', { id: '1', targetUserId: null }],
    ]);
  });

  test('has bare ids where subjects are bare', async () => {
    const directory = open({ subjects: 'bare' });
    expect(directory.organizationKey('1', 'o7')).toBe('o7');
    await directory.write('o7', 'setMember', { organization: 'o7', id: '1', roles: '' });
    expect(store.written).toEqual([['setMember', { organization: 'o7', id: '1', roles: '' }]]);
  });

  test('has nothing where a person has nothing, and nothing that is not asked for', async () => {
    await open().write(undefined, 'createPerson', { targetUserId: 't', email: 'e', roles: 'x' });
    const nothing = { name: null, givenName: null, familyName: null };
    expect(store.written).toEqual([['createPerson', { targetUserId: 't', email: 'e', ...nothing }]]);
  });

  test.each([
    ['shop:1', 'linkPerson', { id: 'crm:1', targetUserId: 't' }, 'user_not_found'],
    ['shop:1', 'linkPerson', { id: '1', targetUserId: 't' }, 'user_not_found'],
    ['shop:1', 'linkPerson', { id: 'shop:', targetUserId: 't' }, 'user_not_found'],
    ['shop:1', 'linkPerson', { id: null, targetUserId: 't' }, 'user_not_found'],
    ['shop:o', 'setMember', { organization: 'crm:o', id: 'shop:1', roles: '' }, 'organization_not_found'],
    ['crm:1', 'linkPerson', { id: 'shop:1', targetUserId: 't' }, 'not_found'],
    ['shop:1', 'endMember', { organization: 'shop:o', id: 'shop:1' }, 'not_found'],
    ['shop:1', 'linkPerson', { id: 'shop:1' }, 'internal'],
    ['shop:1', 'linkPerson', { id: 'shop:1', targetUserId: 'a\0b' }, 'bad_request'],
    ['shop:1', 'linkPerson', { id: 'shop:1', targetUserId: '\ud800' }, 'bad_request'],
    ['shop:1', 'linkPerson', { id: 'shop:1', targetUserId: 'x'.repeat(4_097) }, 'bad_request'],
    ['shop:1', 'linkPerson', { id: 'shop:1\0', targetUserId: 't' }, 'user_not_found'],
  ] as const)('for %s of %s with %j changes nothing', async (key, what, values, code) => {
    await expect(open().write(key, what, values)).rejects.toMatchObject({ code });
    expect(store.written).toEqual([]);
  });

  test('makes memory forget the person', async () => {
    const directory = open();
    expect((await directory.userBySub('shop:1'))?.name).toBe('Anna');
    store.name = 'Anna New';
    await directory.write('shop:2', 'linkPerson', { id: 'shop:2', targetUserId: 't' });
    expect((await directory.userBySub('shop:1'))?.name).toBe('Anna');
    await directory.write('shop:1', 'linkPerson', { id: 'shop:1', targetUserId: 't' });
    expect((await directory.userBySub('shop:1'))?.name).toBe('Anna New');
  });

  test('that never ends is an outage after the deadline', async () => {
    store.isSilent = true;
    const write = open().write('shop:1', 'linkPerson', { id: 'shop:1', targetUserId: 't' });
    await expect(write).rejects.toMatchObject({
      code: 'legacy_unavailable',
      detail: 'no answer within 100 ms',
    });
  });

  test('that fails holds up neither the others nor any login', async () => {
    const directory = open();
    store.failure = new FootbridgeError('legacy_unavailable', { detail: '42501' });
    const link = () => directory.write('shop:1', 'linkPerson', { id: 'shop:1', targetUserId: 't' });
    for (let attempt = 0; attempt < 6; attempt++)
      await expect(link()).rejects.toMatchObject({ code: 'legacy_unavailable' });
    store.failure = undefined;
    await expect(link()).rejects.toMatchObject({ detail: expect.stringContaining('not asked again') });
    const member = { organization: 'shop:o', id: 'shop:1', roles: '' };
    expect(await directory.write('shop:1', 'setMember', member)).toBe(1);
    expect(await directory.findByLogin('anna')).toBeDefined();
  });

  test('that is refused counts as an answer', async () => {
    const directory = open();
    store.failure = new FootbridgeError('user_ambiguous');
    const create = () => directory.write(undefined, 'createPerson', { targetUserId: 't' });
    for (let attempt = 0; attempt < 6; attempt++)
      await expect(create()).rejects.toMatchObject({ code: 'user_ambiguous' });
    store.failure = undefined;
    expect(await create()).toBe(1);
  });
});

describe('the key of an organization', () => {
  test('is its id with the prefix of its members', () => {
    expect(open().organizationKey('shop:1', '77')).toBe('shop:77');
  });

  test.each([
    ['crm:1', '77'],
    ['shop:', '77'],
    ['shop:1', ''],
    ['shop:1', 'a b'],
    ['shop:1', 'ü'],
    ['shop:1', 'x'.repeat(251)],
  ])('of %s and %j there is none', (sub, id) => {
    expect(open().organizationKey(sub, id)).toBeUndefined();
  });
});

describe('a store without writes', () => {
  test('has none, and writes nothing', async () => {
    const { findByLogin, findById, ping, close } = store;
    const connector = { findByLogin, findById, ping, close };
    const settings = {
      store: 'shop',
      sql: { engine: 'sqlite', file: 'unused', table: 'people', login: ['login'] },
    };
    const directory = openDirectory(legacySettings.parse(settings), { connector });
    expect(directory.writes('shop:1')).toEqual(new Set());
    await expect(
      directory.write('shop:1', 'linkPerson', { id: 'shop:1', targetUserId: 't' }),
    ).rejects.toMatchObject({ code: 'not_found', detail: 'writes.linkPerson is not configured' });
  });
});

describe('several stores', () => {
  let shop: Store;
  let crm: Store;
  beforeAll(() => {
    shop = sqliteStore(PEOPLE_SQL);
    crm = sqliteStore(PEOPLE_SQL);
  });
  afterAll(() => {
    shop.drop();
    crm.drop();
  });
  const stores = () => {
    const writes = sqlWrites('sqlite');
    const { linkPerson, createPerson } = writes;
    const sql = {
      engine: 'sqlite',
      table: 'people',
      login: ['login'],
      queries: { related: { members: memberQuery } },
    };
    const mapping = {
      attributes: { target: 'target_id' },
      organizations: {
        from: 'members',
        id: 'organization',
        name: 'organization',
        roles: 'roles',
        owner: false,
      },
    };
    return openStores(
      legacyStores.parse({
        stores: [
          { store: 'shop', mapping, sql: { ...sql, file: shop.file, writes: { linkPerson, createPerson } } },
          { store: 'crm', mapping, sql: { ...sql, file: crm.file, writes } },
        ],
      }),
    );
  };

  test('are each written to with their own ids', async () => {
    const directory = stores();
    await directory.write('crm:1', 'linkPerson', { id: 'crm:1', targetUserId: 'there' });
    expect((await directory.findBySub('crm:1'))?.user.attributes).toEqual({ target: 'there' });
    expect((await directory.findBySub('shop:1'))?.user.attributes).toEqual({});
    const organization = directory.organizationKey('crm:1', 'o1')!;
    expect(organization).toBe('crm:o1');
    await directory.write(organization, 'setMember', { organization, id: 'crm:2', roles: 'buyer' });
    expect((await directory.userBySub('crm:2'))?.organizations).toMatchObject([
      { id: 'o1', roles: ['buyer'] },
    ]);
    expect((await directory.userBySub('shop:2'))?.organizations).toEqual([]);
    await directory.close();
  });

  test('know each its own writes, and the first whose nobody is', async () => {
    const directory = stores();
    expect([...directory.writes('shop:1')]).toEqual(['linkPerson', 'createPerson']);
    expect(directory.writes('crm:o1')).toContain('setMember');
    expect(directory.writes()).toEqual(directory.writes('shop:1'));
    expect(directory.writes('attic:1')).toEqual(new Set());
    await directory.write(undefined, 'createPerson', { targetUserId: 't', email: 'new@example.com' });
    expect(await directory.findBySub('shop:11')).toBeDefined();
    expect(await directory.findBySub('crm:11')).toBeUndefined();
    await directory.close();
  });

  test.each([
    ['shop:1', 'linkPerson', { id: 'crm:2', targetUserId: 't' }, 'user_not_found'],
    ['crm:o1', 'setMember', { organization: 'crm:o1', id: 'shop:1', roles: '' }, 'user_not_found'],
    ['crm:1', 'endMemberships', { organization: 'shop:o1' }, 'organization_not_found'],
    ['shop:o1', 'endMemberships', { organization: 'shop:o1' }, 'not_found'],
    ['attic:1', 'linkPerson', { id: 'attic:1', targetUserId: 't' }, 'not_found'],
  ] as const)('refuse for %s %s of %j', async (key, what, values, code) => {
    const directory = stores();
    await expect(directory.write(key, what, values)).rejects.toMatchObject({ code });
    await directory.close();
  });
});

describe('a writer that does not answer', () => {
  let database: TestDatabase;
  let line: Line;
  let through: string;
  beforeAll(async () => {
    await Promise.all([import('knex'), import('pg')]);
    database = await testDatabase({ empty: true });
    await execute(database.url, PEOPLE_SQL);
    const there = new URL(database.url);
    line = new Line(() => connect(Number(there.port), there.hostname));
    const url = new URL(database.url);
    url.hostname = '127.0.0.1';
    url.port = String(await line.listen());
    through = url.href;
  });
  afterAll(async () => {
    await line.close();
    await database.drop();
  });
  const directoryThrough = (part: object) =>
    openDirectory(
      legacySettings.parse({
        store: 'shop',
        timeoutMs: 1_000,
        mapping: { attributes: { target: 'target_id', moved: 'moved' } },
        sql: {
          engine: 'postgresql',
          connection: database.url,
          table: 'people',
          login: ['login'],
          ...part,
        },
      }),
    );

  test('keeps nobody from logging in, and is back when it speaks again, as often as that is', async () => {
    const directory = directoryThrough({
      flag: { statement: 'update people set moved = :migrated where id = :id', connection: through },
      writes: { ...sqlWrites('postgresql'), connection: through },
    });
    const link = (targetUserId: string) =>
      directory.write('shop:1', 'linkPerson', { id: 'shop:1', targetUserId });
    for (const round of ['1', '2', '3']) {
      line.mode = 'open';
      expect(await link(round)).toBe(1);
      await directory.flag!('shop:1', true);
      line.mode = 'silent';
      await expect(link('lost')).rejects.toMatchObject({ code: 'legacy_unavailable' });
      await expect(directory.flag!('shop:1', false)).rejects.toMatchObject({ code: 'legacy_unavailable' });
      expect((await directory.findByLogin('anna'))?.user.attributes).toEqual({ target: round, moved: 1 });
    }
    line.mode = 'open';
    expect(await link('back')).toBe(1);
    await directory.close();
  });

  test('shares its connection with the mark, where it is the same role', async () => {
    await expect.poll(() => line.connections, { timeout: 10_000 }).toBe(0);
    const directory = directoryThrough({
      flag: { statement: 'update people set moved = :migrated where id = :id', connection: through },
      writes: { ...sqlWrites('postgresql'), connection: through },
    });
    await directory.flag!('shop:1', true);
    await directory.write('shop:1', 'linkPerson', { id: 'shop:1', targetUserId: null });
    expect(line.connections).toBe(1);
    await directory.close();
  });

  test.each([
    ['a value that is too long', { id: 'shop:1', targetUserId: 'canary'.repeat(20) }, '22001'],
    ['an id that is no number', { id: 'shop:abc', targetUserId: 'canary' }, '22P02'],
  ])('is told from %s', async (_what, values, code) => {
    const directory = directoryThrough({ writes: sqlWrites('postgresql') });
    const error = await directory.write('shop:1', 'linkPerson', values).catch((thrown) => thrown);
    expect(error).toMatchObject({
      code: 'bad_request',
      detail: `sql.writes.linkPerson: postgresql ${code} refuses one of its values`,
    });
    expect(JSON.stringify([error.message, error.detail, error.stack, error.cause])).not.toContain('canary');
    await directory.close();
  });

  test('that lacks the right says so, without a value', async () => {
    const role = `writer_${new URL(database.url).pathname.slice(1)}`;
    await execute(
      database.url,
      `create role ${role} login password 'right'; grant select on people to ${role}`,
    );
    const connection = new URL(database.url);
    connection.username = role;
    connection.password = 'right';
    const directory = directoryThrough({
      writes: { ...sqlWrites('postgresql'), connection: connection.href },
    });
    const error = await directory
      .write('shop:1', 'linkPerson', { id: 'shop:1', targetUserId: 'canary' })
      .catch((thrown) => thrown);
    expect(error).toMatchObject({ code: 'legacy_unavailable', detail: expect.stringContaining('people') });
    expect(JSON.stringify([error.message, error.detail, error.stack, error.cause])).not.toContain('canary');
    await directory.close();
    await execute(database.url, `drop owned by ${role}; drop role ${role}`);
  });
});
