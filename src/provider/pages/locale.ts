import { LOCALES, type Locale } from './page.ts';

/** Real headers hold a handful of tags; what is longer is cut, not parsed. */
const MAX_LENGTH = 1000;

export interface LocaleWish {
  /** `ui_locales` of the authorization request: tags in order of preference (OpenID Connect Core 1.0, section 3.1.2.1). */
  readonly uiLocales?: string;
  /** The request header (RFC 9110 section 12.5.4). */
  readonly acceptLanguage?: string;
}

/** The first language of `ui_locales` that we speak, else of `Accept-Language`, else `fallback`. Never throws. */
export function chooseLocale(wish: LocaleWish, fallback: Locale): Locale {
  const tags = [...uiLocaleTags(wish.uiLocales ?? ''), ...acceptLanguageTags(wish.acceptLanguage ?? '')];
  for (const tag of tags) {
    if (tag === '*') return fallback;
    const language = tag.split('-', 1)[0]?.toLowerCase();
    const spoken = LOCALES.find((locale) => locale === language);
    if (spoken) return spoken;
  }
  return fallback;
}

function uiLocaleTags(text: string): string[] {
  return text
    .slice(0, MAX_LENGTH)
    .split(/\s+/)
    .filter((tag) => tag !== '' && tag !== '*');
}

/** Tags by falling weight; equal weights keep their order. Weights that are not well-formed drop their tag. */
function acceptLanguageTags(header: string): string[] {
  return header
    .slice(0, MAX_LENGTH)
    .split(',')
    .map((part) => {
      const [tag = '', ...parameters] = part.trim().split(/\s*;\s*/);
      return { tag, weight: weightOf(parameters) };
    })
    .filter(({ tag, weight }) => tag !== '' && weight > 0)
    .sort((a, b) => b.weight - a.weight)
    .map(({ tag }) => tag);
}

function weightOf(parameters: readonly string[]): number {
  const [parameter] = parameters;
  if (parameter === undefined) return 1;
  const weight = /^q=(0(?:\.\d{0,3})?|1(?:\.0{0,3})?)$/i.exec(parameter)?.[1];
  return weight === undefined ? 0 : Number(weight);
}
