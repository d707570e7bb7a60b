/** The functions of the language, by name. `docs/recipes.md` lists them. */
import type { RecipeFunction } from '../function.ts';
import { bytes, fixed } from '../function.ts';
import { byteFunctions } from './bytes.ts';
import { derivationFunctions } from './derivations.ts';
import { digestFunctions } from './digests.ts';
import { encodingFunctions } from './encodings.ts';
import { textFunctions } from './texts.ts';

const MAX_COUNT = 0xffffffff;

const iterate: RecipeFunction = {
  name: 'iterate',
  kind: 'loop',
  parameters: [fixed('count', 1, MAX_COUNT), bytes('first'), bytes('next')],
  result: 'bytes',
  does: 'Starts with `first` and takes the step `next` `count` times; in it, `it` is the value so far.',
  greatest: ([, first = 0, next = 0]) => Math.max(first, next),
};

export const FUNCTIONS: ReadonlyMap<string, RecipeFunction> = new Map(
  [
    ...digestFunctions,
    ...derivationFunctions,
    ...encodingFunctions,
    ...textFunctions,
    ...byteFunctions,
    iterate,
  ].map((row) => [row.name, row]),
);

/** Throws nothing: a compiled recipe names only functions that are there. */
export function functionOf(name: string): RecipeFunction {
  return FUNCTIONS.get(name)!;
}
