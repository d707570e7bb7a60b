import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { serialize, unserialize } from '../../../src/sessions/serialisation/php-serialize.ts';

const read = (text: string) => unserialize(Buffer.from(text, 'latin1'));

test.each([
  ['N;', null],
  ['b:1;', true],
  ['i:-7;', -7],
  ['i:-0;', 0],
  ['i:9223372036854775807;', '9223372036854775807'],
  ['d:0.5;', 0.5],
  ['d:1.0E+25;', 1e25],
  ['d:-INF;', null],
  ['d:NAN;', null],
  ['s:3:"a"b";', 'a"b'],
  ['s:1:"\xff";', null],
  ['a:2:{i:0;i:1;i:1;i:2;}', [1, 2]],
  ['a:2:{i:1;i:1;i:0;i:2;}', { 0: 2, 1: 1 }],
  ['a:1:{s:1:"k";a:0:{}}', { k: [] }],
  ['O:1:"A":3:{s:1:"p";i:1;s:4:"\0*\0q";i:2;s:4:"\0A\0r";i:3;}', { p: 1 }],
  ['E:11:"Suit:Hearts";', 'Suit:Hearts'],
  ['a:2:{i:0;s:1:"x";i:1;R:2;}', ['x', 'x']],
])('%j is read', (text, value) => {
  expect(read(text)).toEqual(value);
});

test.each([
  '',
  'N',
  'N;N;',
  'b:2;',
  'i:1',
  'i:1.5;',
  'i:;',
  'd:;',
  'd:1e99999;',
  'd:0x1;',
  's:5:"a";',
  's:-1:"";',
  's:1:"ab";',
  'S:1:"a";',
  'a:2:{i:0;i:1;}',
  'a:1:{i:0;i:1;',
  'a:1:{d:0;i:1;}',
  'a:1:{b:1;i:1;}',
  'a:999999999:{}',
  'O:1:"A":1:{}',
  'C:1:"A":2:{xx}',
  'R:1;',
  'R:0;',
  'a:1:{i:0;R:9;}',
  'x:1;',
])('%j is not', (text) => {
  expect(read(text)).toBeUndefined();
});

describe('references', () => {
  test('to what holds them give nothing, so that there are no circles', () => {
    expect(read('a:1:{i:0;R:1;}')).toEqual([null]);
    expect(read('O:1:"A":1:{s:1:"a";r:1;}')).toEqual({ a: null });
  });

  test('to lists give nothing, so that nothing grows without end', () => {
    expect(read('a:2:{i:0;a:1:{i:0;i:7;}i:1;R:2;}')).toEqual([[7], null]);
  });
});

test('depth and number of values are bounded', () => {
  const nested = (depth: number) => `${'a:1:{i:0;'.repeat(depth)}N;${'}'.repeat(depth)}`;
  expect(read(nested(32))).toBeDefined();
  expect(read(nested(33))).toBeUndefined();
  expect(read(nested(9_000))).toBeUndefined();
  const wide = (size: number) =>
    `a:${size}:{${Array.from({ length: size }, (_, at) => `i:${at};N;`).join('')}}`;
  expect(read(wide(5_000))).toHaveLength(5_000);
  expect(read(wide(15_000))).toBeUndefined();
});

test('names that JavaScript knows are names like others', () => {
  const value = read('a:1:{s:9:"__proto__";a:1:{s:1:"x";i:1;}}') as object;
  expect(Object.getPrototypeOf(value)).toBe(Object.prototype);
  expect(Object.keys(value)).toEqual(['__proto__']);
});

test('what is written is read', () => {
  const { tie } = fc.letrec((tied) => ({
    tie: fc.oneof(
      { maxDepth: 4 },
      fc.constantFrom(null, true, false),
      fc.maxSafeInteger(),
      fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => value + 0),
      fc.string({ unit: 'grapheme' }),
      fc.array(tied('tie')),
      fc.dictionary(
        fc.string({ minLength: 1 }).map((name) => `k${name}`),
        tied('tie'),
        { minKeys: 1, noNullPrototype: true },
      ),
    ),
  }));
  fc.assert(
    fc.property(tie, (value) => void expect(unserialize(Buffer.from(serialize(value)))).toEqual(value)),
  );
});

test('nothing is thrown at anybody', () => {
  const characters = fc.constantFrom(...'NbidsaORrECS:;{}"0123456789-.\0'.split(''));
  fc.assert(
    fc.property(fc.string({ unit: characters }), (text) => void read(text)),
    { numRuns: 2_000 },
  );
});
