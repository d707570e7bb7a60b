import { describe, expect, test } from 'vitest';
import { compileRecipe, RecipeError } from '../../../src/credentials/recipe/compile.ts';
import { recipeFormat } from '../../../src/credentials/recipe/recipe-format.ts';
import { parsed, verdict } from './verdict.ts';

/** The recipe with `¦` where the error points, and what was expected there. */
const MALFORMED: readonly (readonly [recipe: string, expected: RegExp])[] = [
  ['¦', /a value/],
  ['   ¦', /a value/],
  ['hex(md5(password)¦', /`\.` or `\)`/],
  ['hex(md5(password))¦)', /the end/],
  ['hex(md5(¦))', /a value/],
  ['hex(md5(password . ¦. salt))', /a value/],
  ['hex(md5(¦pasword))', /`password`, `hash`, `salt`/],
  ['hex(¦MD5(password))', /^`md5`$/],
  ['hex(¦sha-256(password))', /`password`/],
  ['hex(¦sha_256(password))', /^`sha256`$/],
  ['hex(¦eval(password))', /a function/],
  ['hex(md5(password¦, salt))', /`\)`/],
  ['hex(hmac_sha256(password¦))', /`,` and the message of hmac_sha256/],
  ["hex(md5(¦'no end . password))", /a closing quote/],
  ["hex(md5('a ¦\\q b' . password))", /`\\x` with two hexadecimal digits/],
  ["hex(md5('a ¦\\x4' . password))", /`\\x` with two hexadecimal digits/],
  ['hex(md5(password ¦; salt))', /a name, a number/],
  ['hex(md5(password)) ¦# comment', /a name, a number/],
  ['hex(md5(password . ¦5))', /bytes/],
  ['¦5', /bytes/],
  ['hex(pbkdf2_sha256(password, salt, ¦salt, 32))', /a number/],
  ['hex(pbkdf2_sha256(password, salt, ¦0, 32))', /1 to/],
  ['hex(pbkdf2_sha256(password, salt, 1000, ¦1048576))', /1 to 1024/],
  ['hex(pbkdf2_sha256(password, salt, ¦99999999999, 32))', /at most/],
  ['hex(pbkdf2_sha256(password, salt, ¦length(password), 32))', /before any work/],
  ['hex(iterate(¦0, password, md5(it)))', /1 to/],
  ['hex(iterate(¦int(password), password, md5(it)))', /before any work/],
  ['hex(iterate(9, password, ¦scrypt(it, salt, 2, 1, 1, 32)))', /digests and HMACs only/],
  ['hex(md5(¦it . password))', /a value that is there/],
  ['hex(md5(password . ¦$1))', /`hash`, or a part of it/],
  ['hex(md5(password . ¦$0))', /`\$1` to `\$9`/],
  ['hex(md5(password . ¦$10))', /`\$1` to `\$9`/],
  ['¦hex(md5(salt))', /`password` on one side/],
  ['md5(password) = ¦sha1(password)', /one side that does not/],
  ['md5(password) = ¦pbkdf2_sha1(salt, salt, 1000, 16)', /without slow hashes/],
  ['md5(password) = hash ¦= salt', /the end/],
  ['hex(md5(column(¦name) . password))', /its name as a text/],
  ["hex(md5(column(¦'') . password))", /its name as a text/],
  ["hex(md5(column('a', ¦5) . password))", /a text in quotes/],
  ['hex(md5(password¦(salt)))', /`\.` or/],
  ['hex(md5(repeat_to(password, ¦70000)))', /0 to 65536/],
  ["hex(md5(¦repeat_to('a', 60000) . repeat_to('b', 60000) . password))", /at most 65536 bytes/],
  ['hex(md5(¦hex(hex(utf16le(nfkc(password))))))', /at most 65536 bytes/],
  [
    'iterate(2, ¦pbkdf2_sha1(pbkdf2_sha1(pbkdf2_sha1(pbkdf2_sha1(pbkdf2_sha1(password, salt, 1, 20), salt, 1, 20), salt, 1, 20), salt, 1, 20), salt, 1, 20), it)',
    /at most 4/,
  ],
  [`${'('.repeat(32)}password${')'.repeat(32)}`.replace('(password', '(¦password'), /at most 32 levels/],
  [`${'md5('.repeat(40)}password${')'.repeat(40)}`.replace(/^((?:md5\(){32})/, '$1¦'), /at most 32 levels/],
  [`${'salt . '.repeat(210)}password`.replace(/^((?:salt \. ){200})/, '$1¦'), /at most 200/],
  [`password${' '.repeat(1992)}¦${' '.repeat(5000)}`, /at most 2000 characters/],
  ['hex(md5(password))\n  = ¦sha1(password)', /one side/],
];

describe('a malformed recipe', () => {
  test.each(MALFORMED)('is refused where it is wrong: %s', (marked, expected) => {
    const error = refusalOf(marked.replace('¦', ''));
    const before = marked.slice(0, marked.indexOf('¦'));
    expect(error.offset).toBe(before.length);
    expect(error.line).toBe(before.split('\n').length);
    expect(error.column).toBe(before.length - before.lastIndexOf('\n'));
    expect(error.expected).toMatch(expected);
    expect(error.message).toContain(`column ${error.column}`);
  });

  test('has an error that never says what its texts hold', () => {
    for (const recipe of [
      "hex(md5('pepper-1' . pasword))",
      "md5(password, 'pepper-1')",
      "'pepper-1' 'pepper-1'",
    ]) {
      expect(refusalOf(recipe).message).not.toContain('pepper');
    }
  });

  test('of a built-in row is refused when the row is made', () => {
    const recipe = 'hex(md5(password)) = $2';
    expect(() => recipeFormat({ name: 'x', recipe, pattern: /^x(.*)$/ })).toThrow(RecipeError);
    expect(() => recipeFormat({ name: 'x', recipe, pattern: /^(x)(.*)$/ })).not.toThrow();
  });
});

function refusalOf(text: string): RecipeError {
  try {
    compileRecipe(text);
  } catch (error) {
    if (error instanceof RecipeError) return error;
    throw error;
  }
  throw new Error(`not refused: ${text}`);
}

const MD5 = '5d41402abc4b2a76b9719d911017c592';

/** Recipes that are right, and rows that would make them dear, large or senseless. */
const HOSTILE: readonly (readonly [recipe: string, columns: Record<string, unknown>, reason: string])[] = [
  ['hex(md5(password))', { hash: null }, 'no_hash'],
  ['hex(md5(password))', { hash: '' }, 'no_hash'],
  ['hex(md5(password))', { hash: '!' }, 'unusable'],
  ['hex(md5(password))', { hash: 'no hex' }, 'malformed'],
  ['hex(md5(password))', { hash: MD5.slice(0, 12) }, 'parameters_out_of_bounds'],
  ['hex(md5(password))', { hash: 'f'.repeat(5000) }, 'no_hash'],
  ['hex(md5(salt . password))', { hash: MD5 }, 'column_missing'],
  ['hex(md5(salt . password))', { hash: MD5, salt: null }, 'column_missing'],
  ['hex(md5(salt . password))', { hash: MD5, salt: 'x'.repeat(5000) }, 'column_missing'],
  ["hex(md5(column('pin') . password))", { hash: MD5, salt: 'x' }, 'column_missing'],
  ["hex(md5(setting('pepper') . password))", { hash: MD5 }, 'setting_missing'],
  ['hex(md5(username . password))', { hash: MD5 }, 'username_missing'],
  ['hex(md5(unhex(salt) . password))', { hash: MD5, salt: 'xyz' }, 'malformed'],
  ["hex(md5(password)) = part(hash, ':', 1)", { hash: MD5 }, 'malformed'],
  ["iterate(int(column('n')), password, sha1(it))", { hash: 'x'.repeat(20), n: 'many' }, 'malformed'],
  [
    "hex(iterate(int(column('n')), salt . password, sha256(it . password)))",
    { hash: MD5, salt: '', n: '0' },
    'recipe_bounds',
  ],
  [
    "hex(iterate(int(column('n')), password, reverse(md4(it))))",
    { hash: MD5, n: 4_000_000_000 },
    'parameters_out_of_bounds',
  ],
  [
    "hex(iterate(int(column('n')), password, iterate(int(column('n')), it, reverse(md4(it)))))",
    { hash: MD5, n: 1_000_000 },
    'parameters_out_of_bounds',
  ],
  [
    "hex(md5(iterate(int(column('n')), password, it . it)))",
    { hash: MD5, n: 60 },
    'parameters_out_of_bounds',
  ],
  [
    "hex(md5(iterate(int(column('n')), password, it . 'x')))",
    { hash: MD5, n: 900_000 },
    'parameters_out_of_bounds',
  ],
  [
    "hex(md5(repeat_to(salt, int(column('n'))) . password))",
    { hash: MD5, salt: 'x', n: 4_000_000_000 },
    'recipe_bounds',
  ],
  ["hex(md5(repeat_to(salt, int(column('n'))) . password))", { hash: MD5, salt: '', n: 9 }, 'malformed'],
  [
    "hex(md5(salt . repeat_to(password, int(column('n')))))",
    { hash: MD5, salt: '', n: 65_537 },
    'recipe_bounds',
  ],
  [
    "hex(pbkdf2_sha1(password, salt, int(column('n')), 16))",
    { hash: MD5, salt: 'x', n: 4_000_000_000 },
    'parameters_out_of_bounds',
  ],
  [
    "hex(md5(pbkdf2_sha1(password, salt, int(column('n')), 16)))",
    { hash: MD5, salt: 'x', n: 4_000_000_000 },
    'parameters_out_of_bounds',
  ],
  [
    "hex(pbkdf2_sha1(password, salt, 1, int(column('n'))))",
    { hash: MD5, salt: 'x', n: 1_000_000 },
    'recipe_bounds',
  ],
  ["hex(pbkdf2_sha1(password, salt, 1, int(column('n'))))", { hash: MD5, salt: 'x', n: 4 }, 'malformed'],
  [
    "hex(scrypt(password, salt, pow2(int(column('n'))), 8, 1, 16))",
    { hash: MD5, salt: 'x', n: 30 },
    'parameters_out_of_bounds',
  ],
  ["hex(scrypt(password, salt, int(column('n')), 8, 1, 16))", { hash: MD5, salt: 'x', n: 1000 }, 'malformed'],
  [
    "hex(md5(argon2id(password, salt, int(column('n')), 1, 1, 16)))",
    { hash: MD5, salt: 'x'.repeat(8), n: 4_000_000 },
    'parameters_out_of_bounds',
  ],
  [
    'bcrypt(reverse(password), hash) = hash',
    { hash: `$2b$31$${'.'.repeat(53)}` },
    'parameters_out_of_bounds',
  ],
  ['bcrypt(password, hash) = hash', { hash: `$2b$31$${'.'.repeat(53)}` }, 'parameters_out_of_bounds'],
  ['bcrypt(password, hash) = hash', { hash: '$2b$10$short' }, 'malformed'],
  [
    'sha512crypt(reverse(password), hash) = hash',
    { hash: '$6$rounds=999999999$salt$x' },
    'parameters_out_of_bounds',
  ],
  ['sha512crypt(password, hash) = hash', { hash: '$5$salt$x' }, 'malformed'],
  [
    "slice(hex(md5(password)), 0, int(column('n'))) = slice(hash, 0, int(column('n')))",
    { hash: MD5, n: 1 },
    'parameters_out_of_bounds',
  ],
  ['u32be(int(salt)) . md5(password) = hash', { hash: 'x', salt: '9999999999' }, 'recipe_bounds'],
];

describe('a hostile row', () => {
  test('leaves long constants to the workers', () => {
    const recipe = "hex(md5(whirlpool(repeat_to(salt, int(column('n')))) . password))";
    const columns = { hash: MD5, salt: 'x' };
    expect(parsed(recipe, { columns: { ...columns, n: 8192 } })).toMatchObject({ algorithm: 'digest' });
    expect(parsed(recipe, { columns: { ...columns, n: 8193 } })).toMatchObject({ algorithm: 'recipe' });
    const other = "md5(password) = md5(repeat_to(hash, int(column('n'))))";
    expect(parsed(other, { columns: { ...columns, n: 8193 } })).toMatchObject({ reason: 'recipe_bounds' });
  });

  test.each(HOSTILE)('is refused before any work: %s of %o is %s', async (recipe, columns, reason) => {
    expect(await verdict(recipe, { columns }, 'password')).toBe(reason);
  });

  test('that asks for a value larger than 64 KiB is refused before there is one', () => {
    const recipe = "hex(md5(repeat_to(salt, int(column('n'))) . password))";
    const columns = { hash: MD5, salt: 'x' };
    expect(parsed(recipe, { columns: { ...columns, n: 60_000 } })).toMatchObject({ algorithm: 'recipe' });
    expect(parsed(recipe, { columns: { ...columns, n: 65_537 } })).toMatchObject({ reason: 'recipe_bounds' });
  });
});
