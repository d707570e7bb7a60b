/**
 * The vendors' own export formats through their presets. The fixtures are made after: Auth0's “How to Use the Password
 * Hashes Export” and “Bulk User Import Database Schema”; firebase-tools' `accountExporter` and “auth:import and
 * auth:export”; FusionAuth's “Import Users” and “Password Hashing Algorithms”; Okta's “Create User with Imported Hashed
 * Password”; cidaas's bulk import. The realm is a real `kc.sh export`, shortened around its users.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, describe, expect, test, vi } from 'vitest';
import { parse } from 'yaml';
import { passwordSettings } from '../../src/credentials/password-settings.ts';
import { openPasswords } from '../../src/credentials/passwords.ts';
import { legacySettings } from '../../src/legacy/legacy-settings.ts';
import { writeOut } from '../../src/legacy/shorthand.ts';
import type { LegacyEntry } from '../../src/user.ts';
import { entry, expected, expectUser, openDirectory } from './stores.ts';

const EXPORTS = join(import.meta.dirname, 'fixtures', 'exports');
// The fixtures may be read by everyone, and so they should.
vi.spyOn(process, 'emitWarning').mockReturnValue();
const passwords = openPasswords(passwordSettings.parse({}));
afterAll(() => passwords.close());

function openExport(preset: string, files: string[], parameters: Record<string, string> = {}) {
  const store = { store: 'shop', preset, parameters, exportFile: { files }, timeoutMs: 30_000 };
  return openDirectory(legacySettings.parse(writeOut(store)));
}
const openFixture = (preset: string, file: string, parameters = {}) =>
  openExport(preset, [join(EXPORTS, file)], parameters);

/** The format that the password opens; undefined where it opens none. */
async function opened({ credentials }: LegacyEntry, password: string): Promise<string | undefined> {
  for (const stored of credentials.passwords) {
    const { verified, format } = await passwords.verify(stored, password);
    if (verified) return format;
  }
  return undefined;
}

describe('a Keycloak realm export', () => {
  const people = expected('keycloak').filter(({ id }) => id !== null);
  const directory = openFixture('keycloak-export', 'keycloak-realm.json', { rpId: 'legacy.example' });
  afterAll(() => directory.close());

  test.each(people)('gives $username', async (person) => {
    const found = await entry(directory, person.username);
    expectUser(found, person, 'shop', { unknown: ['admin', 'recoveryCodes'] });
    expect(found.user.roles).toEqual(['default-roles-legacy']);
    expect(found.user.metadata).toMatchObject({
      attributes: { customerNumber: [expect.stringMatching(/^10\d\d$/)] },
    });
    expect(await directory.findBySub(found.user.sub)).toEqual(found);
    expect(found.credentials.passwords).toHaveLength(person.password === null ? 0 : 1);
    if (person.password === null) return;
    expect(await opened(found, person.password)).toBe('keycloak');
    expect(await opened(found, `${person.password}x`)).toBeUndefined();
  });

  test('can be gone through whole', async () => {
    const seen = [];
    for await (const one of directory.entries!()) seen.push(one);
    expect(seen.filter(({ error }) => error)).toEqual([]);
    expect(new Set(seen.map(({ sub }) => sub))).toEqual(new Set(people.map(({ id }) => `shop:${id}`)));
  });

  test('is set up by the example', async () => {
    const text = readFileSync(join(EXPORTS, '../../../../example/legacy/keycloak-export.yaml'), 'utf8');
    const { legacy } = parse(text.replace('${LEGACY_EXPORT}', join(EXPORTS, 'keycloak-realm.json')));
    const example = openDirectory(legacySettings.parse(writeOut(legacy)));
    expect((await entry(example, 'anna')).user.attributes).toEqual({ customer_number: '1000' });
    await example.close();
  });

  test('may be split into files in a folder, some of them packed', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'footbridge-export-test-'));
    const realm = JSON.parse(readFileSync(join(EXPORTS, 'keycloak-realm.json'), 'utf8'));
    const { users, ...rest } = realm;
    writeFileSync(join(folder, 'legacy-realm.json'), JSON.stringify(rest), { mode: 0o600 });
    for (const [index, part] of [users.slice(0, 10), users.slice(10)].entries()) {
      const text = JSON.stringify({ realm: 'legacy', users: part });
      const bytes = index === 0 ? text : gzipSync(text);
      writeFileSync(join(folder, `legacy-users-${index}.json${index ? '.gz' : ''}`), bytes, { mode: 0o600 });
    }
    for (const pattern of [folder, join(folder, 'legacy-users-*')]) {
      const split = openExport('keycloak-export', [pattern]);
      for (const { username } of people) expect(await split.findByLogin(username)).toBeDefined();
      await split.close();
    }
    rmSync(folder, { recursive: true });
  });
});

describe('an Auth0 export', () => {
  const directory = openFixture('auth0', 'auth0-users.ndjson', {
    passwords: join(EXPORTS, 'auth0-passwords.ndjson'),
  });
  afterAll(() => directory.close());

  test('gives people with all that is said of them', async () => {
    const anna = await entry(directory, 'anna@example.com');
    expect(anna.user).toMatchObject({
      sub: 'shop:auth0|5dea9f9c82dd7c0e76e4ec93',
      username: 'Anna@Example.com',
      email: 'Anna@Example.com',
      emailVerified: true,
      givenName: 'Anna',
      familyName: 'Müller',
      picture: 'https://cdn.example.com/anna.png',
      locale: 'de-CH',
      roles: ['editor', 'author'],
      state: 'active',
      metadata: { app_metadata: { plan: 'gold' } },
    });
    expect(anna.credentials.identityProviderLinks).toEqual([
      { provider: 'google-oauth2', userId: '108204268033311374519' },
    ]);
    expect((await entry(directory, 'euclid')).user.state).toBe('disabled');
  });

  test.each([
    ['of the file beside it, by its own id', 'anna@example.com', 'Sommer2021!a', 'auth0-bcrypt'],
    ['of the file beside it, by the customer’s id', 'euclid', 'Sommer2021!b', 'auth0-bcrypt'],
    ['as the import format has it', 'dora@example.com', 'Sommer2021!d', 'auth0-bcrypt'],
    ['of another system, as the import format has it', 'eva@example.com', 'Sommer2021!e', 'auth0'],
  ])('verifies a password %s', async (_where, login, password, format) => {
    const found = await entry(directory, login);
    expect(await opened(found, password)).toBe(format);
    expect(await opened(found, `${password}x`)).toBeUndefined();
  });

  test('gives no password to who has none there', async () => {
    expect((await entry(directory, 'cem@example.com')).credentials.passwords).toEqual([]);
  });

  test('reads second factors in the import format', async () => {
    const { totp } = (await entry(directory, 'dora@example.com')).credentials;
    expect(totp).toMatchObject({ digits: 6, periodSeconds: 30, algorithm: 'SHA1' });
    expect(Buffer.from(totp!.secret).toString('hex')).toBe('48656c6c6f21deadbeef48656c6c6f21deadbeef');
  });

  test('does without the file of passwords', async () => {
    const without = openFixture('auth0', 'auth0-users.ndjson');
    expect((await entry(without, 'anna@example.com')).credentials.passwords).toEqual([]);
    await without.close();
  });
});

const FIREBASE = {
  signerKey: 'M5J+asL/6gCZR1sheKI61i+3s2QwQxBx2At9FvVCPfuw7/I5+e8gjCt+tFjbc103SrnEpPt0Mf8oMW9jGZuk2A==',
};

describe.each([
  ['firebase', 'firebase.json', 'Anna', 'Maria Müller', '-'],
  ['firebase-csv', 'firebase.csv', 'Müller,', 'Anna', 'Bob'],
])('a Firebase export (%s)', (preset, file, givenName, familyName, other) => {
  const directory = openFixture(preset, file, FIREBASE);
  afterAll(() => directory.close());

  test('gives people by address and by number, with password and links', async () => {
    const anna = await entry(directory, 'ANNA@example.com');
    expect(anna.user).toMatchObject({
      sub: 'shop:Xa1',
      givenName,
      familyName,
      emailVerified: true,
      state: 'active',
      roles: ['editor'],
    });
    expect(anna.credentials.identityProviderLinks).toEqual([
      { provider: 'google.com', userId: '108204268033311374519', username: 'anna@example.com' },
    ]);
    expect(await opened(anna, 'Tr0ub4dor&3-Legacy')).toBe('firebase-scrypt');
    expect(await opened(anna, 'Tr0ub4dor&3-legacy')).toBeUndefined();
    const { user, credentials } = await entry(directory, '+41790000000');
    expect(user).toMatchObject({ sub: 'shop:Xb2', state: 'disabled', givenName: other, roles: [] });
    expect(credentials.passwords).toEqual([]);
  });
});

test('a Firebase export without the key of its hashes is refused when it is set up', () => {
  expect(() => openFixture('firebase', 'firebase.json')).toThrow(/signerKey/);
});

describe('a FusionAuth export', () => {
  const directory = openFixture('fusionauth', 'fusionauth.json');
  afterAll(() => directory.close());

  test('gives people with registrations, memberships and second factor', async () => {
    const { user, credentials } = await entry(directory, 'Anna');
    expect(user).toMatchObject({
      sub: 'shop:00000000-0000-4000-8000-000000000001',
      username: 'anna',
      emailVerified: true,
      locale: 'de',
      zoneinfo: 'Europe/Zurich',
      phoneNumber: '+41 79 000 00 00',
      roles: ['editor', 'author'],
      groups: ['20000000-0000-4000-8000-000000000001'],
      state: 'active',
    });
    expect(Buffer.from(credentials.totp!.secret).toString()).toBe('12345678901234567890');
    expect(credentials.recoveryCodes).toEqual([{ code: 'VBT7-QSZK' }, { code: 'M4TN-QW2L' }]);
    expect((await entry(directory, 'bob@example.com')).user.state).toBe('disabled');
  });

  test.each([
    ['salted-pbkdf2-hmac-sha256', 'anna', 'Sommer2021!a'],
    ['bcrypt', 'cem@example.com', 'Sommer2021!c'],
  ])('verifies %s', async (_scheme, login, password) => {
    const found = await entry(directory, login);
    expect(await opened(found, password)).toBe('fusionauth');
    expect(await opened(found, `${password}x`)).toBeUndefined();
  });
});

describe('an Okta export', () => {
  const directory = openFixture('okta', 'okta.json');
  afterAll(() => directory.close());

  test('gives people, and nobody’s address as proved', async () => {
    expect((await entry(directory, 'anna@example.com')).user).toMatchObject({
      sub: 'shop:00ub0oNGTSWTBKOLGLNR',
      email: 'Anna@Example.com',
      emailVerified: false,
      locale: 'de-CH',
      state: 'active',
    });
    expect((await entry(directory, 'bob')).user.state).toBe('locked');
    expect((await entry(directory, 'cem@example.com')).user.state).toBe('disabled');
  });

  test.each([
    ['SHA-512', 'anna@example.com', 'Sommer2021!a'],
    ['BCRYPT', 'bob', 'Sommer2021!b'],
  ])('verifies %s', async (_algorithm, login, password) => {
    const found = await entry(directory, login);
    expect(await opened(found, password)).toBe('okta');
    expect(await opened(found, `${password}x`)).toBeUndefined();
  });
});

describe('a cidaas export', () => {
  const directory = openFixture('cidaas', 'cidaas.json');
  afterAll(() => directory.close());

  test('gives people with groups, fields and links', async () => {
    const { user, credentials } = await entry(directory, 'anna@example.com');
    expect(user).toMatchObject({
      sub: 'shop:a7d0d8a1-5f5c-4f0b-8f05-6d0ee4a3c001',
      emailVerified: true,
      roles: ['USER', 'EDITOR'],
      groups: ['CUSTOMERS'],
      metadata: { customFields: { customer_number: '1000' } },
    });
    expect(credentials.identityProviderLinks).toEqual([
      { provider: 'google', userId: '108204268033311374519' },
    ]);
    expect((await entry(directory, 'bob@example.com')).user.state).toBe('disabled');
  });

  test.each([
    ['BCRYPT', 'anna@example.com', 'Sommer2021!a'],
    ['HMAC-SHA-256', 'bob@example.com', 'Sommer2021!b'],
  ])('verifies %s', async (_algorithm, login, password) => {
    const found = await entry(directory, login);
    expect(await opened(found, password)).toBe('cidaas');
    expect(await opened(found, `${password}x`)).toBeUndefined();
  });
});
