/** Hashes for the columns of legacy stores: in the store's own format, opened by it before they leave. */
import { execFileSync } from 'node:child_process';
import { verify as argon2Verify } from 'argon2';
import bcrypt from 'bcrypt';
import { afterAll, describe, expect, test } from 'vitest';
import { formatNamed } from '../../src/credentials/format-names.ts';
import { passwordSettings } from '../../src/credentials/password-settings.ts';
import { openPasswords } from '../../src/credentials/passwords.ts';
import { isRefusal } from '../../src/credentials/reasons.ts';
import type { StoreHash } from '../../src/credentials/store-hash.ts';
import { checkWriting } from '../../src/credentials/store-hash.ts';
import type { StoredPassword } from '../../src/user.ts';
import type { Vector } from './vectors.ts';
import { corpus, storedOf } from './vectors.ts';

const SLOW = { timeout: 120_000 };
const passwords = openPasswords(passwordSettings.parse({ queueLength: 10_000, queueWaitSeconds: 60 }));
afterAll(() => passwords.close());

const PASSWORD = 'Neues Pässwort 🔑 3';
/** What people type, and what they should not: combining characters, blanks, markup, beyond bcrypt's 72 bytes. */
const ODD = [
  PASSWORD,
  'a',
  ' ',
  'e\u0301\u00a0ß',
  '"<&>\'$:{}%',
  'x'.repeat(72),
  'ü'.repeat(60),
  'n'.repeat(1_024),
];

const written = async (format: string, password: string, stored: readonly StoredPassword[] = []) => {
  const hash = await passwords.hashFor({ format }, password, { stored });
  if (isRefusal(hash)) throw new Error(`${format}: ${hash.reason}`);
  return hash;
};
/** As the mapping would read it again. */
const rowOf = (format: string, { encoded }: StoreHash): StoredPassword => ({
  format,
  columns: encoded.startsWith('{"') ? JSON.parse(encoded) : { hash: encoded },
});
const opens = async (stored: StoredPassword, password: string) =>
  (await passwords.verify(stored, password)).verified;
/** Each algorithm refuses a wrong password once; what costs a second need not do so for every way to write it. */
const refused = new Set<string>();
async function refusesOnce(stored: StoredPassword, password: string): Promise<boolean> {
  const { algorithm } = passwords.identify(stored) as { algorithm: string };
  if (refused.has(algorithm)) return true;
  refused.add(algorithm);
  return !(await opens(stored, password));
}

/** One name per layout; what each is to look like. */
const LAYOUTS: readonly (readonly [format: string, looks: RegExp])[] = [
  ['bcrypt', /^\$2a\$12\$/],
  ['laravel', /^\$2y\$12\$/],
  ['drupal10', /^\$2y\$/],
  ['phpbb', /^\$2y\$/],
  ['bcryptjs', /^\$2b\$/],
  ['passlib-bcrypt-2y', /^\$2y\$/],
  ['devise-bcrypt', /^\$2a\$/],
  ['wordpress', /^\$wp\$2y\$/],
  ['wordpress-phpass', /^\$P\$B/],
  ['phpbb-H', /^\$H\$B/],
  ['drupal7', /^\$S\$D/],
  ['argon2', /^\$argon2id\$v=19\$m=19456,t=2,p=1\$/],
  ['php-argon2i', /^\$argon2i\$/],
  ['django', /^pbkdf2_sha256\$600000\$\w{22}\$/],
  ['django-pbkdf2_sha1', /^pbkdf2_sha1\$1300000\$/],
  ['django-argon2', /^argon2\$argon2id\$/],
  ['django-bcrypt', /^bcrypt\$\$2b\$/],
  ['django-bcrypt_sha256', /^bcrypt_sha256\$\$2b\$/],
  ['django-scrypt', /^scrypt\$32768\$\w{22}\$8\$3\$/],
  ['werkzeug', /^scrypt:32768:8:3\$/],
  ['werkzeug-pbkdf2-sha256', /^pbkdf2:sha256:600000\$/],
  ['spring', /^\{bcrypt\}\$2a\$/],
  ['spring-pbkdf2-v5_8', /^\{pbkdf2@SpringSecurity_v5_8\}[0-9a-f]{96}$/],
  ['spring-pbkdf2-v5_5', /^\{pbkdf2\}[0-9a-f]{80}$/],
  ['spring-argon2-v5_8', /^\{argon2@SpringSecurity_v5_8\}\$argon2id/],
  ['spring-scrypt-v5_8', /^\{scrypt@SpringSecurity_v5_8\}\$f0803\$/],
  ['spring-scrypt-v4_1', /^\{scrypt\}\$/],
  ['aspnet-identity', /^AQAAAAIAAzRQ/],
  ['aspnet-identity-v3-sha256', /^AQAAAAE/],
  ['aspnet-identity-v2', /^A[\w+/]{65}==$/],
  ['keycloak', /"algorithm\\":\\"argon2/],
  ['keycloak-pbkdf2-sha512', /"algorithm\\":\\"pbkdf2-sha512/],
  ['ldap', /^\{SSHA\}[\w+/]{37,38}=*$/],
  ['openldap-ssha512', /^\{SSHA512\}/],
  ['ldap-ssha256', /^\{SSHA256\}/],
  ['ldap-crypt-sha512', /^\{CRYPT\}\$6\$rounds=100000\$/],
  ['ldap-crypt-bcrypt', /^\{CRYPT\}\$2/],
  ['openldap-argon2', /^\{ARGON2\}\$argon2id/],
  ['openldap-pbkdf2-sha512', /^\{PBKDF2-SHA512\}210000\$/],
  ['dovecot-blf-crypt', /^\{BLF-CRYPT\}\$2/],
  ['sha512_crypt', /^\$6\$/],
  ['sha256_crypt', /^\$5\$/],
  ['crypt-yescrypt', /^\$y\$j9T\$/],
  ['pbkdf2', /^\$pbkdf2-sha256\$600000\$/],
  ['passlib-pbkdf2_sha512', /^\$pbkdf2-sha512\$/],
  ['passlib-scrypt', /^\$scrypt\$ln=15,r=8,p=3\$/],
  ['better-auth', /^[0-9a-f]{32}:[0-9a-f]{128}$/],
];

describe('a fresh hash', () => {
  test.each(LAYOUTS.map(([format, looks], at) => [format, looks, ODD[at % ODD.length]!] as const))(
    'of %s looks as its framework writes it, and opens',
    SLOW,
    async (format, looks, password) => {
      const hash = await written(format, password);
      expect(hash.encoded).toMatch(looks);
      expect(checkWriting({ format })).toEqual({ layout: hash.layout });
      expect(await opens(rowOf(format, hash), password)).toBe(true);
      expect(await refusesOnce(rowOf(format, hash), `!${password.slice(1)}`)).toBe(true);
    },
  );

  test('of the same password is another one each time', async () => {
    const all = await Promise.all(Array.from({ length: 4 }, () => written('ldap', PASSWORD)));
    expect(new Set(all.map(({ encoded }) => encoded)).size).toBe(4);
  });

  test('of what is no password is refused', async () => {
    for (const password of ['', 'a\0b', '\ud800', 'x'.repeat(1_025)])
      for (const format of ['bcrypt', 'ldap', 'clear'])
        expect(await passwords.hashFor({ format }, password)).toMatchObject({ reason: 'password_refused' });
  });

  test('is read by others', async () => {
    const { encoded } = await written('bcryptjs', PASSWORD);
    expect(await bcrypt.compare(PASSWORD, encoded)).toBe(true);
    expect(await argon2Verify((await written('argon2', PASSWORD)).encoded, PASSWORD)).toBe(true);
  });

  test.each(['sha512_crypt', 'sha256_crypt', 'crypt-yescrypt', 'laravel'])(
    'of %s is what crypt(3) makes of it',
    async (format) => {
      const { encoded } = await written(format, PASSWORD);
      const crypt = 'use utf8; print crypt($ARGV[0], $ARGV[1])';
      expect(execFileSync('perl', ['-e', crypt, PASSWORD, encoded]).toString()).toBe(encoded);
    },
  );

  test('where the store hashes itself is the password', async () => {
    expect(await passwords.hashFor({ format: 'clear' }, PASSWORD)).toEqual({
      encoded: PASSWORD,
      layout: 'clear',
    });
    expect(checkWriting({ format: 'clear' })).toEqual({ layout: 'clear' });
  });
});

describe('what the store has of somebody', () => {
  test.each([
    ['wordpress', '$P$B12345678zVpjfWMxaOLdlNDNHMD301', /^\$P\$B/],
    ['wordpress', '$2y$10$abcdefghijklmnopqrstuuhCPqdCUPIcdu5gjVgvGgUZbsOmXSNHC', /^\$2y\$10\$/],
    ['bcrypt', '$2y$11$abcdefghijklmnopqrstuuhCPqdCUPIcdu5gjVgvGgUZbsOmXSNHC', /^\$2y\$11\$/],
    ['bcrypt', '$2b$04$abcdefghijklmnopqrstuuhCPqdCUPIcdu5gjVgvGgUZbsOmXSNHC', /^\$2b\$12\$/],
    ['ldap', `{SSHA512}${Buffer.alloc(72, 7).toString('base64')}`, /^\{SSHA512\}/],
    ['ldap', `{ssha}${Buffer.alloc(28, 7).toString('base64')}`, /^\{SSHA\}/],
    ['ldap', `{SHA}${Buffer.alloc(20, 7).toString('base64')}`, /^\{SSHA\}/],
    ['ldap', `{CRYPT}$6$rounds=7000$abcdefgh$${'a'.repeat(86)}`, /^\{CRYPT\}\$6\$rounds=7000\$/],
    ['argon2', `$argon2id$v=19$m=65536,t=3,p=4$c29tZXNhbHQxMjM0NTY$${'A'.repeat(43)}`, /m=65536,t=3,p=4\$/],
    [
      'argon2',
      `$argon2i$v=16$m=1024,t=2,p=1$c29tZXNhbHQxMjM0NTY$${'A'.repeat(43)}`,
      /^\$argon2i\$v=19\$m=19456,t=2/,
    ],
    [
      'django',
      `pbkdf2_sha256$1000000$abcdefghijkl$${Buffer.alloc(32, 7).toString('base64')}`,
      /^pbkdf2_sha256\$1000000\$/,
    ],
    ['django', `md5$salt$${'a'.repeat(32)}`, /^pbkdf2_sha256\$600000\$/],
    [
      'aspnet-identity',
      Buffer.concat([Buffer.of(1, 0, 0, 0, 1, 0, 0, 39, 16, 0, 0, 0, 16), Buffer.alloc(48, 7)]).toString(
        'base64',
      ),
      /^AQAAAAEACSfA/,
    ],
    ['crypt', `$y$jAT$abcdefghijklmnopqrstu/$${'a'.repeat(42)}.`, /^\$y\$jAT\$/],
  ])('is kept in %s, of %s, unless it is too weak', SLOW, async (format, hash, looks) => {
    const stored = { format, columns: { password: hash } };
    const fresh = await written(format, PASSWORD, [stored]);
    expect(fresh.encoded).toMatch(looks);
    expect(await opens({ format, columns: { password: fresh.encoded } }, PASSWORD)).toBe(true);
  });

  test('beside it belongs to it: a pepper, a salt column, the name', SLOW, async () => {
    const salted = {
      format: 'authlogic-bcrypt',
      columns: { crypted_password: `$2a$10$${'a'.repeat(53)}`, password_salt: 'beside' },
    };
    const fresh = await written('authlogic-bcrypt', PASSWORD, [salted]);
    const row = { ...salted, columns: { ...salted.columns, crypted_password: fresh.encoded } };
    expect(await opens(row, PASSWORD)).toBe(true);
    expect(await opens({ ...row, columns: { ...row.columns, password_salt: 'other' } }, PASSWORD)).toBe(
      false,
    );
    expect(await passwords.hashFor({ format: 'authlogic-bcrypt' }, PASSWORD)).toMatchObject({
      reason: 'columns_needed',
    });
    expect(checkWriting({ format: 'authlogic-bcrypt' })).toMatchObject({ layout: expect.any(String) });

    const peppered = { format: 'devise-bcrypt-pepper', settings: { pepper: 'pepper' } };
    const { encoded } = (await passwords.hashFor(peppered, PASSWORD)) as StoreHash;
    expect(await opens({ ...peppered, columns: { hash: encoded } }, PASSWORD)).toBe(true);
    expect(
      await opens({ ...peppered, settings: { pepper: 'no' }, columns: { hash: encoded } }, PASSWORD),
    ).toBe(false);
    expect(await passwords.hashFor({ format: 'devise-bcrypt-pepper' }, PASSWORD)).toMatchObject({
      reason: 'setting_missing',
    });
  });

  test('in another column than the hash says how it is read: nothing is written that it does not fit', async () => {
    const gitea = {
      format: 'gitea',
      columns: { passwd: 'ab'.repeat(50), salt: 'salt', passwd_hash_algo: 'pbkdf2$50000$50' },
    };
    expect(await passwords.hashFor({ format: 'gitea' }, PASSWORD, { stored: [gitea] })).toHaveProperty(
      'reason',
    );
  });

  test('as bytes, or under another name, is replaced where it stands', async () => {
    const stored = {
      format: 'ldap',
      columns: { userPassword: Buffer.from(`{SSHA}${Buffer.alloc(28).toString('base64')}`) },
    };
    expect((await written('ldap', PASSWORD, [stored])).encoded).toMatch(/^\{SSHA\}/);
  });
});

describe('a format that cannot be written', () => {
  test.each([
    'md5',
    'generic-hex_sha1',
    'ntlm',
    'plaintext',
    'passlib-plaintext',
    'unix-des_crypt',
    'md5_crypt',
    'ldap-md5',
    'prestashop-1.6',
    'mysql41',
    'postgresql-md5',
    'django-unsalted_md5',
    'keycloak-nothing',
    'auto',
  ])('is refused when it is set up: %s', async (format) => {
    const reason = formatNamed(format) || format === 'auto' ? 'format_unwritable' : 'unknown_format';
    expect(checkWriting({ format })).toMatchObject({ reason });
    expect(await passwords.hashFor({ format }, PASSWORD)).toMatchObject({ reason });
  });
});

describe('a hash from elsewhere', () => {
  const ZITADEL = bcrypt.hashSync(PASSWORD, '$2b$04$abcdefghijklmnopqrstuu').replace('$2b$', '$2a$');

  test.each([
    ['bcrypt', /^\$2a\$04\$/],
    ['laravel', /^\$2y\$04\$/],
    ['spring', /^\{bcrypt\}\$2a\$/],
    ['django-bcrypt', /^bcrypt\$\$2b\$/],
    ['ldap-crypt-bcrypt', /^\{CRYPT\}\$2/],
  ])('is carried into %s, and still opens', async (format, looks) => {
    const hash = passwords.translateFor({ format }, ZITADEL);
    expect(hash).toMatchObject({ encoded: expect.stringMatching(looks) });
    const row = rowOf(format, hash as StoreHash);
    expect(await opens(row, PASSWORD)).toBe(true);
    expect(await opens(row, 'another')).toBe(false);
  });

  test('takes the spelling of what is there', () => {
    const stored = [{ format: 'bcrypt', columns: { pw: `$2y$10$${'a'.repeat(53)}` } }];
    expect(passwords.translateFor({ format: 'bcrypt' }, ZITADEL, { stored })).toMatchObject({
      encoded: ZITADEL.replace('$2a$', '$2y$'),
    });
  });

  test.each([
    ['the store prepares the password', 'wordpress', ZITADEL, 'password_prepared'],
    ['it digests first', 'django-bcrypt_sha256', ZITADEL, 'password_prepared'],
    ['it is of another algorithm', 'django', ZITADEL, 'untranslatable_algorithm'],
    ['it is written otherwise in this directory', 'ldap', ZITADEL, 'untranslatable_algorithm'],
    [
      'its iterations are fixed',
      'aspnet-identity-v2',
      `$pbkdf2$29000$c2FsdHNhbHRzYWx0c2FsdA$${'A'.repeat(27)}`,
      'untranslatable_algorithm',
    ],
    [
      'its salt is no text',
      'django',
      `$pbkdf2-sha256$29000$${Buffer.alloc(16, 0xff).toString('base64').replace(/=+$/, '').replaceAll('+', '.')}$${'A'.repeat(43)}`,
      'untranslatable_algorithm',
    ],
    ['it costs too much', 'bcrypt', ZITADEL.replace('$04$', '$31$'), 'parameters_out_of_bounds'],
    ['it is nothing that is known', 'bcrypt', 'a9993e364706816aba3e25717850c26c9cd0d89d', 'unrecognised'],
    ['it is half of one', 'bcrypt', ZITADEL.slice(0, 40), 'unrecognised'],
    ['the store hashes itself', 'clear', ZITADEL, 'untranslatable_algorithm'],
  ])('is not carried where %s', (_why, format, hash, reason) => {
    expect(passwords.translateFor({ format }, hash)).toMatchObject({ reason });
  });

  test('of the same spelling is carried to the letter', () => {
    const pbkdf2 = `$pbkdf2-sha256$29000$c2FsdHNhbHQ$${'A'.repeat(43)}`;
    expect(passwords.translateFor({ format: 'pbkdf2' }, pbkdf2)).toMatchObject({ encoded: pbkdf2 });
    expect(passwords.translateFor({ format: 'django' }, pbkdf2)).toMatchObject({
      encoded: `pbkdf2_sha256$29000$saltsalt$${'A'.repeat(43)}=`,
    });
  });
});

/** Real hashes of the real frameworks; one for each way to write one, and all that cannot be written. */
const REAL = [
  ...new Map(
    corpus()
      .flatMap(({ vectors }) => vectors)
      .filter(({ password }) => password !== null)
      .toReversed()
      .map((vector): [string, Vector] => {
        const { format, settings } = vector;
        const how = checkWriting({ format, ...(settings ? { settings } : {}) });
        return ['layout' in how ? how.layout : format, vector];
      }),
  ).values(),
];

const REFUSALS = [
  ...['format_unwritable', 'columns_needed', 'setting_missing', 'parameters_out_of_bounds', 'unknown_format'],
];

test('every real hash is replaced by one that its format opens, or nothing is written', {
  timeout: 600_000,
}, async () => {
  const replaced: string[] = [];
  const replace = async (vector: Vector) => {
    const stored = storedOf(vector);
    const hash = await passwords.hashFor({ format: vector.format }, PASSWORD, { stored: [stored] });
    if (isRefusal(hash)) return expect(REFUSALS, vector.id).toContain(hash.reason);
    replaced.push(vector.format);
    const long = Object.entries(stored.columns).filter(
      ([, value]) => typeof value === 'string' && value.length > 20,
    );
    const [column] = long.length === 1 ? long[0]! : [];
    if (column === undefined) return;
    const row = { ...stored, columns: { ...stored.columns, [column]: hash.encoded } };
    expect(await opens(row, PASSWORD), vector.id).toBe(true);
    expect(await refusesOnce({ ...row, format: vector.format }, vector.password!), vector.id).toBe(true);
  };
  const left = REAL.values();
  const some = async () => {
    for (const vector of left) await replace(vector);
  };
  await Promise.all([some(), some()]);
  expect(replaced.length).toBeGreaterThan(20);
});
