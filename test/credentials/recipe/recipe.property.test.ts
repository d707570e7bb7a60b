import { createHash, createHmac } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { compileRecipe, RecipeError } from '../../../src/credentials/recipe/compile.ts';
import { FUNCTIONS } from '../../../src/credentials/recipe/functions/index.ts';
import { verdict } from './verdict.ts';

interface Values {
  readonly password: Buffer;
  readonly salt: Buffer;
  readonly pepper: Buffer;
  readonly it: Buffer;
}

/** An expression, and by hand what it comes out as. */
interface Expression {
  readonly text: string;
  readonly run: (values: Values) => Buffer;
}

const DIGESTS = ['md5', 'sha1', 'sha256', 'sha512'] as const;
const digest = fc.constantFrom(...DIGESTS);
const by = (name: string, value: Buffer) => createHash(name).update(value).digest();

const leaf: fc.Arbitrary<Expression> = fc.constantFrom(
  { text: 'password', run: ({ password }: Values) => password },
  { text: 'password', run: ({ password }: Values) => password },
  { text: 'salt', run: ({ salt }: Values) => salt },
  { text: "setting('pepper')", run: ({ pepper }: Values) => pepper },
  { text: "'-\\x00\\'-'", run: () => Buffer.from("-\0'-", 'latin1') },
);

const joined = (parts: readonly Expression[]): Expression => ({
  text: parts.map(({ text }) => text).join(' . '),
  run: (values) => Buffer.concat(parts.map(({ run }) => run(values))),
});

const wrapped = (inner: fc.Arbitrary<Expression>): fc.Arbitrary<Expression> =>
  fc.oneof(
    fc.tuple(digest, inner).map(([name, { text, run }]) => ({
      text: `${name}(${text})`,
      run: (values: Values) => by(name, run(values)),
    })),
    fc.tuple(digest, leaf, inner).map(([name, key, { text, run }]) => ({
      text: `hmac_${name}(${key.text}, ${text})`,
      run: (values: Values) => createHmac(name, key.run(values)).update(run(values)).digest(),
    })),
    fc
      .tuple(fc.constantFrom('hex', 'base64') as fc.Arbitrary<'hex' | 'base64'>, inner)
      .map(([as, { text, run }]) => ({
        text: `${as}(${text})`,
        run: (values: Values) => Buffer.from(run(values).toString(as)),
      })),
    fc.tuple(fc.nat(9), inner).map(([start, { text, run }]) => ({
      text: `slice(${text}, ${start})`,
      run: (values: Values) => run(values).subarray(start),
    })),
    inner.map(({ text, run }) => ({
      text: `reverse(${text})`,
      run: (values: Values) => Buffer.from([...run(values)].reverse()),
    })),
    fc.array(inner, { minLength: 2, maxLength: 4 }).map((parts) => joined(parts)),
    // Every shape of a loop that is known as an algorithm, and some that are none.
    fc
      .record({
        name: digest,
        rounds: fc.integer({ min: 1, max: 4 }),
        first: fc.option(inner, { nil: undefined }),
        after: fc.option(inner, { nil: undefined }),
        isHex: fc.boolean(),
      })
      .map(({ name, rounds, first, after, isHex }) => {
        const step = after ? `${name}(it . ${after.text})` : `${name}(it)`;
        return {
          text: `iterate(${rounds}, ${first?.text ?? "''"}, ${isHex ? `hex(${step})` : step})`,
          run: (values: Values) => {
            let it: Buffer = first?.run(values) ?? Buffer.alloc(0);
            for (let round = 0; round < rounds; round += 1) {
              const made = by(name, Buffer.concat([it, after?.run(values) ?? Buffer.alloc(0)]));
              it = isHex ? Buffer.from(made.toString('hex')) : made;
            }
            return it;
          },
        };
      }),
  );

const inner = wrapped(wrapped(leaf));
const expression = fc.oneof(wrapped(leaf), inner, wrapped(inner));
const values = fc.record({
  password: fc.string({ unit: 'grapheme', minLength: 1, maxLength: 20 }),
  salt: fc.string({ maxLength: 12 }),
  pepper: fc.string({ minLength: 1, maxLength: 8 }),
});

describe('a recipe', () => {
  test('opens what the same steps by hand make, and nothing else', async () => {
    const property = fc.asyncProperty(
      expression,
      values,
      fc.constantFrom('raw', 'hex', 'base64'),
      async ({ text, run }, { password, salt, pepper }, as) => {
        const known = { salt: Buffer.from(salt), pepper: Buffer.from(pepper), it: Buffer.alloc(0) };
        const withPassword = (value: string) => run({ ...known, password: Buffer.from(value) });
        const made = withPassword(password);
        // What every password gives proves nothing, and is refused.
        fc.pre(text.includes('password') && made.length >= 16 && !withPassword('').equals(made));
        const recipe = as === 'raw' ? text : `${as}(${text})`;
        const hash = as === 'raw' ? made : made.toString(as as 'hex');
        const stored = { columns: { hash, salt }, settings: { pepper } };
        expect(await verdict(recipe, stored, password), recipe).toBe(true);
        const other = `${password}x`;
        const isSame = withPassword(other).equals(made);
        expect(await verdict(recipe, stored, other), `${recipe}, another password`).toBe(isSame);
      },
    );
    await fc.assert(property, { numRuns: 400 });
  });
});

const NAMES = [...FUNCTIONS.keys(), 'password', 'hash', 'salt', 'it', 'column', 'setting', 'username'];
const PIECES = [
  ...NAMES,
  '(',
  ')',
  ',',
  '.',
  '=',
  ' ',
  "'a'",
  "'",
  '\\',
  '1',
  '-1',
  '99999',
  '$1',
  '\n',
  'é',
  '🙂',
];
const RIGHT = [
  'hex(md5(hex(md5(password)) . salt))',
  "iterate(int(setting('n', '20')), password . salt, hex(sha512(it)))",
  "'{x}' . bcrypt(base64(hmac_sha384('wp', trim(password))), slice(hash, 3)) = hash",
];

describe('whatever stands in a recipe', () => {
  const refusesOrTakes = (text: string) => {
    try {
      compileRecipe(text);
    } catch (error) {
      expect(error, text).toBeInstanceOf(RecipeError);
      const { offset, line, column, expected } = error as RecipeError;
      expect(offset).toBeLessThanOrEqual(text.length);
      expect(
        text
          .split('\n')
          .slice(0, line - 1)
          .join('\n').length +
          Number(line > 1) +
          column -
          1,
      ).toBe(offset);
      expect(expected).not.toBe('');
    }
  };

  test('it is compiled or refused at a place', () => {
    const pieces = fc.array(fc.constantFrom(...PIECES), { maxLength: 40 }).map((all) => all.join(''));
    const any = fc.oneof(fc.string({ unit: 'binary', maxLength: 200 }), pieces);
    fc.assert(fc.property(any, refusesOrTakes), { numRuns: 1000 });
  });

  test('also where it is nearly right', () => {
    const damaged = fc
      .tuple(fc.constantFrom(...RIGHT), fc.nat(90), fc.nat(6), fc.constantFrom(...PIECES))
      .map(([text, at, cut, put]) => text.slice(0, at) + put + text.slice(at + cut));
    fc.assert(fc.property(damaged, refusesOrTakes), { numRuns: 1000 });
  });
});
