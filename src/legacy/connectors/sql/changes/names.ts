/** Names of tables and columns in statements that are made here: quoted, as they cannot be bound. */
import { createHash } from 'node:crypto';
import type { SqlSettings } from '../sql-settings.ts';

export type EngineName = SqlSettings['engine'];

/** MySQL's limit; PostgreSQL cuts what is longer than 63 bytes. */
const MAX_NAME_BYTES = 60;
/** What the query builder would take for a bind, what ends a quotation somewhere, and what no table is called. */
const UNQUOTABLE = /[?\\\p{Cc}\p{Cs}]|\$\$/u;

/** `schema.table`, `table` or a column. */
export const isName = (name: string): boolean =>
  name.length <= 128 && !UNQUOTABLE.test(name) && name.split('.').every((part) => part.trim() !== '');

/** One name; a dot in it is a part of it. */
export function quote(engine: EngineName, name: string): string {
  if (engine === 'mysql') return `\`${name.replaceAll('`', '``')}\``;
  if (engine === 'mssql') return `[${name.replaceAll(']', ']]')}]`;
  return `"${name.replaceAll('"', '""')}"`;
}

/** `schema.table`, each part quoted, as the query builder does it. */
export const quoteTable = (engine: EngineName, table: string): string =>
  table
    .split('.')
    .map((part) => quote(engine, part))
    .join('.');

/** A text of ours in a statement; names have no backslash. */
export const literal = (text: string): string => `'${text.replaceAll("'", "''")}'`;

/** In the schema of `table`; cut where it is too long, and still another for another. */
export function nameBeside(table: string, ...parts: readonly string[]): string {
  const schema = table.includes('.') ? `${table.slice(0, table.lastIndexOf('.'))}.` : '';
  const name = parts.map(lastPart).join('_');
  if (Buffer.byteLength(name) <= MAX_NAME_BYTES) return schema + name;
  const short = Buffer.from(name).subarray(0, MAX_NAME_BYTES - 11);
  return `${schema}${new TextDecoder().decode(short).replaceAll('\ufffd', '')}_${digestOf(parts.join('\0'))}`;
}

export const lastPart = (table: string): string => table.slice(table.lastIndexOf('.') + 1);

/** Tells one definition from the next. */
export const digestOf = (text: string): string =>
  createHash('sha256').update(text).digest('hex').slice(0, 10);
