/** PHP's `serialize()` format: what sessions are made of. Nothing is ever instantiated. */
import { bounded, deeper, Malformed, utf8Text, valueCount } from './bounds.ts';
import type { SessionMap } from './fields.ts';

/** The value, or undefined for whatever is not exactly one. Never throws. */
export function unserialize(stored: Uint8Array): unknown {
  return bounded(stored, (bytes) => {
    const reader = phpReader(bytes);
    const value = reader.value();
    return reader.isAtEnd() ? value : undefined;
  });
}

/** The same for arrays, lists included, as a map. */
export function unserializeMap(stored: Uint8Array): SessionMap | undefined {
  const value = unserialize(stored);
  return value !== null && typeof value === 'object' ? { ...value } : undefined;
}

export interface PhpReader {
  /** The next value; throws `Malformed`. */
  value(): unknown;
  /** The text up to the mark, which is skipped. */
  upTo(mark: string, longest?: number): string;
  isAtEnd(): boolean;
}

const INTEGER = /^[+-]?\d{1,20}$/;
const COUNT = /^\d{1,9}$/;
const FLOAT = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,4})?$/;
/** Private and protected fields are written with their class before the name, between NULs. */
const NOT_PUBLIC = '\0';

/**
 * Reads one value after the other. Text that is not UTF-8 becomes null, and so do references to arrays and objects: they
 * could be circles, or grow without end when written out.
 */
export function phpReader(bytes: Buffer): PhpReader {
  const count = valueCount();
  /** What `R:` and `r:` point at, from 1. Arrays and objects keep their place only. */
  const slots: unknown[] = [undefined];
  let at = 0;

  function upTo(mark: string, longest = 64): string {
    const end = bytes.indexOf(mark, at, 'latin1');
    if (end < 0 || end - at > longest) throw new Malformed(mark);
    const text = bytes.toString('latin1', at, end);
    at = end + mark.length;
    return text;
  }
  function expect(text: string): void {
    if (bytes.toString('latin1', at, at + text.length) !== text) throw new Malformed(text);
    at += text.length;
  }
  function matching(pattern: RegExp, mark: string): string {
    const text = upTo(mark);
    if (!pattern.test(text)) throw new Malformed(text);
    return text;
  }
  function quoted(open: string, close: string): Buffer {
    const length = Number(matching(COUNT, ':'));
    expect(open);
    if (at + length > bytes.length) throw new Malformed('length');
    const text = bytes.subarray(at, at + length);
    at += length;
    expect(close);
    return text;
  }
  function fields(depth: number, isObject: boolean): unknown {
    const size = Number(matching(COUNT, ':'));
    count.add(size);
    expect('{');
    const inner = deeper(depth);
    const entries: [string, unknown][] = [];
    for (let read = 0; read < size; read += 1) {
      const name = key();
      const value = next(inner);
      if (name !== undefined && !(isObject && name.startsWith(NOT_PUBLIC))) entries.push([name, value]);
    }
    expect('}');
    const isList =
      !isObject && entries.length === size && entries.every(([name], item) => name === `${item}`);
    return isList ? entries.map(([, value]) => value) : Object.fromEntries(entries);
  }
  function key(): string | undefined {
    const type = upTo(':', 1);
    if (type === 'i') return String(whole(matching(INTEGER, ';')));
    if (type === 's') return utf8Text(quoted('"', '";'));
    throw new Malformed('key');
  }
  function kept(read: () => unknown): unknown {
    const slot = slots.push(null) - 1;
    const value = read();
    if (value === null || typeof value !== 'object') slots[slot] = value;
    return value;
  }
  function referenced(): unknown {
    const slot = Number(matching(COUNT, ';'));
    if (slot < 1 || slot >= slots.length) throw new Malformed('reference');
    return slots[slot];
  }
  function next(depth: number): unknown {
    count.add();
    if (bytes[at] === N) {
      expect('N;');
      return kept(() => null);
    }
    const type = upTo(':', 1);
    if (type === 'R') return referenced();
    return kept(() => typed(type, depth));
  }
  function typed(type: string, depth: number): unknown {
    switch (type) {
      case 'b':
        return matching(/^[01]$/, ';') === '1';
      case 'i':
        return whole(matching(INTEGER, ';'));
      case 'd':
        return float(upTo(';'));
      case 's':
        return utf8Text(quoted('"', '";')) ?? null;
      case 'a':
        return fields(depth, false);
      case 'O':
        quoted('"', '":');
        return fields(depth, true);
      case 'E':
        // An enumeration's case: `Class:Case`.
        return utf8Text(quoted('"', '";')) ?? null;
      case 'r':
        return referenced();
      default:
        // `C:`, an object that wrote itself in a way of its own, and what PHP does not know either.
        throw new Malformed(type);
    }
  }
  return { value: () => next(0), upTo, isAtEnd: () => at === bytes.length };
}

const N = 'N'.charCodeAt(0);

/** Without loss: as text where a number is too small for it. */
const whole = (text: string): number | string =>
  Number.isSafeInteger(Number(text)) ? Number(text) + 0 : String(BigInt(text.replace(/^\+/, '')));

function float(text: string): number | null {
  if (/^(?:-?INF|NAN)$/.test(text)) return null;
  if (!FLOAT.test(text)) throw new Malformed(text);
  const value = Number(text);
  return Number.isFinite(value) ? value : null;
}

/** What PHP takes for a number when it is an array's key. */
const INTEGER_KEY = /^(?:0|-?[1-9]\d{0,14})$/;

/** `serialize()`: lists and maps become arrays; what PHP has no word for becomes null. */
export function serialize(value: unknown): string {
  if (typeof value === 'boolean') return `b:${value ? 1 : 0};`;
  if (typeof value === 'number') {
    if (Number.isSafeInteger(value)) return `i:${value};`;
    return Number.isFinite(value) ? `d:${value};` : 'N;';
  }
  if (typeof value === 'string') return `s:${Buffer.byteLength(value)}:"${value}";`;
  if (value === null || typeof value !== 'object') return 'N;';
  const entries = Object.entries(value);
  const text = entries.map(([name, inner]) => key(name) + serialize(inner)).join('');
  return `a:${entries.length}:{${text}}`;
}

const key = (name: string) => (INTEGER_KEY.test(name) ? `i:${name};` : serialize(name));
