import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { sentenceOf } from '../src/issue-words.ts';
import { problemLine, problemsAt, readYaml } from '../src/yaml-file.ts';

/** Of a file that these find wrong, a line per problem. */
function linesOf(schema: z.ZodType, text: string): string[] {
  const yaml = readYaml(text, 'a.yaml');
  const { error } = schema.safeParse(yaml.document.toJS());
  return problemsAt(yaml, error?.issues ?? []).map(problemLine);
}
const said = (schema: z.ZodType, value: unknown) => schema.safeParse(value).error?.issues.map(sentenceOf);

describe('the place of a problem', () => {
  const schema = z.strictObject({ list: z.array(z.strictObject({ a: z.number() })) });

  test('is the key where nobody knows it, and the value where that is wrong', () => {
    expect(linesOf(schema, 'list:\n  - a: x\n    b:\n      c: 1\n"d":\n  e: 1\n')).toEqual([
      'a.yaml:2:8 list.0.a: expected a number, not a text',
      'a.yaml:3:5 list.0.b: there is no such setting',
      'a.yaml:5:1 d: there is no such setting',
    ]);
  });

  test('is what an alias stands for nowhere: it is the alias', () => {
    expect(linesOf(schema, 'list: [&x { a: 1, b: 2 }, *x]')).toEqual([
      'a.yaml:1:19 list.0.b: there is no such setting',
      'a.yaml:1:27 list.1.b: there is no such setting',
    ]);
  });

  test('is the name in a group whose names are free', () => {
    expect(linesOf(z.record(z.string().regex(/^[a-z]+$/), z.number()), 'ok: 1\nNot: 1\n')).toEqual([
      'a.yaml:2:1 Not: this name is not possible: expected a text that matches /^[a-z]+$/',
    ]);
  });

  test('of a key that stands there twice is the second one', () => {
    const { problems } = readYaml('a:\n  "b c": 1\n  "b c": 2\nd-e: 1\nd-e: 2\n', 'a.yaml');
    expect(problems.map(problemLine)).toEqual([
      'a.yaml:3:3 b stands there twice',
      'a.yaml:5:1 d-e stands there twice',
    ]);
  });
});

describe('of several shapes that a value may have', () => {
  const text = z.string().min(3, { error: 'expected three letters' });
  const shapes = z.union([
    text.refine((one) => one !== 'bad', 'is bad'),
    z.strictObject({ file: z.string() }),
    z.array(text),
  ]);

  test.each([
    ['a: bad', 'a: is bad'],
    ['a: x', 'a: expected three letters'],
    ['a: [x]', 'a.0: expected three letters'],
    ['a: { fil: x }', 'a.file: is missing|a.fil: there is no such setting'],
    ['a: 5', 'a: expected a text, or a block of settings, or a list, not a number: put it in quotes'],
    ['b: 5', 'a: is missing'],
  ])('that of %j is the one that is spoken of', (yaml, lines) => {
    const found = linesOf(z.object({ a: shapes }), yaml).map((line) => line.replace(/^a\.yaml:1:\d+ /, ''));
    expect(found.join('|')).toBe(lines);
  });

  test('the one is meant that takes what was given, though another names its values', () => {
    const choice = z.union([z.enum(['x', 'y']), z.array(z.enum(['x', 'y']))]);
    expect(said(choice, 'z')).toEqual(['expected one of x, y']);
    expect(said(choice, ['z'])).toEqual(['expected one of x, y']);
    expect(said(choice, 5)).toEqual(['expected one of x, y, or a list, not a number']);
    expect(said(z.union([z.literal(false), z.strictObject({ a: z.string() })]), { b: 1 })).toEqual([
      'is missing, there is no such setting',
    ]);
  });
});

describe('a sentence about a value', () => {
  test.each<[string, z.ZodType, unknown]>([
    ['expected a number of at most 5', z.number().max(5), 6],
    ['expected a number less than 5', z.number().lt(5), 5],
    ['expected a number of at least 5', z.int().min(5), 4],
    ['expected a number more than 5', z.number().gt(5), 5],
    ['expected a text of at most 2 characters', z.string().max(2), 'abc'],
    ['expected a text of exactly 2 characters', z.string().length(2), 'abc'],
    ['is empty', z.string().min(1), ''],
    ['is empty', z.array(z.string()).min(1), []],
    ['expected a list of at least 2 entries', z.array(z.string()).min(2), []],
    ['expected a text that matches /^a$/', z.string().regex(/^a$/), 'b'],
    ['expected a valid email address', z.email(), 'b'],
    ['expected a multiple of 5', z.number().multipleOf(5), 4],
    ['expected a number, not a text', z.number(), 'x'],
    ['expected a number', z.number(), Number.NaN],
    ['expected a number', z.number(), Number.POSITIVE_INFINITY],
    ['expected a text, not true or false: put it in quotes', z.string(), true],
    ['expected a text', z.string(), new Date()],
    ['has no value: expected a text', z.string(), null],
    ['is missing', z.string(), undefined],
    ['expected x', z.literal('x'), 'y'],
    ['expected one of x, y', z.enum(['x', 'y']), 'z'],
    [
      'expected one of x, y',
      z.discriminatedUnion('k', [z.object({ k: z.literal('x') }), z.object({ k: z.literal('y') })]),
      { k: 'z' },
    ],
    ['there is no such setting: b, c', z.strictObject({}), { b: 1, c: 1 }],
    ['is not valid', z.string().refine(() => false), 'x'],
    ['our own words', z.string().refine(() => false, 'our own words'), 'x'],
  ])('is: %s', (sentence, schema, value) => {
    expect(said(schema, value)).toEqual([sentence]);
  });
});
