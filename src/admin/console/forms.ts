/**
 * An operation's form, made from the schema that checks it: what the command line takes as options. An empty field is not given,
 * as there.
 */
import type { z } from 'zod';
import { FootbridgeError } from '../../errors.ts';
import type { Operation } from '../operation.ts';

export interface Field {
  readonly name: string;
  readonly label: string;
  readonly hint: string;
  /** `long`: several lines; `command-line`: a file there, which nobody has here. */
  readonly kind: 'text' | 'number' | 'choice' | 'check' | 'long' | 'command-line';
  readonly isNeeded: boolean;
  readonly options: readonly string[];
  /** What is meant when nothing is given. */
  readonly standard?: string;
}

export interface FilledField extends Field {
  readonly value: string;
  readonly fault?: string;
}

/** As a form or a link brings it: texts, and `true` for a ticked box. */
export type Given = Readonly<Record<string, string | true>>;

/** What zod says of a schema, as far as forms look. */
interface Definition {
  readonly type: string;
  readonly innerType?: z.ZodType;
  readonly in?: z.ZodType;
  readonly defaultValue?: unknown;
  readonly entries?: Readonly<Record<string, string>>;
}
const definitionOf = (schema: z.ZodType): Definition => schema.def as unknown as Definition;

const WRAPPERS = new Set(['optional', 'default', 'prefault', 'nullable', 'readonly', 'catch']);
/** A text that may be longer than this is written on several lines. */
const LINE = 2_000;
/** Files are read and written where somebody is at a command line; a server has none to offer. */
const OF_FILES = /\bfile\b|on the command line|standard input/i;

export const fieldsOf = (operation: Operation): Field[] =>
  Object.entries(operation.input.shape as Record<string, z.ZodType>).map(([name, schema]) =>
    fieldOf(name, schema),
  );

function fieldOf(name: string, schema: z.ZodType): Field {
  const { inner, standard, hint } = unwrapped(schema);
  const { entries } = definitionOf(inner);
  // As the command line tells them: what takes a text takes a value.
  const isFlag = schema.safeParse(true).success && !schema.safeParse('1').success;
  const isYesByDefault = isFlag && standard === true;
  const options = isYesByDefault ? ['yes', 'no'] : entries ? Object.values(entries) : [];
  return {
    name,
    label: labelOf(name),
    hint,
    kind: OF_FILES.test(hint) ? 'command-line' : isYesByDefault ? 'choice' : isFlag ? 'check' : kindOf(inner),
    isNeeded: !schema.safeParse(undefined).success,
    options,
    ...(isYesByDefault ? { standard: 'yes' } : isFlag ? {} : textOf(standard)),
  };
}

const textOf = (standard: unknown): { standard?: string } =>
  standard === undefined || standard === null || standard === '' ? {} : { standard: String(standard) };

function unwrapped(schema: z.ZodType): { inner: z.ZodType; standard: unknown; hint: string } {
  let inner = schema;
  let standard: unknown;
  let hint = schema.description ?? '';
  for (;;) {
    const definition = definitionOf(inner);
    if (WRAPPERS.has(definition.type)) standard ??= definition.defaultValue;
    const next = WRAPPERS.has(definition.type)
      ? definition.innerType
      : definition.type === 'pipe'
        ? definition.in
        : undefined;
    if (!next) return { inner, standard, hint };
    inner = next;
    hint ||= inner.description ?? '';
  }
}

function kindOf(inner: z.ZodType): Field['kind'] {
  const { type } = definitionOf(inner);
  if (type === 'enum') return 'choice';
  if (type === 'number') return 'number';
  const { maxLength } = inner as { maxLength?: number | null };
  return type === 'string' && (maxLength ?? 0) > LINE ? 'long' : 'text';
}

const labelOf = (name: string) => {
  const words = name.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
  return words.charAt(0).toUpperCase() + words.slice(1);
};

export const filled = (
  fields: readonly Field[],
  given: Given,
  faults: ReadonlyMap<string, string> = new Map(),
): FilledField[] => {
  const first = fields.find(({ name, kind }) => faults.has(name) && kind !== 'command-line');
  return fields.map((field) => {
    const fault = faults.get(field.name);
    return {
      ...field,
      value: String(given[field.name] ?? ''),
      ...(fault ? { fault } : {}),
      ...(field === first ? { isFirstFault: true as const } : {}),
    };
  });
};

/** What a form or a link says of these fields; a box is ticked by any value but `false`. */
export function givenIn(fields: readonly Field[], from: URLSearchParams): Given {
  const given: Record<string, string | true> = {};
  for (const { name, kind } of fields) {
    const text = from.get(name);
    const value = kind === 'long' ? text?.replaceAll('\r\n', '\n') : text?.trim();
    if (value === undefined || value === '' || kind === 'command-line') continue;
    if (kind !== 'check') given[name] = value;
    else if (value !== 'false') given[name] = true;
  }
  return given;
}

/** The operation's input, or what is wrong with which field; under '' what is wrong with all of it. */
export function inputOf(
  operation: Operation,
  given: Given,
): { readonly input: z.output<z.ZodObject> } | { readonly faults: ReadonlyMap<string, string> } {
  const kinds = new Map(fieldsOf(operation).map((field) => [field.name, field]));
  const typed = Object.entries(given).map(([name, value]) => {
    const field = kinds.get(name);
    const isYesOrNo = field?.kind === 'choice' && field.options[0] === 'yes' && field.options[1] === 'no';
    return [name, isYesOrNo ? value === 'yes' : value];
  });
  const parsed = operation.input.safeParse(Object.fromEntries(typed));
  if (parsed.success) return { input: parsed.data };
  const faults = new Map<string, string>();
  for (const issue of parsed.error.issues) {
    const { path } = issue;
    const name = String(path[0] ?? '');
    const known = faults.get(name);
    const words = faultWords(issue);
    faults.set(name, known ? `${known}; ${words}` : words);
  }
  return { faults };
}

/** What has to stand there instead, for whoever has typed something else. */
const KIND_WORDS: Readonly<Record<string, string>> = {
  number: 'A number has to stand here.',
  int: 'A whole number has to stand here.',
  date: 'A date has to stand here.',
};

function faultWords(issue: { readonly code: string; readonly message: string; readonly expected?: unknown }) {
  const { code, message, expected } = issue;
  if (/received undefined$/.test(message)) return 'Something has to stand here.';
  const words = code === 'invalid_type' ? KIND_WORDS[String(expected)] : undefined;
  return words ?? message.replace(/^Invalid input: /, '');
}

// PostgreSQL refuses NUL in text; the other C0 controls have no place in any field either.
const CONTROL = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f]/;
/** More than any form of ours has. */
const FIELDS = 200;

/** Throws not_found for a path that no link of ours has. */
export function checkPath(path: string): void {
  const plain = decoded(path);
  if (plain === undefined || CONTROL.test(plain)) throw new FootbridgeError('not_found');
}

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}

/** The body of a form, or a query. Throws bad_request for what no page of ours sends. */
export function checkedFields(text: string): URLSearchParams {
  const fields = new URLSearchParams(text);
  const all = [...fields].flat();
  if (all.length > FIELDS || all.some((one) => CONTROL.test(one) || !one.isWellFormed()))
    throw new FootbridgeError('bad_request', { detail: 'the form holds what no form of ours holds' });
  return fields;
}
