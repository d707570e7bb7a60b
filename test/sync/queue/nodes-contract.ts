/** The part of the contract that is about leases, nodes that die, and several at once. */
import { describe, expect, test, vi } from 'vitest';
import type { ChangeQueue, Settlement, Turn } from '../../../src/sync/queue/change-queue.ts';
import type { Scene } from './queue-place.ts';
import { change, done, peopleOf, statsOf, T, takeSoon } from './queue-place.ts';

const SOON = { timeout: 60_000, interval: 20 };
const PROBLEM = {
  code: 'legacy_unavailable',
  sentence: 'The legacy user store cannot be asked at the moment.',
};
const TAKES = { targets: [T], limit: 10 };

export function nodesContract(scene: () => Scene): void {
  /** Whichever of the nodes gets the first turn. */
  const whoever = (nodes: readonly ChangeQueue[], leaseSeconds: number) =>
    vi.waitFor(async () => {
      for (const node of nodes) {
        const [turn] = await node.take({ targets: [T], limit: 1, leaseSeconds });
        if (turn) return { node, turn };
      }
      throw new Error('nobody');
    }, SOON);

  describe('a turn whose lease has run out', () => {
    test.each([
      ['done', (turn: Turn): Settlement => ({ turn, result: 'done' })],
      ['dead', (turn: Turn): Settlement => ({ turn, result: 'dead', problem: PROBLEM })],
      [
        'later',
        (turn: Turn): Settlement => ({
          turn,
          result: 'later',
          seconds: 3_600,
          counts: true,
          problem: PROBLEM,
        }),
      ],
    ])(
      'is somebody else’s, and is not settled as %s by whoever had it',
      async (_, settlement) => {
        const { queue } = scene();
        await queue.put([change('shop:1')]);
        const [old] = await takeSoon(queue, 1, { leaseSeconds: 1 });
        const [turn] = await takeSoon(queue, 1, { leaseSeconds: 3_600 });
        expect(turn).toMatchObject({ person: 'shop:1', hint: old!.hint, attempts: 0, since: old!.since });
        await queue.settle([settlement(old!)]);
        expect(await queue.dead({ limit: 10 })).toEqual([]);
        expect(await statsOf(queue)).toMatchObject({ live: 1, underWay: 1, waiting: 0, dead: 0 });
        // The new one is as good as before.
        await queue.settle(done([turn!]));
        expect(await statsOf(queue)).toMatchObject({ live: 0, underWay: 0 });
      },
      90_000,
    );

    test('settles nothing either while nobody has it', async () => {
      const { queue } = scene();
      await queue.put([change('shop:1')]);
      const [old] = await takeSoon(queue, 1, { leaseSeconds: 1 });
      await vi.waitFor(async () => expect(await statsOf(queue)).toMatchObject({ underWay: 0 }), SOON);
      await queue.settle(done([old!]));
      expect(peopleOf(await takeSoon(queue, 1))).toEqual(['shop:1']);
    }, 90_000);

    test('is not settled twice, nor by a ticket that is made up', async () => {
      const { queue } = scene();
      await queue.put([change('shop:1')]);
      const [turn] = await takeSoon(queue, 1);
      await queue.settle(done([{ ...turn!, ticket: 'of-my-own' }]));
      await queue.settle(done([{ ...turn!, person: 'shop:2' }]));
      expect(await statsOf(queue)).toMatchObject({ live: 1, underWay: 1 });
      await Promise.all([queue.settle(done([turn!])), queue.settle(done([turn!]))]);
      await queue.put([change('shop:1')]);
      const [next] = await takeSoon(queue, 1);
      await queue.settle(done([turn!]));
      expect(await statsOf(queue)).toMatchObject({ live: 1, underWay: 1 });
      await queue.settle(done([next!]));
    });
  });

  describe('nodes', () => {
    test('that are killed lose their turns after the lease, and nothing that was put', async () => {
      const { place, queue } = scene();
      await queue.put([change('shop:1'), change('shop:2', { lane: 'backlog' })]);
      const [turn] = await takeSoon(queue, 1, { leaseSeconds: 2 });
      await queue.put([change('shop:3')]);
      await place.kill(queue);
      const other = await place.open();
      const turns = await takeSoon(other, 3, { leaseSeconds: 3_600 });
      expect(peopleOf(turns)).toEqual(['shop:1', 'shop:2', 'shop:3']);
      expect(turns.find(({ person }) => person === turn!.person)).toMatchObject({ hint: turn!.hint });
      await other.settle(done(turns));
      expect(await statsOf(other)).toMatchObject({ live: 0, backlog: 0, underWay: 0 });
    }, 90_000);

    test('that close give their turns back', async () => {
      const { place, queue } = scene();
      await queue.put([change('shop:1')]);
      await takeSoon(queue, 1, { leaseSeconds: 2 });
      await queue.close();
      const other = await place.open();
      expect(peopleOf(await takeSoon(other, 1))).toEqual(['shop:1']);
    }, 90_000);

    test('take what others have put', async () => {
      const { place, queue } = scene();
      const other = await place.open();
      await other.put([change('shop:1')]);
      await queue.put([change('shop:2')]);
      const turns: Turn[] = [];
      while (turns.length < 2) {
        const { node, turn } = await whoever([queue, other], 60);
        turns.push(turn);
        await node.settle(done([turn]));
      }
      expect(peopleOf(turns)).toEqual(['shop:1', 'shop:2']);
    }, 90_000);

    test('are never at one person at the same time, and each change is followed by a turn', async () => {
      const { place, queue } = scene();
      const nodes = [queue, await place.open(), await place.open()];
      const world = openWorld();
      await Promise.all([
        ...nodes.map((node, index) => world.edits(node, index)),
        ...nodes.map((node, index) => world.turns(node, index)),
      ]);
      expect(world.overlaps).toEqual([]);
      expect(world.notSeen()).toEqual([]);
      expect(await statsOf(queue)).toMatchObject({ live: 0, backlog: 0, waiting: 0, dead: 0 });
    }, 110_000);
  });
}

/** People with a version each: an edit raises it and is put, a turn looks at it. In the end each version was looked at. */
function openWorld({ people = 25, editsEach = 60, leaseSeconds = 3_600 } = {}) {
  const version = new Map<string, number>();
  const seen = new Map<string, number>();
  const underWay = new Set<string>();
  const overlaps: string[] = [];
  let editing = 0;
  const notSeen = () => [...version].filter(([person, is]) => seen.get(person) !== is);

  const edits = async (node: ChangeQueue, seed: number) => {
    const random = seeded(seed);
    editing += 1;
    for (let edit = 0; edit < editsEach; edit++) {
      const person = `shop:${Math.floor(random() * people)}`;
      version.set(person, (version.get(person) ?? 0) + 1);
      const one = change(person, { lane: random() < 0.5 ? 'live' : 'backlog' });
      await node.put(random() < 0.2 ? [one, one] : [one]);
      if (random() < 0.2) await node.put([one]);
    }
    editing -= 1;
  };
  const turns = async (node: ChangeQueue, seed: number) => {
    const random = seeded(100 + seed);
    await vi.waitFor(
      async () => {
        const taken = await node.take({ ...TAKES, leaseSeconds });
        const looked = taken.map(({ person }) => {
          if (underWay.has(person)) overlaps.push(person);
          underWay.add(person);
          return version.get(person)!;
        });
        await new Promise((resolve) => setImmediate(resolve));
        for (const { person } of taken) underWay.delete(person);
        await node.settle(taken.map((turn, index) => outcome(turn, looked[index]!, random())));
        expect(editing).toBe(0);
        expect(notSeen()).toEqual([]);
        expect(taken).toEqual([]);
        expect(await statsOf(node)).toMatchObject({ live: 0, backlog: 0 });
      },
      { timeout: 100_000, interval: 2 },
    );
  };
  const outcome = (turn: Turn, looked: number, chance: number): Settlement => {
    if (chance < 0.2)
      return { turn, result: 'later', seconds: chance < 0.1 ? 0 : 1, counts: true, problem: PROBLEM };
    seen.set(turn.person, looked);
    return { turn, result: 'done' };
  };
  return { edits, turns, notSeen, overlaps };
}

/** Mulberry32: the same numbers for the same seed. */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
