import fc from 'fast-check';
import { expect, test } from 'vitest';
import { BOXES_BYTES, openMemory, STATE_AT } from '../../src/credentials/yescrypt-wasm.ts';

const LOW = 0xffffffffn;
const WORD = 0xffffffffffffffffn;

/** pwxform as the paper writes it (section 5), over one block at a time, with numbers of any size. */
function mixed(boxes: bigint[], blocks: bigint[][]): { boxes: bigint[]; blocks: bigint[][] } {
  let [s0, s1, s2, w] = [boxes.slice(1024), boxes.slice(512, 1024), boxes.slice(0, 512), 0];
  let before = blocks.at(-1)!;
  const result = blocks.map((block) => {
    const x = block.map((lane, at) => lane ^ before[at]!);
    for (let round = 0; round < 6; round += 1) {
      for (let gather = 0; gather < 8; gather += 2) {
        const first = x[gather]!;
        const [p0, p1] = [Number((first >> 4n) & 0xffn), Number((first >> 36n) & 0xffn)];
        for (let lane = 0; lane < 2; lane += 1) {
          const value = x[gather + lane]!;
          const sum = ((value >> 32n) * (value & LOW) + s0[2 * p0 + lane]!) & WORD;
          x[gather + lane] = sum ^ s1[2 * p1 + lane]!;
          if (round !== 0 && round !== 5) s2[w++] = x[gather + lane]!;
        }
      }
    }
    w %= 512;
    [s0, s1, s2] = [s2, s0, s1];
    before = x;
    return x;
  });
  const turns = blocks.length % 3;
  const inPlace = turns === 0 ? [s2, s1, s0] : turns === 1 ? [s0, s2, s1] : [s1, s0, s2];
  return { boxes: inPlace.flat(), blocks: result };
}

test('the assembled pwxform computes what the paper says', () => {
  const seed = fc.bigInt({ min: 1n, max: WORD });
  fc.assert(
    fc.property(seed, fc.integer({ min: 1, max: 40 }), (start, count) => {
      let state = start;
      // xorshift64: 1,536 lanes of S-boxes from one seed.
      const next = () => {
        state ^= (state << 13n) & WORD;
        state ^= state >> 7n;
        state ^= (state << 17n) & WORD;
        return state;
      };
      const boxes = Array.from({ length: 1536 }, next);
      const blocks = Array.from({ length: count }, () => Array.from({ length: 8 }, next));
      const end = BOXES_BYTES + 64 * count;
      const { mixBlocks, buffer } = openMemory(end);
      new BigUint64Array(buffer).set(boxes);
      new Int32Array(buffer, STATE_AT, 4).set([8192, 4096, 0, 0]);
      new BigUint64Array(buffer, BOXES_BYTES).set(blocks.flat());
      mixBlocks(0, BOXES_BYTES, end);
      const expected = mixed(boxes, blocks);
      expect([...new BigUint64Array(buffer, BOXES_BYTES, 8 * count)]).toEqual(expected.blocks.flat());
      expect([...new BigUint64Array(buffer, 0, 1536)]).toEqual(expected.boxes);
    }),
    { numRuns: 30 },
  );
});
