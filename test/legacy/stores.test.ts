import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Directory } from '../../src/legacy/directory.ts';
import { execute } from '../support/database.ts';
import type { TestDatabase } from '../support/postgres.ts';
import { testDatabase } from '../support/postgres.ts';
import { survey } from './counted.ts';
import type { Store } from './stores.ts';
import {
  entry,
  exampleSettings,
  expected,
  expectUser,
  fixture,
  openDirectory,
  sqliteStore,
} from './stores.ts';

describe('a Django store', () => {
  const people = expected('django-auth');
  let store: Store;
  let directory: Directory;
  beforeAll(() => {
    store = sqliteStore(fixture('django-auth.sqlite.sql'));
    directory = openDirectory(exampleSettings('django', { LEGACY_DATABASE: store.file }));
  });
  afterAll(async () => {
    await directory.close();
    store.drop();
  });

  test.each(people)('gives $username', async (person) => {
    const found = await entry(directory, person.username);
    expectUser(found, person, 'django', { unknown: ['verified', 'locked'] });
    expect(found.user.roles).toContain('customers');
    const [password] = found.credentials.passwords;
    expect(password?.format).toBe('django');
    const mark = person.password === null ? '!' : `${person.algorithm}$`;
    expect(password?.columns.password).toMatch(new RegExp(`^${mark.replaceAll('$', '\\$')}`));
  });

  test('tells two people apart whose addresses differ in case only', async () => {
    expect((await entry(directory, 'EVE@Example.com')).user.username).toBe('eve');
    expect((await entry(directory, 'eve@example.com')).user.username).toBe('eve2');
    await expect(directory.findByLogin('Eve@Example.com')).rejects.toMatchObject({ code: 'user_ambiguous' });
  });

  test('is surveyed without a value coming out', async () => {
    const seen = await survey(directory.entries!());
    expect(seen).toMatchObject({
      users: 20,
      states: { active: 19, disabled: 1, locked: 0 },
      formats: { django: 20 },
      withTotp: 4,
      withEmail: 19,
      unmappable: {},
    });
  });
});

describe('a Rails store', () => {
  const people = expected('rails-devise');
  let store: Store;
  let directory: Directory;
  const env = () => ({ LEGACY_DATABASE: store.file, LEGACY_OTP_KEY: 'kkkkkkkkkkkkkkkkvisible000000000' });
  beforeAll(() => {
    store = sqliteStore(fixture('rails-devise.sqlite.sql'));
    directory = openDirectory(exampleSettings('rails-devise', env()));
  });
  afterAll(async () => {
    await directory.close();
    store.drop();
  });

  test.each(people)('gives $username', async (person) => {
    const found = await entry(directory, person.username);
    expectUser(found, person, 'rails', { unknown: ['recoveryCodes', 'transports'] });
    expect(found.user.updatedAt).toBeGreaterThan(Date.UTC(2010) / 1_000 - 1);
    const formats = found.credentials.passwords.map(({ format, columns }) => [
      format,
      String(columns.encrypted_password).slice(0, 7),
    ]);
    expect(formats).toEqual(person.password === null ? [] : [['devise-bcrypt', '$2a$10$']]);
  });

  test('refuses a login that two people have', async () => {
    await expect(directory.findByLogin('eve@example.com')).rejects.toMatchObject({ code: 'user_ambiguous' });
  });

  test('lets nobody lose their second factor for a wrong key', async () => {
    const wrong = openDirectory(exampleSettings('rails-devise', { ...env(), LEGACY_OTP_KEY: 'another' }));
    await expect(wrong.findByLogin('maria')).rejects.toMatchObject({ code: 'mapping_failed' });
    expect(await wrong.findByLogin('anna')).toMatchObject({ user: { username: 'anna' } });
    await wrong.close();
  });
});

describe.each(['sqlite', 'postgresql'] as const)('an ASP.NET Identity store in %s', (engine) => {
  const people = expected('aspnet-identity');
  let directory: Directory;
  let drop: () => void | Promise<void>;
  beforeAll(async () => {
    if (engine === 'sqlite') {
      const store = sqliteStore(fixture('aspnet-identity.sql'));
      directory = openDirectory(exampleSettings('aspnet-identity', {}, { engine, file: store.file }));
      drop = store.drop;
    } else {
      const database = await testDatabase({ empty: true });
      await execute(database.url, fixture('aspnet-identity.sql'));
      directory = openDirectory(exampleSettings('aspnet-identity', { LEGACY_DATABASE: database.url }));
      drop = database.drop;
    }
  });
  afterAll(async () => {
    await directory.close();
    await drop();
  });

  test.each(people)('gives $username', async (person) => {
    const found = await entry(directory, person.username);
    expectUser(found, person, 'aspnet', { adminRole: 'Admin' });
    const formats = found.credentials.passwords.map(({ format }) => format);
    expect(formats).toEqual(person.algorithm === 'none' ? [] : ['aspnet-identity']);
    expect(await directory.findBySub(found.user.sub)).toEqual(found);
  });
});

describe('a Keycloak store', () => {
  const people = expected('keycloak').filter((person) => person.id !== null);
  let database: TestDatabase;
  let directory: Directory;
  beforeAll(async () => {
    database = await testDatabase({ empty: true });
    await execute(database.url, withInserts(fixture('keycloak.postgres.sql')));
    directory = openDirectory(exampleSettings('keycloak', { LEGACY_DATABASE: database.url }));
  });
  afterAll(async () => {
    await directory.close();
    await database.drop();
  });

  test.each(people)('gives $username', async (person) => {
    const found = await entry(directory, person.username);
    // Administrators of a realm are told by the roles of its clients, which this realm does not use.
    expectUser(found, person, 'keycloak', { unknown: ['admin', 'recoveryCodes'] });
    expect(found.user.roles).toEqual(['default-roles-legacy']);
    expect(found.user.attributes.customer_number).toMatch(/^10\d\d$/);
    const passwords = found.credentials.passwords.map(({ format, columns }) => ({
      format,
      algorithm: JSON.parse(String(columns.credential_data)).algorithm,
      hasValue: 'value' in JSON.parse(String(columns.secret_data)),
    }));
    expect(passwords).toEqual(
      person.password === null
        ? []
        : person.username === 'frank'
          ? [{ format: 'keycloak', algorithm: 'pbkdf2-sha512', hasValue: true }]
          : [{ format: 'keycloak', algorithm: 'argon2', hasValue: true }],
    );
  });

  test('finds by address, in any case', async () => {
    expect((await entry(directory, 'Anna.Mueller@Example.com')).user.username).toBe('anna');
  });
});

/** pg has no COPY … FROM stdin in plain text: the same rows as INSERT. */
function withInserts(dump: string): string {
  const literal = (field: string) => (field === '\\N' ? 'null' : `'${field.replaceAll("'", "''")}'`);
  return dump.replace(
    /^COPY (\S+ \(.*\)) FROM stdin;\n([\s\S]*?)^\\\.$/gm,
    (_all, into: string, rows: string) =>
      rows
        .split('\n')
        .filter(Boolean)
        .map((row) => `insert into ${into} values (${row.split('\t').map(literal).join(', ')});`)
        .join('\n'),
  );
}
