import fc from 'fast-check';
import { expect, test } from 'vitest';
import { readMarshal, writeMarshal } from '../../../src/sessions/serialisation/ruby-marshal.ts';

const read = (text: string) => readMarshal(Buffer.from(`\x04\x08${text}`, 'latin1'));

test.each([
  ['0', null],
  ['T', true],
  ['i\x00', 0],
  ['i\x7f', 122],
  ['i\x01\x7b', 123],
  ['i\xff\x00', -256],
  ['i\x04\xff\xff\xff\x3f', 2 ** 30 - 1],
  ['l+\x07\x00\x00\x00\x40', 2 ** 30],
  ['l-\x09\x00\x00\x00\x00\x00\x00\x00\x80', '-9223372036854775808'],
  ['f\x080.5', 0.5],
  ['f\x08nan', null],
  ['"\x06a', 'a'],
  ['"\x06\xff', null],
  ['I"\x06a\x06:\x06ET', 'a'],
  [':\x06a', 'a'],
  ['[\x07:\x06a;\x00', ['a', 'a']],
  ['[\x07I"\x06a\x06:\x06ET@\x06', ['a', 'a']],
  ['{\x06:\x06ai\x06', { a: 1 }],
  ['}\x06:\x06ai\x06i\x07', { a: 1 }],
  ['C:\x06H{\x06:\x06ai\x06', { a: 1 }],
  ['[\x07o:\x06A\x06:\x07@xi\x06i\x07', [null, 2]],
])('%j is read', (text, value) => {
  expect(read(text)).toEqual(value);
});

test.each([
  '',
  '00',
  'i',
  'i\x02\x00',
  'i\x06\x00',
  '"\x08a',
  '"\xfa',
  '[\x7f',
  '[\x04\xff\xff\xff\x7f',
  '{\x06:\x06a',
  '@\x00',
  ';\x00',
  '[\x06;\x05',
  'l+\x04\xff\xff\xff\x7f',
  'f\x060x1',
  'f\x060x',
  'd:\x06Ai\x00',
  'M\x06A',
  'I"\x06a\x06i\x00T',
  'z',
])('%j is not', (text) => {
  expect(read(text)).toBeUndefined();
});

test('links to what holds them, and to lists, give nothing', () => {
  expect(read('[\x06@\x00')).toEqual([null]);
  expect(read('[\x07[\x06i\x06@\x06')).toEqual([[1], null]);
});

test('no class is ever looked up', () => {
  expect(read('o:\x0bKernel\x06:\x0a@evalI"\x06x\x06:\x06ET')).toBeNull();
  expect(read('U:\x0bKernel[\x06i\x06')).toBeNull();
  expect(read('Iu:\x09Time\x06x\x06:\x06ET')).toBeNull();
});

test('depth and number of values are bounded', () => {
  const nested = (depth: number) => `${'[\x06'.repeat(depth)}0`;
  expect(read(nested(32))).toBeDefined();
  expect(read(nested(33))).toBeUndefined();
  expect(read(nested(100_000))).toBeUndefined();
  expect(read(`${'C:\x06H'.repeat(10_000)}{\x00`)).toBeUndefined();
  expect(read(`${'I'.repeat(100_000)}0`)).toBeUndefined();
  // 15,000 and 25,000 times nil.
  expect(read(`[\x02\x98\x3a${'0'.repeat(15_000)}`)).toBeUndefined();
  expect(read(`[\x02\x88\x13${'0'.repeat(5_000)}`)).toHaveLength(5_000);
});

test('names that JavaScript knows are names like others', () => {
  const value = read('{\x06:\x0e__proto__{\x06:\x06xi\x06') as object;
  expect(Object.getPrototypeOf(value)).toBe(Object.prototype);
  expect(Object.keys(value)).toEqual(['__proto__']);
});

test('what is written is read', () => {
  const { tie } = fc.letrec((tied) => ({
    tie: fc.oneof(
      { maxDepth: 4 },
      fc.constantFrom(null, true, false),
      fc.maxSafeInteger(),
      fc.integer(),
      fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => value + 0),
      fc.string({ unit: 'grapheme' }),
      fc.array(tied('tie')),
      fc.dictionary(fc.string(), tied('tie'), { noNullPrototype: true }),
    ),
  }));
  fc.assert(fc.property(tie, (value) => void expect(readMarshal(writeMarshal(value))).toEqual(value)));
});

test('nothing is thrown at anybody', () => {
  const characters = fc.constantFrom(
    ...'0TFi:;@lf"[{}ICeoSUucm/\x00\x01\x02\x04\x05\x06\x07\x08\xfa\xff'.split(''),
  );
  fc.assert(
    fc.property(fc.string({ unit: characters }), (text) => void read(text)),
    { numRuns: 5_000 },
  );
});
