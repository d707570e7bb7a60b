/** Colours as `#rrggbb`, and whether text on them can be read. */

export const BLACK = '#000000';
export const WHITE = '#ffffff';

/** Contrast of normal text at level AA (WCAG 2.2, success criterion 1.4.3). */
export const TEXT_CONTRAST = 4.5;
/** Contrast of the edges of buttons and fields (success criterion 1.4.11). */
export const EDGE_CONTRAST = 3;

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

/** White where it can be read, else black: where white misses 4.5, black has at least 4.6. */
export function textOn(background: string): string {
  return contrast(background, WHITE) >= TEXT_CONTRAST ? WHITE : BLACK;
}

/** Red, green, blue: 0 to 255. */
export function channels(hex: string): number[] {
  return [1, 3, 5].map((start) => Number.parseInt(hex.slice(start, start + 2), 16));
}

function luminance(hex: string): number {
  const [red = 0, green = 0, blue = 0] = channels(hex).map((value) => {
    const part = value / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}
