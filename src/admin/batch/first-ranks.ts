/** The smallest so many of any number of ranks: who is among the first, without keeping anybody. */

export interface Cut {
  /** Whoever has a lower rank is in. */
  readonly rank: number;
  /** So many with this rank are in too. */
  readonly ties: number;
}

/** At most 16 bytes for each rank that is kept: 160 MB for the first ten million. */
const FIRST_ROOM = 1_024;

export function firstRanks(limit: number): { add(rank: number): void; cut(): Cut | undefined } {
  let ranks = new Float64Array(Math.min(FIRST_ROOM, 2 * limit));
  let count = 0;
  const sorted = () => ranks.subarray(0, count).sort();
  const makeRoom = () => {
    if (count < 2 * limit) {
      const wider = new Float64Array(Math.min(2 * ranks.length, 2 * limit));
      wider.set(ranks);
      ranks = wider;
      return;
    }
    sorted();
    count = limit;
  };
  return {
    add(rank) {
      if (count === ranks.length) makeRoom();
      ranks[count] = rank;
      count += 1;
    },
    /** Undefined where there are no more than so many: everybody is in. */
    cut() {
      if (count <= limit) return undefined;
      const all = sorted();
      const rank = all[limit - 1]!;
      return { rank, ties: limit - all.subarray(0, limit).indexOf(rank) };
    },
  };
}
