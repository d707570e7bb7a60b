/** What was read and kept of the window that is read again in each round: it is not told twice. Only to save work; bounded. */
import type { LegacyChange } from '../../../feed.ts';

const MAX_KEPT = 200_000;
/** Pages that were read and not confirmed. */
const MAX_SUPPOSED = 4;

export function remembering() {
  const seen = new Map<string, number>();
  const supposed = new Map<string, readonly LegacyChange[]>();
  return {
    has: (id: string): boolean => seen.has(id),
    suppose(position: string, changes: readonly LegacyChange[]): void {
      supposed.delete(position);
      supposed.set(position, changes);
      for (const oldest of [...supposed.keys()].slice(0, -MAX_SUPPOSED)) supposed.delete(oldest);
    },
    confirm(position: string): void {
      for (const { id, at } of supposed.get(position) ?? []) seen.set(id, at?.getTime() ?? 0);
      supposed.delete(position);
      for (const oldest of seen.keys()) {
        if (seen.size <= MAX_KEPT) break;
        seen.delete(oldest);
      }
    },
    forgetUntil(ms: number): void {
      for (const [id, at] of seen) if (at < ms) seen.delete(id);
    },
  };
}
