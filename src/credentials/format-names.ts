/** Formats by their names, as a mapping or a line of `footbridge hash` gives them. */
import type { Format } from './format.ts';
import { FORMATS } from './formats/index.ts';

const BY_NAME = new Map(FORMATS.map((format) => [format.name, format]));

/** `Django_PBKDF2_SHA256` and `django-pbkdf2-sha256` are one name, unless two formats would be meant. */
const fold = (name: string) => name.toLowerCase().replace(/[\s_.-]+/g, '-');
const BY_FOLDED = new Map<string, Format | undefined>();
for (const format of FORMATS) {
  const folded = fold(format.name);
  BY_FOLDED.set(folded, BY_FOLDED.has(folded) ? undefined : format);
}

/** Those that `auto` may take. */
export const MARKED: readonly Format[] = FORMATS.filter((format) => format.recognises);

export function formatNamed(name: string): Format | undefined {
  return BY_NAME.get(name) ?? BY_FOLDED.get(fold(name));
}

const MAX_SUGGESTIONS = 5;

/** Names that share most of their words with one that is not known: what was probably meant. */
export function similarNames(name: string): string[] {
  const words = new Set(fold(name).split('-'));
  const shared = (other: string) => {
    const others = fold(other).split('-');
    return others.filter((word) => words.has(word)).length / Math.max(words.size, others.length);
  };
  return [...BY_NAME.keys()]
    .map((other) => ({ other, likeness: shared(other) }))
    .filter(({ likeness }) => likeness >= 0.5)
    .sort((a, b) => b.likeness - a.likeness)
    .slice(0, MAX_SUGGESTIONS)
    .map(({ other }) => other);
}
