/** Logins by path and outcome: counts of some weeks as pictures and tables. */
import type { CountOutcome, CountPath, CountRow } from '../../rollout/counts.ts';
import { OUTCOMES, PATHS } from '../../rollout/counts.ts';
import type { Drawn, Texture } from './charts.ts';

export const PATH_NAMES: Readonly<Record<CountPath, string>> = {
  facade: 'at our login page',
  brokered: 'from the target',
  recognised: 'with an old session',
  typed: 'typed at the target',
  ensure: 'asked for by an app',
  'drop-in': 'through a drop-in',
  claim: 'by their own link',
  redirected: 'sent to the target',
};

export const OUTCOME_NAMES: Readonly<Record<CountOutcome, string>> = {
  ok: 'went well',
  moved: 'moved',
  'move-later': 'move later',
  wrong: 'wrong password',
  refused: 'refused',
  outage: 'outage',
  'move-failed': 'move failed',
};
const OUTCOME_SLOTS: Readonly<Record<CountOutcome, string>> = {
  ok: '1',
  moved: 'migrated',
  'move-later': 'authenticated',
  wrong: 'excluded',
  refused: '4',
  outage: 'failed',
  'move-failed': '2',
};
const OUTCOME_TEXTURES: Readonly<Record<CountOutcome, Texture>> = {
  ok: 'plain',
  moved: 'level',
  'move-later': 'dots',
  wrong: 'rising',
  refused: 'falling',
  outage: 'plain',
  'move-failed': 'falling',
};
/** What somebody has to look at; a wrong password is everyday life. */
const WRONG: ReadonlySet<CountOutcome> = new Set(['outage', 'move-failed', 'move-later']);
const WELL: ReadonlySet<CountOutcome> = new Set(['ok', 'moved']);

/** Some hundred steps make a picture; `months` would have too many rows with shorter ones. */
export const RANGES = {
  day: { name: '24 hours', days: 1, stepMinutes: 15 },
  week: { name: '7 days', days: 7, stepMinutes: 120 },
  month: { name: '30 days', days: 30, stepMinutes: 720 },
  quarter: { name: '90 days', days: 90, stepMinutes: 1_440 },
} as const;
export type Range = keyof typeof RANGES;
export const isRange = (name: string): name is Range => Object.hasOwn(RANGES, name);

/** Whole steps, the last of them the one that is under way. */
export function spanOf(range: Range, now: Date): { from: Date; to: Date; stepMinutes: number } {
  const { days, stepMinutes } = RANGES[range];
  const stepMs = stepMinutes * 60_000;
  const to = (Math.floor(now.getTime() / stepMs) + 1) * stepMs;
  return { from: new Date(to - days * 86_400_000), to: new Date(to), stepMinutes };
}

type Rows = readonly Pick<CountRow, 'at' | 'app' | 'path' | 'outcome' | 'count'>[];

const sum = (rows: Rows): number => rows.reduce((all, { count }) => all + count, 0);

export interface LoginSummary {
  readonly tries: number;
  readonly well: number;
  readonly moved: number;
  readonly wrongPasswords: number;
  readonly refused: number;
  /** Outages, and moves that did not go through. */
  readonly wentWrong: number;
  /** From 0 to 1, of all tries but mistyped passwords and refusals; null: nobody tried. */
  readonly errorRate: number | null;
}

export function summaryOf(rows: Rows): LoginSummary {
  const of = (fits: (outcome: CountOutcome) => boolean) => sum(rows.filter(({ outcome }) => fits(outcome)));
  const [well, wentWrong] = [of((one) => WELL.has(one)), of((one) => WRONG.has(one))];
  return {
    tries: sum(rows),
    well,
    moved: of((one) => one === 'moved'),
    wrongPasswords: of((one) => one === 'wrong'),
    refused: of((one) => one === 'refused'),
    wentWrong,
    errorRate: well + wentWrong === 0 ? null : wentWrong / (well + wentWrong),
  };
}

/** Each app with its summary, the busiest first. */
export const byApp = (rows: Rows): (LoginSummary & { readonly app: string })[] =>
  [...Map.groupBy(rows, ({ app }) => app)]
    .map(([app, own]) => ({ app, ...summaryOf(own) }))
    .sort((a, b) => b.tries - a.tries || a.app.localeCompare(b.app));

export interface PathRow {
  readonly path: CountPath;
  readonly name: string;
  readonly tries: number;
  /** In the order of `outcomes`. */
  readonly counts: readonly number[];
}

/** Paths by outcomes, without those that nobody had. */
export function table(rows: Rows): {
  readonly outcomes: readonly { readonly outcome: CountOutcome; readonly name: string }[];
  readonly rows: readonly PathRow[];
} {
  const outcomes = OUTCOMES.filter((one) => rows.some(({ outcome }) => outcome === one));
  const own = (path: CountPath) => rows.filter((row) => row.path === path);
  return {
    outcomes: outcomes.map((outcome) => ({ outcome, name: OUTCOME_NAMES[outcome] })),
    rows: PATHS.filter((path) => own(path).length > 0).map((path) => ({
      path,
      name: PATH_NAMES[path],
      tries: sum(own(path)),
      counts: outcomes.map((outcome) => sum(own(path).filter((row) => row.outcome === outcome))),
    })),
  };
}

interface Span {
  readonly from: Date;
  readonly to: Date;
  readonly stepMinutes: number;
}

/** Steps in which nobody came are zero, and not unknown. */
function stepped({ from, to, stepMinutes }: Span) {
  const step = stepMinutes * 60;
  const start = from.getTime() / 1_000;
  const x = Array.from(
    { length: Math.round((to.getTime() / 1_000 - start) / step) },
    (_, at) => start + at * step,
  );
  const values = (rows: Rows): number[] => {
    const all = new Array<number>(x.length).fill(0);
    for (const { at, count } of rows) {
      const index = Math.floor((at.getTime() / 1_000 - start) / step);
      if (index >= 0 && index < all.length) all[index]! += count;
    }
    return all;
  };
  return { x, values };
}

export function pathChart(rows: Rows, span: Span): Drawn {
  const { x, values } = stepped(span);
  const seen = PATHS.filter((path) => rows.some((row) => row.path === path));
  return {
    title: 'By path',
    caption: `Where people came in, ${stepWords(span)}.`,
    kind: 'bars',
    unit: 'count',
    x,
    series: seen.map((path) => ({
      name: PATH_NAMES[path],
      slot: String(PATHS.indexOf(path) + 1),
      values: values(rows.filter((row) => row.path === path)),
    })),
  };
}

export function outcomeChart(rows: Rows, span: Span): Drawn {
  const { x, values } = stepped(span);
  // What somebody has to look at stands on top.
  const order = [...OUTCOMES].sort((a, b) => Number(WRONG.has(b)) - Number(WRONG.has(a)));
  const seen = order.filter((outcome) => rows.some((row) => row.outcome === outcome));
  return {
    title: 'By outcome',
    caption: `How it went for them, ${stepWords(span)}.`,
    kind: 'bars',
    unit: 'count',
    x,
    series: seen.map((outcome) => ({
      name: OUTCOME_NAMES[outcome],
      slot: OUTCOME_SLOTS[outcome],
      texture: OUTCOME_TEXTURES[outcome],
      values: values(rows.filter((row) => row.outcome === outcome)),
    })),
  };
}

const stepWords = ({ stepMinutes }: Span): string => {
  if (stepMinutes < 60) return `in steps of ${stepMinutes} minutes`;
  return stepMinutes < 1_440 ? `in steps of ${stepMinutes / 60} hours` : 'day by day';
};
