/**
 * The memory-hard part of yescrypt (Peslyak, "yescrypt - password hashing scalable beyond bcrypt and scrypt", and
 * its reference implementation): SMix with the YESCRYPT_RW flag and the only pwxform that is in use: 6 rounds, 4
 * gathers, 2 lanes, S-boxes of 12 KiB. Words are 32 bits; a pair of them, low one first, is a 64-bit lane.
 */
import { BOXES_BYTES, openMemory, STATE_AT } from './yescrypt-wasm.ts';

/** What a lane of SMix works on: its rows' block, and the S-boxes before it in the same memory. */
interface Lane {
  readonly x: Int32Array;
  readonly mixBlocks: () => void;
}

const rotl = (word: number, by: number) => (word << by) | (word >>> (32 - by));

/** Where word i of a block stands when blocks are kept as the reference keeps them for SIMD. */
const SHUFFLED = Array.from({ length: 16 }, (_, i) => (i * 5) % 16);
/** The quarter rounds of a double round of Salsa20, columns first. */
const QUARTERS = [
  [0, 4, 8, 12],
  [5, 9, 13, 1],
  [10, 14, 2, 6],
  [15, 3, 7, 11],
  [0, 1, 2, 3],
  [5, 6, 7, 4],
  [10, 11, 8, 9],
  [15, 12, 13, 14],
] as const;

/** Salsa20 with `doubleRounds`, in place, over a shuffled block. */
function salsa20(x: Int32Array, at: number, doubleRounds: number): void {
  const y = new Int32Array(16);
  SHUFFLED.forEach((to, from) => {
    y[to] = x[at + from]!;
  });
  for (let round = 0; round < doubleRounds; round += 1) {
    for (const [a, b, c, d] of QUARTERS) {
      y[b]! ^= rotl((y[a]! + y[d]!) | 0, 7);
      y[c]! ^= rotl((y[b]! + y[a]!) | 0, 9);
      y[d]! ^= rotl((y[c]! + y[b]!) | 0, 13);
      y[a]! ^= rotl((y[d]! + y[c]!) | 0, 18);
    }
  }
  SHUFFLED.forEach((to, from) => {
    x[at + from] = (x[at + from]! + y[to]!) | 0;
  });
}

/** Blocks one after the other, each over the result of the last. */
function blockMixPwxform({ x, mixBlocks }: Lane): void {
  mixBlocks();
  salsa20(x, x.length - 16, 1);
}

/** BlockMix of RFC 7914 for r = 1: two blocks, which change no places. */
function blockMixSalsa(x: Int32Array): void {
  for (let at = 0; at < 32; at += 16) {
    for (let word = 0; word < 16; word += 1) x[at + word]! ^= x[16 - at + word]!;
    salsa20(x, at, 4);
  }
}

/** Fills the S-boxes from the first 128 bytes of `b`, and mixes these (SMix1 with r = 1, no flags). */
function fillBoxes(b: Int32Array, boxes: Int32Array): void {
  const x = shuffled(b.subarray(0, 32));
  for (let at = 0; at < boxes.length; at += 32) {
    boxes.set(x, at);
    blockMixSalsa(x);
  }
  unshuffleInto(b, x);
}

/** A lane in memory of its own. `afterBoxes` is called between its S-boxes and its rows. */
function openLane(b: Int32Array, afterBoxes: () => void): Lane {
  const end = BOXES_BYTES + 4 * b.length;
  const { mixBlocks, buffer } = openMemory(end);
  fillBoxes(b, new Int32Array(buffer, 0, STATE_AT / 4));
  afterBoxes();
  // S0 is the last part to be written, S2 the first.
  new Int32Array(buffer, STATE_AT, 4).set([(2 * STATE_AT) / 3, STATE_AT / 3, 0, 0]);
  const x = new Int32Array(buffer, BOXES_BYTES, b.length);
  x.set(shuffled(b));
  return { x, mixBlocks: () => mixBlocks(0, BOXES_BYTES, end) };
}

function shuffled(b: Int32Array): Int32Array {
  return b.map((_, at) => b[(at & ~15) + SHUFFLED[at & 15]!]!);
}

function unshuffleInto(b: Int32Array, x: Int32Array): void {
  x.forEach((word, at) => {
    b[(at & ~15) + SHUFFLED[at & 15]!] = word;
  });
}

const powerBelow = (number: number) => 2 ** (31 - Math.clz32(number));
const evenDown = (number: number) => number - (number % 2);
const evenUp = (number: number) => number + (number % 2);

/** What decides the next look-up: the first word of the last block. */
const integerify = (x: Int32Array) => x[x.length - 16]!;

function xorBlock(x: Int32Array, v: Int32Array, from: number): void {
  for (let word = 0; word < x.length; word += 1) x[word]! ^= v[from + word]!;
}

/** Writes all of `v` in order, over what was written before. */
function fill(lane: Lane, v: Int32Array): void {
  const { x } = lane;
  for (let row = 0; row * x.length < v.length; row += 1) {
    v.set(x, row * x.length);
    if (row > 1) {
      const power = powerBelow(row);
      xorBlock(x, v, ((integerify(x) & (power - 1)) + row - power) * x.length);
    }
    blockMixPwxform(lane);
  }
}

/** Reads rows of `v` by chance, `loops` times; `writes`: puts back what came out. */
function read(lane: Lane, v: Int32Array, rows: number, loops: number, writes: boolean): void {
  const { x } = lane;
  for (let loop = 0; loop < loops; loop += 1) {
    const at = (integerify(x) & (rows - 1)) * x.length;
    xorBlock(x, v, at);
    if (writes) v.set(x, at);
    blockMixPwxform(lane);
  }
}

/** How often rows are read in all; `t` is the time parameter. */
function loopsOf(rows: number, t: number): number {
  return t > 1 ? rows * (t - 1) : Math.ceil((rows * (1 + t)) / 3);
}

/**
 * SMix: mixes `b` (p times 32·r words) in place with N rows of memory. `afterFirstBoxes` is called once, when the
 * S-boxes of the first lane are made and before its rows are written.
 */
export function mix(b: Int32Array, n: number, p: number, t: number, afterFirstBoxes: () => void): void {
  const width = b.length / p;
  const chunk = evenDown(Math.floor(n / p));
  const loops = loopsOf(Math.floor(n / p), t);
  const writing = evenUp(Math.floor(loops / p));
  const v = new Int32Array(n * width);
  const lanes = Array.from({ length: p }, (_, at) => {
    const part = b.subarray(at * width, (at + 1) * width);
    const lane = openLane(part, at === 0 ? afterFirstBoxes : () => {});
    const rows = at < p - 1 ? chunk : n - chunk * (p - 1);
    const own = v.subarray(chunk * at * width, (chunk * at + rows) * width);
    fill(lane, own);
    read(lane, own, powerBelow(rows), writing, true);
    return { part, lane };
  });
  for (const { part, lane } of lanes) {
    read(lane, v, n, evenUp(loops) - writing, false);
    unshuffleInto(part, lane.x);
  }
}
