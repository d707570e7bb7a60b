/**
 * yescrypt's pwxform over a row of blocks, assembled for WebAssembly: 64-bit products are one instruction there, and
 * ten times as fast as in JavaScript. What it computes: 6 rounds of 4 gathers of 2 lanes, unrolled, a lane being a
 * 64-bit local. The instruction codes are those of the WebAssembly core specification, section 5.4.
 */

/** Unsigned LEB128; numbers here stay below 2^28. */
function leb(number: number): number[] {
  return number < 128 ? [number] : [(number & 127) | 128, ...leb(number >> 7)];
}

const get = (local: number) => [0x20, local];
const set = (local: number) => [0x21, local];
/** Signed LEB128 needs one bit more: all constants are below 2^13, and written in three bytes. */
const constant = (number: number) => [0x41, (number & 127) | 128, ((number >> 7) & 127) | 128, number >> 14];
const load32 = (offset: number) => [0x28, 2, ...leb(offset)];
const store32 = (offset: number) => [0x36, 2, ...leb(offset)];
const load64 = (offset: number) => [0x29, 3, ...leb(offset)];
const store64 = (offset: number) => [0x37, 3, ...leb(offset)];
const [LESS, ADD, AND] = [0x49, 0x6a, 0x71];
const [ADD64, MULTIPLY64, XOR64, SHIFT64] = [0x7c, 0x7e, 0x85, 0x88];
const [LOW_HALF, WIDENED, CONSTANT64] = [0xa7, 0xad, 0x42];
const [I32, I64, NOTHING] = [0x7f, 0x7e, 0x40];

/** Parameters: the S-boxes, the first block and the end, as addresses. */
const [BOXES, AT, END] = [0, 1, 2];
const [BEFORE, S0, S1, S2, WRITE, P0, P1, KEPT] = [3, 4, 5, 6, 7, 8, 9, 10];
const lane = (index: number) => 11 + index;

const ROUNDS = 6;
const LANES = 8;
const BLOCK_BYTES = 64;
/** One of the three S-boxes. */
const BOX_BYTES = 4096;
/** Behind the boxes: the addresses of the three and the offset of the next write, 32 bits each. */
export const STATE_AT = 3 * BOX_BYTES;
export const BOXES_BYTES = STATE_AT + 16;
const WRITTEN_AT = STATE_AT + 12;
/** Two lanes of each gather in all rounds but the first and the last. */
const WRITTEN_BYTES = 8 * LANES * (ROUNDS - 2);
/** Bits of a half lane that choose an entry of 16 bytes. */
const MASK = 0xff0;

const high = (local: number) => [...get(local), CONSTANT64, 32, SHIFT64];

/** One of the two lanes of a gather; `writeAt` is where in the box the result goes, if anywhere. */
function laneStep(index: number, offset: number, writeAt: number | undefined): number[] {
  const local = lane(index);
  return [
    ...[...get(local), LOW_HALF, WIDENED, ...high(local), MULTIPLY64],
    ...[...get(P0), ...load64(offset), ADD64],
    ...[...get(P1), ...load64(offset), XOR64, ...set(local)],
    ...(writeAt === undefined ? [] : [...get(WRITE), ...get(local), ...store64(writeAt)]),
  ];
}

function gatherStep(round: number, gather: number): number[] {
  const first = 2 * gather;
  const writes = round !== 0 && round !== ROUNDS - 1;
  const writeAt = 8 * (LANES * (round - 1) + first);
  return [
    ...[...get(S0), ...get(lane(first)), LOW_HALF, ...constant(MASK), AND, ADD, ...set(P0)],
    ...[...get(S1), ...high(lane(first)), LOW_HALF, ...constant(MASK), AND, ADD, ...set(P1)],
    ...laneStep(first, 0, writes ? writeAt : undefined),
    ...laneStep(first + 1, 8, writes ? writeAt + 8 : undefined),
  ];
}

const times = <T>(count: number, of: (index: number) => readonly T[]): T[] =>
  Array.from({ length: count }, (_, index) => of(index)).flat();

/** The block over the one before, through pwxform; and the boxes change places. */
const BLOCK = [
  ...times(LANES, (at) => [
    ...[...get(AT), ...load64(8 * at), ...get(BEFORE), ...load64(8 * at), XOR64, ...set(lane(at))],
  ]),
  ...[...get(S2), ...get(BOXES), ...load32(WRITTEN_AT), ADD, ...set(WRITE)],
  ...times(ROUNDS, (round) => times(LANES / 2, (gather) => gatherStep(round, gather))),
  ...times(LANES, (at) => [...get(AT), ...get(lane(at)), ...store64(8 * at)]),
  ...[...get(S0), ...set(KEPT), ...get(S2), ...set(S0), ...get(S1), ...set(S2), ...get(KEPT), ...set(S1)],
  ...[...get(BOXES), ...get(BOXES), ...load32(WRITTEN_AT), ...constant(WRITTEN_BYTES), ADD],
  ...[...constant(BOX_BYTES - 1), AND, ...store32(WRITTEN_AT)],
  ...[...get(AT), ...set(BEFORE), ...get(AT), ...constant(BLOCK_BYTES), ADD, ...set(AT)],
];

const STATE = [S0, S1, S2];
const BODY = [
  ...[...[2, 8, I32], ...[LANES, I64]],
  ...STATE.flatMap((local, at) => [...get(BOXES), ...load32(STATE_AT + 4 * at), ...set(local)]),
  ...[...get(END), ...constant(BLOCK_BYTES), 0x6b, ...set(BEFORE)],
  ...[0x03, NOTHING, ...BLOCK, ...get(AT), ...get(END), LESS, 0x0d, 0, 0x0b],
  ...STATE.flatMap((local, at) => [...get(BOXES), ...get(local), ...store32(STATE_AT + 4 * at)]),
  0x0b,
];

const section = (id: number, content: readonly number[]) => [id, ...leb(content.length), ...content];

/** One function of three addresses, `run`, over the memory that it is given. */
const MODULE = [
  ...[0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00],
  ...section(1, [1, 0x60, 3, I32, I32, I32, 0]),
  ...section(2, [1, 1, 0x65, 1, 0x6d, 0x02, 0, 1]),
  ...section(3, [1, 0]),
  ...section(7, [1, 1, 0x66, 0, 0]),
  ...section(10, [1, ...leb(BODY.length), ...BODY]),
];

export type MixBlocks = (boxes: number, firstBlock: number, end: number) => void;

const PAGE_BYTES = 65_536;
let compiled: WebAssembly.Module | undefined;

/** The function and a memory of at least `bytes`, filled with zeros. */
export function openMemory(bytes: number): { mixBlocks: MixBlocks; buffer: ArrayBuffer } {
  compiled ??= new WebAssembly.Module(Uint8Array.from(MODULE));
  const memory = new WebAssembly.Memory({ initial: Math.ceil(bytes / PAGE_BYTES) });
  const { exports } = new WebAssembly.Instance(compiled, { e: { m: memory } });
  return { mixBlocks: exports.f as MixBlocks, buffer: memory.buffer };
}
