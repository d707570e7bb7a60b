/**
 * Columns as stores really keep them: named in any case, nested, as JSON text; bytes in hex of either case,
 * PostgreSQL's `\x…`, base64 of either alphabet, or binary.
 */
import { base64, hex } from './encoding.ts';
import type { Format } from './format.ts';
import { isUnusable } from './format.ts';
import type { ParsedHash } from './hash.ts';
import type { Refusal } from './reasons.ts';
import { refuse } from './reasons.ts';
import type { Source } from './source.ts';

type Text = string | undefined;

/** Bytes written in any of the ways above. With a length nothing is guessed: only that many bytes are an answer. */
export function decoded(text: Text, length?: number): Buffer | undefined {
  if (text === undefined) return undefined;
  const bare = text.startsWith('\\x') ? text.slice(2) : text;
  const plain = text.replaceAll('-', '+').replaceAll('_', '/').replaceAll('.', '+');
  return hex(bare, length) ?? base64(plain, length);
}

/** The column that reads as this text, where it is binary. */
function binaryOf({ columns }: Source, text: Text): Buffer | undefined {
  for (const value of Object.values(columns)) {
    if (!(value instanceof Uint8Array)) continue;
    const bytes = Buffer.from(value);
    if (bytes.toString('utf8') === text) return bytes;
  }
  return undefined;
}

/** Whether the hash comes from a binary column and is no text. */
export function isBinaryHash(source: Source): boolean {
  const binary = binaryOf(source, source.hash);
  return binary !== undefined && !isText(binary);
}

/** Without the `\\x` that PostgreSQL writes before hex. */
export function withoutEscape(source: Source): Source {
  const { hash, columns } = source;
  if (!hash?.startsWith('\\x')) return source;
  const others = Object.entries(columns).filter(([, value]) => value !== hash);
  return { ...source, hash: hash.slice(2), columns: Object.fromEntries(others) };
}

/** The salt as its text's bytes, or as the bytes of a binary column. */
export function saltBytes(source: Source): Buffer | undefined {
  if (source.salt === undefined) return undefined;
  return binaryOf(source, source.salt) ?? Buffer.from(source.salt, 'utf8');
}

function isText(bytes: Buffer): boolean {
  return bytes.every((byte) => byte >= 0x20 && byte < 0x7f);
}

/** A field by any of its names, else a setting; case, `_` and `-` do not count. */
export type Fields = (...names: readonly string[]) => string | undefined;

const MAX_DEPTH = 5;
const MAX_TEXT_LENGTH = 4096;

const plainName = (name: string) => name.toLowerCase().replaceAll(/[-_]/g, '');

export function fieldsOf({ columns, setting }: Source): Fields {
  const found = new Map<string, string>();
  collect(columns, found, 1);
  return (...names) => {
    const plain = names.map((name) => found.get(plainName(name))).find((value) => value !== undefined);
    return plain ?? names.map((name) => setting(name)).find((value) => value !== undefined);
  };
}

/** Under its own name and under its parent's and its own (`hash.value`); the first of a name wins. */
function collect(value: object, found: Map<string, string>, depth: number, parent = ''): void {
  for (const [key, raw] of Object.entries(value)) {
    const inner = parsed(raw);
    const name = plainName(key);
    if (typeof inner === 'object' && inner !== null && !(inner instanceof Uint8Array)) {
      if (depth < MAX_DEPTH) collect(inner, found, depth + 1, name);
      continue;
    }
    const text = inner instanceof Uint8Array ? binaryText(Buffer.from(inner)) : inner;
    if (typeof text !== 'string' && typeof text !== 'number' && typeof text !== 'bigint') continue;
    if (text === '' || String(text).length > MAX_TEXT_LENGTH) continue;
    for (const known of [name, parent && `${parent}.${name}`]) {
      if (known && !found.has(known)) found.set(known, String(text));
    }
  }
}

/** Bytes that are no text are written as PostgreSQL does. */
function binaryText(bytes: Buffer): string {
  return isText(bytes) ? bytes.toString('latin1') : `\\x${bytes.toString('hex')}`;
}

/** A JSON column arrives as text or, from jsonb, parsed. */
function parsed(value: unknown): unknown {
  if (typeof value !== 'string' || !value.startsWith('{') || !value.endsWith('}')) return value;
  try {
    return JSON.parse(value);
  } catch {
    return value;
  }
}

export interface DocumentRow {
  readonly name: string;
  /** The names of the field that holds the hash; without any of them the source's own hash. */
  readonly hash: readonly string[];
  read(hash: string, fields: Fields, source: Source): ParsedHash | Refusal;
}

/** A format that is several columns, or a document. */
export function documentFormat({ name, hash, read }: DocumentRow): Format {
  return {
    name,
    parse(source) {
      const fields = fieldsOf(source);
      const text = fields(...hash) ?? source.hash;
      if (text === undefined || text === '') return refuse('no_hash');
      const parsedHash = read(text, fields, source);
      return 'reason' in parsedHash && isUnusable(text) ? refuse('unusable') : parsedHash;
    },
  };
}

/** The same format where other columns speak of the hash as well (`hasher`, `hash_method`): these hold it. */
export function hashFrom(names: readonly string[], { name, parse }: Format): Format {
  return { name, parse: (source) => parse({ ...source, hash: fieldsOf(source)(...names) ?? source.hash }) };
}
