/** The ways of crypt(3) and its kin to write numbers and bytes in `./0-9A-Za-z`, six bits a character. */
import { cryptCharacter, cryptDigit } from './encoding.ts';

/** Digits from the lowest up; NaN where a character is none. */
export function cryptNumber(text: string | undefined): number {
  if (!text) return Number.NaN;
  return [...text].reduceRight((number, character) => number * 64 + cryptDigit(character), 0);
}

/** Bits from the highest down, the last character filled with zeros: DES crypt. */
export function cryptBase64BigEndian(bytes: Uint8Array): string {
  let text = '';
  for (let bit = 0; bit < bytes.length * 8; bit += 6) {
    const two = ((bytes[bit >> 3] ?? 0) << 8) | (bytes[(bit >> 3) + 1] ?? 0);
    text += cryptCharacter((two >> (10 - (bit & 7))) & 63);
  }
  return text;
}

/** The reverse of `cryptBase64`: little-endian groups of three bytes. `undefined` where the text is not exactly that. */
export function cryptBytes(text: string | undefined): Buffer | undefined {
  if (text === undefined || text.length % 4 === 1) return undefined;
  const groups = (text.match(/.{1,4}/gs) ?? []).map((group) => {
    const [number, length] = [cryptNumber(group), (group.length * 6) >> 3];
    return number < 2 ** (8 * length) ? [number, number >> 8, number >> 16].slice(0, length) : undefined;
  });
  const bytes = groups.flatMap((group) => group ?? [Number.NaN]);
  return bytes.some(Number.isNaN) ? undefined : Buffer.from(bytes);
}

/**
 * yescrypt's numbers of variable length, one after the other: the first character says how many follow, so that small
 * numbers take one. `undefined` where the text ends too early.
 */
export function variableNumbers(text: string | undefined): number[] | undefined {
  const digits = [...(text ?? '')].map(cryptDigit);
  const numbers: number[] = [];
  while (digits.length > 0) {
    const first = digits.shift()!;
    let [start, end, number, bits] = [0, 47, 0, 0];
    while (first > end) {
      number += (end + 1 - start) * 2 ** bits;
      start = end + 1;
      end = start + Math.floor((62 - end) / 2);
      bits += 6;
    }
    number += (first - start) * 2 ** bits;
    for (; bits > 0; number += (digits.shift() ?? Number.NaN) * 2 ** bits) bits -= 6;
    numbers.push(number);
  }
  return numbers.some(Number.isNaN) ? undefined : numbers;
}
