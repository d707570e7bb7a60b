import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { isRefusal } from '../../../src/credentials/reasons.ts';
import { recipeFormat } from '../../../src/credentials/recipe/recipe-format.ts';
import { sourceOf } from '../../../src/credentials/source.ts';
import { translateHash } from '../../../src/credentials/translation.ts';
import { ZITADEL_READS } from '../vectors.ts';
import type { Stored } from './verdict.ts';
import { parsed, verdict } from './verdict.ts';

const MD5 = '900150983cd24fb0d6963f7d28e17f72';
const SALTED = { columns: { hash: MD5, salt: 'NaCl' }, settings: { pepper: 'pp' }, username: 'anna' };
const of = (length: number) => ({ ...SALTED, columns: { ...SALTED.columns, hash: 'ab'.repeat(length) } });
const BCRYPT = { columns: { hash: '$2b$10$mbpirexTCjzaI/Wp3aplPezGtjUfBlxJBfLQxW4rEq2aJGLO5KgNW' } };

/** A recipe, its row, and as what it is understood. */
const DISGUISED: readonly (readonly [recipe: string, stored: Stored, hash: object])[] = [
  ['hex(md5(password))', SALTED, { algorithm: 'digest', preparation: [] }],
  ['hex(md5(salt . password))', SALTED, { algorithm: 'digest', salt: Buffer.from('NaCl') }],
  [
    'hex(sha1(sha1(sha1(password))))',
    of(20),
    { parameters: { digest: 'sha1', iterations: 3, feedback: 'raw' } },
  ],
  ['hex(iterate(9, salt . password, sha1(it)))', of(20), { parameters: { iterations: 9, feedback: 'raw' } }],
  ['iterate(9, password . salt, hex(sha1(it)))', of(20), { parameters: { iterations: 9, feedback: 'hex' } }],
  [
    'iterate(9, hex(sha1(password)), hex(sha1(it)))',
    of(20),
    { parameters: { iterations: 10, feedback: 'hex' } },
  ],
  [
    "hex(iterate(9, '', sha1(it . password)))",
    of(20),
    { parameters: { iterations: 9, repeatsMessage: true, initial: Buffer.alloc(0) } },
  ],
  [
    'hex(iterate(9, sha1(password . salt), sha1(it . password . salt)))',
    of(20),
    { parameters: { iterations: 10, repeatsMessage: true } },
  ],
  [
    "hex(hmac_sha256(setting('pepper'), password))",
    of(32),
    { algorithm: 'hmac', caveat: 'site_key_disclosed' },
  ],
  [
    'hex(hmac_sha1(salt, utf16le(password)))',
    of(20),
    { algorithm: 'hmac', preparation: [{ step: 'utf16le' }] },
  ],
  [
    'hex(pbkdf2_sha1(password, salt, 1000, 32))',
    of(32),
    { algorithm: 'pbkdf2', parameters: { iterations: 1000 } },
  ],
  [
    'hex(scrypt(nfkc(password), salt, 16384, 8, 1, 32))',
    of(32),
    { algorithm: 'scrypt', parameters: { log2N: 14 } },
  ],
  [
    "hex(argon2id(password . setting('pepper'), repeat_to(salt, 16), 64, 1, 1, 32))",
    of(32),
    { algorithm: 'argon2', preparation: [{ step: 'append', bytes: Buffer.from('pp') }] },
  ],
  [
    'bcrypt(hex(sha256(password)), hash) = hash',
    BCRYPT,
    { algorithm: 'bcrypt', preparation: [{ step: 'digest', digest: 'sha256', as: 'hex' }] },
  ],
  [
    'base64(password) = hash',
    { columns: { hash: 'cGFzcw==' } },
    { algorithm: 'plaintext', digest: Buffer.from('pass') },
  ],
  ['lower(HEX(md5(password)))', SALTED, { algorithm: 'digest' }],
];

/** What only looks like one of them. */
const PROGRAMS = [
  'hex(md5(password . password))',
  'hex(md5(reverse(password)))',
  'hex(md5(md4(password)))',
  'hex(hmac_md5(password, salt))',
  'hex(iterate(9, password, md5(it . it)))',
  'hex(iterate(9, password, md5(salt . it)))',
  'hex(iterate(9, md5(password), md5(it . salt . password)))',
  'hex(slice(pbkdf2_sha256(password, salt, 1, 32), 0, 16))',
  'hex(md5(pbkdf2_sha256(password, salt, 1, 32)))',
  'hex(xor(md5(password), md5(salt)))',
];

describe('a recipe that is an algorithm in disguise', () => {
  test.each(DISGUISED)('%s is understood as what it is', (recipe, stored, hash) => {
    expect(parsed(recipe, stored)).toMatchObject(hash);
  });

  test.each(PROGRAMS)('%s is none', (recipe) => {
    const hash = parsed(recipe, SALTED);
    expect(hash).toMatchObject({ algorithm: 'recipe' });
    if (!isRefusal(hash))
      expect(translateHash(hash, ZITADEL_READS)).toMatchObject({ reason: 'untranslatable_algorithm' });
  });

  test('stays a program where it is longer than the algorithm takes', async () => {
    const salt = 's'.repeat(1025);
    const columns = { hash: createHash('md5').update(`${salt}abc`).digest('hex'), salt };
    expect(parsed('hex(md5(salt . password))', { columns })).toMatchObject({ algorithm: 'recipe' });
    expect(await verdict('hex(md5(salt . password))', { columns }, 'abc')).toBe(true);
    const many = `hex(md5(${"salt . 'x' . ".repeat(9)}password))`;
    expect(parsed(many, SALTED)).toMatchObject({ algorithm: 'recipe' });
  });

  test('is no longer one where the constants around it are not there', () => {
    const recipe = "'sha1$' . salt . '$' . hex(sha1(salt . password))";
    const hash = `sha1$NaCl$${'ab'.repeat(20)}`;
    expect(parsed(recipe, { columns: { hash, salt: 'NaCl' } })).toMatchObject({ algorithm: 'digest' });
    expect(parsed(recipe, { columns: { hash, salt: 'other' } })).toMatchObject({ reason: 'malformed' });
  });

  test('says what an export would give away', () => {
    const caveat = (recipe: string) => {
      const hash = parsed(recipe, SALTED);
      return isRefusal(hash) ? hash.reason : translateHash(hash, ZITADEL_READS);
    };
    expect(caveat("hex(md5(setting('pepper') . password))")).toMatchObject({ caveat: 'site_key_disclosed' });
    expect(caveat("hex(md5(setting('pepper') . salt . password))")).toMatchObject({
      caveat: 'site_key_disclosed',
    });
    expect(caveat('hex(md5(password . username))')).toMatchObject({ caveat: 'username_is_salt' });
    expect(caveat("hex(md5('constant' . salt . password))")).not.toHaveProperty('caveat');
    expect(caveat('hex(md5(salt . nfc(password)))')).toMatchObject({ caveat: 'unchanged_passwords_only' });
    expect(caveat('hex(md5(salt . utf16le(password)))')).toMatchObject({ reason: 'password_prepared' });
  });
});

describe('what is compared', () => {
  const opens = (recipe: string, hash: unknown) => verdict(recipe, { columns: { hash } }, 'abc');
  const RAW = Buffer.from(MD5, 'hex');

  test('is hexadecimal in either case, and base64 padded or not', async () => {
    for (const hash of [MD5, MD5.toUpperCase()]) {
      for (const recipe of ['hex(md5(password))', 'HEX(md5(password))', 'hex(md5(password)) = hash']) {
        expect(await opens(recipe, hash), recipe).toBe(true);
      }
    }
    for (const hash of [RAW.toString('base64'), RAW.toString('base64').replace(/=+$/, '')]) {
      expect(await opens('base64(md5(password))', hash)).toBe(true);
    }
    expect(await opens('base64url(md5(password))', RAW.toString('base64url'))).toBe(true);
    expect(
      await opens('ab64(md5(password))', RAW.toString('base64').replaceAll('+', '.').replace(/=+$/, '')),
    ).toBe(true);
  });

  test('is hexadecimal in either case where a loop ends in it', async () => {
    const twice = 'ec0405c5aef93e771cd80e0db180b88b';
    expect(await opens('iterate(2, password, hex(md5(it)))', twice.toUpperCase())).toBe(true);
    expect(await opens('reverse(iterate(2, password, hex(md5(it))))', [...twice].reverse().join(''))).toBe(
      true,
    );
  });

  test('is a binary column byte by byte, by its name or where it is the only one', async () => {
    expect(await opens('md5(password)', RAW)).toBe(true);
    expect(await verdict('md5(password)', { columns: { pw: RAW } }, 'abc')).toBe(true);
    expect(await verdict("md5(password) = column('pw')", { columns: { pw: RAW, other: RAW } }, 'abc')).toBe(
      true,
    );
    expect(await opens('md5(password)', RAW.subarray(1))).toBe('parameters_out_of_bounds');
  });

  test('is no other column where the one of that name is NULL', async () => {
    const columns = { hash: null, password_hash: MD5 };
    expect(await verdict('hex(md5(password))', { columns }, 'abc')).toBe('no_hash');
    expect(await verdict('hex(md5(password))', { columns: { password_hash: MD5 } }, 'abc')).toBe(true);
  });

  test('is never a part of the hash alone', async () => {
    for (const length of [1, 8, 16, 31]) {
      expect(await opens('hex(md5(password))', MD5.slice(0, length)), `${length}`).not.toBe(true);
      expect(
        await opens('reverse(hex(md5(password)))', [...MD5].reverse().join('').slice(0, length)),
      ).not.toBe(true);
    }
  });
});

describe('a row of a shelf', () => {
  const format = recipeFormat({
    name: 'shop',
    pattern: /^shop:([^:]*)(?::(\d+))?:([0-9a-f]{32})$/,
    mark: true,
    recipe: "hex(md5($1 . $2 . password . setting('pepper', ''))) = $3",
  });
  const source = (hash: string) => sourceOf({ format: 'shop', columns: { hash } });

  test('has the groups of its pattern, empty where one took no part', async () => {
    const stored = (hash: string): Stored => ({ columns: { hash } });
    expect(await verdict(format, stored('shop:a:1:30f5eef91a397e4bbab4d93aeb286aef'), 'b')).toBe(true);
    expect(await verdict(format, stored('shop:a:2:30f5eef91a397e4bbab4d93aeb286aef'), 'b')).toBe(false);
    expect(await verdict(format, stored('shop:a:187ef4436122d1cc2f40dc2b92f0eba0'), 'b')).toBe(true);
  });

  test('is recognised by its mark alone', () => {
    expect(format.recognises?.(source(`shop:a:${MD5}`))).toBe(true);
    expect(format.recognises?.(source(MD5))).toBe(false);
    expect(recipeFormat({ name: 'x', recipe: 'hex(md5(password))' }).recognises).toBeUndefined();
  });

  test('says what it is missing', () => {
    const row = { name: 'x', recipe: 'hex(md5(password)) = $1', pattern: /^(.*)$/ };
    expect(recipeFormat(row).parse(sourceOf({ format: 'x', columns: {} }))).toMatchObject({
      reason: 'no_hash',
    });
    expect(format.parse(source('no shop'))).toMatchObject({ reason: 'malformed' });
    expect(format.parse(source('!'))).toMatchObject({ reason: 'unusable' });
    const demanding = recipeFormat({ ...row, settings: ['key'] });
    expect(demanding.parse(source(MD5))).toMatchObject({ reason: 'setting_missing' });
    const personal = recipeFormat({ ...row, needsUsername: true });
    expect(personal.parse(source(MD5))).toMatchObject({ reason: 'username_missing' });
  });
});
