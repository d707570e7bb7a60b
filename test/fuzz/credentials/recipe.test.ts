import fc from 'fast-check';
import { describe, expect } from 'vitest';
import { isRefusal, REASONS } from '../../../src/credentials/reasons.ts';
import { compileRecipe, RecipeError } from '../../../src/credentials/recipe/compile.ts';
import { recipeNamed } from '../../../src/credentials/recipe/compiled.ts';
import { sourceOf } from '../../../src/credentials/source.ts';
import { anyText, damaged, damagedFrom, fuzz, NAMES } from '../hostile.ts';

const PEPPER = 'swordfish-pepper';
const RECIPES = [
  'hex(md5(hex(md5(password)) . salt))',
  `base64(hmac_sha256('${PEPPER}', password . salt)) = hash`,
  "iterate(int(setting('n', '20')), password . salt, hex(sha512(it)))",
  "'{x}' . bcrypt(base64(hmac_sha384('wp', trim(password))), slice(hash, 3)) = hash",
  "pbkdf2_sha256(password, column('salt', 'NaCl'), 1000, 32)",
];
/** More than any sentence of ours that names a place. */
const LONGEST_MESSAGE = 400;

const compiled = (text: string) => {
  try {
    return compileRecipe(text);
  } catch (error) {
    return error;
  }
};

describe('whatever stands in a recipe', () => {
  fuzz(
    'is compiled or refused at a place, in a sentence of bounded length without what its texts hold',
    1_500,
    fc.property(fc.oneof(anyText(), damaged(...RECIPES)), (text) => {
      const found = compiled(text);
      if (!(found instanceof Error)) return;
      expect(found).toBeInstanceOf(RecipeError);
      const { offset, line, column, message } = found as RecipeError;
      expect(offset).toBeLessThanOrEqual(text.length);
      expect(Math.min(line, column)).toBeGreaterThan(0);
      expect(message.length).toBeLessThan(LONGEST_MESSAGE);
      expect(message).not.toContain(PEPPER);
    }),
  );

  fuzz(
    'is said the same about each time, also where it was kept from before',
    300,
    fc.property(damaged(...RECIPES), (text) => {
      const [first, again] = [recipeNamed(text), recipeNamed(text)];
      expect(again).toBe(first);
      expect(first instanceof RecipeError).toBe(compiled(text) instanceof RecipeError);
    }),
  );
});

describe('whatever stands in the row of a recipe', () => {
  const column = fc.oneof(
    anyText({ longest: 20_000 }),
    fc.constantFrom(null, 1, 2n ** 70n, Buffer.from([0xff, 0])),
  );
  const columns = fc.dictionary(fc.oneof(fc.constantFrom('hash', 'salt', ...NAMES), fc.string()), column, {
    maxKeys: 5,
  });

  fuzz(
    'becomes a hash of bounded size, or is refused with a reason',
    600,
    fc.property(
      fc.constantFrom(...RECIPES),
      columns,
      fc.dictionary(fc.constantFrom('n', ...NAMES), column),
      (text, found, settings) => {
        const format = recipeNamed(text);
        if (format instanceof RecipeError) throw format;
        const parsed = format.parse(sourceOf({ format: 'recipe', columns: found, settings }));
        if (isRefusal(parsed)) expect(Object.keys(REASONS)).toContain(parsed.reason);
        else expect(JSON.stringify(parsed).length).toBeLessThan(200_000);
      },
    ),
  );

  fuzz(
    'damaged and whole come to the same hash only where they say the same',
    300,
    fc.property(
      damagedFrom(['5f4dcc3b5aa765d61d8327deb882cf99', '0'.repeat(32)]),
      ({ good, damaged: hash }) => {
        const format = recipeNamed(RECIPES[0]!);
        if (format instanceof RecipeError) throw format;
        const read = (value: string) =>
          format.parse(sourceOf({ format: 'recipe', columns: { hash: value, salt: 's' } }));
        const [whole, other] = [read(good), read(hash)];
        if (isRefusal(whole)) throw new Error(whole.reason);
        const isSame = hash.toLowerCase() === good;
        expect(!isRefusal(other) && Buffer.from(other.digest).equals(whole.digest)).toBe(isSame);
      },
    ),
  );
});
