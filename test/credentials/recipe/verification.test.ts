import { createHash } from 'node:crypto';
import { argon2id } from 'hash-wasm';
import { afterAll, describe, expect, test } from 'vitest';
import { passwordSettings } from '../../../src/credentials/password-settings.ts';
import { openPasswords } from '../../../src/credentials/passwords.ts';
import { recipeNamed } from '../../../src/credentials/recipe/compiled.ts';
import { ZITADEL_READS } from '../vectors.ts';

const passwords = openPasswords(passwordSettings.parse({ slots: 1, queueWaitSeconds: 60 }));
afterAll(() => passwords.close());

const md5 = (text: string | Buffer) => createHash('md5').update(text).digest();
const stored = (recipe: string, columns: Record<string, unknown>) => ({ format: 'recipe', recipe, columns });
const SALTED = stored('hex(md5(salt . password))', { hash: md5('NaClabc').toString('hex'), salt: 'NaCl' });

describe('a stored password with a recipe', () => {
  test('opens with its password alone, in a worker', async () => {
    const backwards = stored('hex(md5(reverse(password)))', { hash: md5('cba').toString('hex') });
    expect(await passwords.verify(backwards, 'abc')).toEqual({
      verified: true,
      format: 'recipe',
      algorithm: 'recipe',
    });
    expect(await passwords.verify(backwards, 'cba')).toEqual({
      verified: false,
      format: 'recipe',
      algorithm: 'recipe',
    });
    expect(await passwords.verify(SALTED, 'abc')).toEqual({
      verified: true,
      format: 'recipe',
      algorithm: 'md5',
    });
  });

  test('may need a slow hash inside', async () => {
    const key = await argon2id({
      password: 'abc',
      salt: 'saltsalt',
      memorySize: 64,
      iterations: 1,
      parallelism: 1,
      hashLength: 16,
      outputType: 'binary',
    });
    const columns = { hash: md5(Buffer.from(key)).toString('hex'), salt: 'saltsalt' };
    const slow = stored('hex(md5(argon2id(password, salt, 64, 1, 1, 16)))', columns);
    expect(await passwords.verify(slow, 'abc')).toMatchObject({ verified: true, algorithm: 'recipe' });
    expect(await passwords.verify(slow, 'wrong')).toEqual({
      verified: false,
      format: 'recipe',
      algorithm: 'recipe',
    });
  });

  test('with its columns missing has a reason', async () => {
    const missing = { ...SALTED, columns: { ...SALTED.columns, salt: null } };
    expect(await passwords.verify(missing, 'abc')).toMatchObject({
      verified: false,
      reason: 'column_missing',
    });
    expect(passwords.identify(missing)).toMatchObject({ reason: 'column_missing' });
    expect(passwords.translate(missing, ZITADEL_READS)).toMatchObject({ reason: 'column_missing' });
  });

  test('whose step takes no such password has a reason', async () => {
    const short = stored("hex(md5(xor(password, '12345678')))", { hash: md5('x').toString('hex') });
    expect(await passwords.verify(short, 'abc')).toMatchObject({
      verified: false,
      reason: 'hash_not_computable',
    });
  });

  test('is written for a target where the recipe is one of its algorithms', () => {
    const encoded = `$md5salted-prefix$NaCl$${md5('NaClabc').toString('base64')}`;
    expect(passwords.translate(SALTED, ZITADEL_READS)).toMatchObject({ encoded });
  });

  test('with a recipe that is wrong has a reason with the place', async () => {
    const wrong = stored('hex(md5(pasword))', { hash: 'x' });
    expect(await passwords.verify(wrong, 'abc')).toMatchObject({ verified: false, reason: 'recipe_invalid' });
    expect(passwords.identify(wrong)).toMatchObject({ sentence: expect.stringContaining('column 9') });
  });

  test('is compiled once, and few recipes are kept', () => {
    const first = recipeNamed('hex(md5(password))');
    expect(recipeNamed('hex(md5(password))')).toBe(first);
    for (let at = 0; at < 200; at += 1) recipeNamed(`hex(md5('${at}' . password))`);
    expect(recipeNamed('hex(md5(password))')).not.toBe(first);
  });
});
