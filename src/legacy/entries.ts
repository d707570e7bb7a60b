/** All users of the store, a page at a time: for surveys, plans and batches. */
import type { FootbridgeError } from '../errors.ts';
import { isFootbridgeError } from '../errors.ts';
import type { LegacyEntry } from '../user.ts';
import type { Connector, LegacyRow } from './connector.ts';
import { unmappable } from './fields.ts';

/** One that cannot be mapped comes with its error: it is counted and reported, never dropped. */
export type DirectoryEntry =
  | (LegacyEntry & { readonly sub: string; readonly error?: never })
  | { readonly sub: string; readonly error: FootbridgeError };

/** Enough to make the round trip cheap; a page of users is some hundred kilobytes. */
const PAGE_SIZE = 500;
/** Users mapped at once: each may ask for rows of other tables. */
const AT_ONCE = 8;

interface Reading {
  readonly ask: <T>(work: () => Promise<T>) => Promise<T>;
  readonly prefix: string;
  readonly entryOf: (row: LegacyRow) => Promise<LegacyEntry>;
  /** The id to go on after; empty at the start. */
  readonly after: string;
}

/** The next page is on its way while one is worked on. */
export async function* readEntries(
  connector: Connector,
  { ask, prefix, entryOf, after: start }: Reading,
): AsyncGenerator<DirectoryEntry> {
  await connector.ready?.();
  const pageAfter = (after: string) => ask(async () => (await connector.page?.(after, PAGE_SIZE)) ?? []);
  const read = async (row: LegacyRow): Promise<DirectoryEntry> => {
    const sub = prefix + row.id;
    try {
      return { sub, ...(await ask(() => entryOf(row))) };
    } catch (error) {
      if (!isFootbridgeError(error, 'mapping_failed')) throw error;
      return { sub, error };
    }
  };
  let after = start;
  let page = pageAfter(after);
  for (;;) {
    const rows = await page;
    const last = rows.at(-1)?.id ?? '';
    const isLast = rows.length < PAGE_SIZE;
    if (!isLast && (last === after || last === ''))
      throw unmappable('queries.page does not go on after :after');
    if (!isLast) {
      page = pageAfter(last);
      // Thrown where it is awaited; until then it is nobody's business.
      page.catch(() => undefined);
    }
    for (let at = 0; at < rows.length; at += AT_ONCE)
      yield* await Promise.all(rows.slice(at, at + AT_ONCE).map(read));
    if (isLast) return;
    after = last;
  }
}
