/** All users of the store, a page at a time: for surveys, plans and batches. */
import { FootbridgeError, isFootbridgeError } from '../errors.ts';
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

interface Mapping {
  readonly ask: <T>(work: () => Promise<T>) => Promise<T>;
  readonly prefix: string;
  readonly entryOf: (row: LegacyRow) => Promise<LegacyEntry>;
}

interface Reading extends Mapping {
  /** The id to go on after; empty at the start. */
  readonly after: string;
}

/** With its error where it cannot be mapped. Throws legacy_unavailable. */
async function readRow({ ask, prefix, entryOf }: Mapping, row: LegacyRow): Promise<DirectoryEntry> {
  const sub = prefix + row.id;
  try {
    return { sub, ...(await ask(() => entryOf(row))) };
  } catch (error) {
    if (!isFootbridgeError(error, 'mapping_failed')) throw error;
    return { sub, error };
  }
}

async function inParts<A, B>(all: readonly A[], one: (item: A) => Promise<B>): Promise<B[]> {
  const results: B[] = [];
  for (let at = 0; at < all.length; at += AT_ONCE)
    results.push(...(await Promise.all(all.slice(at, at + AT_ONCE).map(one))));
  return results;
}

/** These users, by subject; in one question where the store can answer it. */
export async function findEntries(
  connector: Connector,
  mapping: Mapping,
  ids: readonly string[],
): Promise<ReadonlyMap<string, DirectoryEntry>> {
  const { ask } = mapping;
  if (ids.length === 0) return new Map();
  const wanted = new Set(ids);
  const together = await ask(async () => (await connector.findByIds?.(ids)) ?? []);
  const seen = new Set(together.map(({ id }) => id));
  // Nobody is taken for gone because of an id beside theirs that the store cannot compare.
  const unseen = [...wanted].filter((id) => !seen.has(id));
  const alone = await inParts(unseen, (id) => ask(() => connector.findById(id)));
  const rows = [...together, ...alone.flat()];
  const entries = new Map<string, DirectoryEntry>();
  const same = rows.filter(({ id }) => wanted.has(id));
  for (const entry of await inParts(same, (row) => readRow(mapping, row)))
    entries.set(entry.sub, entries.has(entry.sub) ? { sub: entry.sub, error: ambiguous() } : entry);
  return entries;
}

const ambiguous = () => new FootbridgeError('user_ambiguous', { detail: 'several rows have one id' });

/** The next page is on its way while one is worked on. */
export async function* readEntries(
  connector: Connector,
  { ask, prefix, entryOf, after: start }: Reading,
): AsyncGenerator<DirectoryEntry> {
  await connector.ready?.();
  const pageAfter = (after: string) => ask(async () => (await connector.page?.(after, PAGE_SIZE)) ?? []);
  const read = (row: LegacyRow) => readRow({ ask, prefix, entryOf }, row);
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
