import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { PollPlace } from '../../src/legacy/connectors/sql/changes/poll-place.ts';
import {
  beginning,
  msOf,
  nextRound,
  readPlace,
  roundOver,
  writePlace,
} from '../../src/legacy/connectors/sql/changes/poll-place.ts';

const OVERLAP_MS = 60_000;
const NOON = Date.UTC(2026, 0, 2, 12);
/** Of whole seconds, as MySQL writes them. */
const text = (ms: number) => new Date(ms).toISOString().slice(0, 19).replace('T', ' ');

/** A table: what was changed when, by the app's clock, and when that was committed. */
interface Changed {
  readonly at: string;
  readonly committedMs: number;
}

/** Reads in rounds as the feed does; what it was told of. */
function polled(rows: readonly Changed[], rounds: readonly number[], start: PollPlace): Set<Changed> {
  const told = new Set<Changed>();
  let place = start;
  for (const nowMs of rounds) {
    place = readPlace(writePlace(nextRound(place, nowMs, OVERLAP_MS)));
    const { floor } = place;
    const seen = rows
      .filter(({ at, committedMs }) => committedMs <= nowMs && (floor === null || at > floor))
      .sort((a, b) => (a.at < b.at ? -1 : 1));
    for (const row of seen) told.add(row);
    place = roundOver(place, seen.at(-1)?.at, OVERLAP_MS);
  }
  return told;
}

const gap = fc.integer({ min: 1, max: 50_000 });
const changes = fc.array(
  fc.record({
    gap: fc.integer({ min: 0, max: 40_000 }),
    tookMs: fc.integer({ min: 0, max: OVERLAP_MS - 1_000 }),
  }),
  { maxLength: 30 },
);

describe('a column that is polled', () => {
  test.each([
    ['in UTC', 0],
    ['five hours behind', -5 * 3_600_000],
    ['two hours ahead', 2 * 3_600_000],
  ])('tells of everybody, whoever committed late, by a clock %s', (_name, zoneMs) => {
    fc.assert(
      fc.property(changes, fc.array(gap, { maxLength: 60 }), fc.boolean(), (made, gaps, isFilled) => {
        let ms = NOON;
        const rows = made.map(({ gap: later, tookMs }) => {
          ms += later;
          return { at: text(ms + zoneMs), committedMs: ms + tookMs };
        });
        let nowMs = NOON;
        const rounds = gaps.map((later) => (nowMs += later));
        // The last round is after all of them.
        rounds.push(Math.max(nowMs, ms + OVERLAP_MS) + 1);
        const before = isFilled ? text(NOON - 1_000 + zoneMs) : null;
        const told = polled(rows, rounds, beginning(before, NOON, OVERLAP_MS));
        expect(rows.filter((row) => !told.has(row))).toEqual([]);
      }),
      { numRuns: 2_000 },
    );
  });

  test('is not read again from behind once the overlap is over', () => {
    const high = text(NOON);
    let place = roundOver(nextRound(beginning(null, NOON, OVERLAP_MS), NOON, OVERLAP_MS), high, OVERLAP_MS);
    expect(place.floor).toBe(text(NOON - OVERLAP_MS));
    place = roundOver(nextRound(place, NOON + OVERLAP_MS, OVERLAP_MS), high, OVERLAP_MS);
    expect(place.floor).toBe(high);
    expect(roundOver(nextRound(place, NOON + 2 * OVERLAP_MS, OVERLAP_MS), undefined, OVERLAP_MS).floor).toBe(
      high,
    );
  });

  test('goes on though somebody was changed in the year 9999', () => {
    const rows = [0, 30_000, 90_000].map((later) => ({ at: text(NOON + later), committedMs: NOON + later }));
    const odd = { at: '9999-12-31 00:00:00', committedMs: NOON };
    const start = beginning(odd.at, NOON - 1_000, OVERLAP_MS);
    const told = polled([odd, ...rows], [NOON, NOON + 40_000, NOON + 400_000], start);
    expect(rows.every((row) => told.has(row))).toBe(true);
  });

  test('goes back with a clock that is set back', () => {
    const place = roundOver(beginning(text(NOON), NOON, OVERLAP_MS), text(NOON + 5_000), OVERLAP_MS);
    const backMs = 600_000;
    const row = { at: text(NOON - backMs + 1_000), committedMs: NOON - backMs + 1_000 };
    expect(polled([row], [NOON - backMs + 2_000], place).has(row)).toBe(true);
  });

  test.each([
    ['2026-01-02 12:00:00', '2026-01-02 11:59:00'],
    ['2026-01-02 12:00:00.123456+00', '2026-01-02 11:59:00.123+00'],
    ['2026-01-02T12:00:00.5Z', '2026-01-02T11:59:00.500Z'],
    ['2026-01-02T12:00:00', '2026-01-02T11:59:00'],
    ['1767355200', '1767355140'],
    ['1767355200123', '1767355140123'],
    ['0000-00-00 00:00:00', '1970-01-01 00:00:00'],
    ['-infinity', '1970-01-01 00:00:00'],
  ])('has a floor that is written as its moments: %s', (high, floor) => {
    expect(beginning(high, NOON + 1_000, OVERLAP_MS).floor).toBe(floor);
  });

  test.each(['2026-01-02', 'yesterday', '31.12.2025 12:00', '1767355200123456', ''])(
    'cannot be one that holds %j',
    (odd) => {
      expect(() => msOf(odd)).toThrow(expect.objectContaining({ code: 'config_invalid' }));
    },
  );

  test.each(['', '{', 'null', '{"floor":1}', '{"since":"x"}', '|1*2', '[]'])('has no place %j', (written) => {
    expect(() => readPlace(written)).toThrow(expect.objectContaining({ code: 'feed_lost' }));
  });
});
