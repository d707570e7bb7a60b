import { setTimeout as wait } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { known } from '../../../src/admin/console/known.ts';
import {
  byApp,
  outcomeChart,
  pathChart,
  spanOf,
  summaryOf,
  table,
} from '../../../src/admin/console/login-figures.ts';
import { deedsOf, segmentWords } from '../../../src/admin/console/phase-words.ts';
import { sharesView } from '../../../src/admin/console/shares.ts';
import { riverFrom } from '../../../src/admin/console/standing.ts';
import { textDiff } from '../../../src/admin/console/text-diff.ts';
import { FootbridgeError } from '../../../src/errors.ts';
import type { CountOutcome, CountPath } from '../../../src/rollout/counts.ts';
import { PHASE_STATES } from '../../../src/rollout/deciding.ts';

const NOW = new Date('2026-11-22T10:07:00Z');
const row = (
  path: CountPath,
  outcome: CountOutcome,
  count: number,
  more: { app?: string; at?: string } = {},
) => ({
  ...{ path, outcome, count, app: more.app ?? 'shop' },
  at: new Date(more.at ?? '2026-11-22T10:00:00Z'),
});

describe('logins', () => {
  test('are well or wrong, and a mistyped password is neither', () => {
    const rows = [
      row('facade', 'ok', 6),
      row('facade', 'moved', 2),
      row('facade', 'wrong', 90),
      row('typed', 'outage', 2),
    ];
    expect(summaryOf(rows)).toMatchObject({ tries: 100, well: 8, moved: 2, wentWrong: 2, errorRate: 0.2 });
  });

  test('that nobody tried have no rate', () => {
    expect(summaryOf([])).toMatchObject({ tries: 0, errorRate: null });
  });

  test('are listed by app, the busiest first', () => {
    const rows = [
      row('facade', 'ok', 1, { app: 'a' }),
      row('facade', 'ok', 5, { app: 'b' }),
      row('typed', 'wrong', 1, { app: 'b' }),
    ];
    expect(byApp(rows).map(({ app, tries }) => [app, tries])).toEqual([
      ['b', 6],
      ['a', 1],
    ]);
  });

  test('are told by path and outcome, without those that nobody had', () => {
    const { outcomes, rows } = table([row('facade', 'ok', 3), row('claim', 'refused', 1)]);
    expect(outcomes.map(({ outcome }) => outcome)).toEqual(['ok', 'refused']);
    expect(rows.map(({ path, tries, counts }) => [path, tries, counts])).toEqual([
      ['facade', 3, [3, 0]],
      ['claim', 1, [0, 1]],
    ]);
  });

  test.each(['day', 'week', 'month', 'quarter'] as const)(
    'of a %s end with the step that is under way',
    (range) => {
      const { from, to, stepMinutes } = spanOf(range, NOW);
      expect(to.getTime()).toBeGreaterThan(NOW.getTime());
      expect(to.getTime() - stepMinutes * 60_000).toBeLessThanOrEqual(NOW.getTime());
      expect((to.getTime() - from.getTime()) / (stepMinutes * 60_000)).toBeLessThanOrEqual(100);
    },
  );

  test('are zero where nobody came, and not unknown', () => {
    const span = spanOf('day', NOW);
    const { x, series } = pathChart([row('facade', 'ok', 4)], span);
    expect(x).toHaveLength(96);
    expect(series).toHaveLength(1);
    expect(series[0]!.values.at(-1)).toBe(4);
    expect(series[0]!.values.slice(0, -1)).toEqual(new Array(95).fill(0));
  });

  test('that went wrong lie on top of those that went well', () => {
    const rows = [row('facade', 'ok', 4), row('facade', 'outage', 1)];
    expect(outcomeChart(rows, spanOf('day', NOW)).series.map(({ name }) => name)).toEqual([
      'outage',
      'went well',
    ]);
  });
});

describe('the river', () => {
  const point = (day: string, state: string, people: number) => ({ day, state, people });

  test('flows from the old store on top to those who have arrived at the bottom', () => {
    const river = riverFrom(
      [
        point('2026-11-02', 'migrated', 3),
        point('2026-11-01', 'legacy', 10),
        point('2026-11-02', 'legacy', 6),
        point('2026-11-02', 'failed', 1),
        point('2026-11-02', 'deleted', 5),
      ],
      { title: 'The river' },
    );
    expect(river?.series).toEqual([
      { name: 'legacy', values: [10, 6] },
      { name: 'failed', values: [0, 1] },
      { name: 'migrated', values: [0, 3] },
    ]);
  });

  test('of a single day is none', () => {
    expect(riverFrom([point('2026-11-01', 'legacy', 10)], { title: 'The river' })).toBeUndefined();
  });
});

describe('parts of a whole', () => {
  test('fill it, and whoever is there is seen', () => {
    const { parts, none, words } = sharesView([
      { name: 'many', slot: '1', value: 999_999 },
      { name: 'one', slot: '2', value: 1 },
      { name: 'nobody', slot: '3', value: 0 },
    ]);
    expect(parts[0]!.from + parts[0]!.width).toBe(parts[1]!.from);
    expect(parts.reduce((sum, { width }) => sum + width, 0)).toBe(1_000);
    expect(parts[1]!.width).toBeGreaterThan(0);
    expect(none).toEqual(['nobody']);
    expect(words).toBe('many: 999,999, one: 1');
  });

  test('of nobody are none', () => {
    expect(sharesView([{ name: 'a', slot: '1', value: 0 }])).toMatchObject({
      total: 0,
      parts: [],
      words: 'nobody',
    });
  });
});

describe('two texts', () => {
  const lines = (text: string) => text.split('').join('\n');

  test('differ in what is told, with what stands around it', () => {
    const { hunks } = textDiff(lines('abcdefgh'), lines('abcdXfgh'));
    expect(hunks).toHaveLength(1);
    expect(hunks[0]!.line).toBe(2);
    expect(hunks[0]!.lines.map(({ kind, text }) => `${kind[0]}${text}`)).toEqual([
      'sb',
      'sc',
      'sd',
      'ge',
      'nX',
      'sf',
      'sg',
      'sh',
    ]);
  });

  test('that differ far apart are told in pieces', () => {
    const { hunks } = textDiff(lines('Abcdefghijklmnop'), lines('Xbcdefghijklmnoq'));
    expect(hunks.map(({ line }) => line)).toEqual([1, 13]);
  });

  test('that are the same differ in nothing', () => {
    expect(textDiff('a\nb', 'a\nb')).toEqual({ hunks: [], isTooLong: false });
  });

  test('that have too much between them are not compared line by line', () => {
    const many = (of: string) => Array.from({ length: 2_000 }, (_, at) => `${of}${at}`).join('\n');
    expect(textDiff(many('a'), many('b'))).toEqual({ hunks: [], isTooLong: true });
  });
});

describe('what may be away', () => {
  test('is known when it answers', async () => {
    expect(await known(Promise.resolve(7))).toEqual({ isKnown: true, value: 7 });
  });

  test('is told in its own words when it does not', async () => {
    const said = await known(Promise.reject(new FootbridgeError('legacy_unavailable')));
    expect(said).toMatchObject({ isKnown: false, why: new FootbridgeError('legacy_unavailable').message });
  });

  test('is not waited for', async () => {
    const over = new AbortController();
    const late = wait(60_000, undefined, { signal: over.signal });
    expect(await known(late, 1)).toMatchObject({ isKnown: false });
    over.abort();
    await expect(late).rejects.toThrow();
  });

  test('never hides a mistake of ours', async () => {
    await expect(known(Promise.reject(new TypeError('x')))).rejects.toThrow(TypeError);
  });
});

describe('a phase', () => {
  const asked = { target: 'new-one', phase: { name: 'pilot', identities: 'graceful' as const } };

  test.each(PHASE_STATES)('that is %s offers an admin what can be done, and a viewer nothing', (state) => {
    expect(deedsOf({ ...asked, state, who: { role: 'admin' } }).length).toBeGreaterThan(0);
    expect(deedsOf({ ...asked, state, who: { role: 'viewer' } })).toEqual([]);
  });

  test('that is rolled back offers the way back of its people to an admin alone', () => {
    const of = (role: 'operator' | 'admin') =>
      deedsOf({ ...asked, state: 'rolled-back', who: { role } }).map(({ href }) => href.split('?')[0]);
    expect(of('admin')).toEqual(['/admin/do/rollout/start', '/admin/do/rollout/return']);
    expect(of('operator')).toEqual(['/admin/do/rollout/start']);
  });

  test('by batches offers them while it runs', () => {
    const phase = { name: 'tail', identities: 'bulk' as const };
    const [first] = deedsOf({ ...asked, phase, state: 'running', who: { role: 'operator' } });
    expect(first?.href).toBe('/admin/do/rollout/batch?phase=tail&target=new-one');
  });
});

test('a segment is told in words, a long list by how many they are', () => {
  const subs = Array.from({ length: 1_200 }, (_, at) => `shop:${at}`);
  expect(segmentWords({ subs, countries: ['DE'], percentage: 12.5, except: ['staff'] })).toBe(
    'countries DE, a list of 1,200, 12.5 % of them, but nobody of staff',
  );
});
