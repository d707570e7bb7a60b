/**
 * How soon people come by, from when they came last. Looked at on any one day, the time until somebody's next login has the
 * same distribution as the time since their last one (renewal theory: forward and backward recurrence time in a process
 * that has gone on for long). So the share whose last login is at most t days ago is the share that comes within t days.
 */
import type { Ages } from './census-tally.ts';
import { ACTIVE_DAYS, DAYS_KNOWN } from './census-tally.ts';

export interface Curve {
  /** How many it rests on. */
  readonly people: number;
  /** The share of people who come by within so many days. It stands still after two years: nobody is counted on then. */
  within(days: number): number;
  /** Of those who have not come for `from` days: the share that comes by `to`. */
  between(from: number, to: number): number;
  /** The same as `within`, of those who came within the last 90 days. */
  activeWithin(days: number): number;
}

export function curveOf(ages: Ages): Curve {
  const people = ages.reduce((sum, n) => sum + n, 0);
  // Place d: who came less than d whole days ago. Within a day people are spread evenly.
  const sums = [0];
  for (let day = 0; day <= DAYS_KNOWN; day += 1) sums.push(sums[day]! + (ages[day] ?? 0));
  const within = (days: number): number => {
    if (people === 0 || days <= 0) return 0;
    const at = Math.min(days, DAYS_KNOWN + 1);
    const day = Math.floor(at);
    const [before, after] = [sums[day]!, sums[Math.min(day + 1, DAYS_KNOWN + 1)]!];
    return (before + (after - before) * (at - day)) / people;
  };
  const active = within(ACTIVE_DAYS);
  return {
    people,
    within,
    between(from, to) {
      const left = 1 - within(from);
      return left <= 0 || to <= from ? 0 : Math.min(1, (within(to) - within(from)) / left);
    },
    // Where everybody comes at a rate of their own, with whatever spread of rates, somebody is seen neither in the `a` days
    // before nor in the `t` days after as often as not in `a + t` days: 1 - within(a + t). The rest is arithmetic.
    activeWithin: (days) =>
      active === 0
        ? 0
        : Math.max(0, Math.min(1, (within(days) + active - within(days + ACTIVE_DAYS)) / active)),
  };
}
