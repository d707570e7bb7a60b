/**
 * A chart as the page says it, made ready for its template: figures for the browser's half (`scripts/charts.js`), a legend
 * that can be told apart without colour, and the same figures as a table.
 *
 *   data: { river: chartView(chart) }          in the page
 *   <%~ include('_chart', { chart: … }) %>     in its template
 */
import type { STATES } from '../../migration/states.ts';
import type { Chart } from './page.ts';

/** How an area or a bar is drawn beside its colour. */
const TEXTURES = ['plain', 'rising', 'dots', 'level', 'falling'] as const;
export type Texture = (typeof TEXTURES)[number];
/** What marks the points of a line. */
const SHAPES = ['disc', 'square', 'triangle', 'diamond', 'ring'] as const;
export type Shape = (typeof SHAPES)[number];

/** The ends of the story are calm; what is on its way, or beside it, has a texture. */
const STATE_TEXTURES: Readonly<Record<(typeof STATES)[number], Texture>> = {
  legacy: 'plain',
  authenticated: 'dots',
  queued: 'level',
  releasing: 'rising',
  created: 'level',
  migrated: 'plain',
  'cut-over': 'rising',
  retired: 'plain',
  failed: 'falling',
  excluded: 'dots',
  deleted: 'falling',
};

/** Colours that are no state’s: more series than that begin anew, with another texture or shape. */
const COLOURS = 8;
/** Rows of the table: a quarter of days fits, and nobody reads more. */
const MAX_ROWS = 120;
const DAY_SECONDS = 86_400;

/** What some charts say besides. */
export interface Drawn extends Chart {
  /** `slot`, `texture`: what the series is to look like, where its name says nothing of it. */
  readonly series: readonly (Chart['series'][number] & {
    readonly slot?: string;
    readonly texture?: Texture;
  })[];
  /** Between which it is expected to be; drawn as a shade behind the lines. */
  readonly band?: {
    readonly name: string;
    readonly low: readonly (number | null)[];
    readonly high: readonly (number | null)[];
  };
  /** Moments worth a word: a phase begins, today. Those that fall outside are left out. */
  readonly marks?: readonly { readonly at: number; readonly name: string }[];
}
/** More than these hide the picture. */
const MAX_MARKS = 12;

export interface SeriesView {
  readonly name: string;
  /** Names the colour: `--chart-<slot>` of the stylesheet. */
  readonly slot: string;
  readonly texture: Texture;
  readonly shape: Shape;
  readonly isForeseen: boolean;
  /** What the legend says while nobody points at anything: bars in all, of everything else the newest that is known. */
  readonly stands: string;
}

export interface ChartView extends Pick<Chart, 'title' | 'caption' | 'kind'> {
  /** Names the figure among those of its page. */
  readonly id: string;
  /** For the browser: JSON. */
  readonly figures: string;
  readonly legend: readonly SeriesView[];
  readonly table: {
    readonly head: readonly string[];
    readonly rows: readonly { readonly at: string; readonly values: readonly string[] }[];
    /** Every so manieth moment is in it. */
    readonly step: number;
  };
  /** Of when the legend’s figures are. */
  readonly when: string;
  /** The shade behind the lines. */
  readonly band?: string | undefined;
  /** There is nothing to be drawn. */
  readonly isEmpty: boolean;
}

export function chartView(chart: Drawn): ChartView {
  const { title, caption, kind, x, series, unit, band, marks = [] } = chart;
  const id = `chart-${title.toLowerCase().replace(/[^a-z0-9]+/g, '-')}`;
  const isCounted = kind === 'bars' && (unit === 'count' || unit === 'people');
  const legend = series.map((one, index): SeriesView => {
    const isState = Object.hasOwn(STATE_TEXTURES, one.name);
    const round = Math.floor(index / COLOURS);
    return {
      name: one.name,
      slot: one.slot ?? (isState ? one.name : String((index % COLOURS) + 1)),
      texture:
        one.texture ??
        (isState ? STATE_TEXTURES[one.name as keyof typeof STATE_TEXTURES] : textureAt(index + round)),
      shape: SHAPES[(index + round) % SHAPES.length]!,
      isForeseen: one.isForeseen === true,
      stands: figure(isCounted ? sumOf(one.values) : newestOf(one.values), unit),
    };
  });
  const drawn = series.map(({ name, values }, index) => ({
    name,
    values: values.map(rounded),
    texture: legend[index]!.texture,
    shape: legend[index]!.shape,
    ...(legend[index]!.isForeseen ? { isForeseen: true } : {}),
  }));
  return {
    id,
    title,
    caption,
    kind,
    figures: JSON.stringify({
      kind,
      unit,
      x,
      series: drawn,
      ...(band ? { band: { low: band.low.map(rounded), high: band.high.map(rounded) } } : {}),
      marks: marks.filter(({ at }) => at >= x[0]! && at <= x.at(-1)!).slice(-MAX_MARKS),
    }),
    legend,
    when: isCounted ? 'in all' : kind === 'lines' ? 'newest' : `${wordsFor(x)(x.at(-1) ?? 0)} UTC`,
    band: band?.name,
    table: tableOf(chart),
    isEmpty: x.length === 0 || series.every(({ values }) => values.every((value) => value === null)),
  };
}

const sumOf = (values: readonly (number | null)[]) =>
  values.reduce<number>((sum, value) => sum + (value ?? 0), 0);
const newestOf = (values: readonly (number | null)[]) => values.findLast((value) => value !== null) ?? null;

const textureAt = (index: number): Texture => TEXTURES[index % TEXTURES.length]!;

/** A picture has no use for more. */
const rounded = (value: number | null): number | null =>
  value === null ? null : Math.round(value * 1_000) / 1_000;

function tableOf({ x, series, unit, band }: Drawn): ChartView['table'] {
  const columns = [
    ...series.map(({ name, isForeseen, values }) => ({
      name: isForeseen ? `${name} (foreseen)` : name,
      values,
    })),
    ...(band
      ? [
          { name: `${band.name}, from`, values: band.low },
          { name: `${band.name}, to`, values: band.high },
        ]
      : []),
  ];
  const step = Math.max(1, Math.ceil(x.length / MAX_ROWS));
  // From the newest back, so that the newest is in it; it also is what is read first.
  const shown = x.map((_, index) => index).filter((index) => (x.length - 1 - index) % step === 0);
  const words = wordsFor(x);
  return {
    head: ['UTC', ...columns.map(({ name }) => name)],
    rows: shown.reverse().map((index) => ({
      at: words(x[index]!),
      values: columns.map(({ values }) => figure(values[index] ?? null, unit)),
    })),
    step,
  };
}

const wordsFor = (x: readonly number[]) => (x.every((at) => at % DAY_SECONDS === 0) ? dayWords : momentWords);

const DAY = new Intl.DateTimeFormat('en-GB', {
  day: 'numeric',
  month: 'short',
  year: 'numeric',
  timeZone: 'UTC',
});
const MOMENT = new Intl.DateTimeFormat('en-GB', {
  day: 'numeric',
  month: 'short',
  year: 'numeric',
  hour: '2-digit',
  minute: '2-digit',
  timeZone: 'UTC',
});
/** `4 Nov 2026`; of seconds since the epoch. */
export const dayWords = (seconds: number): string => DAY.format(seconds * 1_000);
/** `4 Nov 2026, 14:05`. */
export const momentWords = (seconds: number): string => MOMENT.format(seconds * 1_000);

const WHOLE = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });
const FINE = new Intl.NumberFormat('en', { maximumFractionDigits: 2 });
const PERCENT = new Intl.NumberFormat('en', { maximumFractionDigits: 1 });
const unitFormat = (unit: string) =>
  new Intl.NumberFormat('en', { style: 'unit', unit, unitDisplay: 'short', maximumFractionDigits: 1 });
const LENGTHS = [
  { atLeast: 172_800, seconds: 86_400, format: unitFormat('day') },
  { atLeast: 7_200, seconds: 3_600, format: unitFormat('hour') },
  { atLeast: 120, seconds: 60, format: unitFormat('minute') },
  { atLeast: 0, seconds: 1, format: unitFormat('second') },
];

/** For people. Percent are of a hundred: 12.5 is 12.5 %. */
export function figure(value: number | null, unit: Chart['unit']): string {
  if (value === null) return '–';
  if (unit === 'percent') return `${PERCENT.format(value)} %`;
  if (unit === 'people') return WHOLE.format(value);
  if (unit === 'count') return FINE.format(value);
  const { seconds, format } = LENGTHS.find(({ atLeast }) => Math.abs(value) >= atLeast)!;
  return format.format(value / seconds);
}
