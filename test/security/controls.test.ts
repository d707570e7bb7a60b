/** docs/security-controls.md names a test for every control, and these are there. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';

const ROOT = join(import.meta.dirname, '../..');
const PAGE = readFileSync(join(ROOT, 'docs/security-controls.md'), 'utf8');

/** How many controls the threat model has of each asset, of the adapter's contract and of the traps. */
const CONTROLS: Record<string, number> = {
  ...{ A1: 12, A2: 4, A3: 4, A4: 6, A5: 5, A6: 9, A7: 5, A8: 7, A9: 6, A10: 5, A11: 4 },
};
const NUMBERED = { C: 9, T: 17 };
const IDS = [
  ...Object.entries(CONTROLS).flatMap(([asset, count]) => numbers(count).map((n) => `${asset}.${n}`)),
  ...Object.entries(NUMBERED).flatMap(([kind, count]) => numbers(count).map((n) => `${kind}${n}`)),
];

function numbers(count: number): number[] {
  return Array.from({ length: count }, (_, i) => i + 1);
}

const ROWS = PAGE.split('\n').filter((line) => /^\| [A-Z]\d+/.test(line));
const idOf = (row: string) => row.split('|')[1]!.trim();

/** `room/file` › “title”, “title”; a title may hold quotation marks of its own. */
function testsNamedIn(text: string): { file: string; title: string }[] {
  return [...text.matchAll(/`([\w./-]+)` › (“.*?”)(?=; `| \||; \[| plants|$)/gm)].flatMap(
    ([, file, titles]) =>
      titles!
        .slice(1, -1)
        .split('”, “')
        .map((title) => ({ file: file!, title })),
  );
}

const pathOf = (file: string) =>
  [`test/${file}.test.ts`, `test/${file}.faults.test.ts`].find((path) => existsSync(join(ROOT, path)));

function isThere({ file, title }: { file: string; title: string }): boolean {
  const path = pathOf(file);
  if (path === undefined) return false;
  const text = readFileSync(join(ROOT, path), 'utf8');
  return [`'`, '"', '`'].some((mark) => text.includes(`${mark}${title}${mark}`));
}

describe('the page of controls', () => {
  test('has a row for every control, each once', () => {
    expect(ROWS.map(idOf).filter((id) => !/b$/.test(id))).toEqual(IDS);
  });

  test('names a test in each row', () => {
    expect(ROWS.filter((row) => testsNamedIn(row).length === 0).map(idOf)).toEqual([]);
  });

  test('names files and titles that are there', () => {
    const named = testsNamedIn(PAGE);
    expect(named.length).toBeGreaterThan(IDS.length);
    expect(named.filter((one) => !isThere(one))).toEqual([]);
  });

  test('would miss a file and a title that are not', () => {
    const found = testsNamedIn(
      '| X1 | c | `security/controls` › “no such title, “%s” or so”, “names a test in each row” |',
    );
    expect(found.map(({ title }) => title)).toEqual([
      'no such title, “%s” or so',
      'names a test in each row',
    ]);
    expect(isThere({ file: 'security/nothing', title: 'names a test in each row' })).toBe(false);
    expect(isThere({ file: 'security/controls', title: ['no such', 'title, ever'].join(' ') })).toBe(false);
    expect(isThere({ file: 'security/controls', title: 'names a test in each row' })).toBe(true);
  });
});
