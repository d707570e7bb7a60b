/** A stored password as the rows of the shelf read it: which column holds the hash, which the salt, as text. */
import { Secret } from '../settings.ts';
import type { StoredPassword } from '../user.ts';

export interface Source {
  /** The column that holds the hash; `undefined` where it is NULL, absent or empty. */
  readonly hash: string | undefined;
  /** The column whose name speaks of salt. May be empty. */
  readonly salt: string | undefined;
  readonly username: string | undefined;
  /** A column by its name in the framework's schema, as text. */
  column(name: string): string | undefined;
  /** A site-wide setting as text. */
  setting(name: string): string | undefined;
  /** The columns as they came, for formats that are documents. */
  readonly columns: Readonly<Record<string, unknown>>;
}

/** Longer values are no password hashes: the longest seen has 1,024 characters. */
const MAX_TEXT_LENGTH = 4096;
/** A document store's nesting: Meteor has three levels. */
const MAX_DEPTH = 4;

const SALT_NAME = /salt|salz/i;
const HASH_NAME = /hash|pass|pwd|crypt|kennwort|shadow|digest|secret|value/i;
const BESIDE_NAME = /algo|hasher|method|format|scheme|order|iterations|factor|type/i;

/**
 * The hash is the only column, or the only one beside the salt, or the first whose name speaks of a password: the
 * mapping may keep the store's own column names.
 */
export function sourceOf(stored: StoredPassword): Source {
  const texts = flatten(stored.columns);
  const settings = flatten(stored.settings ?? {});
  const others = texts.filter(([name]) => !SALT_NAME.test(name));
  const [hash] =
    others.length === 1 ? others : others.filter(([name]) => HASH_NAME.test(name) && !BESIDE_NAME.test(name));
  const salts = texts.filter(([name]) => SALT_NAME.test(name) && !BESIDE_NAME.test(name));
  return {
    hash: hash?.[1] || undefined,
    salt: salts.length === 1 ? salts[0]?.[1] : undefined,
    username: stored.username,
    columns: stored.columns,
    column: (name) => texts.find(([known]) => known === name)?.[1],
    setting: (name) => settings.find(([known]) => known === name)?.[1],
  };
}

/** All texts and numbers, nested ones under `outer.inner`. Bytes (LDAP, binary columns) are read as UTF-8. */
function flatten(value: object, prefix = '', depth = 1): [name: string, text: string][] {
  return Object.entries(value).flatMap(([name, inner]): [string, string][] => {
    const text = textOf(inner);
    if (text !== undefined) return text.length <= MAX_TEXT_LENGTH ? [[prefix + name, text]] : [];
    if (typeof inner !== 'object' || inner === null || depth === MAX_DEPTH) return [];
    return flatten(inner, `${prefix}${name}.`, depth + 1);
  });
}

function textOf(value: unknown): string | undefined {
  if (typeof value === 'string') return value;
  if (typeof value === 'number' || typeof value === 'bigint') return String(value);
  if (value instanceof Secret) return value.reveal();
  return value instanceof Uint8Array ? Buffer.from(value).toString('utf8') : undefined;
}
