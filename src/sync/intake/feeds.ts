/**
 * Reads what legacy stores tell of their own changes, one node at a time, and puts it into the queue. The place is kept after
 * what was read before it; the store may forget it after that. The table `sync_feeds`.
 */
import { randomUUID } from 'node:crypto';
import { isFootbridgeError } from '../../errors.ts';
import type { LegacyChange, StoreFeed } from '../../legacy/feed.ts';
import type { Db, Queryable } from '../../store/db.ts';
import { statement } from '../../store/db.ts';
import type { Change, ChangeQueue, Lane } from '../queue/change-queue.ts';
import type { LagDeps, NotedLag } from './feed-lag.ts';
import { lagOf } from './feed-lag.ts';

export interface FeedsDeps extends LagDeps {
  readonly db: Db;
  readonly feeds: readonly StoreFeed[];
  readonly queue: Pick<ChangeQueue, 'put'>;
  /** The targets that hear of changes now. */
  readonly targets: () => Promise<readonly string[]>;
  /** More wait than may: nothing is read on. */
  readonly isFull: () => Promise<boolean>;
  readonly onError: (error: unknown, where: string) => void;
}

export interface Feeds {
  /** Reads what there is of every feed whose turn it is; true: there is more. Throws storage_unavailable. */
  round(): Promise<boolean>;
  /** Whether every feed has a place from which it is read. */
  hasBegun(): Promise<boolean>;
  close(): Promise<void>;
}

const PAGE = 1_000;
const ROUND_PAGES = 20;
const LEASE_SECONDS = 60;
const LAG_MS = 10_000;
/** So often it is looked whether what tells of changes is still at the store. */
const LOOK_MS = 30_000;
/** After so many full pages it is no longer somebody who waits in front of a screen. */
const LIVE_PAGES = 3;

const LEASE = statement(`insert into sync_feeds as f (store, feed, lease, leased_until)
  values ($1, $2, $3, now() + interval '${LEASE_SECONDS} seconds')
  on conflict (store, feed) do update set lease = excluded.lease, leased_until = excluded.leased_until
  where f.leased_until is null or f.leased_until < now() or f.lease = excluded.lease returning position`);
const KEEP =
  statement(`update sync_feeds set position = $4, read_at = now(), changes = changes + $5, problem = null,
    leased_until = now() + interval '${LEASE_SECONDS} seconds' where store = $1 and feed = $2 and lease = $3 returning 1`);
const RELEASE = statement(`update sync_feeds set lease = null, leased_until = null, problem = $4::jsonb,
    position = case when $5::boolean then null else position end
  where store = $1 and feed = $2 and lease = $3`);
/** It was read, though there may have been nothing new. */
const NOTE_LAG = statement(
  'update sync_feeds set lag = $3::jsonb, problem = null, read_at = now() where store = $1 and feed = $2',
);
const BEGUN = statement('select store, feed from sync_feeds where position is not null');

export function openFeeds(deps: FeedsDeps): Feeds {
  // The node that reads a feed goes on reading it: what it holds open there need not be opened again.
  const lease = randomUUID();
  const [lagAt, lookAt] = [new Map<StoreFeed, number>(), new Map<StoreFeed, number>()];
  return {
    async round() {
      const targets = await deps.targets();
      if (targets.length === 0 || (await deps.isFull())) return false;
      let isMore = false;
      for (const feed of deps.feeds)
        isMore = (await readFeed(deps, feed, { lease, targets, lagAt, lookAt })) || isMore;
      return isMore;
    },
    async hasBegun() {
      const begun = await deps.db.run<{ store: string; feed: string }>(BEGUN);
      return deps.feeds.every(({ store, feed }) =>
        begun.some((one) => one.store === store && one.feed === feed.name),
      );
    },
    async close() {
      for (const { store, feed } of deps.feeds) {
        await deps.db.run(RELEASE, [store, feed.name, lease, null, false]).catch(() => undefined);
        await feed.close();
      }
    },
  };
}

interface Reading {
  readonly lease: string;
  readonly targets: readonly string[];
  readonly lagAt: Map<StoreFeed, number>;
  readonly lookAt: Map<StoreFeed, number>;
}

async function readFeed(deps: FeedsDeps, one: StoreFeed, reading: Reading): Promise<boolean> {
  const { db } = deps;
  const { store, feed } = one;
  const [leased] = await db.run<{ position: string | null }>(LEASE, [store, feed.name, reading.lease]);
  if (!leased) return false;
  try {
    const isMore = await readPages(deps, one, { ...reading, position: leased.position ?? undefined });
    await noteLag(deps, one, reading);
    return isMore;
  } catch (error) {
    if (isFootbridgeError(error, 'storage_unavailable')) throw error;
    const isLost = isFootbridgeError(error, 'feed_lost');
    deps.onError(error, `changes of ${store}`);
    // When it is well again, that is noted at once.
    reading.lagAt.delete(one);
    const problem = isFootbridgeError(error)
      ? { code: error.code, detail: error.detail }
      : { code: 'internal' };
    await db.run(RELEASE, [store, feed.name, reading.lease, JSON.stringify(problem), isLost]);
    if (isLost) await deps.onLost(store);
    return false;
  }
}

async function readPages(
  { db, queue }: FeedsDeps,
  { store, feed, subjectOf }: StoreFeed,
  { lease, targets, position: from }: Reading & { readonly position: string | undefined },
): Promise<boolean> {
  let position = from;
  for (let pages = 1; pages <= ROUND_PAGES; pages += 1) {
    const page = await feed.read(position, PAGE);
    const lane: Lane = pages > LIVE_PAGES ? 'backlog' : 'live';
    // Echoes of what we have written come to nothing anyway: they need not wait in line for it.
    const heard = page.changes.filter(({ isOurs }) => !isOurs);
    const changes = heard.flatMap((change) => {
      const person = subjectIn({ subjectOf }, change);
      if (person === undefined) return [];
      const source = `legacy:${store}`;
      return targets.map((target) => changeOf(change, { source, feed: feed.name, target, lane, person }));
    });
    if (changes.length > 0) await queue.put(changes);
    const isNew = page.position !== position || page.changes.length > 0;
    if (isNew) {
      const kept = await db.run(KEEP, [store, feed.name, lease, page.position, heard.length]);
      if (kept.length === 0) return false;
      await feed.confirm(page.position);
    }
    position = page.position;
    if (!page.isMore) return false;
  }
  return true;
}

/** Undefined: nobody is called so here, and nobody of the ledger has this id. */
function subjectIn(
  { subjectOf }: Pick<StoreFeed, 'subjectOf'>,
  { legacyId }: LegacyChange,
): string | undefined {
  try {
    return subjectOf(legacyId);
  } catch (error) {
    if (isFootbridgeError(error, 'mapping_failed')) return undefined;
    throw error;
  }
}

interface Heard {
  readonly source: string;
  readonly feed: string;
  readonly target: string;
  readonly lane: Lane;
  readonly person: string;
}

function changeOf(change: LegacyChange, { source, feed, target, lane, person }: Heard): Change {
  // A row that is dated in the time to come must not win for ever.
  const now = Date.now();
  const at = new Date(Math.min(change.at?.getTime() ?? now, now)).toISOString();
  const hint = change.kind === 'deleted' ? { goneAt: at } : { legacyAt: at };
  return { source, id: `${feed}:${change.id}`, target, person, lane, hint };
}

async function noteLag(deps: FeedsDeps, one: StoreFeed, { lagAt, lookAt }: Reading): Promise<void> {
  const { db } = deps;
  const { store, feed } = one;
  const now = performance.now();
  if (now < (lagAt.get(one) ?? Number.NEGATIVE_INFINITY)) return;
  const isLookDue = now >= (lookAt.get(one) ?? Number.NEGATIVE_INFINITY);
  lagAt.set(one, now + LAG_MS);
  if (isLookDue) lookAt.set(one, now + LOOK_MS);
  const [known] = await db.run<Pick<FeedRow, 'position' | 'lag'>>(KNOWN, [store, feed.name]);
  await db.run(NOTE_LAG, [store, feed.name, JSON.stringify(await lagOf(deps, one, { known, isLookDue }))]);
}

export interface FeedRow {
  readonly store: string;
  readonly feed: string;
  readonly position: string | null;
  readonly readAt: Date | null;
  /** How many were read in all, our own left out, as text. */
  readonly changes: string;
  readonly lag: NotedLag | null;
  readonly problem: { readonly code: string; readonly detail?: string } | null;
}
const ALL = statement(
  'select store, feed, position, read_at as "readAt", changes::text, lag, problem from sync_feeds order by store, feed',
);
const KNOWN = statement('select position, lag from sync_feeds where store = $1 and feed = $2');
const FORGET = statement('delete from sync_feeds where store = $1');
/** What is made at the store again begins anew: no place of before means anything there. */
export const forgetFeeds = async (q: Queryable, store: string): Promise<void> => {
  await q.run(FORGET, [store]);
};
export const feedRows = (q: Queryable): Promise<FeedRow[]> => q.run<FeedRow>(ALL);
