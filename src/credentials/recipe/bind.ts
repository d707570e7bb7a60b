/** A recipe and a row: what must come out, and a program whose only unknown is the password. */
import type { ReasonCode } from '../reasons.ts';
import type { Source } from '../source.ts';
import type { Recipe } from './compile.ts';
import { compute, demandBounds } from './evaluate.ts';
import { MAX_BYTES, MAX_OUTSIDE_BYTES } from './function.ts';
import { functionOf } from './functions/index.ts';
import { StepError } from './recipe-error.ts';
import type { Node, Origin, OutsideNode, TextNode } from './tree.ts';
import { constantOf } from './tree.ts';

/** What a row holds, as bytes. */
export interface Row {
  readonly source: Source;
  /** What the pattern's groups matched; one that took no part is empty. */
  readonly groups: readonly (string | undefined)[];
}

export interface Bound {
  readonly program: Node;
  readonly expected: TextNode;
}

/** Calls on longer constants are left to the workers: this is done where logins wait for each other. */
const MAX_FOLDED_BYTES = 2 * MAX_OUTSIDE_BYTES;

const MISSING: Readonly<Record<OutsideNode['kind'], ReasonCode>> = {
  hash: 'no_hash',
  salt: 'column_missing',
  column: 'column_missing',
  setting: 'setting_missing',
  username: 'username_missing',
  group: 'malformed',
};

/** Why the row cannot be read at all. */
export function missingFrom(recipe: Recipe, row: Row): ReasonCode | undefined {
  const missing = recipe.needs.find((node) => bytesOf(node, row) === undefined);
  return missing && MISSING[missing.kind];
}

/** Throws StepError where a value cannot be taken. Nothing may be missing. */
export function bind({ program, expected }: Recipe, row: Row): Bound {
  const constant = folded(expected, row);
  if (constant.kind !== 'text') throw new StepError('bounds');
  return { program: folded(program, row), expected: constant };
}

function bytesOf(node: OutsideNode, { source, groups }: Row): Uint8Array | undefined {
  switch (node.kind) {
    case 'group':
      return Buffer.from(groups[node.index] ?? '', 'utf8');
    case 'username':
      return textBytes(source.username);
    case 'setting':
      return textBytes(source.setting(node.name)) ?? node.fallback;
    case 'column':
      return columnBytes(source, node.name, source.column(node.name)) ?? node.fallback;
    case 'hash': {
      // What the pattern has matched, where there is one.
      if (groups.length > 0) return textBytes(source.hash);
      const hash = columnBytes(source, 'hash', source.hash);
      return hash?.length ? hash : undefined;
    }
    case 'salt':
      return columnBytes(source, 'salt', source.salt);
  }
}

const textBytes = (text: string | undefined) => (text === undefined ? undefined : Buffer.from(text, 'utf8'));

/** `undefined` for NULL, what is too long, and what is neither text nor bytes nor a number. */
function ownBytes(value: unknown): Uint8Array | undefined {
  const isNumber = typeof value === 'number' || typeof value === 'bigint';
  const bytes = typeof value === 'string' || isNumber ? Buffer.from(String(value), 'utf8') : value;
  return bytes instanceof Uint8Array && bytes.length <= MAX_OUTSIDE_BYTES ? bytes : undefined;
}

/**
 * The column of this very name, else the text that the row's names suggest. Binary columns are taken byte by byte:
 * as text they would lose what is not UTF-8.
 */
function columnBytes(source: Source, name: string, text: string | undefined): Uint8Array | undefined {
  if (Object.hasOwn(source.columns, name)) return ownBytes(source.columns[name]);
  const binary = Object.values(source.columns).find(
    (value) => value instanceof Uint8Array && Buffer.from(value).toString('utf8') === text,
  );
  return binary instanceof Uint8Array ? binary : textBytes(text);
}

const LITERAL: Origin = { row: false, username: false, setting: false };
const originOf = (node: Node) => (node.kind === 'text' ? (node.origin ?? LITERAL) : LITERAL);

function isOfSameOrigin(a: Node, b: Node): boolean {
  const [one, other] = [originOf(a), originOf(b)];
  return one.row === other.row && one.username === other.username && one.setting === other.setting;
}

function text(bytes: Uint8Array, from: readonly Origin[]): TextNode {
  if (bytes.length > MAX_BYTES) throw new StepError('bounds');
  const origin = {
    row: from.some(({ row }) => row),
    username: from.some(({ username }) => username),
    setting: from.some(({ setting }) => setting),
  };
  return { kind: 'text', bytes, origin };
}

/** The tree with the row's values in, and everything computed that hangs on them alone and takes no loop. */
function folded(node: Node, row: Row): Node {
  switch (node.kind) {
    case 'text':
    case 'number':
    case 'password':
    case 'it':
      return node;
    case 'concat':
      return joined(node.parts.map((part) => folded(part, row)));
    case 'call':
      return called(
        node.name,
        node.args.map((arg) => folded(arg, row)),
      );
    default: {
      const setting = node.kind === 'setting';
      const origin = { row: !setting, username: node.kind === 'username', setting };
      return text(bytesOf(node, row) ?? Buffer.alloc(0), [origin]);
    }
  }
}

/** Without sequences in sequences, and neighbouring constants of the same origin as one. */
function joined(parts: readonly Node[]): Node {
  const flat = parts.flatMap((part) => (part.kind === 'concat' ? part.parts : part));
  const merged: Node[] = [];
  for (const part of flat) {
    const last = merged.at(-1);
    if (part.kind !== 'text' || last?.kind !== 'text' || !isOfSameOrigin(part, last)) merged.push(part);
    else
      merged[merged.length - 1] = text(Buffer.concat([last.bytes, part.bytes]), [last, part].map(originOf));
  }
  const filled = merged.filter((part) => part.kind !== 'text' || part.bytes.length > 0);
  if (filled.every(({ kind }) => kind === 'text')) {
    return text(Buffer.concat(filled.map((part) => constantOf(part) as Buffer)), merged.map(originOf));
  }
  return filled.length === 1 ? filled[0]! : { kind: 'concat', parts: filled };
}

function called(name: string, args: readonly Node[]): Node {
  const row = functionOf(name);
  const values = args.map(constantOf);
  const isKnown = args.every(({ kind }) => kind === 'text' || kind === 'number');
  if (!row.compute || !isKnown || bytesIn(values) > MAX_FOLDED_BYTES) {
    demandBounds(row, values);
    return { kind: 'call', name, args };
  }
  const result = compute(name, values);
  return typeof result === 'number' ? { kind: 'number', value: result } : text(result, args.map(originOf));
}

function bytesIn(values: readonly (Buffer | number)[]): number {
  return values.reduce<number>((sum, value) => sum + (typeof value === 'number' ? 0 : value.length), 0);
}
