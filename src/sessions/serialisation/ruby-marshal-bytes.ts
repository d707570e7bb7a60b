/** The bytes of Ruby's Marshal: integers, lengths and what follows them. */
import { Malformed } from './bounds.ts';

export interface MarshalBytes {
  character(): string;
  integer(): number;
  /** How many values follow; each takes at least a byte. */
  length(): number;
  /** Bytes with their length in front. */
  bytes(): Buffer;
  /** As text where a number would lose something. */
  bignum(): number | string;
  isAtEnd(): boolean;
}

/** Throws `Malformed` for what is not there. */
export function marshalBytes(input: Buffer): MarshalBytes {
  let at = 0;
  function take(length: number): Buffer {
    if (length < 0 || at + length > input.length) throw new Malformed('length');
    at += length;
    return input.subarray(at - length, at);
  }
  function integer(): number {
    const first = take(1).readInt8();
    if (first === 0) return 0;
    if (first > 4) return first - 5;
    if (first < -4) return first + 5;
    const size = Math.abs(first);
    const value = take(size).readUIntLE(0, size);
    return first > 0 ? value : value - 2 ** (8 * size);
  }
  function length(): number {
    const value = integer();
    if (value < 0 || value > input.length - at) throw new Malformed('length');
    return value;
  }
  return {
    character: () => take(1).toString('latin1'),
    integer,
    length,
    bytes: () => take(length()),
    bignum() {
      const sign = take(1).toString('latin1') === '-' ? -1n : 1n;
      // Counted in pairs of bytes, the lowest first; larger ones name nobody.
      const digits = take(Math.min(length(), 33) * 2);
      if (digits.length > 64) throw new Malformed('too large a number');
      const value = sign * BigInt(`0x0${Buffer.from(digits).reverse().toString('hex')}`);
      return Number.isSafeInteger(Number(value)) ? Number(value) : String(value);
    },
    isAtEnd: () => at === input.length,
  };
}

/** A whole number of at most 31 bits, or a length. */
export function marshalInteger(value: number): Buffer {
  if (value === 0) return Buffer.from([0]);
  if (value > 0 && value < 123) return Buffer.from([value + 5]);
  if (value < 0 && value > -124) return Buffer.from([(value - 5) & 0xff]);
  for (let size = 1; size <= 4; size += 1) {
    const limit = 2 ** (8 * size);
    if (value >= 0 ? value >= limit : value < -limit) continue;
    const bytes = Buffer.alloc(size + 1, value >= 0 ? size : 256 - size);
    bytes.writeUIntLE(value >= 0 ? value : value + limit, 1, size);
    return bytes;
  }
  throw new Malformed('too large a number');
}
