/** Cutting, filling and counting. */
import { cryptDigit, integer } from '../../encoding.ts';
import type { RecipeFunction, Value } from '../function.ts';
import { bytes, MAX_BYTES, malformed, mapping, number } from '../function.ts';

const FAR = MAX_BYTES;

function part(text: Buffer, separator: Buffer, index: number): Buffer {
  if (separator.length === 0) return malformed();
  const ends: number[] = [];
  for (let at = text.indexOf(separator); at >= 0; at = text.indexOf(separator, at + separator.length)) {
    ends.push(at);
  }
  const wanted = index < 0 ? ends.length + 1 + index : index;
  if (wanted < 0 || wanted > ends.length) return malformed();
  return text.subarray(wanted === 0 ? 0 : ends[wanted - 1]! + separator.length, ends[wanted] ?? text.length);
}

function slice(value: Buffer, start: number, length = value.length): Buffer {
  const from = start < 0 ? Math.max(0, value.length + start) : start;
  return value.subarray(from, from + length);
}

function repeatTo(value: Buffer, length: number): Buffer {
  return value.length === 0 && length > 0 ? malformed() : Buffer.alloc(length, value);
}

function pad(value: Buffer, length: number): Buffer {
  return value.length >= length ? value : Buffer.concat([value], length);
}

function xor(a: Buffer, b: Buffer): Buffer {
  return a.length === b.length ? Buffer.from(a.map((byte, at) => byte ^ b[at]!)) : malformed();
}

function written(value: number, write: (into: Buffer) => void): Buffer {
  if (value < 0 || value > 0xffffffff) return malformed();
  const into = Buffer.alloc(4);
  write(into);
  return into;
}

const known = (value: number) => (Number.isNaN(value) ? malformed() : value);

/** Up to six bytes: what a number holds exactly. */
function whole(value: Buffer, read: (length: number) => number): number {
  return value.length >= 1 && value.length <= 6 ? read(value.length) : malformed();
}

function power(exponent: number): number {
  return 2 ** exponent;
}

const word = number('number', 0, 0xffffffff);

/** Name, parameters, what it does, how, and how much comes out at most. */
function row<const A extends readonly (Value | undefined)[]>(
  name: string,
  parameters: RecipeFunction['parameters'],
  fields: Pick<RecipeFunction, 'does' | 'greatest'> & { readonly compute: (...args: A) => Value },
  result: RecipeFunction['result'] = 'bytes',
): RecipeFunction {
  const compute = (args: readonly Value[]) => fields.compute(...(args as never));
  return { ...fields, name, kind: 'bytes', parameters, result, compute };
}

export const byteFunctions: readonly RecipeFunction[] = [
  row<[Buffer, number, number?]>(
    'slice',
    [bytes('value'), number('start', -FAR), { ...number('length'), isOptional: true }],
    {
      does: 'The bytes from `start` (from the end where it is negative), `length` of them or all.',
      compute: slice,
      greatest: ([size = 0, , length = size]) => Math.min(size, length),
    },
  ),
  row<[Buffer, Buffer, number]>('part', [bytes('text'), bytes('separator'), number('index', -FAR)], {
    does: 'The piece between separators, counted from 0, or from the end: -1 is the last.',
    compute: part,
    greatest: ([size = 0]) => size,
  }),
  mapping('reverse', {
    kind: 'bytes',
    map: (value) => Buffer.from(value).reverse(),
    greatest: (length) => length,
    does: 'Last byte first.',
  }),
  row<[Buffer, number]>('repeat_to', [bytes('value'), number('length')], {
    does: 'Repeated and cut to `length` bytes.',
    compute: repeatTo,
    greatest: ([, length = 0]) => length,
  }),
  row<[Buffer, number]>('pad', [bytes('value'), number('length')], {
    does: 'Filled with NULs at the end to `length` bytes; what is longer stays as it is.',
    compute: pad,
    greatest: ([size = 0, length = 0]) => Math.max(size, length),
  }),
  row<[Buffer, Buffer]>('xor', [bytes('a'), bytes('b')], {
    does: 'Exclusive or of two values of the same length.',
    compute: xor,
    greatest: ([a = 0, b = 0]) => Math.min(a, b),
  }),
  row<[number]>('u32be', [word], {
    does: 'Four bytes, the most significant first.',
    compute: (value) => written(value, (into) => into.writeUInt32BE(value)),
    greatest: () => 4,
  }),
  row<[number]>('u32le', [word], {
    does: 'Four bytes, the least significant first.',
    compute: (value) => written(value, (into) => into.writeUInt32LE(value)),
    greatest: () => 4,
  }),
  row<[Buffer]>(
    'int',
    [bytes('text')],
    {
      does: 'A whole number of up to ten decimal digits.',
      compute: (value) => known(integer(value.toString('latin1'))),
      greatest: () => 9_999_999_999,
    },
    'number',
  ),
  row<[Buffer]>(
    'crypt_digit',
    [bytes('text')],
    {
      does: 'The number below 64 that a character of crypt(3)’s alphabet stands for.',
      compute: (value) => known(cryptDigit(value.length === 1 ? value.toString('latin1') : undefined)),
      greatest: () => 63,
    },
    'number',
  ),
  row<[Buffer]>(
    'uint_be',
    [bytes('value')],
    {
      does: 'The number that one to six bytes write, the most significant first.',
      compute: (value) => whole(value, (length) => value.readUIntBE(0, length)),
      greatest: () => 2 ** 48,
    },
    'number',
  ),
  row<[Buffer]>(
    'uint_le',
    [bytes('value')],
    {
      does: 'The number that one to six bytes write, the least significant first.',
      compute: (value) => whole(value, (length) => value.readUIntLE(0, length)),
      greatest: () => 2 ** 48,
    },
    'number',
  ),
  row<[number]>(
    'pow2',
    [number('exponent', 0, 31)],
    { does: 'Two to the power of `exponent`.', compute: power, greatest: () => 2 ** 31 },
    'number',
  ),
  row<[Buffer]>(
    'length',
    [bytes('value')],
    { does: 'How many bytes.', compute: (value) => value.length, greatest: ([size = 0]) => size },
    'number',
  ),
];
