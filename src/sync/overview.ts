/** How everything that is kept equal stands right now, in figures: for the desk and for whoever measures. */
import { isFootbridgeError } from '../errors.ts';
import type { Queryable } from '../store/db.ts';
import { isUnread } from './intake/feed-lag.ts';
import type { FeedRow } from './intake/feeds.ts';
import { feedRows } from './intake/feeds.ts';
import type { Pair, PairState } from './pairs.ts';
import { allPairs, HEARS } from './pairs.ts';
import { openPasswords } from './passwords/password-states.ts';
import { countConflictsBy } from './people/conflicts.ts';
import { countStates } from './people/states.ts';
import type { ChangeQueue, QueueStats } from './queue/change-queue.ts';

export interface PairOverview {
  readonly target: string;
  /** Null: it was never started. */
  readonly pair: Pair | null;
  /** Null: the queue does not answer. */
  readonly queue: QueueStats | null;
  /** Somebody has to decide them, by kind. */
  readonly open: readonly { readonly kind: string; readonly conflicts: number }[];
  /** Of the last quarter. */
  readonly decided: { readonly byRule: number; readonly byPeople: number; readonly byThemselves: number };
  /** Whose password one side does not have yet. */
  readonly passwords: readonly {
    readonly state: 'at-target' | 'waits';
    readonly problem: string;
    readonly people: number;
  }[];
  /** Who was looked at, and who of them was equal in everything at least once. */
  readonly people: { readonly people: number; readonly synced: number };
}

export interface SyncOverview<Shown = PairOverview> {
  readonly pairs: readonly Shown[];
  readonly feeds: readonly FeedRow[];
}

interface OverviewDeps {
  readonly db: Queryable;
  readonly queue: Pick<ChangeQueue, 'stats'>;
}

const NOBODY: Omit<QueueStats, 'target'> = {
  live: 0,
  backlog: 0,
  underWay: 0,
  waiting: 0,
  dead: 0,
  oldestLiveSeconds: 0,
  oldestBacklogSeconds: 0,
};

/** Of these targets. A queue that does not answer leaves its figures out. Throws storage_unavailable of our database. */
export async function syncOverview(deps: OverviewDeps, targets: readonly string[]): Promise<SyncOverview> {
  const { pairs, feeds } = await syncStanding(deps, targets);
  const people = await Promise.all(targets.map((target) => countStates(deps.db, target)));
  return { feeds, pairs: pairs.map((pair, index) => ({ ...pair, people: people[index]! })) };
}

/** The same without counting everybody, of whom there may be a million: for whoever looks again and again. */
export async function syncStanding(
  { db, queue }: OverviewDeps,
  targets: readonly string[],
): Promise<SyncOverview<Omit<PairOverview, 'people'>>> {
  const [pairs, feeds, conflicts, passwords, stats] = await Promise.all([
    allPairs(db),
    feedRows(db),
    countConflictsBy(db),
    openPasswords(db),
    statsOf(queue),
  ]);
  return {
    feeds,
    pairs: targets.map((target) => {
      const own = conflicts.filter((one) => one.target === target);
      const decided = (by: (typeof own)[number]['by']) =>
        own.filter((one) => one.by === by).reduce((sum, one) => sum + one.conflicts, 0);
      return {
        target,
        pair: pairs.find((one) => one.target === target) ?? null,
        queue: stats && (stats.find((one) => one.target === target) ?? { target, ...NOBODY }),
        open: own.filter(({ by }) => by === 'open').map(({ kind, conflicts }) => ({ kind, conflicts })),
        decided: {
          byRule: decided('rule'),
          byPeople: decided('person'),
          byThemselves: decided('equal'),
        },
        passwords: passwords
          .filter((one) => one.target === target)
          .map(({ state, problem, people }) => ({ state, problem, people })),
      };
    }),
  };
}

/** NATS may be away while our database answers. */
async function statsOf(queue: OverviewDeps['queue']): Promise<readonly QueueStats[] | null> {
  try {
    return await queue.stats();
  } catch (error) {
    if (isFootbridgeError(error, 'storage_unavailable')) return null;
    throw error;
  }
}

/** As metrics have them: see `observability/sync-metrics.ts`. */
export async function syncGauges(deps: OverviewDeps, targets: readonly string[]) {
  if (targets.length === 0) return { pairs: [], feeds: [] };
  const { pairs, feeds } = await syncStanding(deps, targets);
  const isHeard = pairs.some(({ pair }) => pair !== null && HEARS.has(pair.state));
  return {
    pairs: pairs.map(({ target, pair, queue, open, passwords }) => ({
      target,
      state: stateOf(pair),
      queue,
      conflicts: open,
      passwords,
    })),
    feeds: feeds.map(({ store, feed, lag, problem, readAt }) => ({
      store,
      feed,
      seconds: lag?.seconds,
      bytes: lag?.bytes,
      changes: lag?.changes,
      isWrong: problem !== null || lag?.problem !== undefined || (isHeard && isUnread(readAt, Date.now())),
    })),
  };
}

const stateOf = (pair: Pair | null): PairState | 'not-started' => pair?.state ?? 'not-started';
