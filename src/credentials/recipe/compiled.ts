/** The recipes of a mapping, each compiled once. */
import type { Format } from '../format.ts';
import { compileRecipe } from './compile.ts';
import { RecipeError } from './recipe-error.ts';
import { formatOf } from './recipe-format.ts';

/** More than any mapping has; `hash verify` may bring a recipe per line. */
const MAX_RECIPES = 200;

const compiled = new Map<string, Format | RecipeError>();

/** A stored password's recipe as a format, or what is wrong with it. */
export function recipeNamed(text: string): Format | RecipeError {
  const known = compiled.get(text) ?? read(text);
  // The one asked for last is the last to go.
  compiled.delete(text);
  compiled.set(text, known);
  if (compiled.size > MAX_RECIPES) compiled.delete(compiled.keys().next().value!);
  return known;
}

function read(text: string): Format | RecipeError {
  try {
    return formatOf('recipe', compileRecipe(text));
  } catch (error) {
    if (error instanceof RecipeError) return error;
    throw error;
  }
}
