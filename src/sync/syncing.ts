/**
 * Keeps pairs equal: takes turns as long as there are some, on every node. What one dies with another takes over when the lease
 * has run out.
 */
import { setTimeout as wait } from 'node:timers/promises';
import { isFootbridgeError } from '../errors.ts';
import type { InSpan } from '../observability/tracing.ts';
import { noSpan } from '../observability/tracing.ts';
import type { Queryable } from '../store/db.ts';
import { inParallel } from '../targets/in-parallel.ts';
import type { PairState } from './pairs.ts';
import { allPairs, TAKES_TURNS } from './pairs.ts';
import type { TurnsDeps } from './people/turns.ts';
import { takeTurns } from './people/turns.ts';
import type { ChangeQueue, Settlement, Turn } from './queue/change-queue.ts';
import { strangerIn } from './queue/change-queue.ts';

export interface SyncingDeps {
  readonly db: Queryable;
  readonly queue: ChangeQueue;
  /** By target. */
  readonly pairs: ReadonlyMap<string, TurnsDeps>;
  /** Users of targets of whom no subject is known. */
  readonly onStranger: (turn: Turn) => Promise<Settlement>;
  readonly onError: (error: unknown, where: string) => void;
  /** For traces. */
  readonly inSpan?: InSpan;
  /** For whoever tells of outages: see `outages.ts`. */
  readonly onSettled?: (target: string, settlements: readonly Settlement[]) => void;
}

export interface Syncing {
  /** Takes turns until there are none that are due; how many. Throws storage_unavailable. */
  round(): Promise<number>;
  /** Goes on until it is told to stop, and ends when what is under way is done. */
  follow(signal: AbortSignal): Promise<void>;
}

/** Longer than a turn of so many takes, see `sizeFor`; a dead node's turns are taken over after it. */
const LEASE_SECONDS = 120;
const SHARE_OF_LEASE = 0.2;
/** So many calls' worth of people are taken at once. */
const CALLS_AT_ONCE = 4;
const IDLE_MS = 500;
const OUTAGE_MS = 2_000;

export function openSyncing(deps: SyncingDeps): Syncing {
  const pairs = new Map(
    [...deps.pairs].map(([target, pair]) => [target, { pair, size: sizeFor(pair.pair) }]),
  );
  const some = async (): Promise<number> => {
    const states = new Map((await allPairs(deps.db)).map(({ target, state }) => [target, state]));
    let total = 0;
    for (const [target, pair] of pairs) {
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
  deps: SyncingDeps,
  target: string,
  { pair: turnsDeps, size }: { readonly pair: TurnsDeps; readonly size: Size },
): Promise<number> {
  const { queue, onStranger, onError, inSpan = noSpan } = deps;
  const turns = await queue.take({ targets: [target], limit: size.people(), leaseSeconds: LEASE_SECONDS });
  if (turns.length === 0) return 0;
  const startedMs = performance.now();
  const [strangers, people] = [turns.filter(isStranger), turns.filter((turn) => !isStranger(turn))];
  const settled = await inSpan('sync turns', { 'footbridge.target': target, people: people.length }, () =>
    settledOf(turnsDeps, people, onError),
  );
  deps.onSettled?.(target, settled);
  await queue.settle(settled);
  const { attempts, atOnce } = turnsDeps.pair;
  const settlements = await inParallel(strangers, atOnce, (turn) =>
    onStranger(turn).catch((error: unknown) => {
      if (isFootbridgeError(error, 'storage_unavailable')) throw error;
      onError(error, `a user of ${target}`);
      return ourMistake(turn, attempts);
    }),
  );
  await queue.settle(settlements);
  size.took(turns.length, performance.now() - startedMs);
  return turns.length;
}

async function settledOf(
  pair: TurnsDeps,
  people: readonly Turn[],
  onError: SyncingDeps['onError'],
): Promise<readonly Settlement[]> {
  if (people.length === 0) return [];
  try {
    return await takeTurns(pair, people);
  } catch (error) {
    if (isFootbridgeError(error, 'storage_unavailable')) throw error;
    // A mistake of ours with one of them must not come again every second, nor hold up the others for good.
    onError(error, `people of ${pair.pair.target}`);
    return oneByOne(pair, people, onError);
  }
}

/** How many people are taken at once. */
interface Size {
  people(): number;
  took(people: number, ms: number): void;
}

/**
 * As many as are done well within their lease: where a side is slow, what was done would count for nothing when it is over, and
 * begin again for ever.
 */
function sizeFor({ batch }: TurnsDeps['pair']): Size {
  const most = batch * CALLS_AT_ONCE;
  let now = most;
  return {
    people: () => now,
    took(people, ms) {
      const fitting = Math.floor((people * LEASE_SECONDS * 1_000 * SHARE_OF_LEASE) / Math.max(ms, 1));
      now = Math.max(1, Math.min(most, fitting, now * 2));
    },
  };
}

const isStranger = ({ person }: Turn) => strangerIn(person) !== undefined;

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
      settlements.push(ourMistake(turn, pair.pair.attempts));
    }
  }
  return settlements;
}

function ourMistake(turn: Turn, attempts: number): Settlement {
  const problem = { code: 'internal', sentence: 'Something went wrong on our side.' };
  return turn.attempts + 1 >= attempts
    ? { turn, result: 'dead', problem }
    : { turn, result: 'later', seconds: 60, counts: true, problem };
}
