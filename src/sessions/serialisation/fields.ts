/** Where in a session the person stands, for frameworks that have no place of their own for it. */
import { z } from 'zod';

export type SessionMap = Readonly<Record<string, unknown>>;

const PATH = /^[^.\s]{1,128}(?:\.[^.\s]{1,128}){0,7}$/;

/** Settings of formats that leave the person's place to the app. */
export const userField = (fallback?: string) => {
  const path = z
    .string()
    .regex(PATH, { error: 'expected names joined by dots, like user.id' })
    .describe(
      'Where in the session the person is: names joined by dots, like `user.id`; items of lists by their number.',
    );
  return fallback === undefined ? path : path.default(fallback);
};
export const userIs = z
  .enum(['number', 'text'])
  .default('number')
  .describe(
    'How a new session names the person: `number`, where it is a whole number; `text`, always as text.',
  );

const isEnumerable = Object.prototype.propertyIsEnumerable;

/** What stands at the path; what JavaScript itself has there (`length`, `constructor`) does not count. */
export function valueAt(data: unknown, path: readonly string[]): unknown {
  let value = data;
  for (const name of path) {
    if (value === null || typeof value !== 'object' || !isEnumerable.call(value, name)) return undefined;
    value = (value as SessionMap)[name];
  }
  return value;
}

/** The data with the value at the path; what is in its way gives way. */
export function withValueAt(data: unknown, path: readonly string[], value: unknown): unknown {
  const [name, ...rest] = path;
  if (name === undefined) return value;
  const within = data !== null && typeof data === 'object' && Object.hasOwn(data, name);
  const inner = withValueAt(within ? (data as SessionMap)[name] : undefined, rest, value);
  if (Array.isArray(data) && /^\d{1,3}$/.test(name) && Number(name) <= data.length)
    return data.toSpliced(Number(name), 1, inner);
  if (name === '0' && (data === null || typeof data !== 'object')) return [inner];
  const isMap = data !== null && typeof data === 'object' && !Array.isArray(data);
  return { ...(isMap ? data : {}), [name]: inner };
}

export const pathOf = (field: string): readonly string[] => field.split('.');

/** A person's key as text, of what frameworks write as text or as a whole number; undefined for anything else. */
export function personText(value: unknown): string | undefined {
  if (typeof value === 'number') return Number.isSafeInteger(value) ? String(value) : undefined;
  if (typeof value === 'bigint') return String(value);
  return typeof value === 'string' && PERSON.test(value) && value.isWellFormed() ? value : undefined;
}
/** Databases refuse control characters, and nobody is called so. */
const PERSON = /^[^\u0000-\u001f\u007f]{1,512}$/;

/** A person's key as frameworks write it: a whole number where it is one, without loss; text otherwise. */
export function personValue(person: string, as: 'number' | 'text' = 'number'): string | number {
  return as === 'number' && /^(?:0|[1-9]\d{0,14})$/.test(person) ? Number(person) : person;
}
