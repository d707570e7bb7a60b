/** How long a batch takes, and who comes by afterwards: estimates that can be followed by hand. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { SendingInput } from '../../../src/migration/batch/forecast.ts';
import {
  durationWords,
  forecastSending,
  noAges,
  SINCE_LOGIN,
  sinceLogin,
  tailOf,
} from '../../../src/migration/batch/forecast.ts';
import '../../support/fast-check-seed.ts';

const DAY = 86_400;
const NOW = 1_800_000_000;
const input: SendingInput = {
  users: 10_000,
  rehashed: 0,
  size: 50,
  perSecond: null,
  targetUsersPerSecond: 200,
  callsPerSecond: 25,
  rehashesPerSecond: 8,
};

describe('the forecast of sending', () => {
  test('divides by what the target takes', () => {
    expect(forecastSending(input)).toMatchObject({
      calls: 200,
      usersPerSecond: 200,
      limit: 'target',
      seconds: 50,
    });
    expect(forecastSending(input).sentence).toContain('about 200 users per second');
  });

  test('names the operator’s own limit where that binds', () => {
    const slow = forecastSending({ ...input, perSecond: 10 });
    expect(slow).toMatchObject({ limit: 'operator', usersPerSecond: 10, seconds: 1_000 });
    expect(slow.sentence).toContain('--per-second');
  });

  test('names the limit of calls where the size is small', () => {
    const small = forecastSending({ ...input, size: 1 });
    expect(small).toMatchObject({ limit: 'api', usersPerSecond: 25, calls: 10_000, seconds: 400 });
    expect(small.sentence).toContain('api.perSecond');
  });

  test('adds the hashing of passwords that are recovered', () => {
    expect(forecastSending({ ...input, rehashed: 800 })).toMatchObject({ seconds: 150, hashingSeconds: 100 });
  });

  test('of nobody takes no time', () => {
    expect(forecastSending({ ...input, users: 0 })).toMatchObject({ calls: 0, seconds: 0 });
  });

  test('is never faster with a lower limit, nor shorter with more people', () => {
    const rate = fc.integer({ min: 1, max: 10_000 });
    fc.assert(
      fc.property(rate, rate, rate, (users, low, more) => {
        const slow = forecastSending({ ...input, users, perSecond: low });
        expect(forecastSending({ ...input, users, perSecond: low + more }).seconds).toBeLessThanOrEqual(
          slow.seconds,
        );
        expect(
          forecastSending({ ...input, users: users + more, perSecond: low }).seconds,
        ).toBeGreaterThanOrEqual(slow.seconds);
      }),
    );
  });
});

describe('the tail', () => {
  test('counts each with those who come sooner, and everybody once', () => {
    const ages = { ...noAges(), '30 days': 5, '90 days': 3, '365 days': 2, 'longer ago': 4, 'not known': 1 };
    expect(tailOf(ages)).toEqual({
      users: 15,
      within30Days: 5,
      within90Days: 8,
      within365Days: 10,
      rest: 5,
    });
  });

  test.each([
    [0, '30 days'],
    [30, '30 days'],
    [31, '90 days'],
    [90, '90 days'],
    [365, '365 days'],
    [366, 'longer ago'],
  ] as const)('puts a login %i days ago under %s', (days, age) => {
    expect(sinceLogin(NOW - days * DAY, NOW)).toBe(age);
    expect(SINCE_LOGIN).toContain(age);
  });

  test('knows nothing of whom no login is known', () => {
    expect(sinceLogin(undefined, NOW)).toBe('not known');
  });
});

test.each([
  [0.2, 'less than a second'],
  [1, 'about 1 second'],
  [89, 'about 89 seconds'],
  [120, 'about 2 minutes'],
  [3_600 * 2, 'about 2 hours'],
  [3_600 * 2 + 60 * 31, 'about 2 hours 30 minutes'],
  [3_600 * 3 - 30, 'about 3 hours'],
  [DAY * 3, 'about 3 days'],
])('%i seconds are %s', (seconds, words) => {
  expect(durationWords(seconds)).toBe(words);
});
