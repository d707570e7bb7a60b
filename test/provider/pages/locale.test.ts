import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LOCALES, openPages, pagesSettings } from '../../../src/provider/pages/index.ts';
import { chooseLocale } from '../../../src/provider/pages/locale.ts';

const accept = (acceptLanguage: string) => chooseLocale({ acceptLanguage }, 'en');

describe('the language of a page', () => {
  it('is the first of ui_locales that we speak, before what the browser prefers', () => {
    expect(chooseLocale({ uiLocales: 'it-IT fr-CA de', acceptLanguage: 'de' }, 'en')).toBe('fr');
  });

  it('falls back from ui_locales to the browser, and from the browser to the settings', () => {
    expect(chooseLocale({ uiLocales: 'it', acceptLanguage: 'de-CH' }, 'en')).toBe('de');
    expect(chooseLocale({ uiLocales: 'it', acceptLanguage: 'es' }, 'fr')).toBe('fr');
    expect(openPages(pagesSettings.parse({ defaultLocale: 'de' })).chooseLocale({})).toBe('de');
  });

  it.each([
    ['de-AT, en;q=0.8', 'de'],
    ['en;q=0.3, fr;q=0.9, de;q=0.8', 'fr'],
    ['it, FR-fr;q=0.5', 'fr'],
    ['fr;q=0.5,de;q=0.5', 'fr'],
    ['de ; q=0.2 , fr ; q=1.000', 'fr'],
    ['it;q=1, *;q=0.5, de;q=0.1', 'en'],
  ])('"%s" asks for %s', (header, locale) => {
    expect(accept(header)).toBe(locale);
  });

  it.each([
    'de;q=0',
    'de;q=2',
    'de;q=1.5',
    'de;q=abc',
    'de;q=',
    'de;level=1',
    'q=1;de',
    'german',
    ';;,,',
    '\u0000de',
    '',
  ])('"%s" asks for nothing that counts', (header) => {
    expect(accept(header)).toBe('en');
  });

  it('is found in whatever is sent, without an error', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'binary' }),
        fc.string({ unit: 'binary' }),
        (uiLocales, acceptLanguage) => {
          expect(LOCALES).toContain(chooseLocale({ uiLocales, acceptLanguage }, 'de'));
        },
      ),
    );
  });

  it('is not looked for behind the first 1,000 characters', () => {
    expect(accept(`${'it,'.repeat(400)}de`)).toBe('en');
    expect(accept(`${'it,'.repeat(300)}de`)).toBe('de');
  });
});
