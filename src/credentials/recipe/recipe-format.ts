/** A recipe as a format: the columns' values go in, and out comes the algorithm that it is, or a program. */
import type { Format } from '../format.ts';
import { isUnusable } from '../format.ts';
import type { ParsedHash } from '../hash.ts';
import { hashOf } from '../hash.ts';
import type { Refusal } from '../reasons.ts';
import { refuse } from '../reasons.ts';
import type { Source } from '../source.ts';
import type { Bound, Row } from './bind.ts';
import { bind, missingFrom } from './bind.ts';
import { unwrapped } from './comparison.ts';
import type { Recipe } from './compile.ts';
import { compileRecipe } from './compile.ts';
import { nativeOf } from './native.ts';
import { StepError } from './recipe-error.ts';

export interface RecipeRow {
  readonly name: string;
  readonly recipe: string;
  /** Matches the whole hash; the recipe has its groups as `$1` to `$9`, and one that took no part as empty. */
  readonly pattern?: RegExp;
  /** True: the pattern is unmistakable, so that `auto` may go by it. */
  readonly mark?: boolean;
  /** Site-wide settings without which nothing can be verified, besides those that the recipe names. */
  readonly settings?: readonly string[];
  readonly needsUsername?: boolean;
}

/** A row of a shelf. Throws RecipeError when the module loads. */
export function recipeFormat(row: RecipeRow): Format {
  const { name, pattern, mark } = row;
  const recipe = compileRecipe(row.recipe, { groups: pattern ? groupsOf(pattern) : 0 });
  const markOnly = mark && {
    recognises: ({ hash }: Source) => hash !== undefined && pattern?.test(hash) === true,
  };
  return { name, ...markOnly, parse: (source) => parseRow(recipe, row, source) };
}

/** A mapping's recipe, which has no pattern. */
export function formatOf(name: string, recipe: Recipe): Format {
  return { name, parse: (source) => parseWith(recipe, { source, groups: [] }) };
}

function groupsOf(pattern: RegExp): number {
  return new RegExp(`${pattern.source}|`, pattern.flags).exec('')!.length - 1;
}

function parseRow(recipe: Recipe, row: RecipeRow, source: Source): ParsedHash | Refusal {
  const { pattern, settings = [], needsUsername } = row;
  if (pattern && source.hash === undefined) return refuse('no_hash');
  const groups = pattern ? pattern.exec(source.hash!) : [];
  if (!groups) return malformed(source);
  if (settings.some((setting) => source.setting(setting) === undefined)) return refuse('setting_missing');
  if (needsUsername && source.username === undefined) return refuse('username_missing');
  return parseWith(recipe, { source, groups });
}

const malformed = ({ hash }: Source) =>
  refuse(hash !== undefined && isUnusable(hash) ? 'unusable' : 'malformed');

function parseWith(recipe: Recipe, row: Row): ParsedHash | Refusal {
  const missing = missingFrom(recipe, row);
  if (missing) return refuse(missing);
  try {
    const bound = unwrapped(bind(recipe, row));
    return nativeOf(bound) ?? programOf(bound);
  } catch (error) {
    if (!(error instanceof StepError)) throw error;
    return error.why === 'bounds' ? refuse('recipe_bounds') : malformed(row.source);
  }
}

function programOf({ program, expected }: Bound): ParsedHash | Refusal {
  return hashOf('recipe', { program }, { digest: expected.bytes });
}
