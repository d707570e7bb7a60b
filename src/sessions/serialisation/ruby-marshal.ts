/** Ruby's Marshal 4.8 as plain data: nothing is ever instantiated, and objects of classes are null. */
import { bounded, deeper, Malformed, utf8Text, valueCount } from './bounds.ts';
import { marshalBytes, marshalInteger } from './ruby-marshal-bytes.ts';

/** The value, or undefined for whatever is not exactly one. Never throws. */
export function readMarshal(stored: Uint8Array): unknown {
  return bounded(stored, (bytes) => {
    if (bytes[0] !== 4 || bytes[1] !== 8) return undefined;
    const input = marshalBytes(bytes.subarray(2));
    const value = marshalReader(input)(0);
    return input.isAtEnd() ? value : undefined;
  });
}

/** `variables` reads the instance variables that follow, where some do; it does so once. */
type Read = (depth: number, variables: () => void) => unknown;

/**
 * Symbols are texts, and text that is not UTF-8 is null. So are links to lists and maps: they could be circles, or grow
 * without end when written out. When a value takes its number (`kept`), before or after what is inside of it, is Ruby's own
 * order, for links count by it.
 */
function marshalReader(input: ReturnType<typeof marshalBytes>): (depth: number) => unknown {
  const count = valueCount();
  const symbols: string[] = [];
  const objects: unknown[] = [];

  function kept(read: () => unknown): unknown {
    const number = objects.push(null) - 1;
    const value = read();
    if (value === null || typeof value !== 'object') objects[number] = value;
    return value;
  }
  function symbol(variables: () => void = nothing): string {
    const type = input.character();
    // Outside of ASCII, a symbol is followed by its encoding.
    if (type === 'I') return symbol(() => instanceVariables(0));
    if (type === ';') return numbered(symbols, input.integer()) as string;
    if (type !== ':') throw new Malformed('symbol');
    return newSymbol(variables);
  }
  function newSymbol(variables: () => void): string {
    const bytes = input.bytes();
    const name = utf8Text(bytes) ?? bytes.toString('latin1');
    symbols.push(name);
    variables();
    return name;
  }
  function instanceVariables(depth: number): void {
    fields(depth, symbol);
  }
  function fields(depth: number, key: () => unknown): Record<string, unknown> {
    const [inner, size] = [deeper(depth), input.length()];
    count.add(size);
    const entries: [string, unknown][] = [];
    for (let read = 0; read < size; read += 1) {
      const name = key();
      const value = next(inner);
      if (typeof name === 'string' || typeof name === 'number') entries.push([String(name), value]);
    }
    return Object.fromEntries(entries);
  }
  function list(depth: number): unknown[] {
    const [inner, size] = [deeper(depth), input.length()];
    count.add(size);
    const values: unknown[] = [];
    while (values.length < size) values.push(next(inner));
    return values;
  }
  const hash = (depth: number) => fields(depth, () => next(deeper(depth)));
  /** Its class and what is in it are read over. */
  const object: Read = (depth) =>
    kept(() => {
      symbol();
      fields(depth, symbol);
      return null;
    });
  const classed: Read = (depth) => {
    symbol();
    return next(deeper(depth));
  };

  const TYPES: Readonly<Record<string, Read>> = {
    '0': () => null,
    T: () => true,
    F: () => false,
    i: () => input.integer(),
    ':': (_depth, variables) => newSymbol(variables),
    ';': () => numbered(symbols, input.integer()),
    '@': () => numbered(objects, input.integer()),
    l: () => kept(() => input.bignum()),
    f: () => kept(() => float(input.bytes().toString('latin1'))),
    '"': () => kept(() => utf8Text(input.bytes()) ?? null),
    '[': (depth) => kept(() => list(depth)),
    '{': (depth) => kept(() => hash(depth)),
    // With its default value after it.
    '}': (depth) =>
      kept(() => {
        const value = hash(depth);
        next(deeper(depth));
        return value;
      }),
    I(depth) {
      let isRead = false;
      const variables = () => {
        if (!isRead) {
          isRead = true;
          instanceVariables(depth);
        }
      };
      const value = next(deeper(depth), variables);
      variables();
      return value;
    },
    // A subclass of Hash, Array or String (HashWithIndifferentAccess is one), or one with modules of its own.
    C: classed,
    e: classed,
    o: object,
    S: object,
    U: (depth) =>
      kept(() => {
        classed(depth, nothing);
        return null;
      }),
    // What has written itself into bytes (Time, BigDecimal) and regular expressions take their number last.
    u(_depth, variables) {
      symbol();
      input.bytes();
      variables();
      return kept(() => null);
    },
    '/'(_depth, variables) {
      input.bytes();
      input.character();
      variables();
      return kept(() => null);
    },
    c: () => kept(() => input.bytes() && null),
    m: () => kept(() => input.bytes() && null),
  };

  function next(depth: number, variables: () => void = nothing): unknown {
    count.add();
    const type = input.character();
    const read = Object.hasOwn(TYPES, type) ? TYPES[type] : undefined;
    if (!read) throw new Malformed(type);
    return read(depth, variables);
  }
  return next;
}

const nothing = () => {};

function numbered(values: readonly unknown[], number: number): unknown {
  if (number < 0 || number >= values.length) throw new Malformed('link');
  return values[number];
}

function float(text: string): number | null {
  if (/^(?:-?inf|nan)$/.test(text)) return null;
  if (!/^-?\d+(?:\.\d+)?(?:e[+-]?\d{1,3})?$/.test(text)) throw new Malformed(text);
  return Number(text);
}

/** Maps get texts as keys; what Marshal has no word for becomes nil. */
export function writeMarshal(value: unknown): Buffer {
  let knowsEncoding = false;
  /** UTF-8: the instance variable `:E`, which is true; the symbol is written out once. */
  function text(content: string): Buffer {
    const encoding = knowsEncoding ? ';\0' : ':\x06E';
    knowsEncoding = true;
    return Buffer.concat([
      Buffer.from('I"'),
      sized(Buffer.from(content)),
      Buffer.from(`\x06${encoding}T`, 'latin1'),
    ]);
  }
  function written(part: unknown): Buffer {
    if (typeof part === 'string') return text(part);
    if (typeof part === 'number') return number(part);
    if (typeof part === 'boolean') return Buffer.from(part ? 'T' : 'F');
    if (part === null || typeof part !== 'object') return Buffer.from('0');
    if (Array.isArray(part)) return container('[', part.length, part.map(written));
    const entries = Object.entries(part);
    return container(
      '{',
      entries.length,
      entries.map(([key, inner]) => Buffer.concat([text(key), written(inner)])),
    );
  }
  return Buffer.concat([Buffer.from([4, 8]), written(value)]);
}

const sized = (bytes: Buffer) => Buffer.concat([marshalInteger(bytes.length), bytes]);

const container = (type: string, size: number, parts: readonly Buffer[]) =>
  Buffer.concat([Buffer.from(type), marshalInteger(size), ...parts]);

function number(value: number): Buffer {
  if (!Number.isFinite(value)) return Buffer.from('0');
  if (!Number.isSafeInteger(value))
    return Buffer.concat([Buffer.from('f'), sized(Buffer.from(String(value)))]);
  if (value >= -(2 ** 30) && value < 2 ** 30) return Buffer.concat([Buffer.from('i'), marshalInteger(value)]);
  const hex = Math.abs(value).toString(16);
  const digits = Buffer.from(hex.padStart(Math.ceil(hex.length / 4) * 4, '0'), 'hex').reverse();
  return Buffer.concat([Buffer.from(value < 0 ? 'l-' : 'l+'), marshalInteger(digits.length / 2), digits]);
}
