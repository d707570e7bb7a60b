/** A hash whose store does something to the password first. */
import type { ParsedHash } from './hash.ts';
import type { PreparationStep } from './preparation.ts';
import type { Refusal } from './reasons.ts';
import { isRefusal } from './reasons.ts';

/** The same hash over the password as the steps leave it; what the hash itself does comes after. */
export function prepared(
  parsed: ParsedHash | Refusal,
  steps: readonly PreparationStep[],
): ParsedHash | Refusal {
  if (isRefusal(parsed)) return parsed;
  return { ...parsed, preparation: [...steps, ...parsed.preparation] };
}
