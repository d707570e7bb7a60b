/**
 * What programs meet that read what others have written: the texts that break parsers, good input with a piece of damage in
 * it, and a test that tries many of them. What a run tries is drawn from one seed (test/support/fast-check-seed.ts).
 */
import fc from 'fast-check';
import { test } from 'vitest';

const IS_LONG = Boolean(process.env.FOOTBRIDGE_LONG);
/** Of the runs that the pipeline has: as many as fit into some minutes. */
const LONG_FACTOR = 50;
/** Input without a bound on its cost is found by this: no single property takes a tenth of it. */
const LIMIT_MS = 30_000;

export const runs = (short: number) => (IS_LONG ? short * LONG_FACTOR : short);

type Property = Parameters<typeof fc.assert>[0];

/** A property as a test, tried so many times; with FOOTBRIDGE_LONG fifty times as often. */
export function fuzz(title: string, times: number, property: Property): void {
  const timeout = LIMIT_MS * (IS_LONG ? LONG_FACTOR : 1);
  test(title, { timeout }, () => fc.assert(property, { numRuns: runs(times) }));
}

/** Names that every object has, and what else is more than a text to somebody. */
export const NAMES = [
  '__proto__',
  'constructor',
  'prototype',
  'toString',
  'hasOwnProperty',
  'valueOf',
  'length',
  'then',
];

const BREAKING = [
  ...['\0', '\u0001', '\x7f', '\r\n', '\n', '\t', ' ', '\u00a0', '\u2028', '\ufeff', '\u202e', '\u200b'],
  ...['\ud800', '\udfff', '\ufffd', '\u{10ffff}', 'e\u0301', 'İ', 'ß', 'ﬀ'],
  ...[
    "'",
    '"',
    '`',
    '\\',
    '\\0',
    '\\u0000',
    '<',
    '>',
    '&',
    ';',
    ',',
    '=',
    '|',
    '#',
    '%',
    '%00',
    '%ff',
    '$',
    '?',
  ],
  ...['(', ')', '[', ']', '{', '}', '*', '.', '..', '../', '//', ':', '@', '-', '--', '/*', '!', '~'],
  ...['${x}', '{{x}}', '$1', ':id', '%s', '&a', '*a', '!!js', '<<: *a', '<!--', "' or 1=1 --", '*)(uid=*'],
  ...[
    '0',
    '-0',
    '-1',
    '1e999',
    'NaN',
    'Infinity',
    '0x10',
    '1_0',
    '٣',
    '９',
    '4294967296',
    '9007199254740993',
  ],
  ...['99999999999999999999999999', 'null', 'true', 'undefined', '[object Object]'],
  ...NAMES,
];

/** Letters that look like others: what a reader takes for the same is none. */
const CONFUSABLE: Readonly<Record<string, string>> = {
  ...{ a: 'а', c: 'с', e: 'е', o: 'о', p: 'р', x: 'х', i: 'ı', s: 'ſ', k: 'K', A: 'Α', B: 'В', '0': '٠' },
  ...{
    '1': '１',
    '2': '２',
    '9': '９',
    '.': '．',
    ':': '：',
    '/': '∕',
    '-': '‐',
    '=': '＝',
    $: '＄',
    '@': '＠',
  },
};

const breaking = fc.constantFrom(...BREAKING);
/** The same again and again: what a parser may go over twice, or go down into. */
const pumped = (longest: number) =>
  fc
    .tuple(
      fc.oneof(breaking, fc.string({ minLength: 1, maxLength: 4 })),
      fc.integer({ min: 2, max: longest }),
    )
    .map(([piece, times]) => piece.repeat(Math.ceil(times / piece.length)));

/** Any text that somebody could send; now and then a very long one. */
export const anyText = ({ maxLength = 200, longest = 5_000 } = {}): fc.Arbitrary<string> =>
  fc.oneof(
    { weight: 3, arbitrary: fc.string({ unit: 'binary', maxLength }) },
    { weight: 2, arbitrary: fc.string({ maxLength }) },
    {
      weight: 3,
      arbitrary: fc
        .array(fc.oneof(breaking, fc.string({ maxLength: 6 })), { maxLength: 12 })
        .map((all) => all.join('')),
    },
    { weight: 1, arbitrary: breaking },
    { weight: 1, arbitrary: pumped(longest) },
  );

export const anyBytes = (maxLength = 300): fc.Arbitrary<Buffer> =>
  fc.oneof(
    fc.uint8Array({ maxLength }).map((bytes) => Buffer.from(bytes)),
    anyText().map((text) => Buffer.from(text)),
  );

/** What `JSON.parse` can give: names of every object, and nested deeply now and then. */
export const anyJson: fc.Arbitrary<unknown> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.letrec((tie) => ({
      leaf: fc.oneof(
        fc.constantFrom(null, true, false, 0, -1, 1.5, 1e308, 2 ** 53, ''),
        anyText({ maxLength: 30, longest: 300 }),
      ),
      name: fc.oneof(fc.constantFrom(...NAMES), fc.string({ maxLength: 8 })),
      value: fc.oneof(
        { depthSize: 'small', withCrossShrink: true },
        tie('leaf'),
        fc.array(tie('value'), { maxLength: 4 }),
        fc.array(fc.tuple(tie('name') as fc.Arbitrary<string>, tie('value')), { maxLength: 4 }).map(objectOf),
      ),
    })).value,
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom<unknown>({ length: { toString: null } }, { valueOf: 1 }, { toJSON: 1 }),
  },
  {
    weight: 1,
    arbitrary: fc
      .integer({ min: 100, max: 3_000 })
      .map((depth) => JSON.parse('['.repeat(depth) + ']'.repeat(depth))),
  },
);

/** As `JSON.parse` makes it: `__proto__` is a name like any other. */
function objectOf(entries: readonly (readonly [string, unknown])[]): object {
  const object = {};
  for (const [name, value] of entries)
    Object.defineProperty(object, name, { value, enumerable: true, configurable: true, writable: true });
  return object;
}

type Edit = (text: string) => string;

/** A place in a text of any length. */
const share = fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true });
const at = (text: string, place: number) => Math.floor(place * (text.length + 1));

const edits: fc.Arbitrary<Edit> = fc.oneof(
  fc.tuple(share, fc.nat(15)).map(
    ([place, bit]): Edit =>
      (text) =>
        flipped(text, { place, bit }),
  ),
  share.map(
    (place): Edit =>
      (text) =>
        text.slice(0, at(text, place)),
  ),
  share.map(
    (place): Edit =>
      (text) =>
        text.slice(at(text, place)),
  ),
  fc.tuple(share, fc.integer({ min: 1, max: 8 })).map(
    ([place, cut]): Edit =>
      (text) =>
        text.slice(0, at(text, place)) + text.slice(at(text, place) + cut),
  ),
  fc.tuple(share, share).map(
    ([from, to]): Edit =>
      (text) =>
        doubled(text, from, to),
  ),
  fc.tuple(share, fc.oneof(breaking, pumped(3_000))).map(
    ([place, put]): Edit =>
      (text) =>
        text.slice(0, at(text, place)) + put + text.slice(at(text, place)),
  ),
  share.map(
    (place): Edit =>
      (text) =>
        replaced(text, place, (letter) => CONFUSABLE[letter] ?? letter),
  ),
  share.map(
    (place): Edit =>
      (text) =>
        replaced(text, place, (letter) =>
          letter === letter.toLowerCase() ? letter.toUpperCase() : letter.toLowerCase(),
        ),
  ),
  fc.integer({ min: 1, max: 400 }).map(
    (times): Edit =>
      (text) =>
        text.replace(/\d+/, (digits) => digits + '9'.repeat(times)),
  ),
);

function flipped(text: string, { place, bit }: { place: number; bit: number }): string {
  const index = Math.min(at(text, place), text.length - 1);
  if (index < 0) return text;
  return (
    text.slice(0, index) +
    String.fromCharCode(text.charCodeAt(index) ^ (1 << (bit % 8))) +
    text.slice(index + 1)
  );
}

function doubled(text: string, one: number, other: number): string {
  const [from = 0, to = 0] = [at(text, one), at(text, other)].toSorted((a, b) => a - b);
  return text.slice(0, to) + text.slice(from);
}

function replaced(text: string, place: number, by: (letter: string) => string): string {
  const index = Math.min(at(text, place), text.length - 1);
  return index < 0 ? text : text.slice(0, index) + by(text[index]!) + text.slice(index + 1);
}

/** One of these with one to three pieces of damage; never as it was. */
export const damaged = (...good: readonly string[]): fc.Arbitrary<string> =>
  damagedFrom(good).map(({ damaged: text }) => text);

/** The same beside what it was made of. */
export const damagedFrom = (
  good: readonly string[],
): fc.Arbitrary<{ readonly good: string; readonly damaged: string }> =>
  fc
    .tuple(fc.constantFrom(...good), fc.array(edits, { minLength: 1, maxLength: 3 }))
    .map(([text, all]) => ({ good: text, damaged: all.reduce((left, edit) => edit(left), text) }))
    .filter(({ good: before, damaged: after }) => before !== after);

/** The same for bytes: Latin-1, so that each letter is one. */
export const damagedBytes = (...good: readonly Uint8Array[]): fc.Arbitrary<Buffer> =>
  damaged(...good.map((bytes) => Buffer.from(bytes).toString('latin1'))).map((text) =>
    Buffer.from(text, 'latin1'),
  );
