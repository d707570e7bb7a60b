/**
 * A format only parses: columns in, `ParsedHash` out. It never derives, and says in a reason why it cannot parse.
 *
 * A new one is a row (or a file with rows) in `formats/` and a line in its `index.ts`; its test is one call of
 * `formatContract` with a few real hashes. Give it a mark only when no other format can look the same.
 */
import type { ParsedHash } from './hash.ts';
import type { Refusal } from './reasons.ts';
import { isRefusal, refuse } from './reasons.ts';
import type { Source } from './source.ts';

export interface Format {
  readonly name: string;
  /** Whether `auto` may take these columns for this format. Left out: only where the mapping names it. */
  recognises?(source: Source): boolean;
  parse(source: Source): ParsedHash | Refusal;
}

/** A format whose hash is one text. */
export interface Row {
  readonly name: string;
  /** Matches the whole text; `read` gets its groups. */
  readonly pattern: RegExp;
  /** True: the pattern is unmistakable, so that `auto` may go by it. */
  readonly mark?: boolean;
  /** Site-wide settings without which nothing can be verified. */
  readonly settings?: readonly string[];
  readonly needsUsername?: boolean;
  read(groups: readonly (string | undefined)[], source: Source): ParsedHash | Refusal;
}

/** What stores write instead of a hash: Django `!…`, WordPress and shadow(5) `*`, `x`, locked accounts `!$6$…`. */
const UNUSABLE = /^(?:!.*|\*[A-Z*]*|x|NP|LK)$/s;

export function isUnusable(text: string): boolean {
  return UNUSABLE.test(text);
}

export function format({ name, pattern, mark, settings = [], needsUsername = false, read }: Row): Format {
  const markOnly = mark ? { recognises: ({ hash }: Source) => hash !== undefined && pattern.test(hash) } : {};
  return {
    name,
    ...markOnly,
    parse(source) {
      if (source.hash === undefined) return refuse('no_hash');
      const groups = pattern.exec(source.hash);
      if (!groups) return refuse(isUnusable(source.hash) ? 'unusable' : 'malformed');
      if (settings.some((setting) => source.setting(setting) === undefined)) return refuse('setting_missing');
      if (needsUsername && source.username === undefined) return refuse('username_missing');
      return read(groups, source);
    },
  };
}

/** Several rows that differ in their name only: frameworks that share a format. */
export function formats(names: readonly string[], row: Omit<Row, 'name'>): Format[] {
  return names.map((name) => format({ ...row, name }));
}

/** A column that holds several formats: the first that can read it does. */
export function anyOf(name: string, members: readonly Format[]): Format {
  return {
    name,
    parse(source) {
      let answer: Refusal = refuse('malformed');
      for (const member of members) {
        const parsed = member.parse(source);
        if (!isRefusal(parsed)) return parsed;
        if (parsed.reason !== 'malformed') answer = parsed;
      }
      return answer;
    },
  };
}
