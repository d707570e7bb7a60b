/**
 * The table `lookup_rates`: how often a network may have somebody looked up before a password is asked for, counted on all
 * nodes together. It only slows those who try names: nobody is refused by it. The table is unlogged: no lookup waits for a
 * disk, and after a crash of the database everybody begins anew.
 */
import type { Queryable } from '../store/db.ts';
import { statement } from '../store/db.ts';
import { networkOf } from './throttle.ts';

/** Who has none left costs no statement for so long. */
const SPENT_MS = 1_000;
/** Networks known to have none left; beyond it the oldest are asked about again. */
const KNOWN_SPENT = 10_000;

export class LookupRate {
  readonly #db: Queryable;
  readonly #perMinute: number;
  readonly #elapsed: () => number;
  readonly #spentUntil = new Map<string, number>();

  /** `elapsed`: milliseconds that no change of the clock moves. */
  constructor(db: Queryable, perMinute: number, elapsed: () => number = () => performance.now()) {
    this.#db = db;
    this.#perMinute = perMinute;
    this.#elapsed = elapsed;
  }

  /** Takes one of the network's lookups; false when it has none left. Throws storage_unavailable. */
  async take(address: string): Promise<boolean> {
    const network = networkOf(address);
    if ((this.#spentUntil.get(network) ?? 0) > this.#elapsed()) return false;
    const taken = await this.#db.run(TAKE, [network, this.#perMinute]);
    if (taken.length > 0) return true;
    this.#spentUntil.delete(network);
    if (this.#spentUntil.size >= KNOWN_SPENT) this.#spentUntil.delete(this.#spentUntil.keys().next().value!);
    this.#spentUntil.set(network, this.#elapsed() + SPENT_MS);
    return false;
  }
}

/**
 * Minutes are the database's: nodes' clocks differ. What is left of the minute before counts with the share of it that is
 * less than a minute ago, so that nobody has twice as many around the full minute.
 */
const TAKE = statement(`with before as (select coalesce((select lookups from lookup_rates
      where network = $1 and minute = date_trunc('minute', now()) - interval '1 minute'), 0)
    * (1 - extract(epoch from now() - date_trunc('minute', now())) / 60) as lookups)
  insert into lookup_rates as r (network, minute, lookups)
  select $1, date_trunc('minute', now()), 1 from before where before.lookups + 1 <= $2::int
  on conflict (network, minute) do update set lookups = r.lookups + 1
    where r.lookups + 1 + (select lookups from before) <= $2::int returning 1`);

/** Deletes at most $1 rows of minutes that are over. */
export const SWEEP_LOOKUP_RATES =
  statement(`with gone as (delete from lookup_rates where (network, minute) in (
    select network, minute from lookup_rates where minute < now() - interval '3 minutes' limit $1) returning 1)
  select count(*)::int as gone from gone`);
