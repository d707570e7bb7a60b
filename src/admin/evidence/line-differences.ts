/**
 * Which lines of a file are not those that were signed: both sides as streams of digests, found again after lines that were
 * changed, taken out or put in. Memory does not grow with the file.
 */

export type LineFinding =
  | { readonly kind: 'changed' | 'additional'; readonly line: number }
  | { readonly kind: 'missing'; readonly line: number; readonly lines: number }
  /** The file ends before this line. */
  | { readonly kind: 'truncated'; readonly line: number; readonly lines: number };

/** So far ahead the next line that fits is looked for. */
const WINDOW = 64;

/** `line`: of the file as it is; of what is missing, the line before which it stood. */
export async function* lineDifferences(
  expected: AsyncIterator<string>,
  actual: AsyncIterator<string>,
): AsyncGenerator<LineFinding> {
  const [wanted, there] = [new Ahead(expected), new Ahead(actual)];
  for (let line = 1; ; ) {
    const [mine, theirs] = [await wanted.filled(), await there.filled()];
    if (mine.length === 0 && theirs.length === 0) return;
    if (theirs.length === 0) {
      yield { kind: 'truncated', line, lines: await wanted.rest() };
      return;
    }
    if (mine[0] === theirs[0]) {
      wanted.drop(1);
      there.drop(1);
      line += 1;
      continue;
    }
    const { changed, missing, additional } = nextThatFits(mine, theirs);
    if (missing > 0) yield { kind: 'missing', line, lines: missing };
    for (let at = 0; at < changed; at += 1) yield { kind: 'changed', line: line + at };
    for (let at = 0; at < additional; at += 1) yield { kind: 'additional', line: line + at };
    wanted.drop(missing + changed);
    there.drop(additional + changed);
    line += additional + changed;
  }
}

/** The smallest step after which both go on alike. */
function nextThatFits(mine: readonly string[], theirs: readonly string[]) {
  const none = { changed: 0, missing: 0, additional: 0 };
  if (mine.length === 0) return { ...none, additional: 1 };
  for (let step = 1; step < Math.max(mine.length, theirs.length); step += 1) {
    if (mine[step] !== undefined && mine[step] === theirs[step]) return { ...none, changed: step };
    if (mine[step] === theirs[0]) return { ...none, missing: step };
    if (theirs[step] === mine[0]) return { ...none, additional: step };
  }
  return { ...none, changed: 1 };
}

class Ahead {
  readonly #source: AsyncIterator<string>;
  #held: string[] = [];
  #isOver = false;

  constructor(source: AsyncIterator<string>) {
    this.#source = source;
  }

  async filled(): Promise<readonly string[]> {
    while (!this.#isOver && this.#held.length < WINDOW) {
      const { done, value } = await this.#source.next();
      if (done) this.#isOver = true;
      else this.#held.push(value);
    }
    return this.#held;
  }

  drop(count: number): void {
    this.#held = this.#held.slice(count);
  }

  /** How many there still are. */
  async rest(): Promise<number> {
    let count = this.#held.length;
    while (!(await this.#source.next()).done) count += 1;
    return count;
  }
}
