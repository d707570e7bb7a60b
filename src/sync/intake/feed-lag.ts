/** How far behind a feed is, and whether what it is made of is still at the store: a release of the app may have dropped a trigger. */
import { isFootbridgeError } from '../../errors.ts';
import type { FeedLag, StoreFeed } from '../../legacy/feed.ts';

/** As it is kept with the feed. */
export interface NotedLag extends FeedLag {
  /** Something that tells of changes is missing at the store: what happens until it is made again, nobody is told. */
  readonly isMissing?: true;
}

export interface LagDeps {
  /** What is missing of what `sync install` has made, in sentences. Throws legacy_unavailable, config_invalid. */
  readonly missing?: (store: string) => Promise<readonly string[]>;
  /** Nobody has told of some changes of a store: both sides are to be read from end to end. */
  readonly onLost: (store: string) => Promise<void>;
}

/** What was noted before, and how far it was read. */
interface Known {
  readonly position: string | null;
  readonly lag: NotedLag | null;
}

/** Throws what the store throws, and storage_unavailable. */
export async function lagOf(
  { missing, onLost }: LagDeps,
  { store, feed }: Pick<StoreFeed, 'store' | 'feed'>,
  { known, isLookDue }: { readonly known: Known | undefined; readonly isLookDue: boolean },
): Promise<NotedLag> {
  const lag = await feed.lag(known?.position ?? undefined);
  if (!isLookDue || !missing) return { ...lag, ...missingOf(known?.lag) };
  const sentences = await missing(store).catch((error: unknown) => {
    // It is looked at with the rights of `setup`, which an operator may have taken away since: no alarm by itself.
    if (isFootbridgeError(error) && error.code !== 'storage_unavailable') return undefined;
    throw error;
  });
  if (sentences === undefined) return { ...lag, ...missingOf(known?.lag) };
  if (sentences.length === 0) {
    if (known?.lag?.isMissing) await onLost(store);
    return lag;
  }
  return { ...lag, isMissing: true, problem: `${sentences.join(' ')} footbridge sync install makes it.` };
}

/** Longer than any outage of ours that mends itself. */
const UNREAD_SECONDS = 300;

/** Nobody reads it: no server runs, or too many people wait. */
export const isUnread = (readAt: Date | null, nowMs: number): boolean =>
  readAt !== null && nowMs - readAt.getTime() > UNREAD_SECONDS * 1_000;

/** As long as nobody knows better. */
function missingOf(lag: NotedLag | null | undefined): Partial<NotedLag> {
  const { isMissing, problem } = lag ?? {};
  return isMissing && problem !== undefined ? { isMissing, problem } : {};
}
