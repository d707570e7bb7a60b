/** Parts of a whole as one bar, and the same in words: what `_shares.eta` draws. */
export interface Share {
  readonly name: string;
  /** What the name means. */
  readonly says?: string;
  /** Names the colour, as in charts. */
  readonly slot: string;
  readonly value: number;
}

export interface SharesView {
  readonly total: number;
  /** Those that are not empty, from left to right: where a part begins, and how wide it is, of `WIDTH`. */
  readonly parts: readonly (Share & { readonly from: number; readonly width: number })[];
  /** Of what nothing is there. */
  readonly none: readonly string[];
  /** For whoever cannot see it. */
  readonly words: string;
}

/** Of the drawing; its parts are whole numbers of it. */
const WIDTH = 1_000;
/** Whatever is there is seen. */
const THINNEST = 4;

export function sharesView(shares: readonly Share[]): SharesView {
  const total = shares.reduce((sum, { value }) => sum + value, 0);
  const seen = shares.filter(({ value }) => value > 0);
  const widths = seen.map(({ value }) => Math.max(THINNEST, Math.round((value / total) * WIDTH)));
  const all = widths.reduce((sum, width) => sum + width, 0);
  let from = 0;
  const parts = seen.map((share, index) => {
    const width = Math.round((widths[index]! / all) * WIDTH);
    const part = { ...share, from, width };
    from += width;
    return part;
  });
  return {
    total,
    parts,
    none: shares.filter(({ value }) => value === 0).map(({ name }) => name),
    words: seen.map(({ name, value }) => `${name}: ${WORDS.format(value)}`).join(', ') || 'nobody',
  };
}

const WORDS = new Intl.NumberFormat('en');
