/** Progress on stderr: a line that is written over in a terminal, JSON elsewhere, and always how it ended. */
import { describe, expect, test } from 'vitest';
import type { Progress } from '../src/admin/operation.ts';
import { lineOf, progressLine } from '../src/progress-line.ts';

const half: Progress = { users: 500, total: 1_000, continuedFrom: 0, perSecond: 100 };

function openLine({ isTTY = false, columns = 200 } = {}) {
  const written: string[] = [];
  let nowMs = 0;
  const stream = { isTTY, columns, write: (text: string) => written.push(text) > 0 };
  const line = progressLine(stream as never, () => nowMs);
  return { written, line, after: (ms: number) => (nowMs += ms) };
}

describe('the line', () => {
  test('has a bar, the rate, and how long it still takes', () => {
    expect(lineOf(half)).toBe(
      `${'█'.repeat(15)}${'░'.repeat(15)} 50.0 %  500 of 1,000, 100 users/s, 5 s left`,
    );
  });

  test('has those who wait, those who failed, and the reason why it is slow', () => {
    const until = '2026-03-01T10:00:00Z';
    const note = { code: 'target_throttles', sentence: 'The target asks for fewer calls.', until };
    const line = lineOf({ ...half, failed: 7, waiting: 1_500, note });
    expect(line).toContain('1,500 waiting, 7 failed');
    expect(line).toContain(`target_throttles: The target asks for fewer calls. Until ${until}.`);
    expect(line).not.toContain('left');
    expect(lineOf({ ...half, waiting: 1_500 })).toContain('15 s left');
  });

  test.each([
    [{ ...half, perSecond: 0 }, '0 users/s'],
    [{ ...half, total: undefined }, '500 users, 100 users/s'],
    [{ ...half, continuedFrom: 400 }, 'continued from 400'],
    [{ ...half, total: 1_000_000 }, '167 min left'.replace('167 min', '2.8 h')],
    [{ ...half, users: 2_000 }, '100.0 %  2,000 of 1,000'],
  ])('%j says %s', (progress, text) => {
    expect(lineOf(progress)).toContain(text);
  });
});

describe('in a terminal', () => {
  test('one line is written over, five times a second', () => {
    const { written, line, after } = openLine({ isTTY: true });
    line.show(half);
    after(100);
    line.show({ ...half, users: 600 });
    after(100);
    line.show({ ...half, users: 700 });
    expect(written.map((text) => /(\d+) of/.exec(text)?.[1])).toEqual(['500', '700']);
    expect(written.every((text) => text.startsWith('\r\u001b[K') && !text.includes('\n'))).toBe(true);
  });

  test('a line that is too wide is cut, so that it can be written over', () => {
    const { written, line } = openLine({ isTTY: true, columns: 40 });
    line.show(half);
    expect(written[0]?.slice(4)).toHaveLength(39);
  });

  test('nothing is left of it at the end, but why it stands still', () => {
    const { written, line } = openLine({ isTTY: true });
    line.show(half);
    line.end();
    expect(written.at(-1)).toBe('\r\u001b[K');
    line.show({ ...half, note: { code: 'paused_by_operator', sentence: 'An operator has paused it.' } });
    line.end();
    expect(written.at(-1)).toBe('\r\u001b[Kpaused_by_operator: An operator has paused it.\n');
  });

  test('nothing is written where nothing was shown', () => {
    const { written, line } = openLine({ isTTY: true });
    line.end();
    expect(written).toEqual([]);
  });
});

describe('elsewhere', () => {
  test('there is a JSON line every five seconds, and the last one always', () => {
    const { written, line, after } = openLine();
    for (let second = 0; second <= 12; second += 1) {
      line.show({ ...half, users: second });
      after(1_000);
    }
    line.end();
    expect(written.map((text) => (JSON.parse(text) as Progress).users)).toEqual([0, 5, 10, 12]);
    expect(written.every((text) => text.endsWith('\n'))).toBe(true);
  });

  test('the last one is not told twice', () => {
    const { written, line } = openLine();
    line.show(half);
    line.end();
    line.end();
    expect(written).toEqual([`${JSON.stringify(half)}\n`]);
  });
});
