import { describe, expect, test } from 'vitest';
import { retryAfterSecondsOf } from '../../src/targets/exchange.ts';

const NOW = Date.parse('Sun, 06 Nov 1994 08:49:37 GMT');

describe('Retry-After', () => {
  test.each([
    ['seconds', '120', 120],
    ['a part of a second, which is rounded up', '0.2', 1],
    ['seconds with space around them', ' 7 ', 7],
    ['an hour', '3600', 3_600],
    ['more than an hour', '86400', 3_600],
    ['an absurd number', '9'.repeat(400), 3_600],
    ['a date', 'Sun, 06 Nov 1994 08:49:47 GMT', 10],
    ['a date in the form of RFC 850', 'Sunday, 06-Nov-94 08:50:37 GMT', 60],
    ['a date as asctime writes it', 'Sun Nov  6 08:49:42 1994', 5],
    ['a date far away', 'Fri, 31 Dec 9999 23:59:59 GMT', 3_600],
  ])('is read as %s', (_what, header, seconds) => {
    expect(retryAfterSecondsOf(header, NOW)).toBe(seconds);
  });

  test.each([
    ['is not there', ''],
    ['is nothing to wait for', '0'],
    ['is negative', '-5'],
    ['is a date that is over', 'Sun, 06 Nov 1994 08:49:36 GMT'],
    ['is a date that there is not', 'Sun, 99 Nov 1994 08:49:36 GMT'],
    ['is another kind of date', '1994-11-06T08:50:00Z'],
    ['is a number in another notation', '1e3'],
    ['is infinite', 'Infinity'],
    ['is a word', 'soon'],
    ['is two numbers', '5, 10'],
  ])('counts for nothing where it %s', (_what, header) => {
    expect(retryAfterSecondsOf(header, NOW)).toBeUndefined();
  });
});
