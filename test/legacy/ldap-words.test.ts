/** What the LDAP connector makes of names, filters, times and settings, without a server. */
import { FilterParser } from 'ldapts';
import { describe, expect, test } from 'vitest';
import { isWithin, partsOf } from '../../src/legacy/connectors/ldap/dn.ts';
import { decodeEscapes, isFilter } from '../../src/legacy/connectors/ldap/filter.ts';
import { bytesOf } from '../../src/legacy/connectors/ldap/rows.ts';
import { readable } from '../../src/legacy/connectors/ldap/syntaxes.ts';
import { legacySettings } from '../../src/legacy/legacy-settings.ts';

describe('a distinguished name', () => {
  const BASE = 'ou=people,dc=example,dc=com';
  test.each([
    'ou=people,dc=example,dc=com',
    'uid=anna,ou=people,dc=example,dc=com',
    'UID=Anna , OU=People, DC=EXAMPLE,dc=Com',
    'uid=a\\,dc=b+cn=x\\+y,ou=people,dc=example,dc=com',
    'uid=anna,ou=\\70eople,dc=example,dc=com',
  ])('%s is within the base', (dn) => expect(isWithin(dn, BASE)).toBe(true));

  test.each([
    '',
    'dc=com',
    'uid=anna,dc=example,dc=com',
    'uid=anna,ou=people\\,dc=example,dc=com',
    'uid=ou\\=people\\,dc\\=example\\,dc\\=com',
    'uid=anna,xou=people,dc=example,dc=com',
    'uid=anna,ou=people,dc=example,dc=com,dc=evil',
    'uid=anna,ou=people+cn=x,dc=example,dc=com',
    'not a name,ou=people,dc=example,dc=com',
  ])('%j is not', (dn) => expect(isWithin(dn, BASE)).toBe(false));

  test('is the same whatever the order within one part', () => {
    expect(partsOf('cn=b+uid=a,dc=x')).toEqual(partsOf('UID=A+CN=B,DC=X'));
    expect(partsOf('cn=\\C3\\BC,dc=x')).toEqual(partsOf('cn=Ü,dc=x'));
    expect(partsOf('cn=a\\2Bb,dc=x')).not.toEqual(partsOf('cn=a+b,dc=x'));
  });
});

describe('a filter of the operator’s', () => {
  test.each([
    '(objectClass=person)',
    '(&(objectClass=user)(!(userAccountControl:1.2.840.113556.1.4.803:=2)))',
    '(|(mail=*@example.com)(cn=a\\2ab)(&(a>=1)(b<=2)(c~=x)(d=*)))',
    '(cn=M\\c3\\bcller)',
  ])('%s is one, also for the driver', (text) => {
    expect(isFilter(text)).toBe(true);
    expect(() => FilterParser.parseString(decodeEscapes(text))).not.toThrow();
  });

  test.each([
    '',
    'objectClass=person',
    '(objectClass=person',
    '(a=b))',
    '(a=b)(c=d)',
    '(&)',
    '(!(a=b)(c=d))',
    '(a=(b))',
    '(a=\\zz)',
    '(a=b\0)',
    '(=b)',
    '\u0001',
    '(objectGUID=\\ff\\fe)',
  ])('%j is none', (text) => expect(isFilter(text)).toBe(false));

  test('has letters beyond ASCII as they are', () => {
    expect(decodeEscapes('(cn=M\\c3\\bcller\\2a)')).toBe('(cn=Müller\\2a)');
  });
});

describe('values', () => {
  test.each([
    ['modifyTimestamp', '20240131123000Z', '2024-01-31T12:30:00.000Z'],
    ['whenChanged', '20240131123000.0Z', '2024-01-31T12:30:00.000Z'],
    ['pwdAccountLockedTime', '20240131123000.123456Z', '2024-01-31T12:30:00.123Z'],
    ['krbPrincipalExpiration', '2024013112+0130', '2024-01-31T12:00:00.000+01:30'],
    ['pwdAccountLockedTime', '000001010000Z', '000001010000Z'],
    ['modifyTimestamp', 'yesterday', 'yesterday'],
    ['telephoneNumber', '20240131123000Z', '20240131123000Z'],
    ['accountExpires', '133512345670000000', '2024-02-01T04:16:07.000Z'],
  ])('%s: %s is %s', (type, value, expected) => expect(readable(type, [value])).toEqual([expected]));

  test('that stand for never are none', () => {
    expect(readable('accountExpires', ['0'])).toEqual([]);
    expect(readable('accountExpires', ['9223372036854775807'])).toEqual([]);
  });

  test('of bits bring the names of those that are set', () => {
    expect(readable('userAccountControl', ['514'])).toEqual(['514', 'ACCOUNTDISABLE', 'NORMAL_ACCOUNT']);
    expect(readable('USERACCOUNTCONTROL', ['66048'])).toEqual([
      '66048',
      'NORMAL_ACCOUNT',
      'DONT_EXPIRE_PASSWORD',
    ]);
  });

  test('of ids are compared as bytes', () => {
    expect(bytesOf('6f9619ff-8b86-d011-b42d-00c04fc964ff', 'guid')?.toString('hex')).toBe(
      'ff19966f868b11d0b42d00c04fc964ff',
    );
    for (const id of ['', '6f9619ff', '6F9619FF-8B86-D011-B42D-00C04FC964FF', '*']) {
      expect(bytesOf(id, 'guid')).toBeUndefined();
    }
    expect(bytesOf('0aff', 'hex')).toEqual(Buffer.from([10, 255]));
    for (const id of ['', 'abc', 'zz', '0AFF']) expect(bytesOf(id, 'hex')).toBeUndefined();
    expect(bytesOf('*', 'text')).toEqual(Buffer.from('*'));
  });
});

describe('the settings', () => {
  const LDAP = { url: 'ldaps://directory.example.com', base: 'dc=example,dc=com' };
  const issues = (part: object) =>
    legacySettings
      .safeParse({ store: 'shop', ldap: { ...LDAP, ...part } })
      .error?.issues.map(({ path }) => path.join('.')) ?? [];

  test('encrypt, and read everything, unless they say otherwise', () => {
    expect(legacySettings.parse({ store: 'shop', ldap: LDAP }).ldap).toMatchObject({
      url: [LDAP.url],
      startTls: true,
      filter: '(objectClass=person)',
      login: ['uid', 'mail'],
      id: 'entryUUID',
      attributes: ['*', '+'],
    });
  });

  test.each([
    [{ url: 'http://directory.example.com' }, 'ldap.url'],
    [{ url: 'ldap://user:secret@directory.example.com' }, 'ldap.url'],
    [{ url: 'ldap://directory.example.com/dc=x' }, 'ldap.url'],
    [{ url: [] }, 'ldap.url'],
    [{ base: 'people' }, 'ldap.base'],
    [{ base: '' }, 'ldap.base'],
    [{ filter: 'person' }, 'ldap.filter'],
    [{ login: ['uid)(cn=*'] }, 'ldap.login.0'],
    [{ id: 'entry UUID' }, 'ldap.id'],
    [{ bindDn: 'cn=reader,dc=example,dc=com' }, 'ldap.bindDn'],
    [{ bindDn: 'cn=reader,dc=example,dc=com', bindPassword: '' }, 'ldap.bindPassword'],
    [{ flag: { attribute: 'moved', migrated: '1', bindDn: 'cn=writer,dc=x' } }, 'ldap.flag.bindDn'],
    [{ related: { 'no name': { values: 'mail' } } }, 'ldap.related.no name'],
    [{ poolSize: 0 }, 'ldap.poolSize'],
  ])('refuse %j', (part, path) => expect(issues(part).join(' ')).toContain(path));

  test('may ask the server for every password', () => {
    expect(legacySettings.parse({ store: 'shop', ldap: LDAP, verify: 'store' }).verify).toBe('store');
  });
});
