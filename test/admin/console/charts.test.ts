import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Drawn } from '../../../src/admin/console/charts.ts';
import { chartView, figure } from '../../../src/admin/console/charts.ts';
import { contrast, longHex, TEXT_CONTRAST } from '../../../src/colour.ts';
import { STATES } from '../../../src/migration/states.ts';

const DAY = 86_400;
const NOVEMBER = Date.UTC(2026, 10, 1) / 1_000;

const chart = (more: Partial<Drawn> = {}): Drawn => ({
  title: 'The river',
  caption: 'Everybody.',
  kind: 'river',
  unit: 'people',
  x: [NOVEMBER, NOVEMBER + DAY],
  series: [
    { name: 'legacy', values: [1_000, 900] },
    { name: 'migrated', values: [null, 1_234.56789] },
  ],
  ...more,
});

describe('a chart', () => {
  test('gives a state its own colour and everything else one of those that are counted through', () => {
    const { legend } = chartView(
      chart({ series: [...chart().series, { name: 'from the target', values: [1, 2] }] }),
    );
    expect(legend.map(({ slot }) => slot)).toEqual(['legacy', 'migrated', '3']);
  });

  test('looks as its page says where the name says nothing', () => {
    const series = [{ name: 'outage', slot: 'failed', texture: 'dots' as const, values: [1, 2] }];
    expect(chartView(chart({ series })).legend[0]).toMatchObject({ slot: 'failed', texture: 'dots' });
  });

  test('tells no two of ten series apart by colour alone', () => {
    const series = Array.from({ length: 10 }, (_, at) => ({ name: `app ${at}`, values: [at, at] }));
    const looks = chartView(chart({ series })).legend.map(({ slot, texture, shape }) =>
      [slot, texture, shape].join(),
    );
    expect(new Set(looks).size).toBe(10);
  });

  test('is a table as well, the newest first, with what is not known as such', () => {
    const { table } = chartView(chart());
    expect(table.head).toEqual(['UTC', 'legacy', 'migrated']);
    expect(table.rows).toEqual([
      { at: '2 Nov 2026', values: ['900', '1,235'] },
      { at: '1 Nov 2026', values: ['1,000', '–'] },
    ]);
  });

  test('tells the hour where its moments are not days', () => {
    const { table } = chartView(chart({ x: [NOVEMBER, NOVEMBER + 3_600] }));
    expect(table.rows[0]!.at).toBe('1 Nov 2026, 01:00');
  });

  test('of a thousand moments has a table that somebody can read, with the newest in it', () => {
    const x = Array.from({ length: 1_000 }, (_, at) => NOVEMBER + at * DAY);
    const values = x.map((_, at) => at);
    const { table } = chartView(chart({ x, series: [{ name: 'legacy', values }] }));
    expect(table.rows.length).toBeLessThanOrEqual(120);
    expect(table.rows[0]!.values).toEqual(['999']);
    expect(table.step).toBe(9);
  });

  test('says of bars how many there were in all, and of areas the newest that is known', () => {
    const series = [{ name: 'legacy', values: [3, 4, null] }];
    const x = [NOVEMBER, NOVEMBER + DAY, NOVEMBER + 2 * DAY];
    expect(chartView(chart({ x, series })).legend[0]!.stands).toBe('4');
    expect(chartView(chart({ x, series, kind: 'bars', unit: 'count' })).legend[0]!.stands).toBe('7');
  });

  test('without a figure is not drawn', () => {
    expect(chartView(chart({ x: [], series: [] })).isEmpty).toBe(true);
    expect(chartView(chart({ series: [{ name: 'legacy', values: [null, null] }] })).isEmpty).toBe(true);
    expect(chartView(chart()).isEmpty).toBe(false);
  });

  test('carries its bounds and moments to the picture, and bounds to the table', () => {
    const band = { name: 'four times of five', low: [1, 2], high: [3, 4] };
    const marks = [
      { at: NOVEMBER - DAY, name: 'too early' },
      { at: NOVEMBER + DAY, name: 'today' },
    ];
    const view = chartView(chart({ kind: 'lines', band, marks }));
    expect(JSON.parse(view.figures)).toMatchObject({
      band: { low: [1, 2], high: [3, 4] },
      marks: [{ at: NOVEMBER + DAY, name: 'today' }],
    });
    expect(view.table.rows[0]!.values.slice(-2)).toEqual(['2', '4']);
  });

  test('foresees in words where a dash cannot be seen', () => {
    const { table, legend } = chartView(
      chart({ series: [{ name: 'expected', isForeseen: true, values: [1, 2] }] }),
    );
    expect(table.head).toContain('expected (foreseen)');
    expect(legend[0]!.isForeseen).toBe(true);
  });
});

test.each([
  [12.345, 'percent', '12.3 %'],
  [0, 'people', '0'],
  [1_234_567, 'people', '1,234,567'],
  [4, 'seconds', '4 sec'],
  [300, 'seconds', '5 min'],
  [9_000, 'seconds', '2.5 hr'],
  [259_200, 'seconds', '3 days'],
  [null, 'seconds', '–'],
] as const)('%s %s is %s for people', (value, unit, words) => {
  expect(figure(value, unit)).toBe(words);
});

describe('the colours', () => {
  const css = readFileSync(join(import.meta.dirname, '../../../src/admin/console/styles/charts.css'), 'utf8');
  const [light = '', dark = ''] = [...css.matchAll(/:root \{([^}]*)\}/g)].map((match) => match[1]!);
  const variables = (rules: string) =>
    new Map(
      [...rules.matchAll(/--chart-([\w-]+): (#[0-9a-f]+)/g)].map((match) => [match[1]!, longHex(match[2]!)]),
    );
  const inks = new Map(
    [
      ...css.matchAll(
        /\[data-slot="([\w-]+)"\] \{\s*--series: var\(--chart-([\w-]+)\);\s*--series-ink: var\(--chart-([\w-]+)\)/g,
      ),
    ].map(([, slot, colour, ink]) => [slot!, { colour: colour!, ink: ink! }]),
  );

  test('are there for every state', () => {
    expect(STATES.filter((state) => !inks.has(state))).toEqual([]);
  });

  test.each([
    ['light', light],
    ['dark', dark],
  ])('can be written on, when it is %s', (_, rules) => {
    const known = variables(rules);
    const unreadable = [...inks].flatMap(([slot, { colour, ink }]) => {
      const found = contrast(known.get(colour)!, known.get(ink)!);
      return found < TEXT_CONTRAST ? [`${slot}: ${found.toFixed(2)}`] : [];
    });
    expect(unreadable).toEqual([]);
  });
});
