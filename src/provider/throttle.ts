/**
 * Guessing is slowed per identifier, per network and per second factor, in the database all nodes share, so that a
 * restart forgets nothing. Nothing is written for a login that succeeds; attempts under way are counted in memory, so
 * a burst of parallel guesses gains nothing over a sequence.
 */
import { sweepFactorUses } from '../credentials/factor-uses.ts';
import type { Db } from '../store/db.ts';
import { statement } from '../store/db.ts';
import type { Keyring } from '../store/encryption.ts';
import type { Part } from '../store/statement.ts';
import { foldIdentifier } from './login-hint.ts';
import type { ProviderSettings } from './provider-settings.ts';

export interface Bucket {
  readonly key: Buffer;
  readonly limit: number;
  /** The first wait. */
  readonly blockSeconds: number;
}

/** What the database says of a set of buckets. */
export interface Standing {
  /** By bucket, in the order asked. */
  readonly failures: readonly number[];
  /** Until the last block ends; 0: none. */
  readonly waitSeconds: number;
}

/** A reading of buckets under way, `isOld` once a try of one of them has failed since it began. */
export interface Look {
  readonly names: readonly string[];
  isOld: boolean;
}

/** A failure counts towards the limit for this long. */
const WINDOW_SECONDS = 60;
/** Tries that wait for others of the same bucket; more are told to come back. */
const WAITING = 100;
/** A try waits no longer for another one; a verification takes a fraction of it. */
const WAITING_MS = 5_000;
/** Blocks known here, to answer without asking anybody; more than this many and the oldest are forgotten. */
const KNOWN_BLOCKS = 10_000;

export class Throttle {
  readonly #db: Db;
  readonly #keyring: Keyring;
  readonly #limits: ProviderSettings['login'];
  readonly #underWay = new Map<string, number>();
  readonly #looks = new Set<Look>();
  readonly #waiting = new Map<string, Set<() => void>>();
  readonly #blockedUntilMs = new Map<string, number>();

  constructor(db: Db, keyring: Keyring, limits: ProviderSettings['login']) {
    this.#db = db;
    this.#keyring = keyring;
    this.#limits = limits;
  }

  account(identifier: string): Bucket {
    return this.#bucket(
      'account',
      foldIdentifier(identifier).replace(/\s+/g, ' '),
      this.#limits.accountFailures,
    );
  }

  network(address: string): Bucket {
    return this.#bucket('network', networkOf(address), this.#limits.networkFailures);
  }

  /** Not forgiven by a right password, and locked for a minute at least (ASVS 6.5.5). */
  factor(sub: string): Bucket {
    const bucket = this.#bucket('factor', sub, this.#limits.factorFailures);
    return { ...bucket, blockSeconds: Math.max(60, bucket.blockSeconds) };
  }

  #bucket(kind: string, name: string, limit: number): Bucket {
    return {
      key: this.#keyring.mac('login-attempt', kind, name),
      limit,
      blockSeconds: this.#limits.blockSeconds,
    };
  }

  /** Seconds to wait when a bucket is known to be blocked, without asking anybody; 0: go and look. */
  knownWait(buckets: readonly Bucket[]): number {
    const until = Math.max(...buckets.map((bucket) => this.#blockedUntilMs.get(nameOf(bucket)) ?? 0));
    return Math.max(0, Math.ceil((until - Date.now()) / 1000));
  }

  /**
   * Lets a try through if it would stay within every limit even when all tries under way fail; `leave` must follow.
   * So a burst of guesses gains nothing over a sequence, and fifty right logins at once all get in, some a little later.
   * After a block has run out (a running one has been answered by `waitSeconds`), tries go one at a time. What was
   * read before another try failed is not gone by: that failure may have begun a block.
   */
  enter(buckets: readonly Bucket[], { failures }: Standing, look: Look): boolean {
    if (look.isOld) return false;
    const fits = buckets.every((bucket, i) => {
      const underWay = this.#underWay.get(nameOf(bucket)) ?? 0;
      return underWay === 0 || (failures[i] ?? 0) + underWay < bucket.limit;
    });
    if (!fits) return false;
    for (const bucket of buckets)
      this.#underWay.set(nameOf(bucket), (this.#underWay.get(nameOf(bucket)) ?? 0) + 1);
    return true;
  }

  leave(buckets: readonly Bucket[]): void {
    for (const name of buckets.map(nameOf)) {
      const left = (this.#underWay.get(name) ?? 1) - 1;
      if (left > 0) this.#underWay.set(name, left);
      else this.#underWay.delete(name);
      for (const wake of this.#waiting.get(name) ?? []) wake();
    }
  }

  /** Reads the standing of buckets, and notices failures that happen meanwhile. */
  async look<T extends Standing>(buckets: readonly Bucket[], read: () => Promise<T>): Promise<[T, Look]> {
    const look: Look = { names: buckets.map(nameOf), isOld: false };
    this.#looks.add(look);
    try {
      return [await read(), look];
    } finally {
      // One turn later: whoever asked has then entered or not.
      setImmediate(() => this.#looks.delete(look));
    }
  }

  /** True when a try of one of these buckets has ended; false when too many wait already, or too long, or nobody cares. */
  async afterAnother(buckets: readonly Bucket[], signal?: AbortSignal): Promise<boolean> {
    const names = buckets.map(nameOf);
    if (signal?.aborted || names.some((name) => (this.#waiting.get(name)?.size ?? 0) >= WAITING))
      return false;
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const wake = () => resolve(true);
    const giveUp = () => resolve(false);
    const timer = setTimeout(giveUp, WAITING_MS);
    signal?.addEventListener('abort', giveUp, { once: true });
    for (const name of names) this.#waiting.set(name, (this.#waiting.get(name) ?? new Set()).add(wake));
    const woken = await promise;
    clearTimeout(timer);
    signal?.removeEventListener('abort', giveUp);
    for (const name of names) {
      this.#waiting.get(name)?.delete(wake);
      if (this.#waiting.get(name)?.size === 0) this.#waiting.delete(name);
    }
    return woken;
  }

  /** Reads the buckets' rows; a part, so that the caller can ask for more in the same statement. */
  statePart(buckets: readonly Bucket[]): Part {
    return {
      name: 'attempts',
      text: `select bucket, case when failed_at > now() - make_interval(secs => ${WINDOW_SECONDS}) or blocked_until > now() then failures else 0 end as failures,
        greatest(0, ceil(extract(epoch from blocked_until - now())))::int as wait from login_attempts where bucket = any($1::bytea[])`,
      values: [buckets.map((bucket) => bucket.key)],
    };
  }

  /** What `statePart` found. */
  judge(
    buckets: readonly Bucket[],
    rows: readonly { bucket: string; failures: number; wait: number | null }[],
  ): Standing {
    const found = buckets.map((bucket) =>
      rows.find((row) => row.bucket.replace(/^\\x/, '') === nameOf(bucket)),
    );
    for (const [i, bucket] of buckets.entries())
      if (found[i]?.wait) this.#remember(nameOf(bucket), found[i].wait);
    return {
      failures: found.map((row) => row?.failures ?? 0),
      waitSeconds: Math.max(...found.map((row) => row?.wait ?? 0)),
    };
  }

  #remember(name: string, waitSeconds: number): void {
    if (this.#blockedUntilMs.size >= KNOWN_BLOCKS)
      this.#blockedUntilMs.delete(this.#blockedUntilMs.keys().next().value!);
    this.#blockedUntilMs.set(name, Date.now() + waitSeconds * 1000);
  }

  /** Counts a failure in each bucket; from the limit on the bucket is blocked, twice as long each time. */
  async fail(buckets: readonly Bucket[]): Promise<void> {
    const waits = buckets.map((b) => b.blockSeconds);
    await this.#db.run(FAIL, [
      buckets.map((b) => b.key),
      buckets.map((b) => b.limit),
      waits,
      this.#limits.maxBlockSeconds,
    ]);
    const failed = new Set(buckets.map(nameOf));
    for (const look of this.#looks) if (look.names.some((name) => failed.has(name))) look.isOld = true;
  }

  /** Forgets the failures of buckets whose owner has just proved the password. */
  clearPart(...buckets: readonly Bucket[]): Part {
    for (const bucket of buckets) this.#blockedUntilMs.delete(nameOf(bucket));
    return {
      name: 'cleared',
      text: 'delete from login_attempts where bucket = any($1::bytea[])',
      values: [buckets.map((bucket) => bucket.key)],
    };
  }

  /** Spends a TOTP step; false when this step or a later one was spent already (RFC 6238 section 5.2). */
  async spendStep(sub: string, step: number): Promise<boolean> {
    return (await this.#db.run(SPEND, [this.#keyring.mac('totp-use', sub), step])).length === 1;
  }

  async sweep(): Promise<void> {
    await this.#db.run(SWEEP);
    await sweepFactorUses(this.#db);
  }
}

const nameOf = (bucket: Bucket) => bucket.key.toString('hex');

/** Failures in a row: within the window, or while a block that they earned is not long over. */
const NEXT = `case when a.failed_at > now() - make_interval(secs => ${WINDOW_SECONDS}) or a.blocked_until > now() - interval '15 minutes' then a.failures + 1 else 1 end`;
const FAIL = statement(`insert into login_attempts as a (bucket, failures, failed_at, blocked_until)
  select bucket, 1, now(), case when lim <= 1 then now() + make_interval(secs => wait) end
  from unnest($1::bytea[], $2::int[], $3::float8[]) as b(bucket, lim, wait)
  on conflict (bucket) do update set failures = ${NEXT}, failed_at = now(),
    blocked_until = (select case when ${NEXT} >= lim then now() + make_interval(secs => least($4::float8, wait * power(2, least(${NEXT} - lim, 20)))) end
      from unnest($1::bytea[], $2::int[], $3::float8[]) as b(bucket, lim, wait) where b.bucket = a.bucket)`);

const SPEND = statement(
  'insert into totp_uses as t (subject, step) values ($1, $2) on conflict (subject) do update set step = excluded.step where t.step < excluded.step returning 1',
);
const SWEEP = statement(`delete from login_attempts where failed_at < now() - interval '1 day'`);

/** A household or an office: /24 of IPv4, /64 of IPv6. */
export function networkOf(address: string): string {
  if (address.includes('.')) return address.split('.').slice(0, 3).join('.');
  const [head = '', tail] = address.split('::', 2);
  const left = head.split(':').filter(Boolean);
  const right = (tail ?? '').split(':').filter(Boolean);
  const missing = tail === undefined ? 0 : 8 - left.length - right.length;
  return [...left, ...Array<string>(Math.max(0, missing)).fill('0'), ...right]
    .slice(0, 4)
    .map((g) => g.replace(/^0+(?=.)/, ''))
    .join(':');
}
