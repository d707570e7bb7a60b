/** Reads a field of the mapping from a record: picks the rows, takes the columns, applies the steps. */
import { FootbridgeError } from '../errors.ts';
import type { Related, Row } from './connector.ts';
import type { Field, Transform } from './mapping-settings.ts';
import { isBlank, jsonOf, textOf } from './values.ts';

/** Where columns are looked up: a user's own row, or one of their related rows. */
export interface Scope {
  readonly row: Row;
  readonly related: Related;
  /** Attributes that are not set are not there. In tables a missing column is a mistake in the mapping. */
  readonly sparse: boolean;
  readonly nowMs: number;
}

/** A record that cannot be mapped. `why` names columns and settings, never values. */
export function unmappable(why: string): FootbridgeError {
  return new FootbridgeError('mapping_failed', { detail: why });
}

/** Every value, after the steps; blank ones are dropped. */
export function valuesOf(field: Field, scope: Scope): unknown[] {
  let values = rawValues(field, scope);
  for (const step of field.transform) values = values.flatMap((value) => applied(step, value));
  values = values.filter((value) => !isBlank(value));
  return values.length === 0 && field.default !== undefined ? [field.default] : values;
}

/** The first value as it came, bytes included. */
export function firstOf(field: Field | undefined, scope: Scope): unknown {
  return field && valuesOf(field, scope)[0];
}

/** The first value as a password column holds it: an empty salt stays empty, NULL and absent are null. */
export function storedOf(field: Field, scope: Scope): unknown {
  return firstOf(field, scope) ?? rawValues(field, scope)[0] ?? null;
}

/** The first value as text. Nothing but blanks is no text: ZITADEL trims a name of blanks, and refuses the user. */
export function textFrom(field: Field | undefined, scope: Scope): string | undefined {
  const text = textOf(firstOf(field, scope));
  return text?.trim() ? text : undefined;
}

export function textsFrom(field: Field, scope: Scope): string[] {
  return valuesOf(field, scope).flatMap((value) => textOf(value) || []);
}

/** One JSON value, or a list where the mapping says so. */
export function jsonFrom(field: Field, scope: Scope): unknown {
  const values = valuesOf(field, scope).flatMap((value) => jsonOf(value) ?? []);
  return field.list ? values : values[0];
}

/** The related rows of this name that meet `where`. */
export function rowsOf(name: string, scope: Scope, where: Field['where'] = {}): Row[] {
  const rows = scope.related[name] ?? [];
  return rows.filter((row) =>
    Object.entries(where).every(([column, wanted]) => textOf(cell(row, column, scope)) === String(wanted)),
  );
}

function rawValues(field: Field, scope: Scope): unknown[] {
  if (field.value !== undefined) return [field.value];
  const rows = field.from === undefined ? [scope.row] : rowsOf(field.from, scope, field.where);
  return rows.flatMap((row) => {
    if (field.column !== undefined) return cell(row, field.column, scope);
    const present = (field.columns ?? [])
      .map((name) => cell(row, name, scope))
      .filter((value) => !isBlank(value));
    if (field.join === undefined) return present.slice(0, 1);
    return present.length === 0 ? [] : [present.map((value) => textOf(value) ?? '').join(field.join)];
  });
}

function cell(row: Row, column: string, { sparse }: Scope): unknown {
  if (Object.hasOwn(row, column)) return row[column];
  if (sparse) return undefined;
  throw unmappable(`the record has no column ${column}`);
}

function applied(step: Transform, value: unknown): unknown {
  if (isBlank(value)) return [];
  if (step === 'hex') return value instanceof Uint8Array ? Buffer.from(value).toString('hex') : [];
  if (typeof step === 'object' && 'jsonPath' in step) return inside(value, step.jsonPath);
  const text = textOf(value);
  if (text === undefined) return [];
  return typeof step === 'string' ? word(step, text) : cut(step, text);
}

function word(step: Extract<Transform, string>, text: string): string {
  switch (step) {
    case 'trim':
      return text.trim();
    case 'lower':
      return text.toLowerCase();
    case 'upper':
      return text.toUpperCase();
    case 'firstWord':
      return text.trim().split(/\s+/, 1)[0] ?? '';
    default:
      return text.trim().replace(/^\S+\s*/, '');
  }
}

function cut(step: Exclude<Transform, string | { jsonPath: string }>, text: string): unknown {
  if ('split' in step) return text.split(step.split);
  if ('before' in step) return text.split(step.before, 1);
  if ('after' in step)
    return text.includes(step.after) ? text.slice(text.indexOf(step.after) + step.after.length) : [];
  if ('prefix' in step) return step.prefix + text;
  if ('extract' in step) {
    return [...text.matchAll(new RegExp(step.extract, 'gu'))].map((match) => match[1] ?? match[0]);
  }
  return Object.hasOwn(step.map, text) ? step.map[text] : [];
}

/** A value inside a JSON document, which may be text or already parsed. */
function inside(value: unknown, path: string): unknown {
  let found = parseJson(value, `a column with a jsonPath of ${path}`);
  for (const name of path.split('.').filter(Boolean)) {
    if (typeof found !== 'object' || found === null || !Object.hasOwn(found, name)) return [];
    found = (found as Record<string, unknown>)[name];
  }
  return found;
}

/** Larger documents are read by nobody; cutting one short could cost a second factor. */
const MAX_DOCUMENT_BYTES = 65_536;

/** The document, which may be parsed already. `what` names it in the error. */
export function parseJson(value: unknown, what: string): unknown {
  if (typeof value !== 'string' && !(value instanceof Uint8Array)) return value;
  const text = typeof value === 'string' ? value : Buffer.from(value).toString('utf8');
  if (text.length > MAX_DOCUMENT_BYTES) throw unmappable(`${what} is longer than ${MAX_DOCUMENT_BYTES}`);
  try {
    return JSON.parse(text);
  } catch {
    throw unmappable(`${what} is not JSON`);
  }
}
