import { describe, expect, test } from 'vitest';
import { ConfigError, parseConfig } from '../../src/config.ts';
import { mapRecord } from '../../src/legacy/mapping.ts';
import { mapping } from '../../src/legacy/mapping-settings.ts';

const problemsOf = (password: object) => {
  const parsed = mapping.safeParse({ password: [password] });
  return parsed.success
    ? []
    : parsed.error.issues.map(({ path, message }) => `${path.slice(2).join('.')}: ${message}`);
};
const RECIPE = 'hex(md5(salt . password))';
const columns = { hash: 'pw', salt: 'seed' };

describe('a password with a recipe', () => {
  test('is read as a stored password of the format `recipe`', () => {
    const { password } = mapping.parse({ password: [{ recipe: RECIPE, columns }] });
    expect(password).toMatchObject([{ format: 'recipe', recipe: RECIPE }]);
  });

  test('reaches the verifier with its recipe, and with NULL where a column is NULL', () => {
    const row = (seed: string | null) => ({ id: '7', columns: { pw: 'x', seed } });
    const read = (seed: string | null) =>
      mapRecord(mapping.parse({ password: [{ recipe: RECIPE, columns }] }), {
        sub: 'shop:7',
        row: row(seed),
        related: {},
        sparse: false,
        nowMs: 0,
      }).credentials.passwords;
    expect(read('s')).toEqual([{ format: 'recipe', recipe: RECIPE, columns: { hash: 'x', salt: 's' } }]);
    expect(read(null)).toMatchObject([{ columns: { hash: 'x', salt: null } }]);
  });

  test('has no format beside it, and one without has a format', () => {
    const problem = ': expected exactly one of format and recipe';
    expect(problemsOf({ recipe: RECIPE, format: 'generic-hex_md5', columns })).toEqual([problem]);
    expect(problemsOf({ columns })).toEqual([problem]);
    expect(problemsOf({ format: 'auto', columns })).toEqual([]);
  });

  test('has the columns, settings and user name that the recipe uses, and no others', () => {
    expect(problemsOf({ recipe: RECIPE, columns: { hash: 'pw' } })).toEqual([
      'columns: the recipe uses the column salt, which is not there',
    ]);
    expect(problemsOf({ recipe: RECIPE, columns: { ...columns, pin: 'pin' } })).toEqual([
      'columns.pin: the recipe does not use this column',
    ]);
    const demanding =
      "hex(md5(username . setting('pepper') . setting('key', 'k') . column('pin', '') . password))";
    expect(problemsOf({ recipe: demanding, columns: { hash: 'pw' } })).toEqual([
      'settings: the recipe uses the setting pepper, which is not there',
      'username: the recipe uses the user name, which is not there',
    ]);
    const whole = {
      recipe: demanding,
      columns: { hash: 'pw', pin: 'pin' },
      settings: { pepper: 'p' },
      username: 'u',
    };
    expect(problemsOf(whole)).toEqual([]);
  });

  test('that is wrong is a problem at its place in the file, with the place in the recipe', () => {
    const text = `
database: { url: postgres://localhost/x }
masterKey: ${Buffer.alloc(32).toString('base64')}
legacy:
  store: shop
  sql: { engine: sqlite, file: /x.sqlite, table: users, id: id, login: [email] }
  mapping:
    password:
      - columns: { hash: pw }
        recipe: hex(md5(pasword))
`;
    let problems: readonly object[] = [];
    try {
      parseConfig(text, { file: 'footbridge.yaml', env: {} });
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      problems = error.problems;
    }
    expect(problems).toMatchObject([
      {
        line: 10,
        column: 17,
        message: expect.stringMatching(/column 9: there is no value `pasword`; expected/),
      },
    ]);
  });
});
