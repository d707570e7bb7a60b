import { afterAll, describe, expect, test } from 'vitest';
import { passwordSettings } from '../../../src/credentials/password-settings.ts';
import { openPasswords } from '../../../src/credentials/passwords.ts';
import { hashProblem } from '../../../src/targets/kratos/hash-rules.ts';
import { kratos } from '../../../src/targets/kratos/index.ts';
import { storedOf } from '../../credentials/vectors.ts';
import { checkImported } from '../../support/kratos/hashes.ts';
import { everyHash } from '../target-kind-contract.ts';
import { HASH } from './people.ts';

const passwords = openPasswords(passwordSettings.parse({}));
afterAll(() => passwords.close());

const KEY = 'c29tZXNhbHQ';
const PADDED = 'c29tZXNhbHQ=';
const KEY_32 = Buffer.alloc(32, 7).toString('base64');
const BARE_32 = KEY_32.replace(/=+$/, '');

describe('a hash for Kratos', () => {
  test('passes our rules and Kratos’ own where we have written it ourselves', () => {
    const given = everyHash().flatMap((vector) => {
      const made = passwords.translate(storedOf(vector), kratos.accepts);
      return 'encoded' in made ? [made] : [];
    });
    expect(given.length).toBeGreaterThan(50);
    for (const { encoded, format } of given) {
      expect(hashProblem({ encoded, format }, kratos.accepts)).toBeUndefined();
      expect(() => checkImported(String(encoded), false)).not.toThrow();
    }
  });

  test.each([
    ['bcrypt', HASH.replace('$04$', '$15$'), undefined],
    ['bcrypt', HASH.replace('$04$', '$16$'), 'password-hash-bounds'],
    ['argon2', `$argon2id$v=19$m=1048576,t=10,p=16$${KEY}$${BARE_32}`, undefined],
    ['argon2', `$argon2id$v=19$m=1048577,t=10,p=16$${KEY}$${BARE_32}`, 'password-hash-bounds'],
    ['argon2', `$argon2id$v=19$m=64,t=11,p=1$${KEY}$${BARE_32}`, 'password-hash-bounds'],
    ['argon2', `$argon2id$v=19$m=64,t=1,p=17$${KEY}$${BARE_32}`, 'password-hash-bounds'],
    ['argon2', `$argon2id$v=19$m=64,p=1,t=1$${KEY}$${BARE_32}`, 'password-hash-malformed'],
    ['argon2', `$argon2d$v=19$m=64,t=1,p=1$${KEY}$${BARE_32}`, 'password-format'],
    ['pbkdf2-kratos', `$pbkdf2-sha256$i=10000000,l=32$${KEY}$${BARE_32}`, undefined],
    ['pbkdf2-kratos', `$pbkdf2-sha256$i=10000001,l=32$${KEY}$${BARE_32}`, 'password-hash-bounds'],
    ['pbkdf2-kratos', `$pbkdf2-sha384$i=1000,l=32$${KEY}$${BARE_32}`, 'password-format'],
    ['scrypt-kratos', `$scrypt$ln=131072,r=8,p=10$${PADDED}$${KEY_32}`, undefined],
    ['scrypt-kratos', `$scrypt$ln=262144,r=8,p=1$${PADDED}$${KEY_32}`, 'password-hash-bounds'],
    ['scrypt-kratos', `$scrypt$ln=16384,r=9,p=1$${PADDED}$${KEY_32}`, 'password-hash-bounds'],
    ['scrypt-kratos', `$scrypt$ln=16384,r=8,p=11$${PADDED}$${KEY_32}`, 'password-hash-bounds'],
    [
      'firebase-kratos',
      `$firescrypt$ln=18,r=8,p=1$${PADDED}$${KEY_32}$${PADDED}$${KEY_32}`,
      'password-hash-bounds',
    ],
    ['phpass', '$P$BDMJH.qCYhp9m1U9jbDj9l1lCkkJ8x1', 'password-format'],
  ])('written as %s: %s', (format, encoded, code) => {
    expect(hashProblem({ format, encoded }, kratos.accepts)?.code).toBe(code);
    const isTaken = () => checkImported(encoded, false);
    if (code === undefined) expect(isTaken).not.toThrow();
    if (code === 'password-hash-bounds') expect(isTaken).toThrow(expect.objectContaining({ status: 400 }));
  });

  test('is no document', () => {
    expect(hashProblem({ format: 'bcrypt', encoded: {} }, kratos.accepts)?.code).toBe('password-format');
  });
});
