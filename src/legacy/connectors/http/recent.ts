/** What was just read, for the one question that follows it: so that a person's lists cost no second request. */

const MAX_KEPT = 1_000;
const KEPT_MS = 10_000;

export class Recent<T> {
  readonly #kept = new Map<string, T>();

  put(id: string, value: T): void {
    // Whole batches are forgotten at once: documents may hold hashes.
    if (this.#kept.size === 0) setTimeout(() => this.#kept.clear(), KEPT_MS).unref();
    this.#kept.set(id, value);
    const [oldest] = this.#kept.keys();
    if (this.#kept.size > MAX_KEPT && oldest !== undefined) this.#kept.delete(oldest);
  }

  /** Once only: whoever asks again reads it again. */
  take(id: string): T | undefined {
    const value = this.#kept.get(id);
    this.#kept.delete(id);
    return value;
  }
}
