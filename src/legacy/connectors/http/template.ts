/**
 * Requests as data with holes for values: `users/{login}`. A value becomes part of one segment of the path, one value
 * of the query, or one text of the body, and can never be more than that.
 */

export type Value = string | number | boolean | null;
export type Values = Readonly<Record<string, Value>>;
export type Json = string | number | boolean | null | readonly Json[] | { readonly [name: string]: Json };

/** `:json`: as a JSON text, quotes and all, which is how SCIM's filters write values (RFC 7644 section 3.4.2.2). */
const HOLE = /\{([A-Za-z][\w.-]{0,63})(:json)?\}/g;
const WHOLE = /^\{([A-Za-z][\w.-]{0,63})\}$/;
/** What may stand in a segment unescaped (RFC 3986 section 3.3). */
const SEGMENT = /^[\w.~!$&'()*+,;=:@%-]*$/;

/** What is wrong with a path, or undefined. */
export function pathProblem(path: string, names: readonly string[]): string | undefined {
  const literal = path.replace(HOLE, (_all, _name, json) => (json ? '\0' : ''));
  if (!literal.split('/').every((segment) => SEGMENT.test(segment)))
    return 'expected segments of a path with {…} in them, no query, percent-encoded where need be';
  if (path.split('/').some(isDots)) return 'a path must not go up';
  return unknownIn(path, names);
}

/** What is wrong with a value of a query, a form or a body, or undefined. */
export function textProblem(text: string, names: readonly string[]): string | undefined {
  if (WHOLE.test(text)) return unknownIn(text, names);
  const bare = [...text.matchAll(HOLE)].find(([, name = '', json]) => !json && isKnown(name, names));
  // Inside a filter or a query language, a value would be part of its syntax.
  if (bare) return `{${bare[1]}} has to stand alone, or as {${bare[1]}:json}`;
  const json = [...text.matchAll(HOLE)].find(([, name = '', json]) => json && !isKnown(name, names));
  return json && `there is no {${json[1]}} here, only ${listed(names)}`;
}

/** Every text in a body, names of members aside. */
export function textsIn(body: Json | undefined): readonly string[] {
  if (typeof body === 'string') return [body];
  return typeof body === 'object' && body !== null ? Object.values(body).flatMap(textsIn) : [];
}

/** Undefined where a value is nothing that a path can name: then nobody has it. */
export function fillPath(path: string, values: Values): string | undefined {
  const segments = path.split('/').filter((segment, index) => segment !== '' || index > 0);
  const filled: string[] = [];
  for (const segment of segments) {
    const texts = [...segment.matchAll(HOLE)].map(([, name = '']) => String(values[name] ?? ''));
    if (texts.some((text) => text === '' || climbs(text) || hasControls(text))) return undefined;
    const full = segment.replace(HOLE, (_all, name: string) => encoded(String(values[name])));
    if (isDots(full)) return undefined;
    filled.push(full);
  }
  return filled.join('/');
}

/** A hole that is all of the text keeps its value's type. */
export function fillText(text: string, values: Values): Value {
  const [, whole] = WHOLE.exec(text) ?? [];
  if (whole !== undefined) return valueFor(whole, values);
  return text.replace(HOLE, (all, name: string, json) =>
    json ? JSON.stringify(valueFor(name, values)) : all,
  );
}

/** Null is a value: it takes away. */
const valueFor = (name: string, values: Values): Value => {
  const { [name]: value = '' } = values;
  return value;
};

export function fillBody(body: Json, values: Values): Json {
  if (typeof body === 'string') return fillText(body, values);
  if (Array.isArray(body)) return body.map((inner: Json) => fillBody(inner, values));
  if (typeof body !== 'object' || body === null) return body;
  return Object.fromEntries(Object.entries(body).map(([name, inner]) => [name, fillBody(inner, values)]));
}

/** Holes named `user.…` stand for what the record says at this path. */
export function holesIn(texts: readonly string[]): readonly string[] {
  return texts.flatMap((text) => [...text.matchAll(HOLE)].map(([, name = '']) => name));
}

const isKnown = (name: string, names: readonly string[]) =>
  names.includes(name) || (names.includes('user.…') && /^user\../.test(name));
const listed = (names: readonly string[]) => names.map((name) => `{${name}}`).join(', ') || 'none';

function unknownIn(text: string, names: readonly string[]): string | undefined {
  const unknown = holesIn([text]).find((name) => !isKnown(name, names));
  return unknown === undefined ? undefined : `there is no {${unknown}} here, only ${listed(names)}`;
}

/** Everything but letters, digits and `-._~` (RFC 3986 section 2.3). */
const encoded = (text: string) =>
  encodeURIComponent(text).replace(/[!'()*]/g, (letter) => `%${letter.charCodeAt(0).toString(16)}`);

/** The dots of a step up, also escaped, which some servers decode twice. */
const isDots = (segment: string) => /^(?:\.|%2e){1,2}$/i.test(segment);
const climbs = (text: string) =>
  text
    .replace(/%2f|%5c/gi, '/')
    .split(/[/\\]/)
    .some(isDots);
const hasControls = (text: string) => /[\x00-\x1f\x7f]/.test(text) || !text.isWellFormed();
