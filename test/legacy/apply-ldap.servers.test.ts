import { connect } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { ApplyInput } from '../../src/legacy/apply.ts';
import type { Connector } from '../../src/legacy/connector.ts';
import type { Directory } from '../../src/legacy/directory.ts';
import { openConnector, openDirectory } from '../../src/legacy/directory.ts';
import { legacySettings } from '../../src/legacy/legacy-settings.ts';
import type { Slapd } from '../servers/slapd.ts';
import { ADMIN, requiresSlapd, SUFFIX } from '../servers/slapd.ts';
import { applyContract } from './apply-contract.ts';
import { person, reach, record, shopServer } from './ldap-store.ts';
import { Line } from './line.ts';

const slapd = requiresSlapd();
const OID = '1.3.6.1.4.1.4203.666';
const TEXT = 'EQUALITY caseIgnoreMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.15';
const SCHEMA = [
  `attributetype ( ${OID}.1.101 NAME 'shopMail' ${TEXT} SINGLE-VALUE )`,
  `attributetype ( ${OID}.1.102 NAME 'shopMailOk' EQUALITY booleanMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.7 SINGLE-VALUE )`,
  `attributetype ( ${OID}.1.103 NAME 'shopPhoneSince' EQUALITY generalizedTimeMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.24 SINGLE-VALUE )`,
  `attributetype ( ${OID}.1.104 NAME 'shopRole' ${TEXT} )`,
  `attributetype ( ${OID}.1.105 NAME 'shopNick' ${TEXT} )`,
  `attributetype ( ${OID}.1.106 NAME 'unicodePwd' EQUALITY octetStringMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.40 SINGLE-VALUE )`,
  `objectclass ( ${OID}.2.101 NAME 'shopExtra' SUP top AUXILIARY MAY ( shopMail $ shopMailOk $ shopPhoneSince $ shopRole $ shopNick $ unicodePwd ) )`,
];
const CLASSES = { objectClass: ['shopPerson', 'shopExtra'] };
const WRITER = { bindDn: `uid=writer,${SUFFIX}`, bindPassword: 'writer-secret' };
const LDIF = [
  person('uid=anna', {
    ...CLASSES,
    uid: 'anna',
    employeeNumber: '1',
    login: 'anna',
    shopMail: 'anna@example.com',
    shopMailOk: 'FALSE',
    telephoneNumber: '+49 30 1234567',
    displayName: 'Anna A.',
    givenName: 'Anna',
    sn: 'Alt',
    shopNick: 'ann',
    preferredLanguage: 'de',
    employeeType: 'A',
    shopRole: ['author', 'editor'],
    description: ['one', 'two'],
  }),
  person('uid=bob', {
    ...CLASSES,
    uid: 'bob',
    employeeNumber: '2',
    login: 'bob',
    sn: 'Blau',
    employeeType: 'D',
  }),
  person('uid=carl', { ...CLASSES, uid: 'carl', employeeNumber: '3', login: 'carl', sn: 'C' }),
  record(`cn=below,uid=carl,ou=people,${SUFFIX}`, { objectClass: 'device', cn: 'below' }),
  record(WRITER.bindDn, {
    objectClass: ['account', 'simpleSecurityObject'],
    uid: 'writer',
    userPassword: WRITER.bindPassword,
  }),
].join('');

const apply = {
  username: 'login',
  email: 'shopMail',
  emailVerified: { column: 'shopMailOk', values: { true: true, false: false } },
  phoneNumber: 'telephoneNumber',
  phoneNumberVerified: { column: 'shopPhoneSince', values: { true: 'now', false: null } },
  name: 'displayName',
  givenName: 'givenName',
  familyName: 'sn',
  nickname: 'shopNick',
  locale: 'preferredLanguage',
  state: { column: 'employeeType', values: { active: 'A', disabled: 'D' } },
  roles: 'shopRole',
  password: { column: 'userPassword', format: 'bcrypt' },
  remove: true,
};
const mapping = {
  username: 'login',
  email: 'shopMail',
  emailVerified: { column: 'shopMailOk', equals: true },
  phoneNumber: 'telephoneNumber',
  phoneNumberVerified: { column: 'shopPhoneSince', present: true },
  name: 'displayName',
  givenName: 'givenName',
  familyName: 'sn',
  nickname: 'shopNick',
  locale: { column: 'preferredLanguage', transform: [{ map: { de: 'de', en: 'en' } }] },
  disabled: { column: 'employeeType', equals: 'D' },
  roles: 'shopRole',
  password: [{ format: 'bcrypt', columns: { password: 'userPassword' } }],
};
const base64 = (text: string) => Buffer.from(text).toString('base64');
const modify = (uid: string, lines: string) =>
  `dn: uid=${uid},ou=people,${SUFFIX}\nchangetype: modify\n${lines}\n`;
const startServer = () =>
  shopServer(LDIF, {
    global: SCHEMA,
    database: [
      'access to attrs=userPassword by dn.exact="uid=writer,dc=legacy,dc=example" write by anonymous auth by * none',
      'access to * by dn.exact="uid=writer,dc=legacy,dc=example" write by * read',
    ],
  });
const ldapAt = (url: string, more: object = {}) => ({
  ...reach(url),
  id: 'employeeNumber',
  login: ['login'],
  apply,
  ...more,
});

describe.skipIf(slapd.skip)(slapd.name, () => {
  applyContract(
    'OpenLDAP',
    async () => {
      const server = await startServer();
      return {
        settings: { timeoutMs: 10_000, mapping, ldap: ldapAt(server.url) },
        rename: (id, givenName) =>
          server.change(
            modify(id === '1' ? 'anna' : 'bob', `replace: givenName\ngivenName:: ${base64(givenName)}`),
          ),
        password: async (id) => {
          const connector = openConnector(
            legacySettings.parse({ store: 'shop', mapping, ldap: ldapAt(server.url) }),
          );
          const [row] = await connector.findById(id);
          await connector.close();
          return row?.columns.userPassword;
        },
        drop: server.stop,
      };
    },
    { marks: false, unique: false },
  );

  describe('an entry', () => {
    let server: Slapd;
    const opened: { close(): Promise<void> }[] = [];
    beforeAll(async () => {
      server = await startServer();
    });
    afterAll(() => server?.stop());
    afterEach(async () => {
      for (const one of opened.splice(0)) await one.close();
    });
    const settings = (part: object = {}, more: object = {}, url = server.url) =>
      legacySettings.parse({
        store: 'shop',
        timeoutMs: 5_000,
        mapping: { ...mapping, ...more },
        ldap: ldapAt(url, part),
      });
    const open = (part: object = {}, more: object = {}): Directory => {
      const directory = openDirectory(settings(part, more));
      opened.push(directory);
      return directory;
    };
    const connector = (part: object = {}): Connector => {
      const one = openConnector(settings(part));
      opened.push(one);
      return one;
    };
    let count = 0;
    const write = (directory: Directory, fields: ApplyInput['fields'], more: Partial<ApplyInput> = {}) =>
      directory.apply('shop:1', { fields, mark: `m${++count}`, ...more });
    const column = async (name: string, id = '1') => (await connector().findById(id))[0]?.columns[name];

    test('is written by who may', async () => {
      const reading = { bindDn: undefined, bindPassword: undefined };
      const fields = { nickname: { before: 'ann', after: 'by-writer' } };
      await expect(write(open(reading), fields)).rejects.toMatchObject({
        code: 'legacy_unavailable',
        detail: expect.stringMatching(/insufficientAccess|strongerAuth/),
      });
      const writing = open({ ...reading, apply: { ...apply, ...WRITER } });
      expect(await write(writing, fields)).toBe('applied');
      expect(await write(writing, { nickname: { before: 'by-writer', after: 'ann' } })).toBe('applied');
      const wrong = open({ ...reading, apply: { ...apply, ...WRITER, bindPassword: 'wrong' } });
      await expect(write(wrong, fields)).rejects.toMatchObject({ code: 'legacy_unavailable' });
    });

    test('that got a value where there was none is not given a second one', async () => {
      server.change(modify('anna', 'delete: shopNick'));
      const plain = connector();
      const racing = openDirectory(settings(), {
        connector: {
          ...plain,
          findById: async (id) => {
            const rows = await plain.findById(id);
            server.change(modify('anna', 'add: shopNick\nshopNick: quick'));
            return rows;
          },
        },
      });
      expect(await write(racing, { nickname: { before: null, after: 'slow' } })).toBe('changed');
      expect(await column('shopNick')).toBe('quick');
      server.change(modify('anna', 'replace: shopNick\nshopNick: ann'));
    });

    test('is asked to see for itself that there is nothing (RFC 4528)', async () => {
      const { serverAt } = await import('../../src/legacy/connectors/ldap/server.ts');
      const at = serverAt(settings().ldap!, 5_000);
      const changes = [{ operation: 'add' as const, attribute: 'shopNick', values: [Buffer.from('second')] }];
      const dn = `uid=anna,ou=people,${SUFFIX}`;
      const outcome = at.ask((held) => held.modify(dn, { changes, absent: ['shopNick'] }));
      await expect(outcome).rejects.toMatchObject({ status: 122 });
      expect(await column('shopNick')).toBe('ann');
      await at.ask((held) => held.modify(dn, { changes, absent: ['title', 'initials'] }));
      expect(await column('shopNick')).toEqual(['ann', 'second']);
      at.close();
    });

    test('with several values of one field is refused: which one it is cannot be told', async () => {
      expect(await column('shopNick')).toEqual(['ann', 'second']);
      await expect(write(open(), { nickname: { before: 'ann', after: 'x' } })).rejects.toMatchObject({
        code: 'bad_request',
        detail: expect.stringContaining('several values'),
      });
      server.change(modify('anna', 'replace: shopNick\nshopNick: ann'));
    });

    test.each([
      [
        'an attribute of its name',
        { nickname: 'uid' },
        { nickname: 'uid' },
        'nickname',
        'anna',
        /notAllowedOnRDN|namingViolation/,
      ],
      ['what it has to have', { familyName: 'sn' }, {}, 'familyName', 'Alt', /objectClassViolation/],
      [
        'an attribute that it may not have',
        { nickname: 'dc' },
        { nickname: 'dc' },
        'nickname',
        null,
        /objectClassViolation/,
      ],
    ])('does not lose or get %s', async (_what, more, mapped, field, before, why) => {
      const directory = open({ apply: { ...apply, nickname: undefined, ...more } }, mapped);
      const after = field === 'familyName' ? null : 'other';
      await expect(write(directory, { [field]: { before, after } })).rejects.toMatchObject({
        code: 'bad_request',
        detail: expect.stringMatching(why),
      });
    });

    test('has no attribute that the server does not know', async () => {
      const directory = open({ apply: { nickname: 'noSuchAttribute' } }, { nickname: 'noSuchAttribute' });
      await expect(write(directory, { nickname: { before: null, after: 'x' } })).rejects.toMatchObject({
        code: 'config_invalid',
        detail: expect.stringContaining('undefinedAttributeType'),
      });
    });

    test('gets its password hashed by the server (RFC 3062), and its owner can bind with it', async () => {
      const directory = open({ apply: { ...apply, password: { format: 'clear' } } });
      const password = 'Naïve "pass" 🔐';
      const fields = { nickname: { before: 'ann', after: 'exop' } };
      expect(await write(directory, fields, { password })).toBe('applied');
      const stored = String(await column('userPassword'));
      expect(stored).toMatch(/^\{SSHA\}/);
      const one = connector();
      const [row] = await one.findById('1');
      expect([await one.verifyPassword!(row!, password), await one.verifyPassword!(row!, 'old')]).toEqual([
        true,
        false,
      ]);
      expect(await write(directory, { nickname: { before: 'exop', after: 'ann' } })).toBe('applied');
    });

    test('gets its password as Active Directory wants it', async () => {
      const directory = open({ apply: { password: { column: 'unicodePwd', format: 'clear' } } });
      expect(await write(directory, {}, { password: 'Pä1' })).toBe('applied');
      expect(Buffer.from((await column('unicodePwd')) as Buffer | string)).toEqual(
        Buffer.from('"Pä1"', 'utf16le'),
      );
    });

    test('with others below it is not taken away', async () => {
      await expect(open().apply('shop:3', { fields: {}, remove: true, mark: 'end' })).rejects.toMatchObject({
        code: 'bad_request',
        detail: expect.stringContaining('notAllowedOnNonLeaf'),
      });
      expect(await column('login', '3')).toBe('carl');
    });

    test('whose answer is lost is written, and another try hears of it', async () => {
      const line = new Line(() => connect(server.port, '127.0.0.1'));
      const url = `ldap://127.0.0.1:${await line.listen()}`;
      const direct = connector();
      const lossy = openConnector(settings({}, {}, url));
      const directory = openDirectory(settings({}, {}, url), {
        connector: {
          ...lossy,
          findById: direct.findById,
          apply: async (input) => {
            await direct.apply!(input);
            line.cutAll();
            return lossy.apply!(input);
          },
        },
      });
      const input = { nickname: { before: 'ann', after: 'lost' } };
      await expect(write(directory, input)).rejects.toMatchObject({ code: 'legacy_unavailable' });
      expect(await write(open(), input)).toBe('already');
      await write(open(), { nickname: { before: 'lost', after: 'ann' } });
      await directory.close();
      await line.close();
    });

    test('keeps values of a list that sync knows nothing of', async () => {
      const mapped = { roles: { column: 'description', transform: [{ map: { one: 'first' } }] } };
      const directory = open({ apply: { roles: 'description' } }, mapped);
      expect(await write(directory, { roles: { before: '["first"]', after: '[]' } })).toBe('applied');
      expect(await column('description')).toBe('two');
      expect(await write(directory, { roles: { before: '[]', after: '["first"]' } })).toBe('applied');
      expect([(await column('description')) as string[]].flat().toSorted()).toEqual(['one', 'two']);
    });
  });
});

test('an identity that writes needs both of its parts', () => {
  const ldap = { url: 'ldap://h', base: SUFFIX, apply: { bindDn: ADMIN.dn, nickname: 'title' } };
  const { error } = legacySettings.safeParse({ store: 'shop', ldap, mapping: { nickname: 'title' } });
  expect(error?.issues.map(({ path }) => path.join('.'))).toEqual(['ldap.apply.bindDn']);
});
