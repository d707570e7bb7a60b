/**
 * Pages that are put together of parts which all look alike: figures, names and values, tables, what happened, what to do. Data
 * only; `templates/_panel.eta` draws each, in the order in which they stand here.
 */
import type { ChartView } from './charts.ts';
import type { PageView } from './page.ts';

export type Tone = 'ok' | 'warn' | 'bad' | 'quiet';

export interface Link {
  readonly label: string;
  readonly href: string;
  readonly look?: 'primary' | 'danger';
}

export interface Notice {
  readonly tone: 'info' | 'ok' | 'warn' | 'bad';
  readonly title?: string;
  readonly sentences: readonly string[];
  readonly links?: readonly Link[];
}

export interface Figure {
  readonly label: string;
  readonly value: string;
  readonly note?: string;
  readonly tone?: Tone;
}

/** How far something has come. */
export interface Bar {
  readonly label: string;
  /** From 0 to 1. */
  readonly share: number;
  readonly text: string;
  readonly tone?: Tone;
}

/** What stands in a cell of a table, or as the value of a fact: any of these, one below the other. */
export interface Cell {
  readonly text?: string;
  /** Makes the text a link. */
  readonly href?: string;
  readonly badge?: { readonly text: string; readonly tone: Tone };
  readonly at?: Date;
  readonly code?: string;
  /** Quieter, below the rest. */
  readonly note?: string;
  readonly links?: readonly Link[];
  /** Folded away: as it is. */
  readonly detail?: string;
}
export type CellOf = Cell | string;

export interface TableView {
  /** For whoever cannot see it: what the table is about. */
  readonly label: string;
  readonly head: readonly string[];
  /** Columns that are numbers. */
  readonly numbers?: readonly number[];
  readonly rows: readonly (readonly CellOf[])[];
  /** What is not in it. */
  readonly more?: string;
}

export interface Happening {
  readonly at: Date;
  readonly tone: Tone;
  readonly title: string;
  readonly lines: readonly string[];
  readonly links?: readonly Link[];
  /** For whoever wants to know exactly. */
  readonly detail?: string;
}

/** The same again and again is told once: how often, and since when. */
export function folded(timeline: readonly Happening[]): Happening[] {
  const runs: Happening[][] = [];
  for (const one of timeline) {
    const run = runs.at(-1);
    const isSame =
      run?.[0]?.title === one.title &&
      run[0].lines.join() === one.lines.join() &&
      !one.links &&
      !run[0].links;
    if (run && isSame) run.push(one);
    else runs.push([one]);
  }
  return runs.map((run) => {
    const [newest] = run;
    const oldest = run.at(-1);
    if (!newest || !oldest || run.length === 1) return run[0]!;
    const times = `${counted(run.length, 'time')}, the first at ${oldest.at.toISOString().slice(0, 16).replace('T', ' ')} UTC`;
    return { ...newest, lines: [...newest.lines, times] };
  });
}

/** A form that asks for another page: nothing is changed by it. */
export interface Filters {
  /** Without JavaScript, as with it: a GET. */
  readonly action: string;
  readonly fields: readonly Field[];
  readonly button: string;
}
export interface Field {
  readonly name: string;
  readonly label: string;
  readonly value: string;
  readonly kind?: 'text' | 'search' | 'datetime-local';
  /** Then it is a choice; the first is what is meant by none. */
  readonly options?: readonly { readonly value: string; readonly label: string }[];
  readonly hint?: string;
  /** Suggestions of what might be typed. */
  readonly known?: readonly string[];
}

export interface Panel {
  readonly title?: string;
  readonly lead?: string;
  readonly filters?: Filters;
  readonly notices?: readonly Notice[];
  readonly figures?: readonly Figure[];
  readonly bars?: readonly Bar[];
  readonly facts?: readonly (readonly [string, CellOf])[];
  readonly chart?: ChartView;
  readonly table?: TableView;
  readonly timeline?: readonly Happening[];
  /** Nothing is there: why, and which command comes next. */
  readonly empty?: { readonly sentence: string; readonly command?: string; readonly links?: readonly Link[] };
  readonly links?: readonly Link[];
  readonly pager?: { readonly newer?: string; readonly older?: string };
  /** Folded away. */
  readonly more?: { readonly summary: string; readonly panel: Panel };
  /** Side by side with the one after it, where there is room. */
  readonly isHalf?: true;
}

export interface PanelsData {
  readonly lead?: string;
  readonly panels: readonly Panel[];
}

/** A page of panels: a title where it is not the page's own, and what is asked for again while something is under way. */
export const panelsPage = (
  data: PanelsData,
  more: Pick<PageView, 'title' | 'refreshSeconds'> = {},
): PageView => ({ ...more, template: 'panels', data });

export const count = (value: number): string => value.toLocaleString('en');

/** `1 person`, `2 people`. */
export const counted = (value: number, one: string, many = `${one}s`): string =>
  `${count(value)} ${value === 1 ? one : many}`;

/** `12.3 %`; a dash where there is nothing to have a share of. */
export const shareWords = (part: number, whole: number): string =>
  whole === 0 ? '–' : `${((part / whole) * 100).toFixed(1)} %`;
