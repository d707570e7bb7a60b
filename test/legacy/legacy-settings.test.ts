import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { legacySettings } from '../../src/legacy/legacy-settings.ts';

const sql = { engine: 'sqlite', file: 'shop.sqlite3', table: 'users', login: ['email'] };
const settings = (changes: object = {}) => ({ store: 'shop', sql, ...changes });
const problems = (input: unknown) => {
  const result = legacySettings.safeParse(input);
  return result.success ? [] : JSON.stringify(result.error.issues);
};

describe('the settings of the legacy store', () => {
  test('have a default for all but the store and the way to it', () => {
    expect(legacySettings.parse(settings())).toMatchObject({
      subjects: 'prefixed',
      cacheSeconds: 15,
      staleSeconds: 300,
      timeoutMs: 2_500,
      sql: { id: 'id', poolSize: 5 },
      mapping: { emailVerified: false, names: { placeholder: '-' }, roles: [], password: [] },
    });
  });

  test('say a sentence about every field', () => {
    const silent: string[] = [];
    const visit = (node: unknown, path: string) => {
      if (typeof node !== 'object' || node === null) return;
      const { definitions, properties, anyOf, oneOf, allOf, items } = node as Record<string, unknown>;
      for (const [name, inner] of Object.entries(
        (properties ?? {}) as Record<string, { description?: string }>,
      )) {
        if (!inner.description) silent.push(`${path}.${name}`);
        visit(inner, `${path}.${name}`);
      }
      for (const list of [anyOf, oneOf, allOf]) {
        if (Array.isArray(list)) for (const inner of list) visit(inner, path);
      }
      for (const [name, inner] of Object.entries(definitions ?? {})) visit(inner, name);
      visit(items, `${path}[]`);
    };
    visit(
      z.toJSONSchema(legacySettings, { io: 'input', target: 'draft-7', unrepresentable: 'any' }),
      'legacy',
    );
    // The two forms of a secret are told where the secret is.
    expect(silent.filter((path) => !path.endsWith('.file') && !path.endsWith('.ca.file'))).toEqual([]);
  });

  test('never print a secret', () => {
    const parsed = legacySettings.parse(
      settings({
        sql: {
          engine: 'postgresql',
          connection: 'postgres://u:canary@h/d',
          table: 'users',
          login: ['email'],
        },
        mapping: {
          password: [{ format: 'devise-bcrypt-pepper', columns: { a: 'a' }, settings: { pepper: 'canary' } }],
        },
      }),
    );
    expect(JSON.stringify(parsed)).not.toContain('canary');
  });

  test.each([
    ['an unknown setting', settings({ color: 'red' }), 'color'],
    ['an unknown claim', settings({ mapping: { emial: 'email' } }), 'emial'],
    ['an unknown step', settings({ mapping: { email: { column: 'e', transform: ['rot13'] } } }), 'transform'],
    [
      'code for a step',
      settings({ mapping: { email: { column: 'e', transform: ['x => x'] } } }),
      'transform',
    ],
    ['two sources', settings({ mapping: { email: { column: 'a', columns: ['a', 'b'] } } }), 'exactly one of'],
    ['a proof without a test', settings({ mapping: { disabled: { column: 'a' } } }), 'exactly one test'],
    [
      'a proof with two tests',
      settings({ mapping: { disabled: { column: 'a', equals: 1, present: true } } }),
      'exactly one test',
    ],
    [
      'a broken expression',
      settings({ mapping: { disabled: { column: 'a', matches: '(' } } }),
      'regular expression',
    ],
    ['a claim of the tokens’ own', settings({ mapping: { attributes: { sub: 'x' } } }), 'meaning of its own'],
    [
      'rows of a query that is not there',
      settings({ mapping: { roles: { from: 'groups', column: 'name' } } }),
      'names no related rows',
    ],
    [
      'no way to find by login',
      settings({ sql: { engine: 'sqlite', file: 'f', table: 'users' } }),
      'queries.byLogin',
    ],
    [
      'no way to find by id',
      settings({ sql: { engine: 'sqlite', file: 'f', queries: { byLogin: 'select 1 where 1 = :login' } } }),
      'queries.byId',
    ],
    [
      'a lookup that writes',
      settings({ sql: { ...sql, queries: { byLogin: 'delete from users where id = :login' } } }),
      'starts with select',
    ],
    [
      'a mark that deletes',
      settings({ sql: { ...sql, flag: { statement: 'delete from users where id = :id or :migrated' } } }),
      'starts with update',
    ],
    ['a store name that is no prefix', settings({ store: 'My Shop' }), 'lower-case'],
  ])('refuse %s', (_what, input, why) => {
    expect(problems(input)).toContain(why);
  });

  test('let an operator’s own words be called from', () => {
    const mapping = {
      email: { column: 'e', transform: [{ map: { from: 'a', transform: 'b' } }] },
      attributes: { from: 'x' },
    };
    expect(problems(settings({ mapping }))).toEqual([]);
  });
});
