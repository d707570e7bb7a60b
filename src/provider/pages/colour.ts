/** The arithmetic that keeps pages readable whatever colour a brand has. */
import { channels, contrast } from '../../colour.ts';

/** `share` of `other` (0 to 1) in `colour`. */
export function mix(colour: string, other: string, share: number): string {
  const parts = channels(other);
  const mixed = channels(colour).map((value, index) =>
    Math.round(value + ((parts[index] ?? 0) - value) * share),
  );
  return `#${mixed.map((value) => value.toString(16).padStart(2, '0')).join('')}`;
}

/** The colour, moved towards `end` only as far as it must be to stand out from every surface by `ratio`. */
export function standOut(colour: string, { from, towards, ratio }: Separation): string {
  for (let share = 0; share < 1; share += 0.04) {
    const candidate = mix(colour, towards, share);
    if (from.every((surface) => contrast(candidate, surface) >= ratio)) return candidate;
  }
  return towards;
}

export interface Separation {
  readonly from: readonly string[];
  readonly towards: string;
  readonly ratio: number;
}
