/** A recipe in the mapping: checked when the config is loaded, and that the mapping hands over what it needs. */
import { z } from 'zod';
import { compileRecipe, needsOf, RecipeError } from '../credentials/recipe/compile.ts';

export const recipe = z
  .string()
  .min(1)
  .superRefine((text, context) => {
    try {
      compileRecipe(text);
    } catch (error) {
      if (!(error instanceof RecipeError)) throw error;
      context.addIssue({ code: 'custom', message: error.message });
    }
  })
  .describe('Instead of a format: how a home-made hash comes about, like `hex(md5(salt . password))`.');

interface WithRecipe {
  readonly format?: string | undefined;
  readonly recipe?: string | undefined;
  readonly columns: Readonly<Record<string, unknown>>;
  readonly settings?: Readonly<Record<string, unknown>> | undefined;
  readonly username?: unknown;
}

/** Exactly one of format and recipe, and a recipe's columns, settings and user name by the names that it uses. */
export function checkRecipe(password: WithRecipe, context: z.core.$RefinementCtx): void {
  const problem = (path: string[], message: string) => context.addIssue({ code: 'custom', path, message });
  if ((password.format === undefined) === (password.recipe === undefined)) {
    problem([], 'expected exactly one of format and recipe');
  }
  const needs = needsOf(password.recipe);
  if (!needs) return;
  const { columns, settings = {} } = password;
  for (const name of needs.columns) {
    if (!(name in columns)) problem(['columns'], `the recipe uses the column ${name}, which is not there`);
  }
  for (const name of Object.keys(columns)) {
    if (!needs.knownColumns.includes(name)) problem(['columns', name], 'the recipe does not use this column');
  }
  for (const name of needs.settings) {
    if (!(name in settings)) problem(['settings'], `the recipe uses the setting ${name}, which is not there`);
  }
  if (needs.username && password.username === undefined) {
    problem(['username'], 'the recipe uses the user name, which is not there');
  }
}
