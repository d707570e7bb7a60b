import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { passwordSettings } from '../../src/credentials/password-settings.ts';
import { openPasswords } from '../../src/credentials/passwords.ts';
import type { Connector } from '../../src/legacy/connector.ts';
import type { Directory } from '../../src/legacy/directory.ts';
import { openConnector } from '../../src/legacy/directory.ts';
import type { Slapd } from '../servers/slapd.ts';
import { ADMIN, hasModule, requiresSlapd, SUFFIX, startSlapd } from '../servers/slapd.ts';
import { survey } from './counted.ts';
import { exampleLdap } from './ldap-store.ts';
import type { Expected } from './stores.ts';
import { entry, expected, expectUser, fixture, openDirectory } from './stores.ts';

interface Person extends Expected {
  readonly dn: string;
  readonly binds: boolean;
  readonly second_password?: string;
}

const slapd = requiresSlapd();
const people = expected('openldap') as Person[];
/** Debian has this module in a package of its own: without it the server cannot check such a password. */
const canBind = ({ algorithm }: Person) => algorithm !== '{PBKDF2-SHA256}' || hasModule('pw-pbkdf2');
const passwordsOf = (person: Person) =>
  [person.password, person.second_password].filter((one): one is string => typeof one === 'string');

describe.skipIf(slapd.skip)(`the people of ${slapd.name}`, () => {
  let server: Slapd;
  let directory: Directory;
  let connector: Connector;
  const passwords = openPasswords(passwordSettings.parse({ queueLength: 1000, queueWaitSeconds: 60 }));

  beforeAll(async () => {
    server = await startSlapd({
      ldif: fixture('openldap.ldif'),
      database: [
        'overlay memberof',
        'overlay ppolicy',
        `ppolicy_default "cn=default,ou=people,${SUFFIX}"`,
        'index uid,mail,employeeNumber,member eq',
      ],
    });
    const settings = exampleLdap({
      LEGACY_LDAP_URL: server.url,
      LEGACY_LDAP_BIND_DN: ADMIN.dn,
      LEGACY_LDAP_BIND_PASSWORD: ADMIN.password,
    });
    directory = openDirectory(settings);
    connector = openConnector(settings);
  });
  afterAll(async () => {
    await Promise.all([directory?.close(), connector?.close(), passwords.close()]);
    await server?.stop();
  });

  test.each(people)('$username comes out as the directory has them', async (person) => {
    const found = await entry(directory, person.username);
    // The server keeps one mark for both: locked by an administrator, until an administrator unlocks.
    const active = person.active && !person.locked;
    expectUser(found, { ...person, active }, 'ldap', {
      unknown: ['verified', 'locked'],
      adminRole: 'admins',
    });
    expect(found.user.roles).toEqual(person.admin ? ['admins'] : []);
    expect(found.credentials.passwords).toHaveLength(passwordsOf(person).length);
    expect(await directory.findBySub(found.user.sub)).toMatchObject({ user: found.user });
  });

  test.each(people)('$username logs in by hash with each password, and no other', async (person) => {
    const { credentials } = await entry(directory, person.username);
    const opens = async (password: string) => {
      const results = await Promise.all(credentials.passwords.map((one) => passwords.verify(one, password)));
      expect(results.filter(({ reason }) => reason !== undefined)).toEqual([]);
      return results.some(({ verified }) => verified);
    };
    for (const password of passwordsOf(person)) {
      expect(await opens(password)).toBe(true);
      for (const wrong of [`${password} `, `x${password}`]) expect(await opens(wrong), wrong).toBe(false);
    }
  });

  test.for(people)('$username logs in by a bind just as the server says', async (person, { skip }) => {
    skip(!canBind(person), 'slapd has no module pw-pbkdf2');
    const [row] = await connector.findByLogin(person.username);
    const opens = (password: string) => connector.verifyPassword!(row!, password);
    for (const password of passwordsOf(person)) {
      expect(await opens(password)).toBe(person.binds);
      for (const wrong of [`${password} `, `x${password}`, '', `${password}\0`, '*'])
        expect(await opens(wrong), JSON.stringify(wrong)).toBe(false);
    }
    expect(await opens('guess')).toBe(false);
  });

  test('a bind is asked for where no hash opens, and never where the password is empty', async () => {
    const { credentials } = await entry(directory, 'anna');
    expect(credentials.storeCheck?.only).toBe(false);
    expect(await credentials.storeCheck?.verify('Sommer2021!0')).toBe(true);
    expect(await credentials.storeCheck?.verify('second-Sommer2021!0')).toBe(true);
    expect(await credentials.storeCheck?.verify('')).toBe(false);
  });

  test('a name in another case is the same person, as the server compares', async () => {
    expect((await entry(directory, 'karl')).user.username).toBe('KARL');
    expect((await entry(directory, 'ANNA')).user.username).toBe('anna');
  });

  test('two addresses that differ in case only are told apart, or refused', async () => {
    expect((await entry(directory, 'EVE@Example.com')).user.username).toBe('eve');
    expect((await entry(directory, 'eve@example.com')).user.username).toBe('eve2');
    await expect(directory.findByLogin('Eve@Example.com')).rejects.toMatchObject({ code: 'user_ambiguous' });
  });

  test('memberOf comes with the entry, among the operational attributes', async () => {
    const [sam] = await connector.findByLogin('sam');
    expect(sam?.columns.memberOf).toBe(`cn=admins,ou=groups,${SUFFIX}`);
    expect(sam?.columns.modifyTimestamp).toMatch(/^20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.000Z$/);
    expect(Object.keys(sam!.columns)).not.toContain('*');
    expect(Object.keys(sam!.columns)).not.toContain('+');
  });

  test('all of them are surveyed', async () => {
    expect(await survey(directory.entries!())).toMatchObject({
      users: 20,
      states: { active: 18, disabled: 2, locked: 0 },
      formats: { ldap: 19 },
      withEmail: 17,
      unmappable: {},
    });
  });

  test('too many wrong passwords lock, as the mapping reads it', async () => {
    const [gina] = await connector.findByLogin('gina');
    for (let tries = 0; tries < 20; tries++)
      expect(await connector.verifyPassword!(gina!, 'wrong')).toBe(false);
    const { user } = await entry(directory, 'gina');
    expect(user.state).toBe('locked');
    expect(await connector.verifyPassword!(gina!, 'päßwörd-gina')).toBe(false);
  });
});
