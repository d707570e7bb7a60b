/** What is wrong with a recipe, and where in its text. */
export class RecipeError extends Error {
  /** From 0, in UTF-16 units. */
  readonly offset: number;
  /** From 1. */
  readonly line: number;
  /** From 1. */
  readonly column: number;
  readonly expected: string;

  /** Never name a literal of the recipe: it may be a pepper. */
  constructor(text: string, offset: number, { problem, expected }: { problem: string; expected: string }) {
    const before = text.slice(0, offset).split('\n');
    const line = before.length;
    const column = before.at(-1)!.length + 1;
    const place = line > 1 ? `line ${line}, column ${column}` : `column ${column}`;
    super(`the recipe, ${place}: ${problem}; expected ${expected}`);
    this.name = 'RecipeError';
    this.offset = offset;
    this.line = line;
    this.column = column;
    this.expected = expected;
  }
}

/** A value that a step cannot take: `malformed` text, or `bounds` that it would leave. Never holds the value. */
export class StepError extends Error {
  readonly why: 'malformed' | 'bounds';
  constructor(why: 'malformed' | 'bounds') {
    super(why);
    this.name = 'StepError';
    this.why = why;
  }
}
