/** docs/conformance.md says which test holds which requirement: they are there, and none of ours is missing. */
import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { expect, test } from 'vitest';

const ROOT = resolve(import.meta.dirname, '../..');
const page = readFileSync(join(ROOT, 'docs/conformance.md'), 'utf8');
const rows = [
  ...page.matchAll(/^\| [\w., ]+ \| [^|]+ \| \[[\w.-]+\]\(\.\.\/(test\/[^)]+)\): “([^”]+)” \|$/gm),
].map(([, file = '', title = '']) => ({ file, title }));
/** As they stand in the files: in quotes, after `test(` or behind the rows of `test.each`. */
const titlesIn = (text: string) =>
  [...text.matchAll(/(?:\btest\(|\]\s*(?:as [^(]+)?\)\(|^\]\)\()\s*(['`])(.+?)\1,/gms)].map(
    ([, , title]) => title!,
  );

test('each row names a test that is there', () => {
  expect(rows.length).toBeGreaterThan(80);
  const missing = rows.filter(
    ({ file, title }) => !titlesIn(readFileSync(join(ROOT, file), 'utf8')).includes(title),
  );
  expect(missing).toEqual([]);
  expect(page.match(/^\| .*\]\(\.\.\/test\/.*$/gm)).toHaveLength(rows.length);
});

test('each test that is named by a section has a row', () => {
  const named = readdirSync(import.meta.dirname)
    .filter((name) => name.endsWith('.test.ts'))
    .flatMap((name) => titlesIn(readFileSync(join(import.meta.dirname, name), 'utf8')))
    .filter((title) => /^[A-Z][\w. -]+ [\d.]+: /.test(title));
  expect(named.length).toBeGreaterThan(60);
  expect(named.filter((title) => !rows.some((row) => row.title === title))).toEqual([]);
});
