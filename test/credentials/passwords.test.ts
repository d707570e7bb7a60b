import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, describe, expect, test } from 'vitest';
import { passwordSettings } from '../../src/credentials/password-settings.ts';
import { openPasswords } from '../../src/credentials/passwords.ts';
import { Secret } from '../../src/settings.ts';
import { ZITADEL_READS } from './vectors.ts';

const passwords = openPasswords(passwordSettings.parse({ slots: 1 }));
afterAll(() => passwords.close());

const stored = (format: string, password: unknown, settings?: Record<string, unknown>) => ({
  format,
  columns: { password },
  ...(settings && { settings }),
});

/** bcrypt of `password`, at the lowest cost. */
const BCRYPT = '$2b$04$xiHlT6oKu0gPZLoWJNRn5esQXBxGYIBXWvFlwEQ.ddSUonQsM2W.O';
const SALT = 'c29tZXNhbHRzb21lc2FsdA';
const KEY = 'PpSsA0ZbZw4hXrkq0wFJHAcFxwKTnLnYOHYWWp1pNdM';

describe('verify', () => {
  test('accepts the right password and names format and algorithm', async () => {
    expect(await passwords.verify(stored('bcrypt', BCRYPT), 'password')).toEqual({
      verified: true,
      format: 'bcrypt',
      algorithm: 'bcrypt',
    });
  });

  test('refuses a wrong password without a reason', async () => {
    expect(await passwords.verify(stored('bcrypt', BCRYPT), 'Password')).toEqual({
      verified: false,
      format: 'bcrypt',
      algorithm: 'bcrypt',
    });
  });

  test.each(['2a', '2b', '2y'])('computes $%s$ alike, also beyond 255 bytes', async (variant) => {
    const hash = BCRYPT.replace('2b', variant);
    expect((await passwords.verify(stored('bcrypt', hash), 'password')).verified).toBe(true);
    expect((await passwords.verify(stored('bcrypt', hash), `password${'x'.repeat(256)}`)).verified).toBe(
      false,
    );
  });

  test.each([
    ['empty', ''],
    ['with a NUL', 'pass\0word'],
    ['of 1,025 bytes', 'x'.repeat(1025)],
    ['of 1,025 bytes in 513 characters', `${'ü'.repeat(512)}x`],
    ['with half a surrogate pair', 'password\ud83d'],
  ])('refuses a password %s', async (_, password) => {
    expect(await passwords.verify(stored('generic-plaintext', 'x'), password)).toMatchObject({
      verified: false,
      reason: 'password_refused',
    });
  });

  test('takes a password of 1,024 bytes', async () => {
    const password = 'ü'.repeat(512);
    expect((await passwords.verify(stored('generic-plaintext', password), password)).verified).toBe(true);
  });

  test('neither trims nor normalises a password', async () => {
    for (const [kept, entered] of [
      [' password ', 'password'],
      ['\u00fc', 'u\u0308'],
    ] as const) {
      expect((await passwords.verify(stored('generic-plaintext', kept), kept)).verified).toBe(true);
      expect((await passwords.verify(stored('generic-plaintext', kept), entered)).verified).toBe(false);
    }
  });

  test.each([
    ['Argon2 memory', `$argon2id$v=19$m=4194304,t=3,p=1$${SALT}$${KEY}`],
    ['Argon2 memory under the lanes', `$argon2id$v=19$m=8,t=3,p=2$${SALT}$${KEY}`],
    ['Argon2 passes', `$argon2id$v=19$m=65536,t=400,p=1$${SALT}$${KEY}`],
    ['Argon2 lanes', `$argon2id$v=19$m=65536,t=1,p=17$${SALT}$${KEY}`],
    ['Argon2 lanes with much memory', `$argon2id$v=19$m=131072,t=1,p=9$${SALT}$${KEY}`],
    ['an Argon2 version', `$argon2id$v=20$m=65536,t=1,p=1$${SALT}$${KEY}`],
    ['a short Argon2 digest', `$argon2id$v=19$m=65536,t=1,p=1$${SALT}$c2hvcnQ`],
    ['bcrypt cost', BCRYPT.replace('$04$', '$31$')],
    ['bcrypt cost below four', BCRYPT.replace('$04$', '$00$')],
    ['scrypt memory', `$scrypt$ln=30,r=8,p=1$${SALT}$${KEY}`],
    ['scrypt block size', `$scrypt$ln=10,r=4294967295,p=1$${SALT}$${KEY}`],
    ['scrypt parallelism', `$scrypt$ln=14,r=8,p=1000000$${SALT}$${KEY}`],
    ['PBKDF2 iterations', `$pbkdf2-sha256$2000001$${SALT}$${KEY}`],
    ['no PBKDF2 iterations', `$pbkdf2-sha256$0$${SALT}$${KEY}`],
    ['PBKDF2 iterations of a long key', `$pbkdf2-sha256$2000000$${SALT}$${KEY}${KEY}${KEY}A`],
    ['sha-crypt rounds', `$6$rounds=999999999$saltsalt$${'a'.repeat(86)}`],
    ['phpass rounds', `$P$Zabcdefgh${'a'.repeat(22)}`],
    ['Drupal rounds', `$S$Zabcdefgh${'a'.repeat(43)}`],
    ['Shiro iterations', `$shiro1$SHA-256$999999999$${SALT}==$${KEY}=`],
  ])('refuses out-of-bounds %s before any work', async (_, hash) => {
    const before = passwords.stats();
    const verdict = passwords.verify(stored('auto', hash), 'password');
    expect(passwords.stats()).toEqual(before);
    expect(await verdict).toMatchObject({ verified: false, reason: 'parameters_out_of_bounds' });
  });

  test('takes as much as the caps allow', () => {
    const strict = openPasswords(passwordSettings.parse({ caps: { bcryptCost: 10 } }));
    expect(strict.identify(stored('bcrypt', BCRYPT.replace('$04$', '$11$')))).toHaveProperty('reason');
    expect(passwords.identify(stored('bcrypt', BCRYPT.replace('$04$', '$15$')))).toHaveProperty('format');
    for (const lanes of [`m=262144,t=10,p=8`, `m=65536,t=1,p=16`]) {
      const hash = `$argon2id$v=19$${lanes}$${SALT}$${KEY}`;
      expect(passwords.identify(stored('argon2', hash))).toMatchObject({
        format: 'argon2',
        algorithm: 'argon2id',
      });
    }
  });

  test('rejects with the reason of a signal that was aborted', async () => {
    const gone = new Error('the caller has gone');
    const verdict = passwords.verify(stored('bcrypt', BCRYPT), 'password', {
      signal: AbortSignal.abort(gone),
    });
    await expect(verdict).rejects.toBe(gone);
  });

  test('refuses more at once than the queue holds, and serves the others', async () => {
    const small = openPasswords(passwordSettings.parse({ slots: 1, queueLength: 2 }));
    const verdicts = await Promise.allSettled(
      Array.from({ length: 10 }, () => small.verify(stored('bcrypt', BCRYPT), 'password')),
    );
    const served = verdicts.filter(({ status }) => status === 'fulfilled');
    const refused = verdicts.filter(({ status }) => status === 'rejected');
    expect([served.length, refused.length]).toEqual([3, 7]);
    expect(refused[0]).toMatchObject({ reason: { code: 'hashing_overloaded' } });
    await small.close();
  });

  test('says that the primitive refused what the parser let through', async () => {
    const hash = '$scrypt$ln=16,r=1,p=1$$'; // N must be below 2^(16·r) (RFC 7914 section 2).
    expect(await passwords.verify(stored('passlib-scrypt', hash + KEY), 'password')).toMatchObject({
      verified: false,
      reason: 'hash_not_computable',
    });
  });

  test('reads Argon2 parameters in any order', async () => {
    const hash = '$argon2id$v=19$m=64,t=1,p=1$c29tZXNhbHRzb21lc2FsdA$s0pH2PxtsBd08+8ZO8n1lw';
    const answers = ['m=64,p=1,t=1', 't=1,m=64,p=1', 'p=1,t=1,m=64'].map((order) =>
      passwords.verify(stored('argon2', hash.replace('m=64,t=1,p=1', order)), 'password'),
    );
    for (const { verified } of await Promise.all(answers)) expect(verified).toBe(true);
  });

  test('takes a pepper that the config keeps secret', async () => {
    const peppered = stored('generic-hmac-md5-pepper', '6a0d8d8e1fd9e6a2b6dbf3ef7c42c3b3');
    const missing = await passwords.verify(peppered, 'password');
    expect(missing).toMatchObject({ verified: false, reason: 'setting_missing' });
    const settings = { pepper: new Secret('pepper') };
    expect((await passwords.verify({ ...peppered, settings }, 'password')).reason).toBeUndefined();
  });
});

describe('decoy', () => {
  test('takes a slot as a verification does', async () => {
    const decoy = passwords.decoy('password');
    expect(passwords.stats().running).toBe(1);
    await decoy;
    expect(passwords.stats().running).toBe(0);
  });

  test('does no work for a password that verify refuses', async () => {
    const decoy = passwords.decoy('');
    expect(passwords.stats().running).toBe(0);
    await decoy;
  });

  test('is refused in an overload as a verification is', async () => {
    const small = openPasswords(passwordSettings.parse({ slots: 1, queueLength: 0 }));
    const running = small.verify(stored('bcrypt', BCRYPT), 'password');
    await expect(small.decoy('password')).rejects.toMatchObject({ code: 'hashing_overloaded' });
    await running;
    await small.close();
  });

  test('that cannot be verified is refused at the start', () => {
    const decoy = { format: 'bcrypt', columns: { password: 'no hash' } };
    expect(() => openPasswords(passwordSettings.parse({ decoy }))).toThrow(
      expect.objectContaining({ code: 'config_invalid' }),
    );
  });
});

describe('identify', () => {
  test.each([
    ['unknown_format', 'no-such-format', BCRYPT],
    ['no_hash', 'bcrypt', ''],
    ['no_hash', 'auto', null],
    ['unusable', 'auto', '!PcQl1KKlEdHm7efXLeSiDd0LJvqmAck412Bp45Y0'],
    ['unusable', 'django-pbkdf2_sha256', '!'],
    ['unusable', 'wordpress', '*'],
    ['unusable', 'crypt', `!${BCRYPT}`],
    ['unusable', 'auto', 'x'],
    ['unrecognised', 'auto', '5f4dcc3b5aa765d61d8327deb882cf99'],
    ['unrecognised', 'auto', 'password'],
    ['malformed', 'bcrypt', `${BCRYPT}x`],
    ['malformed', 'generic-hex_sha1', '5f4dcc3b5aa765d61d8327deb882cf99'],
    ['unsupported_algorithm', 'bcrypt', BCRYPT.replace('2b', '2x')],
    ['unsupported_algorithm', 'auto', '$gy$j9T$LX3JHbVYvWzxMnDTb8wwaD$gW/rdRHLRKsbCmRb'],
    ['unsupported_algorithm', 'argon2', `$argon2id$v=19$m=65536,t=1,p=1,keyid=a$${SALT}$${KEY}`],
    ['username_missing', 'postgres_md5', 'md52bd71e593999d892785be9eccdb53a84'],
    ['setting_missing', 'devise-bcrypt-pepper', BCRYPT],
  ])('says %s for %s', (reason, format, hash) => {
    expect(passwords.identify(stored(format, hash))).toMatchObject({
      reason,
      sentence: expect.stringMatching(/\.$/),
    });
  });

  test('names what the mark of a hash says', () => {
    expect(passwords.identify(stored('auto', BCRYPT))).toMatchObject({
      format: 'bcrypt',
      algorithm: 'bcrypt',
    });
    expect(passwords.identify(stored('auto', `{CRYPT}${BCRYPT}`))).toMatchObject({
      format: 'ldap',
      algorithm: 'bcrypt',
    });
    expect(passwords.identify(stored('auto', `bcrypt$${BCRYPT}`))).toMatchObject({
      format: 'django-bcrypt',
      algorithm: 'bcrypt',
    });
    expect(passwords.identify(stored('auto', `{bcrypt}${BCRYPT}`))).toMatchObject({
      format: 'spring-bcrypt',
      algorithm: 'bcrypt',
    });
  });

  test('takes a hash that arrives as bytes, under any column name', () => {
    const columns = { Kennwort: Buffer.from(BCRYPT, 'utf8') };
    expect(passwords.identify({ format: 'bcrypt', columns })).toHaveProperty('format', 'bcrypt');
  });
});

describe('a store with a salt column', () => {
  const salted = (Kennwort: string, Salz: string | null) => ({
    format: 'generic-md5-by-case',
    columns: { Kennwort, Salz },
  });

  test('that writes md5(salt + p) in small letters and md5(md5hex(p) + salt) in capitals verifies both', async () => {
    const small = salted('1a34cc747cea1dd0511fde78b8c7855e', '064d512a');
    const capitals = salted('AC70A5114A9B6AF3DCBB2B560A234E20', '');
    expect((await passwords.verify(small, 'correct horse')).verified).toBe(true);
    expect((await passwords.verify(capitals, 'Sommer2021!0')).verified).toBe(true);
    expect((await passwords.verify(capitals, 'correct horse')).verified).toBe(false);
  });

  test('without a salt in this row is read as it stands, and NULL is no salt', () => {
    const hash = '94caa07fbc0f921c253f9c5a04dfccca';
    const translation = passwords.translate(salted(hash, ''), ZITADEL_READS);
    expect(translation).toEqual({ encoded: hash, format: 'md5plain' });
    expect(passwords.identify(salted(hash, null))).toHaveProperty('reason', 'column_missing');
  });
});

describe('translate', () => {
  const md5 = (salt: string) => ({
    format: 'generic-md5-salt-suffix',
    columns: { hash: '5f4dcc3b5aa765d61d8327deb882cf99', salt },
  });

  test('writes a text salt, and refuses one that the target would split', () => {
    expect(passwords.translate(md5('abc'), ZITADEL_READS)).toEqual({
      encoded: '$md5salted-suffix$abc$X03MO1qnZdYdgyfeuILPmQ==',
      format: 'md5salted-suffix',
    });
    for (const salt of ['a$c', 'a c', 'a\u00a0c', 'a\tc', 'a\u0001c']) {
      expect(passwords.translate(md5(salt), ZITADEL_READS)).toHaveProperty(
        'reason',
        'salt_not_representable',
      );
    }
  });

  test('takes the first accepted format that fits', () => {
    const accepts = [
      { write: 'bcrypt', cost: [10, 16] } as const,
      { write: 'bcrypt', cost: [4, 9] } as const,
    ];
    expect(passwords.translate(stored('bcrypt', BCRYPT), accepts)).toMatchObject({ encoded: BCRYPT });
    expect(passwords.translate(stored('bcrypt', BCRYPT), accepts.slice(0, 1))).toMatchObject({
      reason: 'target_bounds',
    });
    expect(passwords.translate(stored('bcrypt', BCRYPT), [])).toMatchObject({
      reason: 'untranslatable_algorithm',
    });
  });

  test('cuts a PBKDF2 key only where it makes the hash too long', () => {
    const key = Buffer.alloc(64, 7);
    const columns = { password: `$pbkdf2-sha256$1000$${SALT}$${key.toString('base64').replace(/=/g, '')}` };
    const accepted = { write: 'pbkdf2-passlib', digests: ['sha256'], iterations: [1000, 2000] } as const;
    const encodedFor = (maxLength: number) => {
      const translation = passwords.translate({ format: 'pbkdf2', columns }, [{ ...accepted, maxLength }]);
      return 'encoded' in translation
        ? String(translation.encoded).split('$').at(-1)?.length
        : translation.reason;
    };
    expect([encodedFor(200), encodedFor(120), encodedFor(50)]).toEqual([86, 43, 'too_long']);
  });

  test('puts Argon2 parameters into the order that targets scan, and refuses the old version', () => {
    const hash = `$argon2id$v=19$m=65536,p=4,t=3$${SALT}$${KEY}`;
    expect(passwords.translate(stored('argon2', hash), ZITADEL_READS)).toMatchObject({
      encoded: `$argon2id$v=19$m=65536,t=3,p=4$${SALT}$${KEY}`,
    });
    expect(passwords.translate(stored('argon2', hash.replace('v=19', 'v=16')), ZITADEL_READS)).toMatchObject({
      reason: 'target_bounds',
    });
  });

  test('never passes a string through that it cannot parse', () => {
    for (const hash of ['5f4dcc3b5aa765d61d8327deb882cf99', '{CRYPT}$6$x', '$2b$10$short', 'secret']) {
      expect(passwords.translate(stored('auto', hash), ZITADEL_READS)).toHaveProperty('reason');
    }
  });

  test('refuses what the store can recover, and what was prepared before hashing', () => {
    expect(passwords.translate(stored('spring-noop', '{noop}secret'), ZITADEL_READS)).toMatchObject({
      reason: 'recoverable',
    });
    expect(passwords.translate(stored('wordpress-bcrypt', `$wp${BCRYPT}`), ZITADEL_READS)).toMatchObject({
      reason: 'password_prepared',
    });
  });
});

test('a process that has verified ends by itself', async () => {
  const script = fileURLToPath(new URL('./fixtures/verify-once.ts', import.meta.url));
  const { stdout } = await promisify(execFile)(process.execPath, [script], { timeout: 15_000 });
  expect(stdout).toBe('true');
});
