/** What this node knows of the end: read every moment, so that all nodes follow without a restart. */
import type { Queryable } from '../../store/db.ts';
import { overTargets } from './retirements.ts';

export interface Retired {
  /** The old login is over for this target's people. */
  isOver(target: string): boolean;
  /** … for those of every target of the settings: the legacy store is asked for nothing any more. */
  isAllOver(): boolean;
  /** Reads now. Throws storage_unavailable; what was known stays then. */
  refresh(): Promise<void>;
  close(): Promise<void>;
}

export interface FollowingDeps {
  readonly db: Queryable;
  /** The names of the settings. */
  readonly targets: readonly string[];
  readonly onError: (error: unknown) => void;
  readonly everyMs?: number;
}

/** A redirect reaches every node within this. */
const EVERY_MS = 2_000;

/** Reads before it is returned: a node that starts after the end answers so from its first request. */
export async function followRetirements(deps: FollowingDeps): Promise<Retired> {
  const { db, targets, onError, everyMs = EVERY_MS } = deps;
  let over: ReadonlySet<string> = new Set();
  const refresh = async () => {
    over = new Set((await overTargets(db)).map(({ target }) => target));
  };
  await refresh();
  let underWay: Promise<void> | undefined;
  const timer = setInterval(() => {
    underWay ??= refresh()
      .catch(onError)
      .finally(() => {
        underWay = undefined;
      });
  }, everyMs);
  timer.unref();
  return {
    isOver: (target) => over.has(target),
    isAllOver: () => targets.length > 0 && targets.every((target) => over.has(target)),
    refresh,
    close: async () => {
      clearInterval(timer);
      await underWay;
    },
  };
}
