/** A brand's colour as a button may have it: readable, and seen in light mail programs and dark ones. */
import { contrast, EDGE_CONTRAST, textOn, WHITE } from '../colour.ts';

/** What dark mail programs put behind a letter, more or less. */
const DARK = '#121212';
/** Stands out from white and from dark by more than 3. */
const EDGE = '#767676';

export interface ButtonColours {
  readonly background: string;
  readonly text: string;
  readonly edge: string;
}

/** Of `#rrggbb`. */
export function buttonColours(background: string): ButtonColours {
  const isSeen = [WHITE, DARK].every((surface) => contrast(background, surface) >= EDGE_CONTRAST);
  return {
    background,
    text: textOn(background),
    edge: isSeen ? background : EDGE,
  };
}
