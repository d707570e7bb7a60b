/** The brand stylesheet: the operator's colours as CSS custom properties, corrected where nobody could read them. */
import { BLACK, EDGE_CONTRAST, TEXT_CONTRAST, textOn, WHITE } from '../../colour.ts';
import { mix, standOut } from './colour.ts';
import type { PagesSettings } from './pages-settings.ts';

/** The card and its text; `templates/style.css` draws with these. */
export const SCHEMES = {
  light: { card: WHITE, text: '#171a21', muted: '#596070', edge: '#7b8292', line: '#e3e6eb', towards: BLACK },
  dark: {
    card: '#1c2027',
    text: '#eef0f4',
    muted: '#a3abb9',
    edge: '#7f8898',
    line: '#2f353f',
    towards: WHITE,
  },
} as const;

export type Scheme = keyof typeof SCHEMES;
type Colours = PagesSettings['colours'];

/** Every custom property of one scheme, without the leading `--`. */
export function palette(colours: Colours, scheme: Scheme): Record<string, string> {
  const { card, text, muted, edge, line, towards } = SCHEMES[scheme];
  const page = scheme === 'light' ? colours.background : colours.backgroundDark;
  const tint = mix(card, colours.brand, scheme === 'light' ? 0.1 : 0.18);
  const wash = mix(page, colours.brand, 0.07);
  const onBrand = textOn(colours.brand);
  const outside = [page, wash];
  return {
    page,
    wash,
    card,
    text,
    muted,
    line,
    edge,
    tint,
    'page-text': standOut(muted, { from: outside, towards, ratio: TEXT_CONTRAST }),
    brand: colours.brand,
    'on-brand': onBrand,
    // Away from the text's colour, so that hovering can only add contrast.
    'brand-hover': mix(colours.brand, onBrand === WHITE ? BLACK : WHITE, 0.14),
    'brand-edge': standOut(colours.brand, { from: [card], towards, ratio: EDGE_CONTRAST }),
    accent: standOut(colours.brand, { from: [card, tint, ...outside], towards, ratio: TEXT_CONTRAST }),
  };
}

export function brandStylesheet(colours: Colours): string {
  const rule = (scheme: Scheme) => {
    const properties = Object.entries(palette(colours, scheme)).map(([name, value]) => `--${name}:${value}`);
    return `:root{${properties.join(';')}}`;
  };
  return `${rule('light')}\n@media (prefers-color-scheme:dark){${rule('dark')}}\n`;
}

/** A tile with the first letter of the name: the icon of the browser tab, and the logo where there is none. */
export function brandMark(name: string, brand: string): string {
  const letter = [...new Intl.Segmenter().segment(name)][0]?.segment.toLocaleUpperCase() ?? '';
  const escaped = letter.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
  return [
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 48 48">',
    `<rect width="48" height="48" rx="13" fill="${brand}"/>`,
    `<text x="24" y="33" text-anchor="middle" font-family="system-ui,sans-serif" font-size="25" font-weight="700"`,
    ` fill="${textOn(brand)}">${escaped}</text></svg>`,
  ].join('');
}
