/** Short or long, and from which seed the faults are drawn. */
export const LONG = Boolean(process.env.FOOTBRIDGE_LONG);
export const SEED = Number(process.env.FOOTBRIDGE_SEED ?? 20_261_122);
/** For one test: a machine that a dozen others use takes a multiple of a quiet one's time. */
export const LIMIT_MS = LONG ? 1_800_000 : 180_000;

/** Mulberry32: the same numbers between 0 and 1 for the same seed. */
export function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
