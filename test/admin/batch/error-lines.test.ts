/** Cells that every reader of CSV reads back, and that no spreadsheet computes. */
import { parse } from 'csv-parse/sync';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { csvCell } from '../../../src/admin/batch/error-lines.ts';
import '../../support/fast-check-seed.ts';

test('a line is read back as it was, but for the mark of what begins like a formula', () => {
  const cell = fc.string({
    unit: fc.constantFrom('a', '"', ',', '\n', '\r', '=', '+', '-', '@', '\t', ' ', 'é'),
  });
  fc.assert(
    fc.property(fc.array(cell, { minLength: 2, maxLength: 6 }), (cells) => {
      const line = cells.map(csvCell).join(',');
      const [read] = parse(`${line}\r\n`, { record_delimiter: '\r\n' }) as string[][];
      expect(read?.map((text, i) => (text === `'${cells[i]}` ? cells[i] : text))).toEqual(cells);
      for (const text of read ?? []) expect(text).not.toMatch(/^\s*[=+\-@\t\r]/);
    }),
  );
});

test.each(['=1+1', '+1', '-1', '@SUM(A1)', '\t=1', '\r=1', ' =1', '＝1'])(
  '“%s” is marked as text',
  (text) => {
    expect(csvCell(text)).toContain("'");
  },
);

test.each(['shop:1', 'a-b', '', '1=1', "it's"])('“%s” stays as it is', (text) => {
  expect(csvCell(text)).toBe(text);
});
