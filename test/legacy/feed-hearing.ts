/** Reads a feed as sync does: on and on, from where it was, until somebody was heard of. */
import { expect } from 'vitest';
import type { Feed, FeedPage, LegacyChange } from '../../src/legacy/feed.ts';

const MAX_POSITION = 2_000;
const MAX_CHANGE_ID = 200;
/** Between two looks at a store that tells later. */
const PAUSE_MS = 20;

export async function readPage(feed: Feed, position: string | undefined, limit: number): Promise<FeedPage> {
  const page = await feed.read(position, limit);
  expect(page.position.length).toBeLessThanOrEqual(MAX_POSITION);
  for (const { id } of page.changes) expect(id.length).toBeLessThanOrEqual(MAX_CHANGE_ID);
  return page;
}

export interface Heard {
  readonly changes: readonly LegacyChange[];
  readonly position: string;
  readonly pages: readonly FeedPage[];
}

/** Reads on until somebody of each id was heard of and there is no more. `keeps`: confirms each page, as who has kept it. */
export async function hear(
  feed: Feed,
  from: string,
  ids: readonly string[],
  { limit = 100, keeps = true }: { limit?: number; keeps?: boolean } = {},
): Promise<Heard> {
  const missing = new Set(ids);
  const pages: FeedPage[] = [];
  for (let position = from; ; ) {
    const page = await readPage(feed, position, limit);
    pages.push(page);
    position = page.position;
    if (keeps) await feed.confirm(position);
    for (const { legacyId } of page.changes) missing.delete(legacyId);
    if (missing.size === 0 && !page.isMore)
      return { changes: pages.flatMap(({ changes }) => changes), position, pages };
    if (page.changes.length === 0) await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  }
}

/** Where a feed that was never read begins. */
export async function begin(feed: Feed): Promise<string> {
  for (let position: string | undefined; ; ) {
    const page = await readPage(feed, position, 100);
    position = page.position;
    await feed.confirm(position);
    if (!page.isMore) return position;
  }
}
