/**
 * DES (FIPS 46-3) as crypt(3) bends it: a salt of 24 bits swaps bits of the expansion E, and the cipher is repeated.
 * Without a salt and once it is plain DES. Half blocks are 32-bit words, bit 1 of the standard being the highest.
 */

const S_BOXES = [
  'e4d12fb83a6c59070f74e2d1a6cb953841e8d62bfc973a50fc8249175b3ea06d',
  'f18e6b34972dc05a3d47f28ec01a69b50e7ba4d158c6932fd8a13f42b67c05e9',
  'a09e63f51dc7b428d709346a285ecbf1d6498f30b12c5ae71ad069874fe3b52c',
  '7de3069a1285bc4fd8b56f03472c1ae9a690cb7df13e52843f06a1d8945bc72e',
  '2c417ab6853fd0e9eb2c47d150fa3986421bad78f9c5630eb8c71e2d6f09a453',
  'c1af92680d34e75baf427c9561de0b389ef528c3704a1db6432c95fabe17608d',
  '4b2ef08d3c975a61d0b7491ae35c2f8614bdc37eaf6805926bd814a7950fe23c',
  'd2846fb1a93e50c71fd8a374c56b0e927b419ce206adf35821e74a8dfc90356b',
];
const P = [
  16, 7, 20, 21, 29, 12, 28, 17, 1, 15, 23, 26, 5, 18, 31, 10, 2, 8, 24, 14, 32, 27, 3, 9, 19, 13, 30, 6, 22,
  11, 4, 25,
];
const PC1 = [
  57, 49, 41, 33, 25, 17, 9, 1, 58, 50, 42, 34, 26, 18, 10, 2, 59, 51, 43, 35, 27, 19, 11, 3, 60, 52, 44, 36,
  63, 55, 47, 39, 31, 23, 15, 7, 62, 54, 46, 38, 30, 22, 14, 6, 61, 53, 45, 37, 29, 21, 13, 5, 28, 20, 12, 4,
];
const PC2 = [
  14, 17, 11, 24, 1, 5, 3, 28, 15, 6, 21, 10, 23, 19, 12, 4, 26, 8, 16, 7, 27, 20, 13, 2, 41, 52, 31, 37, 47,
  55, 30, 40, 51, 45, 33, 48, 44, 49, 39, 56, 34, 53, 46, 42, 50, 36, 29, 32,
];
const SHIFTS = [1, 1, 2, 2, 2, 2, 2, 2, 1, 2, 2, 2, 2, 2, 2, 1];

type Bits = readonly number[];
type Halves = readonly [left: number, right: number];

const bitsOf = (bytes: Uint8Array): number[] =>
  Array.from({ length: bytes.length * 8 }, (_, at) => (bytes[at >> 3]! >> (7 - (at & 7))) & 1);
const wordOf = (bits: Bits): number => bits.reduce((word, bit) => (word << 1) | bit, 0);
const permuted = (bits: Bits, order: Bits): number[] => order.map((at) => bits[at - 1]!);

/** Even bits of all bytes from below, then the odd ones: IP of the standard. */
const IP = Array.from({ length: 64 }, (_, at) => {
  const row = at >> 3;
  return 64 - 8 * (at & 7) - (row < 4 ? 6 - 2 * row : 7 - 2 * (row - 4));
});
const FP = IP.map((_, at) => IP.indexOf(at + 1) + 1);

/** S-box and P in one: what six bits before box `b` do to the whole half, at `64·b + bits`. */
const BOXED = Int32Array.from({ length: 512 }, (_, at) => {
  const [box, six] = [at >> 6, at & 63];
  const row = ((six >> 4) & 2) | (six & 1);
  const four = Number.parseInt(S_BOXES[box]![16 * row + ((six >> 1) & 15)]!, 16);
  const bits = Array.from({ length: 32 }, (_, bit) => (bit >> 2 === box ? (four >> (3 - (bit & 3))) & 1 : 0));
  return wordOf(permuted(bits, P));
});

/** Sixteen pairs of 24-bit words. `key`: 8 bytes, of which the lowest bits are parity and do not count. */
function keySchedule(key: Uint8Array): Int32Array {
  let [c, d] = [permuted(bitsOf(key), PC1).slice(0, 28), permuted(bitsOf(key), PC1).slice(28)];
  const rotated = (bits: Bits, by: number) => [...bits.slice(by), ...bits.slice(0, by)];
  const schedule = SHIFTS.flatMap((shift) => {
    [c, d] = [rotated(c, shift), rotated(d, shift)];
    const bits = permuted([...c, ...d], PC2);
    return [wordOf(bits.slice(0, 24)), wordOf(bits.slice(24))];
  });
  return Int32Array.from(schedule);
}

/** E: the half's 32 bits as twice 24, six before each box. */
function expandedLeft(half: number): number {
  return (
    ((half & 1) << 23) |
    ((half >>> 9) & 0x7c0000) |
    ((half >>> 11) & 0x3f000) |
    ((half >>> 13) & 0xfc0) |
    ((half >>> 15) & 0x3f)
  );
}

function expandedRight(half: number): number {
  return (
    ((half & 0x1f800) << 7) |
    ((half & 0x1f80) << 5) |
    ((half & 0x1f8) << 3) |
    ((half & 0x1f) << 1) |
    (half >>> 31)
  );
}

/** Sixteen rounds with the halves swapped at the end, `count` times; IP and FP between the times cancel. */
function repeat(schedule: Int32Array, [first, second]: Halves, swaps: number, count: number): Halves {
  let [left, right] = [first, second];
  for (let time = 0; time < count; time += 1) {
    for (let at = 0; at < 32; at += 2) {
      const [a, b] = [expandedLeft(right), expandedRight(right)];
      const swapped = (a ^ b) & swaps;
      const high = a ^ swapped ^ schedule[at]!;
      const low = b ^ swapped ^ schedule[at + 1]!;
      const mixed =
        BOXED[high >>> 18]! |
        BOXED[64 | ((high >>> 12) & 63)]! |
        BOXED[128 | ((high >>> 6) & 63)]! |
        BOXED[192 | (high & 63)]! |
        BOXED[256 | (low >>> 18)]! |
        BOXED[320 | ((low >>> 12) & 63)]! |
        BOXED[384 | ((low >>> 6) & 63)]! |
        BOXED[448 | (low & 63)]!;
      const next = left ^ mixed;
      left = right;
      right = next;
    }
    const last = left;
    left = right;
    right = last;
  }
  return [left, right];
}

/**
 * `block` (8 bytes) encrypted `count` times under `key` (8 bytes). Bit i of `salt` (24 bits, from below) swaps bits
 * i and i + 24 of E.
 */
export function encryptDes(key: Uint8Array, block: Uint8Array, salt = 0, count = 1): Buffer {
  const input = permuted(bitsOf(block), IP);
  const swaps = wordOf(Array.from({ length: 24 }, (_, bit) => (salt >>> bit) & 1));
  const halves: Halves = [wordOf(input.slice(0, 32)), wordOf(input.slice(32))];
  const output = Buffer.alloc(8);
  repeat(keySchedule(key), halves, swaps, count).forEach((half, at) => {
    output.writeInt32BE(half, 4 * at);
  });
  const bits = permuted(bitsOf(output), FP);
  output.writeInt32BE(wordOf(bits.slice(0, 32)), 0);
  output.writeInt32BE(wordOf(bits.slice(32)), 4);
  return output;
}
