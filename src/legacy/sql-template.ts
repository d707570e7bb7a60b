/**
 * SQL written by the operator with named binds (`:login`, `:id`). Values never become text of the statement. Whatever
 * two engines could read differently (comments, backslashes, dollar quotes) is refused when the config is loaded, so
 * that what this file takes for a literal is one.
 */
import { z } from 'zod';

export interface SqlTemplate {
  /** With `?` in place of each bind. */
  readonly text: string;
  /** The binds' names in the order of the question marks. */
  readonly binds: readonly string[];
}

const MAX_TEMPLATE_LENGTH = 10_000;

const REFUSED: readonly (readonly [RegExp, string])[] = [
  [/\$\{|\{\{|#\{|<%|%s|%\(/, 'values are bound by name (:id), not pasted into the text'],
  [/\?|\$\d/, 'binds have names (:id), not positions; a question mark is not allowed, not even in a literal'],
  [/--|\/\*|#(?!>)/, 'comments are not allowed inside SQL: engines read them differently'],
  [/\\|\$[A-Za-z_]*\$|\0/, 'backslashes and dollar quotes are not allowed: engines read them differently'],
];

/** Literals and quoted names, casts, binds, ends of statements; everything else is copied. */
const TOKEN = /'(?:[^']|'')*'|"(?:[^"]|"")*"|`[^`]*`|::|:([A-Za-z_]\w*)|['"`;]/g;

/** Compiles a template; throws an Error whose message tells the operator what to change. */
export function compileTemplate(
  sql: string,
  required: readonly string[],
  optional: readonly string[] = [],
): SqlTemplate {
  const known = [...required, ...optional];
  const source = sql.trim().replace(/;$/, '');
  for (const [pattern, why] of REFUSED) if (pattern.test(source)) throw new Error(why);
  const binds: string[] = [];
  const text = source.replace(TOKEN, (token: string, bind: string | undefined) => {
    if (bind !== undefined) {
      if (!known.includes(bind)) {
        throw new Error(`there is no bind :${bind} here, only ${known.map((name) => `:${name}`).join(', ')}`);
      }
      binds.push(bind);
      return '?';
    }
    if (token === ';') throw new Error('one statement only');
    if (token.length === 1) throw new Error(`a ${token} is not closed`);
    const quoted = known.find((name) => new RegExp(`:${name}\\b`).test(token));
    if (quoted)
      throw new Error(`:${quoted} stands inside quotes, where it is plain text: write it without them`);
    return token;
  });
  const missing = required.find((name) => !binds.includes(name));
  if (missing) throw new Error(`the bind :${missing} is missing`);
  return { text, binds };
}

/** A template in the settings. It starts with one of the `verbs`, names each bind at least once, and may name the `optional`. */
export const sqlTemplate = (
  verbs: readonly string[],
  binds: readonly string[],
  optional: readonly string[] = [],
) =>
  z
    .string()
    .max(MAX_TEMPLATE_LENGTH)
    .transform((sql, context): SqlTemplate => {
      const verb = /^\s*([a-z]+)/i.exec(sql)?.[1]?.toLowerCase();
      try {
        if (!verb || !verbs.includes(verb))
          throw new Error(`expected a statement that starts with ${verbs.join(' or ')}`);
        return compileTemplate(sql, binds, optional);
      } catch (error) {
        context.addIssue({ code: 'custom', message: (error as Error).message });
        return z.NEVER;
      }
    });
