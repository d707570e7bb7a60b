import { expect, test } from 'vitest';
import { openRate } from '../../../src/sync/intake/rate.ts';

test('so many a second are let in, and many at once are paid for afterwards', () => {
  let nowMs = 0;
  const rate = openRate(10, () => nowMs);
  rate.check();
  rate.spend(1_000);
  expect(() => rate.check()).toThrow(expect.objectContaining({ code: 'throttled', retryAfterSeconds: 99 }));
  nowMs = 98_900;
  expect(() => rate.check()).toThrow(expect.objectContaining({ retryAfterSeconds: 1 }));
  nowMs = 99_100;
  rate.check();
});

test('what was not used for a long time is no more than a second’s worth', () => {
  let nowMs = 0;
  const rate = openRate(10, () => nowMs);
  nowMs = 1_000_000;
  rate.spend(11);
  expect(() => rate.check()).toThrow(expect.objectContaining({ code: 'throttled' }));
});
