/** Users (never their secrets) read a moment ago: fresh for some seconds, and of use for longer while the store is down. */
import type { User } from '../user.ts';

/** About 10 MB; whoever was read longest ago goes first. */
const MAX_USERS = 10_000;

interface Kept {
  readonly user: User;
  readonly readMs: number;
}

export class UserCache {
  readonly #limits: { readonly freshMs: number; readonly staleMs: number };
  readonly #now: () => number;
  readonly #kept = new Map<string, Kept>();
  #forgotten = 0;

  constructor(limits: { freshMs: number; staleMs: number }, now: () => number) {
    this.#limits = limits;
    this.#now = now;
  }

  fresh(sub: string): User | undefined {
    return this.#youngerThan(sub, this.#limits.freshMs);
  }

  /** For when the store cannot be asked. */
  stale(sub: string): User | undefined {
    return this.#youngerThan(sub, this.#limits.staleMs);
  }

  /** To be taken before reading, and given to `keep`. */
  mark(): number {
    return this.#forgotten;
  }

  /** Unless somebody was forgotten since the mark: the user may have been read before the change. */
  keep(user: User, mark: number): void {
    if (mark !== this.#forgotten) return;
    this.#kept.delete(user.sub);
    this.#kept.set(user.sub, { user, readMs: this.#now() });
    const [oldest] = this.#kept.keys();
    if (this.#kept.size > MAX_USERS && oldest !== undefined) this.#kept.delete(oldest);
  }

  forget(sub: string): void {
    this.#kept.delete(sub);
    this.#forgotten += 1;
  }

  #youngerThan(sub: string, ageMs: number): User | undefined {
    const kept = this.#kept.get(sub);
    return kept && this.#now() - kept.readMs < ageMs ? kept.user : undefined;
  }
}
