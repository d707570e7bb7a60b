/** An outage makes people wait, and is nobody's failure: whoever reads the log is told which side it is, once a minute. */
import type { Settlement } from './queue/change-queue.ts';

export interface Outage {
  readonly target: string;
  /** `target_unavailable`, `legacy_unavailable`, …, with what the side said; nobody's values. */
  readonly problem: string;
  /** Of one round of turns. */
  readonly people: number;
}

const EVERY_MS = 60_000;
/** Details differ; more of them than these are one. */
const MAX_KNOWN = 50;

/** `elapsed`: milliseconds that no change of the clock moves. */
export function openOutages(
  onOutage: (outage: Outage) => void,
  elapsed: () => number = () => performance.now(),
) {
  const toldAt = new Map<string, number>();
  return (target: string, settlements: readonly Settlement[]): void => {
    const problems = settlements.flatMap((one) => (isOutage(one) ? [one.problem.code] : []));
    for (const [problem, own] of Map.groupBy(problems, (code) => code)) {
      const key = `${target} ${problem}`;
      const now = elapsed();
      if (now < (toldAt.get(key) ?? Number.NEGATIVE_INFINITY) + EVERY_MS) continue;
      if (toldAt.size >= MAX_KNOWN) toldAt.clear();
      toldAt.set(key, now);
      onOutage({ target, problem, people: own.length });
    }
  };
}

type Later = Extract<Settlement, { readonly result: 'later' }>;

/** What else is looked at again (somebody who may be gone, a write that came second) is not. */
const isOutage = (one: Settlement): one is Later =>
  one.result === 'later' && !one.counts && /_unavailable|^hashing_overloaded/.test(one.problem.code);
