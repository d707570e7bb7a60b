/** What is dangerous is decided of every operation, in docs/four-eyes.md: a new one is a decision. */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { expect, test } from 'vitest';
import { operations } from '../../../src/admin/operations/index.ts';

const DOCS = resolve(import.meta.dirname, '../../../docs/four-eyes.md');
const ROW = /^\| `([\w -]+)` \| (yes|no|when .+?|unless .+?) \| (.+) \|$/gm;

const decided = new Map(
  [...readFileSync(DOCS, 'utf8').matchAll(ROW)].map(([, name = '', danger = '', why = '']) => [
    name,
    { danger, why },
  ]),
);
const changing = operations.filter(({ changes }) => changes);
const wordOf = (danger: unknown) => (danger === undefined ? 'no' : danger === true ? 'yes' : 'sometimes');

test('of every operation that changes something it is decided whether it is dangerous', () => {
  expect(changing.map(({ name }) => name).filter((name) => !decided.has(name))).toEqual([]);
  const names = new Set(operations.map(({ name }) => name));
  expect([...decided.keys()].filter((name) => !names.has(name))).toEqual([]);
});

test.each(changing.map(({ name, danger }) => [name, danger] as const))(
  '%s is what the docs say',
  (name, danger) => {
    const { danger: said = '', why = '' } = decided.get(name) ?? {};
    expect(/^(when|unless) /.test(said) ? 'sometimes' : said).toBe(wordOf(danger));
    expect(why.length).toBeGreaterThan(5);
  },
);

test('only what changes something is dangerous', () => {
  expect(operations.filter(({ changes, danger }) => !changes && danger !== undefined)).toEqual([]);
});
