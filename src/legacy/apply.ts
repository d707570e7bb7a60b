/**
 * What sync writes to a legacy store: fields of one person, each compared with what it was, all or none, and once however
 * often it is asked for.
 */

/** In OpenID Connect's words. Values are text: `true` and `false` for the proofs; `active` and `disabled`; roles as a JSON list, sorted. */
export const APPLY_FIELDS = [
  'username',
  'email',
  'emailVerified',
  'phoneNumber',
  'phoneNumberVerified',
  'name',
  'givenName',
  'familyName',
  'nickname',
  'locale',
  'state',
  'roles',
] as const;
export type ApplyField = (typeof APPLY_FIELDS)[number];

/** `null`: there is none. */
export interface FieldChange {
  /** What the store had when it was decided; it is left alone where it has another value by now. */
  readonly before: string | null;
  readonly after: string | null;
}

export interface ApplyInput {
  readonly fields: Readonly<Partial<Record<ApplyField, FieldChange>>>;
  /** The encoded hash for the store's password column (or the clear text where the store hashes itself: `password: clear`). */
  readonly password?: string;
  /** Takes the person out of the store, as the settings say. Alone. */
  readonly remove?: true;
  /** The same at every try of this write, and another for the next one; 64 characters at most. */
  readonly mark: string;
}

/**
 * `already`: a write with this mark was done before; `changed`: somebody else has changed one of the fields meanwhile, and
 * nothing was written: read again and decide anew; `gone`: there is no such person.
 */
export type ApplyOutcome = 'applied' | 'already' | 'changed' | 'gone';

/** As a driver gives it, or takes it. A moment is written as the store writes moments, in UTC; a list is several values of one attribute. */
export type StoreValue = string | number | bigint | boolean | Date | Uint8Array | null | readonly string[];

export interface ColumnChange {
  /** What was there when we looked; undefined: it is written over, whatever it is. */
  readonly before?: StoreValue | undefined;
  readonly after: StoreValue;
}

/**
 * In the store's own words: column (attribute, member of a document) → values as the store has them. What is written by a
 * statement of the operator's own has the field's name with a colon before it: `:roles`.
 */
export interface ColumnsInput {
  readonly id: string;
  readonly columns: Readonly<Record<string, ColumnChange>>;
  readonly remove?: true;
  readonly mark: string;
}

/** How passwords are written: a format of `credentials/` that is made anew, or `clear`. */
export interface PasswordWriting {
  readonly format: string;
  readonly settings?: Readonly<Record<string, unknown>>;
}

/** The capability of a store, seen from above: by subject. */
export interface Applies {
  /** Which fields it takes; empty: nothing is written there. */
  readonly fields: ReadonlySet<ApplyField>;
  readonly password: PasswordWriting | undefined;
  readonly removes: boolean;
}
export const NO_APPLIES: Applies = { fields: new Set(), password: undefined, removes: false };
