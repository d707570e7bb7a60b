import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { saslprep } from '../../src/credentials/saslprep.ts';

describe('SASLprep', () => {
  test.each([
    ['I\u00adX', 'IX'],
    ['user', 'user'],
    ['USER', 'USER'],
    ['\u00aa', 'a'],
    ['\u2168', 'IX'],
    ['a\u00a0b', 'a b'],
    ['\u05d0\u05d1', '\u05d0\u05d1'],
  ])('makes of %j what RFC 4013 says: %j', (text, prepared) => {
    expect(saslprep(text)).toBe(prepared);
  });

  test.each([
    ['a control', 'a\u0007\u2168'],
    ['a character that Unicode 3.2 did not know', '\u2168\u{1f984}'],
    ['letters of both directions', '\u05d0\u2168'],
    ['right to left that does not end so', '\u0627\u00b2'],
    ['nothing that is left', '\u00ad'],
  ])('leaves %s alone, as PostgreSQL does', (_, text) => {
    expect(saslprep(text)).toBe(text);
  });

  test('prepares nothing twice', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        const once = saslprep(text);
        expect(saslprep(once)).toBe(once);
      }),
    );
  });
});
