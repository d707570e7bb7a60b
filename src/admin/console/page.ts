/**
 * A page of the console: what it is called, where it is, and what it shows. A new page is a file in `pages/`, a template and
 * a line in `pages/index.ts`. What changes something is an operation: a page only links to its form (`doHref`).
 */
import type { Desk, Role } from '../operation.ts';
import type { Who } from '../perform.ts';

export interface PageAsk {
  /** Of the path: `batches/:batch` has `batch`. Decoded. */
  readonly params: Readonly<Record<string, string>>;
  readonly query: URLSearchParams;
  readonly who: Who;
  readonly now: Date;
}

export interface PageView {
  /** Instead of the page's own title. */
  readonly title?: string;
  /** A file of `templates/`, without its ending. It gets the data as `it.data`. */
  readonly template: string;
  readonly data: object;
  /** Something is under way: the browser asks for the page's main part again so often. */
  readonly refreshSeconds?: number;
}

export interface ConsolePage {
  /** Below `/admin/`, as the router reads it; empty for the first page. */
  readonly path: string;
  readonly title: string;
  /** Where it stands in the menu; without it only links lead there. */
  readonly menu?: { readonly group: 'Now' | 'People' | 'Move' | 'Record'; readonly order: number };
  readonly role?: Role;
  /** Throws what operations throw; `not_found` for what is not there. */
  load(desk: Desk, ask: PageAsk): Promise<PageView>;
}

export const definePage = (page: ConsolePage): ConsolePage => page;

/** The form of an operation, filled in: its dry run is a click away, and then its execution. */
export function doHref(operation: string, input: Readonly<Record<string, string | undefined>> = {}): string {
  const given = Object.entries(input).flatMap(([name, value]) =>
    value === undefined ? [] : [[name, value]],
  );
  const query = new URLSearchParams(given as [string, string][]).toString();
  return `/admin/do/${operation.replaceAll(' ', '/')}${query ? `?${query}` : ''}`;
}

/** One person's story. */
export const userHref = (sub: string): string => `/admin/users/${encodeURIComponent(sub)}`;

/** What a chart shows; the template `_chart` draws it, with the same figures as a table for whoever cannot see it. */
export interface Chart {
  /** Names the chart, and says in a sentence what is to be seen. */
  readonly title: string;
  readonly caption: string;
  /** `river`: stacked areas; `lines`; `bars`: stacked bars. */
  readonly kind: 'river' | 'lines' | 'bars';
  /** Seconds since the epoch, ascending. */
  readonly x: readonly number[];
  /** `null`: unknown there. A dashed line is foreseen, a full one has happened. */
  readonly series: readonly {
    readonly name: string;
    readonly values: readonly (number | null)[];
    readonly isForeseen?: boolean;
  }[];
  readonly unit: 'people' | 'percent' | 'count' | 'seconds';
}
