/**
 * Questions to our database that many requests ask at once, put together into one statement: while one is under way, what
 * comes meanwhile waits for it, which is a millisecond. One that takes long holds up nobody.
 */

/** Requests that one statement is about. */
const TOGETHER = 64;
/** After this the next goes on its own, */
const PATIENCE_MS = 10;
/** up to so many; then the pool of connections is what everybody waits for. */
const AT_ONCE = 8;

interface Asked<Question, Answer> {
  readonly question: Question;
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: unknown) => void;
}

export class Together<Question, Answer> {
  readonly #put: (group: readonly Question[]) => Promise<Answer>;
  readonly #waiting: Asked<Question, Answer>[] = [];
  #underWay = 0;
  #lastMs = 0;
  #timer: NodeJS.Timeout | undefined;

  /** All of a group get the group's answer, or its error. */
  constructor(put: (group: readonly Question[]) => Promise<Answer>) {
    this.#put = put;
  }

  ask(question: Question): Promise<Answer> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ question, resolve, reject });
      this.#next();
    });
  }

  #next(): void {
    if (this.#waiting.length === 0) return;
    const left = this.#lastMs + PATIENCE_MS - performance.now();
    if (this.#underWay === 0 || (left <= 0 && this.#underWay < AT_ONCE)) this.#send();
    else if (left > 0) this.#timer ??= setTimeout(() => this.#again(), left).unref();
  }

  #again(): void {
    this.#timer = undefined;
    this.#next();
  }

  #send(): void {
    const group = this.#waiting.splice(0, TOGETHER);
    this.#underWay += 1;
    this.#lastMs = performance.now();
    this.#put(group.map(({ question }) => question))
      .then(
        (answer) => {
          for (const { resolve } of group) resolve(answer);
        },
        (error) => {
          for (const { reject } of group) reject(error);
        },
      )
      .finally(() => {
        this.#underWay -= 1;
        this.#next();
      });
  }
}
