import { connect } from 'node:net';
import type { MongoClient as Client } from 'mongodb';
import { Binary, Decimal128, Int32, Long, MongoClient, ObjectId, Timestamp, UUID } from 'mongodb';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Connector } from '../../src/legacy/connector.ts';
import { openConnector, openDirectory } from '../../src/legacy/directory.ts';
import { legacySettings } from '../../src/legacy/legacy-settings.ts';
import type { MongoServer } from '../servers/mongodb.ts';
import { requiresMongodb, startMongodb } from '../servers/mongodb.ts';
import { freePort } from '../support/ports.ts';
import { connectorContract, PEOPLE } from './connector-contract.ts';
import { Line } from './line.ts';

const mongodb = requiresMongodb();
const parse = (part: Record<string, unknown>, rest: Record<string, unknown> = {}) =>
  legacySettings.parse({ store: 'shop', mongodb: part, ...rest });

describe.skipIf(mongodb.skip)(mongodb.name, () => {
  let server: MongoServer;
  let client: Client;
  const opened: Connector[] = [];
  beforeAll(async () => {
    server = await startMongodb();
    client = new MongoClient(server.url);
  });
  afterAll(async () => {
    for (const connector of opened) await connector.close();
    await client?.close();
    await server?.stop();
  });
  const open = (part: Record<string, unknown>, timeoutMs = 2_500): Connector => {
    const connector = openConnector(parse({ url: `${server.url}/people`, ...part }, { timeoutMs }));
    opened.push(connector);
    return connector;
  };
  const collection = (name: string) => client.db('people').collection(name);

  connectorContract(
    'mongodb, numbers as ids and roles in a collection of their own',
    async () => {
      const db = client.db('shop');
      for (const { roles, id, ...person } of PEOPLE) {
        await db.collection('users').insertOne({ _id: Number(id) as never, ...person, moved: false });
        for (const name of roles) await db.collection('roles').insertOne({ person: Number(id), name });
      }
      return storeIn('shop', { roles: { collection: 'roles', by: 'person' } });
    },
    { lacks: ['statements', 'columns', 'verifyPassword'] },
  );

  connectorContract(
    'mongodb, ids in a field and roles inside',
    async () => {
      for (const { roles, ...person } of PEOPLE)
        await client
          .db('inside')
          .collection('users')
          .insertOne({ ...person, moved: false, roles: roles.map((name) => ({ name })) });
      return {
        ...(await storeIn('inside', { roles: { path: 'roles' } }, { id: 'id' })),
        order: ['1', '10', '2'],
      };
    },
    { lacks: ['statements', 'columns', 'verifyPassword'] },
  );

  async function storeIn(database: string, related: object, more: object = {}) {
    const at = (url: string) => ({
      mongodb: {
        url: `${url}/${database}`,
        login: ['login', 'email'],
        related,
        flag: { field: 'moved' },
        ...more,
      },
    });
    return {
      settings: at(server.url),
      absent: at(`mongodb://127.0.0.1:${await freePort()}`),
      drop: async () => void (await client.db(database).dropDatabase()),
    };
  }

  describe('a login', () => {
    beforeAll(async () => {
      await collection('users').insertMany([
        { _id: 'a' as never, username: 'anna', emails: [{ address: 'anna@example.com' }] },
        { _id: 'b' as never, username: { $ne: null }, emails: [] },
        { _id: 'c' as never, username: /^z/, emails: [] },
        { _id: 'd' as never, username: null },
      ]);
    });

    test.each([
      '{"$ne":null}',
      '{"$gt":""}',
      '$ne',
      '[$ne]',
      '{ "username": { "$regex": ".*" } }',
      '/^a/',
      '^anna$',
      '.*',
      'zoe',
      'anna\0',
      "'; return true; //",
    ])('%j is a text and finds nobody', async (login) => {
      const connector = open({ login: ['username', 'emails.address'] });
      expect(await connector.findByLogin(login)).toEqual([]);
      expect(await connector.findById(login)).toEqual([]);
    });

    test('that is no text at all cannot become an operator', async () => {
      const connector = open({ login: ['username'] });
      expect(await connector.findByLogin({ $ne: null } as never)).toEqual([]);
      expect(await connector.findByLogin(['anna'] as never)).toHaveLength(1);
    });

    test('is found inside a list of sub-documents', async () => {
      const connector = open({ login: ['username', 'emails.address'] });
      const [row] = await connector.findByLogin('anna@example.com');
      expect(row).toMatchObject({ id: 'a', columns: { 'emails.address': ['anna@example.com'] } });
    });

    test('is looked for only among those whom the filter lets through', async () => {
      const connector = open({ login: ['username'], filter: { 'emails.address': { $exists: false } } });
      expect(await connector.findByLogin('anna')).toEqual([]);
      expect(await connector.findById('a')).toEqual([]);
      expect(await connector.findById('d')).toHaveLength(1);
      expect(await connector.count!()).toBe(1);
    });
  });

  describe('an id', () => {
    const object = new ObjectId('64b7f0c2a1b2c3d4e5f60718');
    const uuid = new UUID('0189b8a0-1c2d-7e3f-8a4b-5c6d7e8f9a0b');
    const keys = [
      [7, '7'],
      [Long.fromString('9007199254740993'), '9007199254740993'],
      ['seven', 'seven'],
      [uuid, '0189b8a0-1c2d-7e3f-8a4b-5c6d7e8f9a0b'],
      [object, '64b7f0c2a1b2c3d4e5f60718'],
    ] as const;
    beforeAll(async () => {
      await collection('keys').insertMany(keys.map(([key, text]) => ({ _id: key as never, username: text })));
    });

    test('is a number, a long number, a text, a UUID or an ObjectId', async () => {
      const connector = open({ collection: 'keys', login: ['username'] });
      for (const [, id] of keys) {
        expect(await connector.findById(id), id).toMatchObject([{ id, columns: { username: id } }]);
        expect(await connector.findByLogin(id), id).toMatchObject([{ id }]);
      }
      for (const id of ['07', '7.0', '9007199254740992', '64B7F0C2A1B2C3D4E5F60718', '{"$ne":null}'])
        expect(await connector.findById(id), id).toEqual([]);
    });

    test.each([1, 2, 3, 5])('of any kind has its place in pages of %i', async (limit) => {
      const connector = open({ collection: 'keys', login: ['username'] });
      const ids: string[] = [];
      for (let after = ''; ; after = ids.at(-1)!) {
        const page = await connector.page!(after, limit);
        ids.push(...page.map((row) => row.id));
        if (page.length < limit) break;
      }
      expect(ids).toEqual(keys.map(([, id]) => id));
      expect(await connector.count!()).toBe(keys.length);
    });

    test('that a number and a text have both is nobody’s to mark', async () => {
      await collection('twins').insertMany([{ _id: 1 as never }, { _id: '1' as never }]);
      const connector = open({ collection: 'twins', login: ['username'], flag: { field: 'moved' } });
      expect(await connector.findById('1')).toHaveLength(2);
      await expect(connector.flag!('1', true)).rejects.toMatchObject({ code: 'user_ambiguous' });
      expect(await collection('twins').countDocuments({ moved: true })).toBe(0);
    });
  });

  test('values of BSON arrive as what the mapping understands', async () => {
    await collection('types').insertOne({
      _id: 1 as never,
      username: 'types',
      owner: new ObjectId('64b7f0c2a1b2c3d4e5f60718'),
      seen: new Date('2024-05-06T07:08:09.010Z'),
      hash: new Binary(Buffer.from([1, 2, 255])),
      uuid: new UUID('0189b8a0-1c2d-7e3f-8a4b-5c6d7e8f9a0b'),
      old: new Binary(Buffer.alloc(16, 1), 3),
      price: Decimal128.fromString('12.50'),
      long: Long.fromString('9007199254740993'),
      int: new Int32(5),
      pattern: /x/,
      at: new Timestamp({ t: 1_700_000_000, i: 1 }),
      deep: { list: [{ id: new ObjectId('64b7f0c2a1b2c3d4e5f60719') }, { id: 'x' }] },
    });
    const [row] = await open({ collection: 'types', login: ['username'] }).findById('1');
    expect(row!.columns).toMatchObject({
      _id: 1,
      owner: '64b7f0c2a1b2c3d4e5f60718',
      seen: new Date('2024-05-06T07:08:09.010Z'),
      hash: new Uint8Array([1, 2, 255]),
      uuid: '0189b8a0-1c2d-7e3f-8a4b-5c6d7e8f9a0b',
      old: new Uint8Array(16).fill(1),
      price: '12.50',
      long: 9007199254740993n,
      int: 5,
      pattern: undefined,
      at: new Date(1_700_000_000_000),
      'deep.list.id': ['64b7f0c2a1b2c3d4e5f60719', 'x'],
    });
    expect(Object.keys(row!.columns).filter((name) => name.startsWith('hash.'))).toEqual([]);
  });

  test('lists of other collections are found by one key or several', async () => {
    const [one, two] = [new ObjectId(), new ObjectId()];
    await collection('groups').insertMany([
      { _id: one, name: 'staff' },
      { _id: two, name: 'press' },
      { _id: new ObjectId(), name: 'others' },
    ]);
    await collection('members').insertOne({ _id: 1 as never, username: 'm', groupIds: [one, two, /./] });
    await collection('logins').insertMany([
      { user: '1', provider: 'google' },
      { user: '11', provider: 'github' },
    ]);
    const connector = open({
      collection: 'members',
      related: {
        groups: { collection: 'groups', by: '_id', key: 'groupIds' },
        logins: { collection: 'logins', by: 'user' },
      },
    });
    const { groups, logins } = await connector.related!('1');
    expect(groups!.map((row) => row.name).sort()).toEqual(['press', 'staff']);
    expect(logins).toMatchObject([{ provider: 'google' }]);
    expect(await connector.related!('2')).toEqual({ groups: [], logins: [] });
  });

  test('a person comes out as the mapping says', async () => {
    await collection('meteor').insertOne({
      _id: 'Zk3JxqYb7TnEwPq4L' as never,
      username: 'zoe',
      emails: [{ address: 'zoe@example.com', verified: true }],
      profile: { firstName: 'Zoë', lastName: 'Zimmer' },
      services: { password: { bcrypt: '$2b$10$abcdefghijklmnopqrstuuJ0NT7g8TFSnd1g.mLZ1c6DVq2GdxOpy' } },
      roles: ['editor'],
    });
    const mapping = {
      email: 'emails.address',
      emailVerified: 'emails.verified',
      givenName: 'profile.firstName',
      familyName: 'profile.lastName',
      roles: 'roles',
      password: [{ format: 'bcrypt', columns: { hash: 'services.password.bcrypt' } }],
    };
    const url = `${server.url}/people`;
    const part = { url, collection: 'meteor', login: ['username', 'emails.address'] };
    const directory = openDirectory(parse(part, { mapping }));
    const entry = await directory.findByLogin('ZOE@example.com'.toLowerCase());
    expect(entry?.user).toMatchObject({ sub: 'shop:Zk3JxqYb7TnEwPq4L' });
    expect(JSON.stringify(entry?.user)).toContain('Zoë');
    await directory.close();
  });

  test('a collation goes with the lookup of a login', async () => {
    const sent: Buffer[] = [];
    const line = new Line(() => {
      const upstream = connect(server.port, '127.0.0.1');
      const write = upstream.write.bind(upstream) as (data: Buffer) => boolean;
      upstream.write = ((data: Buffer) => {
        sent.push(data);
        return write(data);
      }) as typeof upstream.write;
      return upstream;
    });
    const part = { url: `mongodb://127.0.0.1:${await line.listen()}/people`, login: ['username'] };
    const asked = async (connector: Connector) => {
      sent.length = 0;
      await connector.findByLogin('anna');
      return Buffer.concat(sent).toString('latin1');
    };
    expect(await asked(open(part))).not.toContain('collation');
    const text = await asked(open({ ...part, collation: { locale: 'de' } }));
    expect(text).toMatch(/collation.*locale.*de.*strength/s);
    expect(text).toMatch(/maxTimeMS/);
    await line.close();
  });

  test('the mark may be written by somebody else', async () => {
    await collection('marked').insertMany([{ _id: 1 as never }, { _id: 2 as never }]);
    const url = `mongodb://127.0.0.1:${await freePort()}/people`;
    const part = { collection: 'marked', login: ['username'] };
    await open({ ...part, flag: { field: 'meta.moved', url: `${server.url}/people` } }).flag!('1', true);
    expect(await collection('marked').find().toArray()).toEqual([
      { _id: 1, meta: { moved: true } },
      { _id: 2 },
    ]);
    const nowhere = open({ ...part, flag: { field: 'moved', url } }, 400);
    await expect(nowhere.flag!('1', true)).rejects.toMatchObject({ code: 'legacy_unavailable' });
  });

  test('a server that falls silent, or goes, is an outage without a value', async () => {
    const line = new Line(() => connect(server.port, '127.0.0.1'));
    const port = await line.listen();
    const connector = open({ url: `mongodb://127.0.0.1:${port}/people`, login: ['username'] }, 4_000);
    expect(await connector.findByLogin('anna')).toHaveLength(1);
    line.mode = 'silent';
    const silent = await connector.findByLogin('a-secret-login').catch((thrown) => thrown);
    expect(silent).toMatchObject({
      code: 'legacy_unavailable',
      detail: expect.stringMatching(/^mongodb Mongo/),
    });
    line.cutAll();
    const cut = await connector.findByLogin('a-secret-login').catch((thrown) => thrown);
    expect(cut).toMatchObject({ code: 'legacy_unavailable' });
    for (const error of [silent, cut]) {
      expect(JSON.stringify([error.message, error.detail, error.stack])).not.toContain('a-secret-login');
      expect(error.cause).toBeUndefined();
    }
    line.mode = 'open';
    expect(await connector.findByLogin('anna')).toHaveLength(1);
    await line.close();
  });
});
