import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { LOCALES, openPages, pagesSettings } from '../../../src/provider/pages/index.ts';
import { SAMPLES } from '../../../src/provider/pages/samples.ts';
import { readTheme, type TextKey } from '../../../src/provider/pages/theme.ts';

const { catalogues } = readTheme(undefined);
const placeholders = (text: string) => [...text.matchAll(/\{\w+\}/g)].map(([mark]) => mark).sort();

/** What is really drawn: every text replaced by its key and its placeholders, every sample drawn in every way. */
function keysInUse(): Set<string> {
  const folder = mkdtempSync(join(tmpdir(), 'footbridge-theme-'));
  try {
    const marked = Object.entries(catalogues.en).map(([key, text]) => [
      key,
      `⟦${key}⟧${placeholders(text).join('')}`,
    ]);
    writeFileSync(join(folder, 'en.json'), JSON.stringify(Object.fromEntries(marked)));
    const link = 'https://example.com/';
    const links = { forgotPassword: link, support: link, privacy: link, imprint: link };
    const ways = (['username', 'email', 'either'] as const).map((loginWith) =>
      openPages(pagesSettings.parse({ theme: folder, loginWith, links })),
    );
    const html = ways.flatMap((pages) =>
      Object.values(SAMPLES).map((page) => pages.render(page, { locale: 'en' })),
    );
    return new Set([...html.join('').matchAll(/⟦(.*?)⟧/g)].map((match) => match[1]!));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Whole words, also beside letters that `\b` does not count as such. */
const words = (...list: string[]) => new RegExp(`(?<!\\p{L})(?:${list.join('|')})(?!\\p{L})`, 'iu');
const GERMAN_FAMILIAR = words('du', 'dich', 'dir', 'dein\\w*', 'euch', 'euer', 'eure\\w*');
const GERMAN_WITHOUT_UMLAUTS = words(
  'fuer',
  'koennen',
  'moechten',
  'pruefen',
  'zurueck',
  'gueltig',
  'schliessen',
);
/** Before a consonant nothing is left out: “la lier”, never “l’lier”. */
const FRENCH_ELISION = /(?:\b[cdjlmnst]|\bqu)’[bcdfgj-np-tv-xz]/i;
const FRENCH_FAMILIAR = words('tu', 'toi', 'ton', 'ta', 'tes', 'te');

describe.each(LOCALES)('the texts in %s', (locale) => {
  const texts = Object.entries(catalogues[locale]);

  it('have the keys of the English ones, in their order', () => {
    expect(Object.keys(catalogues[locale])).toEqual(Object.keys(catalogues.en));
  });

  it('have the placeholders of the English ones', () => {
    for (const [key, text] of texts) {
      expect(placeholders(text), key).toEqual(placeholders(catalogues.en[key as TextKey]));
    }
  });

  it('are plain and trimmed, with typographic quotation marks and apostrophes', () => {
    for (const [key, text] of texts) {
      expect(text.trim(), key).toBe(text);
      expect(text, key).toMatch(/\p{L}/u);
      expect(text, key).not.toMatch(/[<>"'&]| {2}/);
    }
  });
});

describe('the catalogues', () => {
  it('hold no text that no page shows', () => {
    expect([...keysInUse()].sort()).toEqual(Object.keys(catalogues.en).sort());
  });

  it('address people politely in German, and spell with umlauts', () => {
    for (const [key, text] of Object.entries(catalogues.de)) {
      expect(text, key).not.toMatch(GERMAN_FAMILIAR);
      expect(text, key).not.toMatch(GERMAN_WITHOUT_UMLAUTS);
    }
  });

  it('address people politely in French, and keep two-part signs on the line of their word', () => {
    for (const [key, text] of Object.entries(catalogues.fr)) {
      expect(text, key).not.toMatch(FRENCH_FAMILIAR);
      expect(text, key).not.toMatch(/[^\u00a0\u202f][?!:;»]/);
    }
  });

  it('elide in French only before a vowel', () => {
    for (const [key, text] of Object.entries(catalogues.fr)) expect(text, key).not.toMatch(FRENCH_ELISION);
    expect('votre compte ne peut pas l’lier').toMatch(FRENCH_ELISION);
  });

  it('say of whoever is kept out no name for what they typed that a site may not ask for', () => {
    for (const locale of LOCALES)
      expect(catalogues[locale]['problem.locked.text']).not.toContain(catalogues[locale]['login.username']);
  });
});
