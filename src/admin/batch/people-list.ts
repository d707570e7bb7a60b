/** A list of people that an operator hands over: one subject, or id of the legacy store, per line. */
import { FootbridgeError } from '../../errors.ts';
import type { Directory } from '../../legacy/directory.ts';
import { MAX_LISTED } from '../../migration/batch/selection.ts';

/** OpenID Connect Core section 2: nothing longer is a subject. */
const MAX_LINE_LENGTH = 255;
/** Bad lines that are named; more say nothing more. */
const NAMED = 10;

type Stores = Pick<Directory, 'legacyIdOf'>;

export interface Listed {
  /** As a mistake is named: `line 3`, or the text itself. */
  readonly label: string;
  readonly text: string;
}

/** Lines with something in them. */
export function linesOf(text: string): Listed[] {
  return text
    .replace(/^\uFEFF/, '')
    .split(/\r?\n/)
    .map((line, i) => ({ label: `line ${i + 1}`, text: line.trim() }))
    .filter((line) => line.text !== '');
}

/**
 * Subjects of the stores, sorted, each once. `prefixes` is what subjects of the stores begin with. Throws bad_request with
 * the labels of those that are neither a subject nor an id; an id that could be two stores' is nobody's.
 */
export function subjectsOf(lines: readonly Listed[], stores: Stores, prefixes: readonly string[]): string[] {
  if (lines.length === 0) throw bad('The list is empty.');
  if (lines.length > MAX_LISTED)
    throw bad(
      `The list has ${lines.length.toLocaleString('en')} lines; at most ${MAX_LISTED.toLocaleString('en')} people are listed.`,
    );
  const read = lines.map((line) => ({ line, sub: subjectOf(line.text, stores, prefixes) }));
  const wrong = read.filter(({ sub }) => sub === undefined).map(({ line }) => line.label);
  if (wrong.length > 0) throw bad(wrongWords(wrong));
  return [...new Set(read.map(({ sub }) => sub!))].sort();
}

function subjectOf(text: string, stores: Stores, prefixes: readonly string[]): string | undefined {
  if (text.length > MAX_LINE_LENGTH) return undefined;
  if (stores.legacyIdOf(text) !== undefined) return text;
  const known = prefixes.map((prefix) => prefix + text).filter((sub) => stores.legacyIdOf(sub) !== undefined);
  return known.length === 1 ? known[0] : undefined;
}

function wrongWords(labels: readonly string[]): string {
  const more = labels.length > NAMED ? ` and ${labels.length - NAMED} more` : '';
  return `Neither a subject nor an id of the legacy store: ${labels.slice(0, NAMED).join(', ')}${more}.`;
}

const bad = (detail: string) => new FootbridgeError('bad_request', { detail });

/** Of the settings as the desk has them: what the subjects of each store begin with. */
export function prefixesOf(legacySettings: unknown): string[] {
  const { stores = [] } = (legacySettings ?? {}) as { stores?: unknown };
  if (!Array.isArray(stores)) return [];
  return stores.flatMap(({ store, subjects }: { store?: unknown; subjects?: unknown }) =>
    typeof store === 'string' ? [subjects === 'bare' ? '' : `${store}:`] : [],
  );
}
