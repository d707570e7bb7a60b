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
/** No format's name is half as long. */
const MAX_NAME_LENGTH = 100;

/** The share of words that two names have in common, 0 to 1. */
export function likeness(name: string, other: string): number {
  const words = new Set(fold(name.slice(0, MAX_NAME_LENGTH)).split('-'));
  const others = fold(other).split('-');
  return others.filter((word) => words.has(word)).length / Math.max(words.size, others.length);
}

/** Names that share most of their words with one that is not known: what was probably meant. */
export function similarNames(name: string): string[] {
  return [...BY_NAME.keys()]
    .map((other) => ({ other, alike: likeness(name, other) }))
    .filter(({ alike }) => alike >= 0.5)
    .sort((a, b) => b.alike - a.alike)
    .slice(0, MAX_SUGGESTIONS)
    .map(({ other }) => other);
}
