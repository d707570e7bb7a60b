import { createHash, pbkdf2Sync } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { kindOf, refusalOf, verify } from '../../../example/demo/passwap.ts';
import { fixture } from '../../credentials/vectors.ts';

const FAMILIES = ['bcrypt', 'django', 'generic', 'passlib', 'php', 'unix', 'werkzeug'];
/** Slow ones are taken once per format: the forms repeat. */
const translated = FAMILIES.flatMap(fixture)
  .filter(({ password, translate }) => password !== null && translate.zitadel.status === 'lossless')
  .filter(({ format }, at, all) => all.findIndex((other) => other.format === format) === at);

const ARGON2 =
  '$argon2id$v=19$m=8192,t=2,p=1$2ewUAS9cluizT2W+LT5cpw$fFn6h/XhDKvzDkI33vgkSx+RIZbYMgTufqyyMGXwcPg';
const SCRYPT = '$scrypt$ln=14,r=8,p=1$c2FsdHNhbHRzYWx0$Zm9vYmFyZm9vYmFyZm9vYmFyZm9vYmE';
const md5 = (text: string) => createHash('md5').update(text).digest();

describe('the target’s hashes', () => {
  test.each(translated.map((vector) => [vector.format, vector] as const))(
    '%s, once translated, is taken and verified, and no wrong password is',
    async (_format, { translate, password, wrong }) => {
      const encoded = translate.zitadel.encoded!;
      expect(refusalOf(encoded) === undefined).toBe(translate.zitadel.accepted_at_import ?? true);
      expect(await verify(encoded, password!)).toBe(true);
      expect(await verify(encoded, wrong[0]!.password)).toBe(false);
    },
    60_000,
  );
});

describe('what an import refuses', () => {
  test.each([
    ['bcrypt $2x$', `$2x$10$${'a'.repeat(53)}`],
    ['argon2d', ARGON2.replace('argon2id', 'argon2d')],
    ['argon2 with its parameters in another order', ARGON2.replace('m=8192,t=2,p=1', 'm=8192,p=1,t=2')],
    ['argon2 with padded base64', ARGON2.replace('cpw$', 'cpw==$')],
    ['scrypt with padded base64', `${SCRYPT}=`],
    ['PBKDF2 as Django writes it', 'pbkdf2_sha256$20000$salt$c2FsdA=='],
    ['{SSHA}', '{SSHA}uQ5sP8/uK6FOP/20RITN7t06n6LTuhfC'],
    ['garbage', 'garbage!'],
  ])('%s: no verifier knows it', (_name, encoded) => {
    expect(refusalOf(encoded)?.code).toBe('CRYPT-2xK7d');
  });
  test.each([
    ['bcrypt cost 3', `$2b$03$${'a'.repeat(53)}`],
    ['argon2 with little memory', ARGON2.replace('m=8192', 'm=4096')],
    ['argon2 with eleven passes', ARGON2.replace('t=2', 't=11')],
    ['scrypt ln=13', SCRYPT.replace('ln=14', 'ln=13')],
    ['PBKDF2 with 500 rounds', '$pbkdf2-sha256$500$c2FsdA$c2FsdHNhbHRzYWx0'],
    ['phpass with 2^5 rounds', `$P$3${'a'.repeat(30)}`],
    ['sha512crypt with 999 rounds', `$6$rounds=999$salt$${'a'.repeat(86)}`],
  ])('%s: out of bounds', (_name, encoded) => {
    expect(refusalOf(encoded)?.code).toBe('CRYPT-5uV9n');
  });
  test('more than 200 characters', () => {
    expect(refusalOf(`$pbkdf2-sha512$1000$${'a'.repeat(100)}$${'a'.repeat(100)}`)?.code).toBe('CRYPT-r8Qm2');
  });
});

describe('what an import takes and no password opens', () => {
  test.each([
    ['salted MD5 with a hex digest', `$md5salted-prefix$salt$${md5('saltsecret').toString('hex')}`],
    ['SHA-1 in hex', createHash('sha1').update('secret').digest('hex')],
    ['SHA-256 in hex', createHash('sha256').update('secret').digest('hex')],
    ['{CRYPT} before a sha512crypt', `{CRYPT}$6$salt$${'a'.repeat(86)}`],
  ])('%s', async (_name, encoded) => {
    expect(refusalOf(encoded)).toBeUndefined();
    expect(await verify(encoded, 'secret')).toBe(false);
  });
  test('the same MD5 in base64 is opened', async () => {
    expect(await verify(`$md5salted-prefix$salt$${md5('saltsecret').toString('base64')}`, 'secret')).toBe(
      true,
    );
  });
});

test('a hash out of the import’s bounds still verifies', async () => {
  const key = pbkdf2Sync('secret', 'salt', 500, 20, 'sha1').toString('base64');
  const encoded = `$pbkdf2$500$${Buffer.from('salt').toString('base64')}$${key}`;
  expect(refusalOf(encoded)?.code).toBe('CRYPT-5uV9n');
  expect(await verify(encoded, 'secret')).toBe(true);
  expect(await verify(encoded, 'wrong')).toBe(false);
});

test('a kind can be named without showing the hash', () => {
  expect(kindOf(ARGON2)).toBe('argon2');
  expect(kindOf('garbage!')).toBeUndefined();
});
