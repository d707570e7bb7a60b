/** Whose changes are taken down now, and whether there is room for them: asked for every change, looked up once a second. */
import type { Queryable } from '../store/db.ts';
import type { PairState } from './pairs.ts';
import { allPairs, HEARS } from './pairs.ts';
import type { ChangeQueue } from './queue/change-queue.ts';
import type { PairSettings } from './sync-settings.ts';

export interface HearingDeps {
  readonly db: Queryable;
  readonly queue: Pick<ChangeQueue, 'stats'>;
  readonly pairs: readonly PairSettings[];
  /** Milliseconds that no change of the clock moves. */
  readonly elapsed?: () => number;
}

/** All throw storage_unavailable. */
export interface Hearing {
  /** The targets whose people are kept equal, or wait to be. */
  hearing(): Promise<readonly string[]>;
  hears(target: string): Promise<boolean>;
  /** More people wait than may. */
  isFull(): Promise<boolean>;
  /** What is known is looked up anew. */
  forget(): void;
}

const STATES_MS = 1_000;
const STATS_MS = 2_000;

export function openHearing({ db, queue, pairs, elapsed = () => performance.now() }: HearingDeps): Hearing {
  const states = remembered(
    async () =>
      new Map((await allPairs(db)).map(({ target, state }): [string, PairState] => [target, state])),
    STATES_MS,
    elapsed,
  );
  const stats = remembered(() => queue.stats(), STATS_MS, elapsed);
  const configured = new Set(pairs.map(({ target }) => target));
  const hearing = async () => {
    const known = await states.get();
    return [...configured].filter((target) => {
      const state = known.get(target);
      return state !== undefined && HEARS.has(state);
    });
  };
  return {
    hearing,
    hears: async (target) => (await hearing()).includes(target),
    async isFull() {
      const known = await stats.get();
      return pairs.some(({ target, maxWaiting }) => {
        const own = known.find((one) => one.target === target);
        return own !== undefined && own.live + own.backlog >= maxWaiting;
      });
    },
    forget() {
      states.forget();
      stats.forget();
    },
  };
}

function remembered<T>(read: () => Promise<T>, forMs: number, elapsed: () => number) {
  let known: { readonly value: Promise<T>; readonly untilMs: number } | undefined;
  return {
    get(): Promise<T> {
      if (known && elapsed() < known.untilMs) return known.value;
      const value = read().catch((error) => {
        known = undefined;
        throw error;
      });
      known = { value, untilMs: elapsed() + forMs };
      return value;
    },
    forget: () => {
      known = undefined;
    },
  };
}
