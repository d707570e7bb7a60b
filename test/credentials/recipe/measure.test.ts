import { describe, expect, test } from 'vitest';
import { passwordSettings } from '../../../src/credentials/password-settings.ts';
import type { Recipe } from '../../../src/credentials/recipe/compile.ts';
import { compileRecipe } from '../../../src/credentials/recipe/compile.ts';
import { evaluate } from '../../../src/credentials/recipe/evaluate.ts';
import { isAffordable, measure } from '../../../src/credentials/recipe/measure.ts';
import { StepError } from '../../../src/credentials/recipe/recipe-error.ts';

const { caps } = passwordSettings.parse({});
const program = (text: string) => compileRecipe(`${text} = 'x'`).program;
const measured = (text: string) => measure(program(text), { it: 0 });

describe('the measure of a recipe', () => {
  test('is the longest value, from the longest password', () => {
    expect(measured('password').size).toBe(1024);
    expect(measured('hex(password)').size).toBe(2048);
    expect(measured("md5(password) . 'abc'").size).toBe(19);
    expect(measured('iterate(1000, password, md5(it . password))').size).toBe(1024);
    expect(measured("iterate(3, password, it . 'abc')").size).toBe(1033);
  });

  test('is as much work as the loop has rounds', () => {
    const [one, thousand] = [1, 1000].map((count) => measured(`iterate(${count}, password, md5(it))`).work);
    expect(thousand).toBeGreaterThan(500 * one!);
    const nested = measured('iterate(1000, password, iterate(1000, it, md5(it)))').work;
    expect(nested).toBeGreaterThan(500 * thousand!);
  });

  test('has no end where a loop lets a value grow', () => {
    expect(() => measured("iterate(60000, password, it . 'abc')")).toThrow(
      'column 1: this may become too large',
    );
    expect(() => measured('md5(iterate(1000, password, it . it))')).toThrow('column 29');
  });
});

describe('what a recipe may cost', () => {
  const rounds = (count: number, step = 'md4(it)') => program(`iterate(${count}, password, ${step})`);

  test('is as many rounds as the cap allows', () => {
    expect(isAffordable(rounds(1_000_000), caps)).toBe(true);
    expect(isAffordable(rounds(1_000_001), caps)).toBe(false);
    expect(isAffordable(rounds(1001), { ...caps, cryptRounds: 1000 })).toBe(false);
  });

  test('is little work in each of them', () => {
    const step = `${'md4('.repeat(20)}it${')'.repeat(20)}`;
    expect(isAffordable(rounds(100_000, step), caps)).toBe(true);
    expect(isAffordable(rounds(1_000_000, step), caps)).toBe(false);
    const large = "md4(repeat_to(it . 'x', 65000))";
    expect(isAffordable(rounds(1000, large), caps)).toBe(true);
    expect(isAffordable(rounds(100_000, large), caps)).toBe(false);
  });

  test('is what the algorithms allow for slow hashes, wherever they stand', () => {
    const affordable = (text: string) => isAffordable(program(text), caps);
    expect(affordable("md4(pbkdf2_sha1(password, 'salt', 2000000, 20))")).toBe(true);
    expect(affordable("md4(pbkdf2_sha1(password, 'salt', 2000001, 20))")).toBe(false);
    expect(affordable("md4(scrypt(password, 'salt', 262144, 8, 1, 20))")).toBe(true);
    expect(affordable("md4(scrypt(password, 'salt', 524288, 8, 1, 20))")).toBe(false);
    expect(affordable("md4(argon2id(password, 'saltsalt', 262144, 1, 1, 20))")).toBe(true);
    expect(affordable("md4(argon2id(password, 'saltsalt', 262145, 1, 1, 20))")).toBe(false);
    expect(affordable("md4(bcrypt(password, '$2b$15$saltsaltsaltsaltsaltsa'))")).toBe(true);
    expect(affordable("md4(bcrypt(password, '$2b$16$saltsaltsaltsaltsaltsa'))")).toBe(false);
  });
});

describe('a step that comes out larger than was foretold', () => {
  test('ends the work', async () => {
    const { program: grown }: Recipe = compileRecipe(
      `sha1(escape_html(repeat_to('"', 40000) . password)) = 'x'`,
    );
    await expect(evaluate(grown, Buffer.from('x'))).rejects.toThrow(StepError);
  });
});
