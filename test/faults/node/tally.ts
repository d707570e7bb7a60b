/** Every answer during a fault, counted by what it was asked for and its status. */
import type { Answer } from '../../support/browser.ts';

export class Tally {
  readonly byStatus = new Map<string, number>();
  /** Answers of 500 and above that are not a 503 with Retry-After, with what they were asked for. */
  readonly unexplained: string[] = [];
  /** Connections that ended without an answer, with why. */
  readonly unanswered: string[] = [];
  /** The longest anybody waited for an answer. */
  slowestMs = 0;

  /** Asks and counts; undefined where no answer came. */
  async ask(what: string, work: () => Promise<Answer>): Promise<Answer | undefined> {
    const startedAt = performance.now();
    const answer = await work().catch((error: NodeJS.ErrnoException) => {
      this.unanswered.push(`${what}: ${error.code ?? error.message}`);
      return undefined;
    });
    this.slowestMs = Math.max(this.slowestMs, performance.now() - startedAt);
    if (answer) this.note(what, answer);
    return answer;
  }

  note(what: string, { status, headers }: Pick<Answer, 'status' | 'headers'>): void {
    this.byStatus.set(String(status), this.count(status) + 1);
    if (status < 500 || (status === 503 && headers['retry-after'] !== undefined)) return;
    this.unexplained.push(`${what}: ${status}`);
  }

  count(status: number): number {
    return this.byStatus.get(String(status)) ?? 0;
  }

  get total(): number {
    return [...this.byStatus.values()].reduce((sum, count) => sum + count, 0);
  }

  /** For the table: “120 of 200, 80 of 503”. */
  toString(): string {
    const sorted = [...this.byStatus].toSorted(([a], [b]) => a.localeCompare(b));
    return sorted.map(([status, count]) => `${count} of ${status}`).join(', ');
  }
}

/** So many that ask on and on, each its own way; `stop` waits for their last answers. */
export function crowd(size: number, work: (at: number) => Promise<unknown>): { stop(): Promise<void> } {
  const state = { over: false };
  const members = Array.from({ length: size }, async (_, at) => {
    while (!state.over) await work(at);
  });
  return {
    stop: async () => {
      state.over = true;
      await Promise.all(members);
    },
  };
}

/** `1.2 s`, for the table. */
export const seconds = (ms: number): string => `${(ms / 1_000).toFixed(1)} s`;
