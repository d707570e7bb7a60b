/** A brand's colour as a button may have it: readable, and seen in light mail programs and dark ones. */

const BLACK = '#000000';
const WHITE = '#ffffff';
/** What dark mail programs put behind a letter, more or less. */
const DARK = '#121212';
/** Stands out from white and from dark by more than 3. */
const EDGE = '#767676';
/** Contrast of normal text at level AA (WCAG 2.2, success criterion 1.4.3). */
const TEXT_CONTRAST = 4.5;
/** Contrast of the edges of buttons (success criterion 1.4.11). */
const EDGE_CONTRAST = 3;

export interface ButtonColours {
  readonly background: string;
  readonly text: string;
  readonly edge: string;
}

/** Of `#rrggbb`. White where it can be read, else black: where white misses 4.5, black has at least 4.6. */
export function buttonColours(background: string): ButtonColours {
  const isSeen = [WHITE, DARK].every((surface) => contrast(background, surface) >= EDGE_CONTRAST);
  return {
    background,
    text: contrast(background, WHITE) >= TEXT_CONTRAST ? WHITE : BLACK,
    edge: isSeen ? background : EDGE,
  };
}

/** `#abc` and `#AABBCC` become `#aabbcc`. */
export function longHex(hex: string): string {
  const lower = hex.toLowerCase();
  return lower.length === 4 ? lower.replace(/[0-9a-f]/g, '$&$&') : lower;
}

/** From 1 (the same) to 21 (black on white), as WCAG 2.2 defines the contrast ratio. */
export function contrast(a: string, b: string): number {
  const [darker, lighter] = [luminance(a), luminance(b)].sort((x, y) => x - y) as [number, number];
  return (lighter + 0.05) / (darker + 0.05);
}

function luminance(hex: string): number {
  const [red = 0, green = 0, blue = 0] = [1, 3, 5].map((start) => {
    const part = Number.parseInt(hex.slice(start, start + 2), 16) / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}
