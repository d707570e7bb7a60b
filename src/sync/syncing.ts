/**
 * Keeps pairs equal: takes turns as long as there are some, on every node. What one dies with another takes over when the lease
 * has run out.
 */
import { setTimeout as wait } from 'node:timers/promises';
import { isFootbridgeError } from '../errors.ts';
import type { Queryable } from '../store/db.ts';
import type { PairState } from './pairs.ts';
import { allPairs, TAKES_TURNS } from './pairs.ts';
import type { TurnsDeps } from './people/turns.ts';
import { takeTurns } from './people/turns.ts';
import type { ChangeQueue, Settlement, Turn } from './queue/change-queue.ts';

export interface SyncingDeps {
  readonly db: Queryable;
  readonly queue: ChangeQueue;
  /** By target. */
  readonly pairs: ReadonlyMap<string, TurnsDeps>;
  /** `user:<id>` of targets. */
  readonly onStranger: (turn: Turn) => Promise<Settlement>;
  readonly onError: (error: unknown, where: string) => void;
}

export interface Syncing {
  /** Takes turns until there are none that are due; how many. Throws storage_unavailable. */
  round(): Promise<number>;
  /** Goes on until it is told to stop, and ends when what is under way is done. */
  follow(signal: AbortSignal): Promise<void>;
}

/** Longer than any turn of so many takes; a dead node's turns are taken over after it. */
const LEASE_SECONDS = 120;
/** So many calls' worth of people are taken at once. */
const CALLS_AT_ONCE = 4;
const IDLE_MS = 500;
const OUTAGE_MS = 2_000;

export function openSyncing(deps: SyncingDeps): Syncing {
  const some = async (): Promise<number> => {
    const states = new Map((await allPairs(deps.db)).map(({ target, state }) => [target, state]));
    let total = 0;
    for (const [target, pair] of deps.pairs) {
      if (isTaking(states.get(target))) total += await takeSome(deps, target, pair);
    }
    return total;
  };
  return {
    async round() {
      for (let total = 0; ; ) {
        const taken = await some();
        total += taken;
        if (taken === 0) return total;
      }
    },
    async follow(signal) {
      let wake: (() => void) | undefined;
      const stop = deps.queue.onPut(() => wake?.());
      while (!signal.aborted) {
        const taken = await some().catch(async (error: unknown) => {
          if (!isFootbridgeError(error, 'storage_unavailable')) deps.onError(error, 'taking turns');
          await wait(OUTAGE_MS, undefined, { signal }).catch(() => undefined);
          return 0;
        });
        if (taken > 0 || signal.aborted) continue;
        const { promise, resolve } = Promise.withResolvers<void>();
        wake = resolve;
        await Promise.race([promise, wait(IDLE_MS, undefined, { signal }).catch(() => undefined)]);
        wake = undefined;
      }
      stop();
    },
  };
}

const isTaking = (state: PairState | undefined) => state !== undefined && TAKES_TURNS.has(state);

async function takeSome(
  { queue, onStranger, onError }: SyncingDeps,
  target: string,
  pair: TurnsDeps,
): Promise<number> {
  const limit = pair.pair.batch * CALLS_AT_ONCE;
  const turns = await queue.take({ targets: [target], limit, leaseSeconds: LEASE_SECONDS });
  if (turns.length === 0) return 0;
  const [strangers, people] = [turns.filter(isStranger), turns.filter((turn) => !isStranger(turn))];
  const settlements: Settlement[] = [];
  try {
    if (people.length > 0) settlements.push(...(await takeTurns(pair, people)));
    for (const turn of strangers) settlements.push(await onStranger(turn));
  } catch (error) {
    if (isFootbridgeError(error, 'storage_unavailable')) throw error;
    // A mistake of ours with one of them must not come again every second, nor hold up the others for good.
    onError(error, `people of ${target}`);
    settlements.push(...(await oneByOne(pair, people, onError)));
  }
  await queue.settle(settlements);
  return turns.length;
}

const isStranger = ({ person }: Turn) => person.startsWith('user:');

/** After an error that should not be: whose it is. */
async function oneByOne(
  pair: TurnsDeps,
  turns: readonly Turn[],
  onError: SyncingDeps['onError'],
): Promise<Settlement[]> {
  const settlements: Settlement[] = [];
  for (const turn of turns) {
    try {
      settlements.push(...(await takeTurns(pair, [turn])));
    } catch (error) {
      if (isFootbridgeError(error, 'storage_unavailable')) throw error;
      onError(error, 'a person');
      const problem = { code: 'internal', sentence: 'Something went wrong on our side.' };
      settlements.push(
        turn.attempts + 1 >= pair.pair.attempts
          ? { turn, result: 'dead', problem }
          : { turn, result: 'later', seconds: 60, counts: true, problem },
      );
    }
  }
  return settlements;
}
