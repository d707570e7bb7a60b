/** So many at a time, the others in line: for connections to a server that is not to be drowned. */
import { unavailable } from './failure.ts';

/** Longer lines are an outage: who stands at their end would not be served in time. */
const MAX_WAITING = 500;

export class Gate {
  readonly #slots: number;
  readonly #patienceMs: number;
  readonly #waiting = new Set<() => void>();
  #inside = 0;

  constructor(slots: number, patienceMs: number) {
    this.#slots = slots;
    this.#patienceMs = patienceMs;
  }

  async run<T>(work: () => Promise<T>): Promise<T> {
    if (this.#inside < this.#slots) this.#inside++;
    else await this.#turn();
    try {
      return await work();
    } finally {
      const [next] = this.#waiting;
      if (next) next();
      else this.#inside--;
    }
  }

  /** Who leaves hands their slot to the next in line. */
  #turn(): Promise<void> {
    if (this.#waiting.size >= MAX_WAITING) throw unavailable('has too many lookups waiting');
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#waiting.delete(enter);
        reject(unavailable(`has no connection free within ${this.#patienceMs} ms: see ldap.poolSize`));
      }, this.#patienceMs);
      const enter = () => {
        clearTimeout(timer);
        this.#waiting.delete(enter);
        resolve();
      };
      this.#waiting.add(enter);
    });
  }
}
