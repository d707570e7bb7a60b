/** Where an engine of the queue is tried, and how its contract speaks to it. */
import { expect, vi } from 'vitest';
import type {
  Change,
  ChangeQueue,
  QueueStats,
  Settlement,
  Turn,
} from '../../../src/sync/queue/change-queue.ts';

export interface QueuePlace {
  /** Another node at this place. */
  open(): Promise<ChangeQueue>;
  /** The node is gone without a word: nothing is given back. */
  kill(queue: ChangeQueue): Promise<void>;
  /** Resolves when the node, being the only one, knows of so many people; absent where it does as soon as they are put. */
  knows?(queue: ChangeQueue, people: number): Promise<void>;
  /** Whether the node has heard all that was put; absent where it has when it is put. */
  heard?(queue: ChangeQueue): Promise<boolean>;
  close(): Promise<void>;
}

export const T = 'cidaas';
export const MINUTE = 60;
export const SOON = { timeout: 30_000, interval: 20 };
export const PROBLEM = { code: 'target_refused', sentence: 'The target refused what it was asked for.' };

let ids = 0;
export const change = (person: string, more: Partial<Change> = {}): Change => ({
  source: 'legacy:shop',
  id: `c${++ids}`,
  target: T,
  person,
  lane: 'live',
  hint: { legacyAt: '2026-03-01T00:00:00.000Z' },
  ...more,
});
export const done = (turns: readonly Turn[]): Settlement[] =>
  turns.map((turn) => ({ turn, result: 'done' as const }));
export const later = (turn: Turn, seconds: number, counts = true): Settlement => ({
  turn,
  result: 'later',
  seconds,
  counts,
  problem: PROBLEM,
});
export const dead = (turn: Turn): Settlement => ({ turn, result: 'dead', problem: PROBLEM });
export const peopleOf = (turns: readonly { readonly person: string }[]) =>
  turns.map(({ person }) => person).sort();

/** Takes until there are so many. An engine may need a moment between a put and a take. */
export async function takeSoon(
  queue: ChangeQueue,
  count = 1,
  { targets = [T], leaseSeconds = MINUTE }: { targets?: readonly string[]; leaseSeconds?: number } = {},
): Promise<Turn[]> {
  const taken: Turn[] = [];
  await vi.waitFor(async () => {
    taken.push(...(await queue.take({ targets, limit: count - taken.length, leaseSeconds })));
    expect(taken).toHaveLength(count);
  }, SOON);
  return taken;
}
export const takeOne = async (queue: ChangeQueue, options: { leaseSeconds?: number } = {}): Promise<Turn> =>
  (await takeSoon(queue, 1, options))[0]!;
/** Who can be taken now. */
export const takeNow = (queue: ChangeQueue, limit = 10) =>
  queue.take({ targets: [T], limit, leaseSeconds: MINUTE });
const NOTHING = {
  live: 0,
  backlog: 0,
  underWay: 0,
  waiting: 0,
  dead: 0,
  oldestLiveSeconds: 0,
  oldestBacklogSeconds: 0,
};
/** A target of which nothing is left may be missing. */
export const statsOf = async (queue: ChangeQueue, target = T): Promise<QueueStats> =>
  (await queue.stats()).find((one) => one.target === target) ?? { target, ...NOTHING };

/** What the parts of the contract are told: the place and the node of the test that runs. */
export interface Scene {
  readonly place: QueuePlace;
  /** May be opened anew by a test. */
  queue: ChangeQueue;
}
