/** What one part of Footbridge needs at a database: the outbox, the marks of `apply`, a slot. `changes/setup.ts` puts them together. */

/** A statement, or one that is left out where a question already gives a row. */
export type SetupStep = string | { readonly sql: string; readonly unless: string };

export interface SetupCheck {
  /** One statement, which changes nothing. */
  readonly sql: string;
  /** `row`: all is well where it gives one. `runs`: where it is not refused. */
  readonly expect: 'row' | 'runs';
  /** The sentence that is said otherwise: what is missing, and what to do about it. */
  readonly problem: string;
  /** The settings of the connection that asks; null: the one that reads; by default the piece's. */
  readonly connection?: unknown;
}

export interface SetupPiece {
  /** The setting that wants it, as errors name it: `sql.changes`. */
  readonly name: string;
  /** The settings of a connection whose role may do this; undefined: the one that reads. */
  readonly connection?: unknown;
  /** In order; doing all of it again changes nothing. Names and numbers are in the text, which has no binds and no `?`. */
  readonly install: readonly SetupStep[];
  /** In order; nothing is an error where there is nothing to take away. */
  readonly remove: readonly SetupStep[];
  readonly check: readonly SetupCheck[];
  /** What that role needs, as a sentence with the GRANT in it: said where the database refuses. */
  readonly rights: string;
  /** Each statement commits by itself, as some cannot be in a transaction (a slot). By default all or none, where the engine can. */
  readonly isApart?: true;
}
