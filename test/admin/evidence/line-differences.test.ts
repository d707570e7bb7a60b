/** Which lines are not those that were signed. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { LineFinding } from '../../../src/admin/evidence/line-differences.ts';
import { lineDifferences } from '../../../src/admin/evidence/line-differences.ts';

async function* streamOf(lines: readonly string[]): AsyncGenerator<string> {
  yield* lines;
}
async function differences(expected: readonly string[], actual: readonly string[]): Promise<LineFinding[]> {
  const found: LineFinding[] = [];
  for await (const one of lineDifferences(streamOf(expected), streamOf(actual))) found.push(one);
  return found;
}
const LINES = ['a', 'b', 'c', 'd', 'e'];

describe('lines', () => {
  test.each([
    ['as they were are no finding', LINES, []],
    [
      'that were changed are named',
      ['a', 'x', 'c', 'd', 'y'],
      [
        { kind: 'changed', line: 2 },
        { kind: 'changed', line: 5 },
      ],
    ],
    [
      'that were taken out are named by their place',
      ['a', 'd', 'e'],
      [{ kind: 'missing', line: 2, lines: 2 }],
    ],
    ['that were put in are named', ['a', 'b', 'x', 'c', 'd', 'e'], [{ kind: 'additional', line: 3 }]],
    [
      'after the last are put in',
      [...LINES, 'x', 'y'],
      [
        { kind: 'additional', line: 6 },
        { kind: 'additional', line: 7 },
      ],
    ],
    ['that the file ends before are counted', ['a', 'b'], [{ kind: 'truncated', line: 3, lines: 3 }]],
    ['of an empty file are all missing', [], [{ kind: 'truncated', line: 1, lines: 5 }]],
  ] as const)('%s', async (_title, actual, found) => {
    expect(await differences(LINES, actual)).toEqual(found);
  });

  test('that differ are never found alike, and those that are alike never different', async () => {
    const lines = fc.array(fc.constantFrom('a', 'b', 'c', 'd'), { maxLength: 12 });
    await fc.assert(
      fc.asyncProperty(lines, lines, async (expected, actual) => {
        const found = await differences(expected, actual);
        expect(found.length === 0).toBe(JSON.stringify(expected) === JSON.stringify(actual));
      }),
      { numRuns: 200 },
    );
  });

  test('far apart are still found again', async () => {
    const many = Array.from({ length: 3_000 }, (_, at) => String(at));
    expect(await differences(many, many.toSpliced(1_500, 40))).toEqual([
      { kind: 'missing', line: 1_501, lines: 40 },
    ]);
  });
});
