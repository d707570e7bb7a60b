import { expect, test } from 'vitest';
import { inCodepage, isCodepage } from '../../src/credentials/codepages.ts';

test('a code page has a byte for each of its characters', () => {
  expect(inCodepage('AÉß░', 'cp437').toString('hex')).toBe('4190e1b0');
  expect(inCodepage('AÉß░', 'cp850').toString('hex')).toBe('4190e1b0');
  expect(inCodepage('Ø', 'cp850').toString('hex')).toBe('9d');
});

test('a character that is not in the code page is refused', () => {
  expect(() => inCodepage('Ø', 'cp437')).toThrow(RangeError);
  expect(() => inCodepage('🔐', 'cp850')).toThrow(RangeError);
});

test('only the known code pages have a name', () => {
  expect(['cp437', 'cp850', 'cp1252', 'toString'].map(isCodepage)).toEqual([true, true, false, false]);
});
