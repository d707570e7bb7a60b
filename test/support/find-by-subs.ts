/** For directories in memory: many are found one by one. */
import type { Directory } from '../../src/legacy/directory.ts';
import type { DirectoryEntry } from '../../src/legacy/entries.ts';

export const findBySubsWith =
  (findBySub: Directory['findBySub']): Directory['findBySubs'] =>
  async (subs) => {
    const found = await Promise.all(subs.map(async (sub) => [sub, await findBySub(sub)] as const));
    return new Map(
      found.flatMap(([sub, entry]): [string, DirectoryEntry][] => (entry ? [[sub, { sub, ...entry }]] : [])),
    );
  };
