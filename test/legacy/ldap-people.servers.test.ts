import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { Connector } from '../../src/legacy/connector.ts';
import { openConnector } from '../../src/legacy/directory.ts';
import { legacySettings } from '../../src/legacy/legacy-settings.ts';
import type { Slapd } from '../servers/slapd.ts';
import { ADMIN, requiresSlapd, SUFFIX } from '../servers/slapd.ts';
import { group, PASSWORD, PEOPLE_LDIF, person, reach, record, shop, shopServer } from './ldap-store.ts';

const slapd = requiresSlapd();
const GUID = '6f9619ff-8b86-d011-b42d-00c04fc964ff';
const GUID_BYTES = Buffer.from('ff19966f868b11d0b42d00c04fc964ff', 'hex');
const READER = { bindDn: `uid=reader,${SUFFIX}`, bindPassword: 'reader-secret' };
const people = (rdn: string) => `${rdn},ou=people,${SUFFIX}`;
const groups = (name: string) => `cn=${name},ou=groups,${SUFFIX}`;
/** A name of every character that means something in a distinguished name or a filter. */
const ODD = ' #a,b+c"d\\e<f>g;h=i*(j)k ü ';
const ODD_RDN = 'uid=\\20#a\\,b\\+c\\"d\\\\e\\<f\\>g\\;h\\=i*(j)k \\C3\\BC\\20';

const LDIF = [
  PEOPLE_LDIF,
  record(`uid=reader,${SUFFIX}`, {
    objectClass: ['account', 'simpleSecurityObject'],
    uid: 'reader',
    userPassword: READER.bindPassword,
  }),
  person(ODD_RDN, { uid: ODD, employeeNumber: '20', login: ODD, userPassword: PASSWORD }),
  person('uid=guid', { uid: 'guid', employeeNumber: '21', objectGUID: GUID_BYTES }),
  person('uid=twice', { uid: 'twice', employeeNumber: '30', mail: ['a@x', 'b@x'], login: 'twice' }),
  person('uid=never', { uid: 'never', login: 'never' }),
  record(`uid=outside,${SUFFIX}`, {
    objectClass: 'shopPerson',
    uid: 'outside',
    cn: 'x',
    sn: 'x',
    employeeNumber: '40',
  }),
  group('readers', [people(ODD_RDN), people('uid=anna')]),
  group('all', [groups('readers'), groups('editor')]),
  group('everything', [groups('all'), groups('everything'), groups('readers')]),
  record(groups('posix'), {
    objectClass: 'posixGroup',
    cn: 'posix',
    gidNumber: '1',
    memberUid: ['anna', 'bob'],
  }),
].join('');

describe.skipIf(slapd.skip)(`the people of ${slapd.name}`, () => {
  let server: Slapd;
  const opened: Connector[] = [];
  const open = (part: Record<string, unknown> = {}) => {
    const ldap = { ...reach(server.url), ...shop, ...part };
    const connector = openConnector(legacySettings.parse({ store: 'shop', ldap, timeoutMs: 10_000 }));
    opened.push(connector);
    return connector;
  };
  beforeAll(async () => {
    server = await shopServer(LDIF, {
      database: [
        'access to attrs=userPassword by dn.exact="uid=reader,dc=legacy,dc=example" read by anonymous auth by * none',
        'access to * by dn.exact="uid=reader,dc=legacy,dc=example" read by users none by anonymous none',
      ],
    });
  });
  afterAll(() => server?.stop());
  afterEach(async () => {
    await Promise.all(opened.splice(0).map((connector) => connector.close()));
  });
  const ids = async (rows: Promise<readonly { id: string }[]>) => (await rows).map(({ id }) => id);

  test.each([
    '*',
    'a*',
    'anna)(uid=*',
    '*)(objectClass=*',
    '\\2a',
    '\0',
    'anna\0',
    `${ODD}x`,
    '\\20#a\\,b',
    '',
  ])('typing %j finds nobody', async (login) => {
    expect(await open().findByLogin(login)).toEqual([]);
  });

  test('a name of all the characters that mean something elsewhere is a name', async () => {
    const connector = open({ login: ['uid'] });
    const [row] = await connector.findByLogin(ODD.trim());
    expect(row?.id).toBe('20');
    expect(await connector.verifyPassword!(row!, PASSWORD)).toBe(true);
    expect(await connector.verifyPassword!(row!, 'wrong')).toBe(false);
    expect(await connector.related!('20')).toMatchObject({ roles: [{ name: 'readers' }] });
  });

  test('who is outside the base, or not what the filter says, is nobody', async () => {
    expect(await open({ login: ['uid'] }).findByLogin('outside')).toEqual([]);
    expect(await open().findById('40')).toEqual([]);
    expect(await open({ filter: '(objectClass=posixAccount)' }).findByLogin('anna')).toEqual([]);
    const row = { id: '40', columns: { dn: `uid=outside,${SUFFIX}` } };
    await expect(open().verifyPassword!(row, PASSWORD)).rejects.toMatchObject({ code: 'mapping_failed' });
  });

  test('an identity that binds as a person never searches for another', async () => {
    const connector = open({ ...READER, poolSize: 1 });
    const [anna] = await connector.findByLogin('anna');
    const turns = Array.from({ length: 10 }, async (_, turn) => {
      expect(await connector.verifyPassword!(anna!, turn % 2 ? PASSWORD : 'wrong')).toBe(turn % 2 === 1);
      const [bob] = await connector.findById('2');
      expect(String(bob?.columns.userPassword)).toContain(PASSWORD);
    });
    await Promise.all(turns);
  });

  test('without an identity of ours, what the server hides is unavailable or nobody, never somebody', async () => {
    const connector = open({ bindDn: undefined, bindPassword: undefined });
    await expect(connector.findByLogin('anna')).rejects.toMatchObject({ code: 'legacy_unavailable' });
  });

  test('binary ids are written as GUIDs, or as hex', async () => {
    const guid = open({ id: 'objectGUID' });
    expect(await ids(guid.findById(GUID))).toEqual([GUID]);
    expect(await ids(guid.findById(GUID.toUpperCase()))).toEqual([]);
    expect(await ids(guid.findById('no guid'))).toEqual([]);
    const hex = open({ id: 'objectGUID', idEncoding: 'hex' });
    expect(await ids(hex.findById(GUID_BYTES.toString('hex')))).toEqual([GUID_BYTES.toString('hex')]);
  });

  test('entryUUID is an id as it stands', async () => {
    const connector = open({ id: 'entryUUID' });
    const [anna] = await connector.findByLogin('anna');
    expect(anna?.id).toMatch(/^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/);
    expect(await ids(connector.findById(anna!.id))).toEqual([anna!.id]);
    expect(await connector.findById('no uuid')).toEqual([]);
  });

  test('several ids, or none, make no id', async () => {
    expect(await ids(open({ id: 'mail' }).findByLogin('twice'))).toEqual(['']);
    expect(await ids(open().findByLogin('never'))).toEqual(['']);
  });

  test('groups of groups are followed as far as the settings say, and round in circles once', async () => {
    const names = async (nested: number) => {
      const roles = { base: `ou=groups,${SUFFIX}`, filter: '(objectClass=groupOfNames)', nested };
      const { roles: rows } = await open({ related: { roles } }).related!('2');
      return rows!.map(({ name }) => name);
    };
    expect(await names(0)).toEqual(['author', 'editor']);
    expect(await names(1)).toEqual(['all', 'author', 'editor']);
    expect(await names(10)).toEqual(['all', 'author', 'editor', 'everything']);
  });

  test('groups may list people by another attribute, and lists are rows', async () => {
    const related = {
      posix: {
        base: `ou=groups,${SUFFIX}`,
        filter: '(objectClass=posixGroup)',
        member: 'memberUid',
        of: 'uid',
      },
      passwords: { values: 'userPassword' },
    };
    const connector = open({ related });
    expect(await connector.related!('1')).toEqual({
      posix: [{ name: 'posix', dn: groups('posix') }],
      passwords: [{ value: PASSWORD }],
    });
    expect(await connector.related!('21')).toEqual({ posix: [], passwords: [] });
    expect(await connector.related!('nobody')).toEqual({ posix: [], passwords: [] });
  });

  test('columns are named as the settings write them, whatever the server does', async () => {
    const [row] = await open({ attributes: ['EMPLOYEENUMBER', 'Mail'], login: ['LOGIN'] }).findByLogin(
      'anna',
    );
    expect(row).toEqual({
      id: '1',
      columns: { dn: people('uid=anna'), employeeNumber: '1', LOGIN: 'anna' },
    });
  });

  test('a mark is written by who may, and taken away again', async () => {
    const { related: _related, flag: _flag, ...plain } = shop;
    const may = { bindDn: ADMIN.dn, bindPassword: ADMIN.password };
    const marked = async (connector: Connector) => (await connector.findById('1'))[0]?.columns.moved;
    const writing = open({ ...plain, ...READER, flag: { attribute: 'moved', migrated: 'yes', ...may } });
    await writing.flag!('1', true);
    expect(await marked(writing)).toBe('yes');
    await writing.flag!('1', false);
    expect(await marked(writing)).toBeUndefined();
    const reading = open({ ...plain, ...READER, flag: { attribute: 'moved', migrated: 'yes' } });
    await expect(reading.flag!('1', true)).rejects.toMatchObject({ detail: /insufficientAccessRights/ });
    const wrong = { attribute: 'moved', migrated: 'yes', ...may, bindPassword: 'wrong' };
    await expect(open({ ...plain, flag: wrong }).flag!('1', true)).rejects.toMatchObject({
      code: 'legacy_unavailable',
    });
    expect(await marked(writing)).toBeUndefined();
  });
});

describe.skipIf(slapd.skip)(`a scan of ${slapd.name}`, () => {
  const SIZE = 1_234;
  let server: Slapd;
  let expected: string[];
  const opened: Connector[] = [];
  const open = (part: Record<string, unknown> = {}) => {
    const ldap = { ...reach(server.url), ...shop, related: {}, flag: undefined, ...part };
    const connector = openConnector(legacySettings.parse({ store: 'shop', ldap, timeoutMs: 20_000 }));
    opened.push(connector);
    return connector;
  };
  beforeAll(async () => {
    expected = Array.from({ length: SIZE }, (_, index) => `n${(index * 7919) % SIZE}`);
    const entries = expected.map((id) =>
      person(`uid=${id}`, { uid: id, employeeNumber: id, login: id.slice(0, 2) }),
    );
    server = await shopServer(entries.join(''), {
      database: [
        `limits dn.exact="${people('uid=n1')}" size=10`,
        `limits dn.exact="${people('uid=n2')}" size=10 size.prtotal=unlimited`,
      ],
    });
    for (const uid of ['n1', 'n2'])
      server.change(
        `dn: ${people(`uid=${uid}`)}\nchangetype: modify\nadd: userPassword\nuserPassword: limited\n`,
      );
  });
  afterAll(() => server?.stop());
  afterEach(async () => {
    await Promise.all(opened.splice(0).map((connector) => connector.close()));
  });

  async function idsFrom(connector: Connector, after: string, limit: number): Promise<string[]> {
    const ids: string[] = [];
    for (let last = after; ; last = ids.at(-1)!) {
      const rows = await connector.page!(last, limit);
      ids.push(...rows.map(({ id }) => id));
      if (rows.length < limit) return ids;
    }
  }

  test.each([
    [100, 100],
    [100, 1_000],
    [37, 200],
    [1_000, 7],
  ])('gives everybody once, in pages of %i, asked for in pages of %i', async (limit, pageSize) => {
    expect(await idsFrom(open({ pageSize }), '', limit)).toEqual(expected);
  });

  test('goes on where another process ended', async () => {
    for (const place of [1, 499, 500, 777, SIZE]) {
      const after = expected[place - 1]!;
      expect(await idsFrom(open(), after, 100), after).toEqual(expected.slice(place));
    }
  });

  test('goes on after the server was restarted in the middle', async () => {
    const connector = open();
    const first = await connector.page!('', 300);
    await server.restart();
    expect(await idsFrom(connector, first.at(-1)!.id, 300)).toEqual(expected.slice(300));
  });

  test('is not disturbed by others, from the same place or from their own', async () => {
    const connector = open();
    const scans = Array.from({ length: 6 }, (_, index) => idsFrom(connector, '', 100 + index));
    for (const ids of await Promise.all(scans)) expect(ids).toEqual(expected);
    const pages = await Promise.all([1, 2, 3].map(() => connector.page!(expected[9]!, 10)));
    for (const page of pages) expect(page.map(({ id }) => id)).toEqual(expected.slice(10, 20));
  });

  test('says so where the entry to go on after has gone', async () => {
    await expect(open().page!('gone', 10)).rejects.toMatchObject({ code: 'user_not_found' });
  });

  const limited = (uid: string) => ({ bindDn: people(`uid=${uid}`), bindPassword: 'limited' });

  test('that the server cuts short is unavailable, never a short list', async () => {
    await expect(idsFrom(open(limited('n1')), '', 100)).rejects.toMatchObject({
      code: 'legacy_unavailable',
      detail: expect.stringContaining('sizeLimitExceeded'),
    });
    expect(await idsFrom(open(limited('n2')), '', 100)).toEqual(expected);
  });

  test('a login that more people answer to than the server gives is ambiguous', async () => {
    await expect(open(limited('n1')).findByLogin('n1')).rejects.toMatchObject({ code: 'user_ambiguous' });
    expect((await open().findByLogin('n1')).length).toBe(21);
  });
});
