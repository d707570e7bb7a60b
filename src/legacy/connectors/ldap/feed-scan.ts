/** What changed since the marks: ids and stamps of entries, read in pages, the oldest of them kept in memory. */
import type { Filter, SearchEntry } from 'ldapts';
import type { Connection, Query } from './connection.ts';
import type { Marks } from './feed-position.ts';

export interface Found {
  readonly stamp: string;
  readonly legacyId: string;
  readonly kind: 'changed' | 'deleted';
  readonly at?: Date;
  /** Its second may not be over: another change in it would have the same stamp. It is told once more. */
  readonly isEarly?: true;
}

/** One way to find changes. All throw a Refusal, legacy_unavailable, feed_lost, config_invalid. */
export interface Way {
  /** Marks that are behind nothing that was changed before. */
  begin(connection: Connection): Promise<Marks>;
  /** Everything newer; returns the marks that are behind it. */
  since(marks: Marks, connection: Connection, add: (found: Found) => void): Promise<Marks>;
  /** Seconds, or how many; empty where it cannot be known. */
  lag(marks: Marks, connection: Connection): Promise<{ readonly seconds?: number }>;
}

/** In memory at once; of more, the oldest. */
const MAX_AHEAD = 50_000;

export const inOrder = (one: Found, other: Found): number =>
  compare(one.stamp, other.stamp) || compare(one.legacyId, other.legacyId);
const compare = (one: string, other: string) => (one < other ? -1 : one > other ? 1 : 0);

/** Keeps the first of what comes in any order. */
export function firstOf(most = MAX_AHEAD) {
  let kept: Found[] = [];
  let isCut = false;
  const cut = () => {
    kept.sort(inOrder);
    isCut ||= kept.length > most;
    kept = kept.slice(0, most);
  };
  return {
    add(found: Found) {
      kept.push(found);
      if (kept.length >= 2 * most) cut();
    },
    /** `isCut`: there is more behind them. */
    all(): { readonly found: Found[]; readonly isCut: boolean } {
      cut();
      return { found: kept, isCut };
    },
  };
}

/** Every entry that answers, whatever their number. */
export async function everyEntry(
  connection: Connection,
  query: Omit<Query, 'page' | 'limit'>,
  { pageSize, take }: { readonly pageSize: number; readonly take: (entry: SearchEntry) => void },
): Promise<void> {
  let cookie = Buffer.alloc(0);
  do {
    const answer = await connection.search({ ...query, page: { size: pageSize, cookie } });
    for (const entry of answer.entries) take(entry);
    cookie = Buffer.from(answer.cookie);
  } while (cookie.length > 0);
}

/** Entries that have the attribute, with this value or a later one where one is given. */
export async function from(attribute: string, value: string | undefined): Promise<Filter> {
  const { GreaterThanEqualsFilter, PresenceFilter } = await import('ldapts');
  return value === undefined
    ? new PresenceFilter({ attribute })
    : new GreaterThanEqualsFilter({ attribute, value });
}

/** The text of one attribute, as the first value has it. */
export function textIn(entry: SearchEntry | undefined, type: string): string | undefined {
  return textsIn(entry, type)[0];
}

export function textsIn(entry: SearchEntry | undefined, type: string): readonly string[] {
  const name = type.toLowerCase();
  const attribute = entry?.attributes.find((one) => one.type.toLowerCase() === name);
  return (attribute?.values ?? []).map(String);
}

/** One entry by its name, with these attributes; '' is the server's own. */
export async function entryAt(
  connection: Connection,
  base: string,
  attributes: readonly string[],
): Promise<SearchEntry | undefined> {
  const filter = await from('objectClass', undefined);
  const { entries } = await connection.search({ base, scope: 'base', filter, attributes });
  return entries[0];
}
