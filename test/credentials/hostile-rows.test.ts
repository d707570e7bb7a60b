/** Names that every object has are no keys of a table: a row may hold them. */
import { afterAll, expect, test } from 'vitest';
import { FORMATS } from '../../src/credentials/formats/index.ts';
import { passwordSettings } from '../../src/credentials/password-settings.ts';
import { openPasswords } from '../../src/credentials/passwords.ts';

const passwords = openPasswords(passwordSettings.parse({}));
afterAll(() => passwords.close());

const KEYS = ['__proto__', 'constructor', 'toString', 'valueOf', 'hasOwnProperty'];
const NAMES = [
  ...['password_hasher', 'scheme_class', 'passwd_hash_algo', 'algorithm', 'hash_method', 'PasswordFormat'],
  ...['encoder', 'scheme', 'hashFunc', 'hasher', 'type', 'mechanism', 'pbkdf2_prf', 'PasswordEncryption'],
];

test.each(KEYS)('%s as an algorithm is read by every format or refused', (key) => {
  const named = Object.fromEntries(NAMES.map((name) => [name, key]));
  for (const { name } of FORMATS) {
    for (const hash of [
      'a'.repeat(32),
      'a'.repeat(128),
      `${key}:${'a'.repeat(32)}`,
      `{${key}}YWJj`,
      `$${key}$a$b`,
    ]) {
      const columns = { ...named, password: hash, salt: 'NaCl' };
      expect(() => passwords.identify({ format: name, columns }), name).not.toThrow();
      expect(() => passwords.identify({ format: key, columns }), name).not.toThrow();
    }
  }
});

test('padding without end is refused in linear time', () => {
  const columns = { password: `{SSHA}${'='.repeat(4000)}x`, salt: `${'='.repeat(4000)}x` };
  for (const { name } of FORMATS) expect(passwords.identify({ format: name, columns })).toBeDefined();
});
