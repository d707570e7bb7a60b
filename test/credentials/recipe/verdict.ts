/** What becomes of a password, computed here and now: parsed, bounded, prepared, derived and compared. */
import type { Format } from '../../../src/credentials/format.ts';
import { algorithmOf, isWithinBounds } from '../../../src/credentials/hash.ts';
import { passwordSettings } from '../../../src/credentials/password-settings.ts';
import { prepare } from '../../../src/credentials/preparation.ts';
import type { ReasonCode } from '../../../src/credentials/reasons.ts';
import { isRefusal } from '../../../src/credentials/reasons.ts';
import { compileRecipe } from '../../../src/credentials/recipe/compile.ts';
import { formatOf } from '../../../src/credentials/recipe/recipe-format.ts';
import { sourceOf } from '../../../src/credentials/source.ts';
import type { StoredPassword } from '../../../src/user.ts';

const { caps } = passwordSettings.parse({});

export type Stored = Omit<StoredPassword, 'format'>;

export function parsed(recipe: string | Format, stored: Stored) {
  const format = typeof recipe === 'string' ? formatOf('recipe', compileRecipe(recipe)) : recipe;
  return format.parse(sourceOf({ ...stored, format: 'recipe' }));
}

/** Whether the password opens it, or the reason why nothing is computed. */
export async function verdict(
  recipe: string | Format,
  stored: Stored,
  password: string,
): Promise<boolean | ReasonCode> {
  const hash = parsed(recipe, stored);
  if (isRefusal(hash)) return hash.reason;
  if (!isWithinBounds(hash, caps)) return 'parameters_out_of_bounds';
  try {
    const prepared = prepare(Buffer.from(password), hash.preparation);
    const derived = await algorithmOf(hash).derive(prepared, structuredClone(hash));
    return Buffer.from(derived).equals(hash.digest);
  } catch {
    return 'hash_not_computable';
  }
}

/** What an expression of bytes comes out as, by way of the comparison with what it should be. */
export async function comesOut(expression: string, expected: Uint8Array, stored: Partial<Stored> = {}) {
  const columns = { hash: Buffer.from(expected), ...stored.columns };
  // The password is only there because a recipe must use it.
  return verdict(`slice(password, 0, 0) . ${expression}`, { ...stored, columns }, 'any');
}
