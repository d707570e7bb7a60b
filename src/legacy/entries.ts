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

/** Enough to make the round trip cheap; a page of users is a few hundred kilobytes. */
const PAGE_SIZE = 200;

interface Reading {
  readonly ask: <T>(work: () => Promise<T>) => Promise<T>;
  readonly prefix: string;
  readonly entryOf: (row: LegacyRow) => Promise<LegacyEntry>;
}

export async function* readEntries(
  connector: Connector,
  { ask, prefix, entryOf }: Reading,
): AsyncGenerator<DirectoryEntry> {
  let after = '';
  for (;;) {
    const rows = await ask(async () => (await connector.page?.(after, PAGE_SIZE)) ?? []);
    for (const row of rows) {
      const sub = prefix + row.id;
      try {
        yield { sub, ...(await ask(() => entryOf(row))) };
      } catch (error) {
        if (!isFootbridgeError(error, 'mapping_failed')) throw error;
        yield { sub, error };
      }
    }
    if (rows.length < PAGE_SIZE) return;
    const last = rows.at(-1)?.id ?? '';
    if (last === after || last === '') throw unmappable('queries.page does not go on after :after');
    after = last;
  }
}
