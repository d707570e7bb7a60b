import { expect, test } from 'vitest';
import { lately } from '../src/lately.ts';

test('what was put there a moment ago is found, and nothing else', () => {
  const known = lately<number>(10);
  known.set('a', 1);
  expect([known.get('a'), known.get('b')]).toEqual([1, undefined]);
});

test('half of the bound is always remembered, and never more than the bound', () => {
  const known = lately<number>(100);
  for (let i = 0; i < 10_000; i++) known.set(String(i), i);
  const found = Array.from({ length: 10_000 }, (_, i) => known.get(String(i))).filter((i) => i !== undefined);
  expect(found.length).toBeGreaterThanOrEqual(50);
  expect(found.length).toBeLessThanOrEqual(100);
  expect(found.at(-1)).toBe(9_999);
});

test('what is put there anew is the new', () => {
  const known = lately<number>(4);
  for (const value of [1, 2, 3, 4, 5]) known.set('a', value);
  expect(known.get('a')).toBe(5);
});
