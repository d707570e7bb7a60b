/** The parts that the connector for export files stands on. */
import { describe, expect, test } from 'vitest';
import { JsonArrayScanner } from '../../src/legacy/connectors/export-file/json-array-scanner.ts';
import { Lookup } from '../../src/legacy/connectors/export-file/lookup.ts';
import { columnsOf, parseDocument, rowsAt, textsAt } from '../../src/legacy/documents.ts';

describe('a document', () => {
  const document = parseDocument(`{
    "a": {"b": {"c": 1}}, "x.y": "own", "x": {"y": "inner", "z": 2},
    "list": [{"n": 1, "t": ["p", "q"]}, {"n": 2}, 3], "map": {"k": ["v"], "o": {"p": 1}}, "__proto__": {"admin": true}
  }`);

  test('has a column for every path inside it', () => {
    const columns = columnsOf(document);
    expect({ ...columns }).toMatchObject({
      'a.b': { c: 1 },
      'a.b.c': 1,
      'x.z': 2,
      'list.n': [1, 2],
      'list.t': ['p', 'q'],
    });
    expect(columns['x.y']).toBe('own');
    expect(columns.list).toEqual([{ n: 1, t: ['p', 'q'] }, { n: 2 }, 3]);
  });

  test('gives nobody a property by the name of a prototype', () => {
    const columns = columnsOf(document);
    expect(columns.admin).toBeUndefined();
    expect(Object.hasOwn(columns, 'toString')).toBe(false);
    expect(textsAt(document, 'constructor.name')).toEqual([]);
  });

  test.each([
    ['a.b.c', ['1']],
    ['x.y', ['own']],
    ['list.n', ['1', '2']],
    ['list.t', ['p', 'q']],
    ['a.b', []],
    ['a.b.c.d', []],
    ['missing', []],
  ])('has texts at %s', (path, texts) => {
    expect(textsAt(document, path)).toEqual(texts);
  });

  test('gives rows: elements of an array, entries of an object', () => {
    const plain = (path: string) => rowsAt(document, path).map((row) => ({ ...row }));
    expect(plain('list')).toEqual([{ n: 1, t: ['p', 'q'] }, { n: 2 }, { value: 3 }]);
    expect(plain('map')).toEqual([
      { key: 'k', value: ['v'] },
      { key: 'o', value: { p: 1 }, 'value.p': 1 },
    ]);
    expect(plain('list.t')).toEqual([{ value: 'p' }, { value: 'q' }]);
    expect(plain('missing')).toEqual([]);
  });

  test('keeps whole numbers as they are, and only those', () => {
    const numbers = parseDocument('{"id": 12345678901234567890, "safe": 123, "part": 1234567890.125}');
    expect(numbers).toEqual({ id: 12345678901234567890n, safe: 123, part: 1234567890.125 });
  });
});

describe('the scanner of JSON arrays', () => {
  const elements = (text: string, path: string[], size: number) => {
    const scanner = new JsonArrayScanner(path);
    const bytes = Buffer.from(text);
    const found: string[] = [];
    for (let at = 0; at < bytes.length; at += size)
      for (const { start, end, line } of scanner.feed(bytes.subarray(at, at + size)))
        found.push(`${line}: ${bytes.subarray(start, end).toString().trim()}`);
    return { found, isDone: scanner.isDone };
  };
  const cases: [string, string[], string[]][] = [
    ['[1, "a,]", {"b": [2]}\n, [], null ]', [], ['1: 1', '1: "a,]"', '1: {"b": [2]}', '2: []', '2: null']],
    ['[]', [], []],
    ['{"u": {"u": [0], "v": [1]}, "v": [9]}', ['u', 'v'], ['1: 1']],
    ['{"x": [{"u": [0]}], "u": "u", "y": {"u": [0]}, "u": [1]}', ['u'], ['1: 1']],
    ['{"k": "\\"u\\": [0]", "u": [{"q": "\\\\"}, "\\"]"]}', ['u'], ['1: {"q": "\\\\"}', '1: "\\"]"']],
    ['{"\\u0075": ["ü"]}', ['u'], ['1: "ü"']],
    ['{"a": {"b": {}}, "b": [0]}', ['a', 'b'], []],
    ['[{"u": [0]}]', ['u'], []],
    ['{"a": {"c": 1}, "a": {"b": [2]}}', ['a', 'b'], ['1: 2']],
  ];
  test.each(cases)('finds what is in %s at %j, whatever the chunks', (text, path, expected) => {
    for (const size of [1, 2, 3, 7, 1_000])
      expect(elements(text, path, size), `chunks of ${size}`).toEqual({ found: expected, isDone: true });
  });

  test.each(['[1, {"a": [}', '{"u": [1,', '{"u": ["]', '{"a": 1'])('is not done with %s', (text) => {
    expect(elements(text, text.startsWith('[') ? [] : ['u'], 1).isDone).toBe(false);
  });
});

describe('a lookup', () => {
  /** Their SHA-256 begins with the same 32 bits. */
  const TWINS = ['u58659', 'u67268'] as const;

  const pairsIn = async (lookup: Lookup) => {
    const pairs = [];
    for await (const pair of lookup.duplicates()) pairs.push(pair);
    return pairs;
  };

  test('finds every record of a text, in their order, and none of another', async () => {
    const lookup = new Lookup();
    for (let record = 0; record < 5_000; record++) lookup.add(`t${record % 2_500}`, record);
    await lookup.sort();
    for (let text = 0; text < 2_500; text++) expect(lookup.find(`t${text}`)).toEqual([text, text + 2_500]);
    expect(lookup.find('t2500')).toEqual([]);
  });

  test('tells texts apart that share a place in its order', async () => {
    const lookup = new Lookup();
    for (const [record, text] of TWINS.entries()) lookup.add(text, record);
    await lookup.sort();
    expect(TWINS.map((text) => lookup.find(text))).toEqual([[0], [1]]);
    expect(lookup.areTogether(...TWINS)).toBe(true);
    expect(lookup.groupAt(0)).toEqual({ records: [0, 1], next: 2 });
    expect(await pairsIn(lookup)).toEqual([]);
  });

  test('names records that share a text, but not one that has it twice', async () => {
    const lookup = new Lookup();
    for (const [record, text] of ['a', 'b', 'a', 'c', 'a'].entries()) lookup.add(text, record);
    lookup.add('b', 1);
    await lookup.sort();
    expect(await pairsIn(lookup)).toEqual([
      [0, 2],
      [0, 4],
    ]);
  });

  test('with a salt has an order of its own', async () => {
    expect(new Lookup('salt').areTogether(...TWINS)).toBe(false);
  });
});
