import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  NOTHING_READ,
  readPlace,
  writePlace,
} from '../../src/legacy/connectors/sql/changes/outbox-position.ts';
import type { OutboxRow } from '../../src/legacy/connectors/sql/changes/outbox-rows.ts';
import { apart, pageOf } from '../../src/legacy/connectors/sql/changes/outbox-rows.ts';

const AT = '2026-01-02 03:04:05.123456+00';
const numbered = (ids: readonly bigint[], at = AT): OutboxRow[] =>
  ids.map((id) => ({ id, user: String(id), kind: 'changed', at, origin: null }));
const from = (first: bigint, count: number, step = 1n) =>
  Array.from({ length: count }, (_none, index) => first + BigInt(index) * step);
const ids = fc
  .uniqueArray(fc.bigInt({ min: 1n, max: 2n ** 63n - 1n }), { maxLength: 60 })
  .map((all) => all.sort((a, b) => (a < b ? -1 : 1)));

describe('a place in an outbox', () => {
  test('names exactly the rows that were read', () => {
    fc.assert(
      fc.property(ids, (all) => {
        const place = { ids: all, at: AT };
        expect(readPlace(writePlace(place) as string)).toEqual(place);
      }),
    );
  });

  test.each([
    ['ten thousand in a row', from(2n ** 62n, 10_000)],
    ['ten thousand with the steps of a cluster', from(7n, 10_000, 3n)],
    ['a thousand transactions of PostgreSQL', from(1n, 1_000, 2n ** 24n)],
  ])('is short for %s', (_name, all) => {
    const written = writePlace({ ids: all, at: AT });
    expect(written?.length).toBeLessThan(100);
    expect(readPlace(written as string).ids).toEqual(all);
  });

  test.each([
    '',
    'x',
    '|x*',
    '|1*zzzz',
    `|${'1 '.repeat(30_000)}`,
    'drop table|1',
    '|-1',
    '|1.5',
    '{"floor":null}',
  ])('is none where it says %j', (text) => {
    expect(() => readPlace(text)).toThrow(expect.objectContaining({ code: 'feed_lost' }));
  });
});

describe('a page of an outbox', () => {
  test('is cut where its numbers do not fit into a position', () => {
    // Nothing follows from one to the next.
    const scattered = from(1n, 3_000).map((id) => id * id * 1_000_003n);
    const { changes, position } = pageOf(numbered(scattered), [], '');
    expect(changes.length).toBeGreaterThan(50);
    expect(changes.length).toBeLessThan(3_000);
    expect(position.length).toBeLessThanOrEqual(2_000);
    expect(readPlace(position).ids).toEqual(scattered.slice(0, changes.length));
  });

  test('keeps what was read before and is still there, in its position', () => {
    const known = { ids: [3n, 5n, 900n], at: AT };
    const rows = numbered([2n, 5n, 6n]);
    const { fresh, left } = apart(rows, known, true);
    expect(fresh.map(({ id }) => id)).toEqual([2n, 6n]);
    expect(left).toEqual([5n, 900n]);
    expect(apart(rows, known, false).left).toEqual([5n]);
    expect(readPlace(pageOf(fresh, left, AT).position).ids).toEqual([2n, 5n, 6n, 900n]);
  });

  test('has a row in it that was given the number of one that is gone', () => {
    const known = { ids: [1n, 2n], at: AT };
    const [again] = numbered([1n], '2026-01-02 03:04:06+00') as [OutboxRow];
    expect(apart([again], known, false)).toEqual({ fresh: [again], left: [] });
    expect(pageOf([again], [], AT).changes[0]?.id).not.toBe(pageOf(numbered([1n]), [], AT).changes[0]?.id);
  });

  test('is refused where nothing that was read can be forgotten', () => {
    const left = from(1n, 900).map((id) => id * id * 1_000_003n);
    expect(() => pageOf(numbered([1n]), left, AT)).toThrow(
      expect.objectContaining({ code: 'legacy_unavailable' }),
    );
    expect(writePlace(NOTHING_READ)).toBe('|');
  });
});
