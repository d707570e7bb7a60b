/** What templates call to put names, addresses and dates where they belong. What is made here is HTML only where it says so. */
import type { Locale } from './page.ts';
import type { TextKey } from './theme.ts';
import { parts, type Translate } from './wording.ts';

/**
 * Only paths of our own and web addresses: `javascript:` and its like lead nowhere. Blanks and control characters
 * are refused because browsers drop some of them, which makes `/<tab>/evil.example` another site.
 */
export function href(url: string): string {
  if (/^\/(?![/\\])[^\u0000-\u0020]*$/.test(url)) return url;
  return URL.canParse(url) && /^(?:https?|mailto):$/.test(new URL(url).protocol) ? url : '#';
}

/** Embeddings, overrides and isolates (UAX #9): within a name they only make it look like another one. */
const DIRECTIONS = /[\u202a-\u202e\u2066-\u2069]/g;

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};
const escaped = (text: string) => text.replace(/[&<>"']/g, (character) => ENTITIES[character] ?? '');

/** HTML: a name as somebody else wrote it, kept from turning the text around it. */
export const bdi = (name: string): string => `<bdi>${escaped(name.replace(DIRECTIONS, ''))}</bdi>`;

/** HTML: a text of the catalogue, with names in it that somebody else wrote. */
export function told(t: Translate, key: TextKey, names: Readonly<Record<string, string>>): string {
  return parts(t(key), names)
    .map(({ text, isValue }) => (isValue ? bdi(text) : escaped(text)))
    .join('');
}

/** "March 31, 2026" as the language has it; undefined for what is no ISO 8601 date. The day is the same everywhere. */
export function day(date: string, locale: Locale): string | undefined {
  const time = new Date(date);
  if (Number.isNaN(time.getTime())) return undefined;
  const text = new Intl.DateTimeFormat(locale, { dateStyle: 'long', timeZone: 'UTC' }).format(time);
  // The one ordinal of a French date, which Unicode's patterns leave out.
  return locale === 'fr' ? text.replace(/^1 /, '1er ') : text;
}

/** Where a mail or web address leads; undefined for what is neither. */
export function contactHref(contact: string): string | undefined {
  const mail = /^(?:mailto:)?([^\s@?&<>"]+@[^\s@?&<>"]+)$/i.exec(contact)?.[1];
  if (mail) return `mailto:${mail}`;
  return /^https?:\/\//i.test(contact) && href(contact) !== '#' ? contact : undefined;
}
