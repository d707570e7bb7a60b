/**
 * How often a network may have usernames looked up before the password is asked for. Kept in this process: it only
 * slows those who try names, nobody is refused by it, and an honest visitor shall cost no row.
 */
import { networkOf } from './throttle.ts';

/** More networks than this, and those that were here longest ago are forgotten. */
const NETWORKS = 10_000;
const MINUTE_MS = 60_000;

export class LookupRate {
  readonly #perMinute: number;
  readonly #elapsed: () => number;
  readonly #left = new Map<string, { lookups: number; at: number }>();

  /** `elapsed`: milliseconds that no change of the clock moves. */
  constructor(perMinute: number, elapsed: () => number = () => performance.now()) {
    this.#perMinute = perMinute;
    this.#elapsed = elapsed;
  }

  /** Takes one of the network's lookups; false when it has none left. */
  take(address: string): boolean {
    const network = networkOf(address);
    const at = this.#elapsed();
    const before = this.#left.get(network);
    const refilled = before ? ((at - before.at) / MINUTE_MS) * this.#perMinute : 0;
    const lookups = Math.min(this.#perMinute, (before?.lookups ?? this.#perMinute) + refilled);
    const isLeft = lookups >= 1;
    this.#left.delete(network);
    if (this.#left.size >= NETWORKS) this.#left.delete(this.#left.keys().next().value!);
    this.#left.set(network, { lookups: isLeft ? lookups - 1 : lookups, at });
    return isLeft;
  }
}
