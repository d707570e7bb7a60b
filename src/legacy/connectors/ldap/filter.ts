/** Filters that operators write (RFC 4515). What people type is never part of one: it goes as a value of the protocol. */
import type { Filter } from 'ldapts';

const ITEM = /\((?:[\w-]+(?:[~<>]?=)|[\w-]*(?::dn)?(?::[\w.-]+)?:=)(?:[^()\\\0\u0001]|\\[\da-f]{2})*\)/gi;
const GROUP = /\([&|]\u0001+\)|\(!\u0001\)/g;

/** Whether this is one filter, from its first parenthesis to its last. */
export function isFilter(text: string): boolean {
  if (/[\u0001]/.test(text) || !isText(text)) return false;
  let rest = text.replace(ITEM, '\u0001');
  for (let before = ''; before !== rest; ) {
    before = rest;
    rest = rest.replace(GROUP, '\u0001');
  }
  return rest === '\u0001';
}

const ESCAPES = /(?:\\[89a-f][\da-f])+/gi;

/** ldapts takes `\c3\bc` for two letters: so the letters that are more than a byte stand for themselves. */
export const decodeEscapes = (text: string): string =>
  text.replace(ESCAPES, (run) => bytesOf(run).toString());

const bytesOf = (run: string) => Buffer.from(run.replaceAll('\\', ''), 'hex');
const isText = (text: string) =>
  [...text.matchAll(ESCAPES)].every(([run]) => bytesOf(run).equals(Buffer.from(bytesOf(run).toString())));

/** The operator's filter, and one of these attributes with one of these values. */
export async function narrowed(
  text: string,
  attributes: readonly string[],
  values: readonly Buffer[],
): Promise<Filter> {
  const { AndFilter, EqualityFilter, OrFilter } = await import('ldapts');
  const filters = attributes.flatMap((attribute) =>
    values.map((value) => new EqualityFilter({ attribute, value })),
  );
  return new AndFilter({ filters: [await parsed(text), new OrFilter({ filters })] });
}

export async function parsed(text: string): Promise<Filter> {
  const { FilterParser } = await import('ldapts');
  return FilterParser.parseString(text);
}
