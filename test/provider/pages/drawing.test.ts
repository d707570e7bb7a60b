import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bdi, contactHref, day, told } from '../../../src/provider/pages/drawing.ts';
import { readTheme } from '../../../src/provider/pages/theme.ts';
import { translator } from '../../../src/provider/pages/wording.ts';
import { escaped, hostile } from './hostile.ts';

const DIRECTIONS = [...'\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069'];

describe('a name', () => {
  it('is text and nothing else', () => {
    fc.assert(
      fc.property(hostile, (name) => {
        const kept = [...name].filter((character) => !DIRECTIONS.includes(character)).join('');
        expect(bdi(name)).toBe(`<bdi>${escaped(kept)}</bdi>`);
      }),
    );
  });

  it.each(DIRECTIONS)('cannot turn the text around it with %j', (character) => {
    expect(bdi(`erika${character}gpj.exe`)).toBe('<bdi>erikagpj.exe</bdi>');
  });

  it.each(['אביגיל לוי', 'محمد الأمين', 'می‌خواهم', 'Zoë O’Neill', '李雷', 'José'])(
    '%s stays as it is',
    (name) => {
      expect(bdi(name)).toBe(`<bdi>${name}</bdi>`);
    },
  );
});

describe('a text with names in it', () => {
  const t = translator({
    ...readTheme(undefined).catalogues.en,
    'claim.lead': 'R&D: {here} <b> {target} {other}',
  });

  it('escapes both, each in its own way, and leaves a mark that has no name', () => {
    expect(told(t, 'claim.lead', { here: '<i>{target}', target: 'A&B\u202e' })).toBe(
      'R&amp;D: <bdi>&lt;i&gt;{target}</bdi> &lt;b&gt; <bdi>A&amp;B</bdi> {other}',
    );
  });
});

describe('a day', () => {
  it.each([
    ['en', 'March 31, 2031'],
    ['de', '31. März 2031'],
    ['fr', '31 mars 2031'],
  ] as const)('is written as people who read %s write it', (locale, text) => {
    expect(day('2031-03-31', locale)).toBe(text);
    expect(day('2031-03-31T00:00:00.000Z', locale)).toBe(text);
  });

  it('that is the first of its month is written as an ordinal in French alone', () => {
    expect(day('2031-03-01', 'fr')).toBe('1er mars 2031');
    expect(day('2031-03-01', 'de')).toBe('1. März 2031');
    expect(day('2031-03-11', 'fr')).toBe('11 mars 2031');
  });

  it('that is none is nothing', () => {
    expect(day('tomorrow', 'en')).toBeUndefined();
    expect(day('2031-13-31', 'en')).toBeUndefined();
  });
});

describe('a contact', () => {
  it.each([
    ['help@example.com', 'mailto:help@example.com'],
    ['mailto:help@example.com', 'mailto:help@example.com'],
    ['https://example.com/help?a=1', 'https://example.com/help?a=1'],
    ['http://localhost:3000/', 'http://localhost:3000/'],
  ])('%s leads somewhere', (contact, address) => {
    expect(contactHref(contact)).toBe(address);
  });

  it.each([
    '+49 30 123456',
    'www.example.com',
    'the desk on floor 3',
    'javascript:alert(1)',
    'javascript:alert(1)//@example.com',
    'help@example.com?bcc=all@example.com',
    'https://exa mple.com',
    'data:text/html,x',
    '',
  ])('"%s" is only text, or no more than a mail address', (contact) => {
    expect(contactHref(contact) ?? 'mailto:').toMatch(/^mailto:/);
  });
});
