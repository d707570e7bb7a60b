/**
 * A nested record as the mapping sees it. What stands inside is named by a dotted path
 * (`credentials.password.hash.salt`); where there is an array on the way, the path names it in every element.
 */
import type { Row } from './connector.ts';
import { textOf } from './values.ts';

export type Document = Readonly<Record<string, unknown>>;

/** Records nest three or four levels; a path that goes deeper is none of ours. */
const MAX_DEPTH = 8;

export const isDocument = (value: unknown): value is Document =>
  typeof value === 'object' &&
  value !== null &&
  !Array.isArray(value) &&
  !(value instanceof Date) &&
  !(value instanceof Uint8Array);

/** Every value at a path, the elements of arrays one by one. */
export const valuesAt = (document: Document, path: string): readonly unknown[] =>
  standingAt(document, path).flat();

/** What stands at a path. A name with dots of its own comes first. */
export function standingAt(document: Document, path: string): readonly unknown[] {
  if (Object.hasOwn(document, path)) return [document[path]];
  let found: readonly unknown[] = [document];
  for (const name of path.split('.')) {
    found = found
      .flat()
      .flatMap((value) => (isDocument(value) && Object.hasOwn(value, name) ? [value[name]] : []));
  }
  return found;
}

/** Texts and numbers at a path that are not empty. */
export function textsAt(document: Document, path: string): readonly string[] {
  return valuesAt(document, path).flatMap((value) => textOf(value) || []);
}

/** The names of the record's own, and a column for every path inside it. */
export function columnsOf(document: Document): Row {
  // No prototype: a record may have a `__proto__`.
  const columns: Record<string, unknown> = Object.assign(Object.create(null), document);
  const lists = new Map<string, unknown[]>();
  const add = (path: string, value: unknown, isOneOfMany: boolean) => {
    if (!isOneOfMany) {
      if (!(path in columns)) columns[path] = value;
      return;
    }
    const list = lists.get(path) ?? [];
    if (list.length === 0 && path in columns) return;
    lists.set(path, list);
    columns[path] = list;
    for (const one of listOf(value)) list.push(one);
  };
  const walk = (value: unknown, path: string, depth: number, isOneOfMany: boolean) => {
    if (depth > MAX_DEPTH) return;
    if (Array.isArray(value)) {
      for (const element of value) if (isDocument(element)) walk(element, path, depth + 1, true);
      return;
    }
    if (!isDocument(value)) return;
    for (const [name, inner] of Object.entries(value)) {
      const innerPath = path === '' ? name : `${path}.${name}`;
      if (path !== '') add(innerPath, inner, isOneOfMany);
      walk(inner, innerPath, depth + 1, isOneOfMany);
    }
  };
  walk(document, '', 0, false);
  return columns;
}

/**
 * What stands at a path, as rows of their own: an array by its elements, an object by its entries (`key` and `value`).
 * What is no object has the one column `value`.
 */
export function rowsAt(document: Document, path: string): readonly Row[] {
  return standingAt(document, path).flatMap((found) => {
    if (isDocument(found)) return Object.entries(found).map(([key, value]) => columnsOf({ key, value }));
    return listOf(found).map((value) => columnsOf(isDocument(value) ? value : { value }));
  });
}

const listOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : [value]);

/** Whole numbers that a double does not hold: two ids must not become one. */
const LONG_NUMBER = /(?:^|[\s:[,])-?\d{16,}/;

/** Throws an Error that says what is wrong, without a value. */
export function parseExactly(text: string): unknown {
  try {
    return LONG_NUMBER.test(text) ? JSON.parse(text, exactly) : JSON.parse(text);
  } catch {
    throw new Error('not JSON');
  }
}

/** Throws an Error that says what is wrong, without a value. */
export function parseDocument(text: string): Document {
  const value = parseExactly(text);
  if (!isDocument(value)) throw new Error('no JSON object');
  return value;
}

function exactly(_key: string, value: unknown, context?: { source?: string }): unknown {
  if (typeof value !== 'number' || Number.isSafeInteger(value)) return value;
  const { source = '' } = context ?? {};
  return /^-?\d{1,64}$/.test(source) ? BigInt(source) : value;
}
