/** What a layout is: one way to write a hash in a column of a legacy store. */
import type { AcceptedFormat } from './accepted-format.ts';
import type { ParsedHash } from './hash.ts';
import { WRITERS } from './writers/index.ts';
import type { Written } from './written.ts';

/** As the settings of a store say how its passwords are written: a format’s name, or `clear` where it hashes itself. */
export interface Writing {
  readonly format: string;
  /** Site-wide values such as a pepper. `variant`: bcrypt's `2a`, `2b` or `2y`, where the store has nobody to look at. */
  readonly settings?: Readonly<Record<string, unknown>>;
}

/** For whom it is written. */
export interface Wish {
  /** The format's name. */
  readonly format: string;
  readonly settings: Readonly<Record<string, unknown>>;
}

export interface Layout {
  /** How it begins, for people to read. */
  readonly name: string;
  /** What the store has of this layout. */
  readonly mark: RegExp;
  /** Instead, where it is no text: whether what the store has is of this layout. */
  owns?(kept: ParsedHash): boolean;
  /** Only formats of these names; all that read it, unless it is said. */
  readonly formats?: RegExp;
  /** Formats of these names mean it more than the layouts before. */
  readonly hint?: RegExp;
  /** To be derived, with costs no lower than what the store has of this person. */
  fresh(kept: ParsedHash | undefined, wish: Wish): ParsedHash;
  /** Undefined: it cannot hold this hash. */
  write(hash: ParsedHash, wish: Wish): string | undefined;
  /** The columns that the text stands for, where it is more than one. */
  columns?(text: string): Readonly<Record<string, unknown>>;
}

const escaped = (text: string) => text.replace(/[{}$.|]/g, '\\$&');
export const beginning = (...texts: readonly string[]) => new RegExp(`^(?:${texts.map(escaped).join('|')})`);

export const ANY = [0, 2 ** 31] as const;

/** As our writers for targets write it, whatever it costs. */
export function asWritten(hash: ParsedHash, accepted: AcceptedFormat): string | undefined {
  const write = WRITERS[accepted.write] as (hash: ParsedHash, accepted: AcceptedFormat) => Written;
  const written = write(hash, accepted);
  if (!written || !('encoded' in written)) return undefined;
  return typeof written.encoded === 'string' ? written.encoded : JSON.stringify(written.encoded);
}

export const after = (prefix: string, text: string | undefined) =>
  text === undefined ? undefined : prefix + text;

/** Which formats it is for. */
export type Names = Pick<Layout, 'formats' | 'hint'>;
