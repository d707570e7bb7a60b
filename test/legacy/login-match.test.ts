import { describe, expect, test } from 'vitest';
import { chooseRow } from '../../src/legacy/login-match.ts';

const rows = (...logins: string[]) =>
  logins.map((login, index) => ({ id: String(index + 1), columns: { login } }));
const loginsOf = (row: { columns: Readonly<Record<string, unknown>> }) => [String(row.columns.login)];
const chosen = (typed: string, ...logins: string[]) =>
  chooseRow(rows(...logins), typed, loginsOf)?.columns.login;

describe('of the rows the store finds', () => {
  test.each([
    ['anna', 'anna'],
    ['ANNA', 'anna'],
    ['anna', 'ANNA'],
    ['anna ', 'anna'],
    ['anna', 'anna    '],
    ['Zoe\u0308', 'ZO\u00CB'],
  ])('the only one is taken: “%s” for “%s”', (typed, stored) => {
    expect(chosen(typed, stored)).toBe(stored);
  });

  test.each([
    ['İ', 'i'],
    ['ı', 'i'],
    ['ſam', 'sam'],
    ['mueller', 'müller'],
    ['strasse', 'straße'],
    ['muller', 'müller'],
    ['0', 'anna'],
    ['ａnna', 'anna'],
    ['anna\u200b', 'anna'],
  ])('the only one is refused where it is another name: “%s” for “%s”', (typed, stored) => {
    expect(chosen(typed, stored)).toBeUndefined();
  });

  test('the one that is letter for letter what was typed wins', () => {
    expect(chosen('eve@example.com', 'EVE@Example.com', 'eve@example.com')).toBe('eve@example.com');
  });

  test('none wins where two come equally close', () => {
    expect(() => chosen('Eve', 'EVE', 'eve')).toThrow(expect.objectContaining({ code: 'user_ambiguous' }));
    expect(() => chosen('eve', 'eve', 'eve')).toThrow(expect.objectContaining({ code: 'user_ambiguous' }));
  });

  test('none wins where the store names more than one and only case tells them apart', () => {
    expect(() => chosen('Mueller', 'mueller', 'müller')).toThrow(
      expect.objectContaining({ code: 'user_ambiguous' }),
    );
  });

  test('nobody is taken where none of several is meant', () => {
    expect(chosen('muller', 'müller', 'mûller')).toBeUndefined();
  });

  test('the store’s verdict stands where nothing says what people type, if it is one row', () => {
    expect(chooseRow(rows('x'), 'y', undefined)?.id).toBe('1');
    expect(chooseRow([], 'y', undefined)).toBeUndefined();
    expect(() => chooseRow(rows('x', 'y'), 'y', undefined)).toThrow(
      expect.objectContaining({ code: 'user_ambiguous' }),
    );
  });

  test('a crowd is refused without a look', () => {
    const crowd = rows('eve', ...Array.from({ length: 20 }, () => 'EVE'));
    expect(() => chooseRow(crowd, 'eve', loginsOf)).toThrow(
      expect.objectContaining({ code: 'user_ambiguous' }),
    );
  });
});
