/**
 * One try counts once, however often its caller sends it. A caller that gets no answer (its patience is short, the line
 * broke) sends the same again, up to three times in all: the repetitions share the proof that is under way, or are told
 * the failure that it came to. Nothing is kept of a password but a MAC under a key of ours, and nothing at all of a right
 * one: whoever was disabled since then is not let in by a memory.
 *
 * Kept by each node for itself: a repetition that arrives at another one counts again.
 */
import type { Verdict } from './drop-in.ts';

/** Ory Kratos sends again after a second, then after two, each time waiting for an answer up to 30. */
const REMEMBERED_MS = 10_000;
/** Failures known at once; beyond, the oldest is forgotten, and its repetition counts again. */
const MAX_REMEMBERED = 10_000;

/** `elapsed`: milliseconds that no change of the clock moves. */
export function openRetriedClaims(elapsed: () => number = () => performance.now()) {
  const underWay = new Map<string, Promise<Verdict>>();
  const wrongUntil = new Map<string, number>();
  const remember = (key: string) => {
    wrongUntil.delete(key);
    if (wrongUntil.size >= MAX_REMEMBERED) wrongUntil.delete(wrongUntil.keys().next().value ?? '');
    wrongUntil.set(key, elapsed() + REMEMBERED_MS);
  };
  /** `key` tells claim and caller. What `prove` throws is told to all who wait, and not kept. */
  return (key: string, prove: () => Promise<Verdict>): Promise<Verdict> => {
    const known = underWay.get(key);
    if (known) return known;
    if ((wrongUntil.get(key) ?? 0) > elapsed()) return Promise.resolve({ kind: 'wrong' });
    const proving = prove()
      .then((verdict) => {
        if (verdict.kind === 'wrong') remember(key);
        return verdict;
      })
      .finally(() => underWay.delete(key));
    underWay.set(key, proving);
    return proving;
  };
}
