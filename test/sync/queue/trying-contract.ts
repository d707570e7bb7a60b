/** The part of the contract that is about tries that failed, dead letters, and what is had again. */
import { describe, expect, test, vi } from 'vitest';
import type { Change } from '../../../src/sync/queue/change-queue.ts';
import type { Scene } from './queue-place.ts';
import {
  change,
  dead,
  done,
  later,
  PROBLEM,
  peopleOf,
  SOON,
  statsOf,
  T,
  takeNow,
  takeOne,
  takeSoon,
} from './queue-place.ts';

export function tryingContract(scene: () => Scene): void {
  const put = (...changes: Change[]) => scene().queue.put(changes);
  describe('another try', () => {
    test('is not before its time, and then brings all that was heard', async () => {
      const hint = { goneAt: '2026-03-01T00:00:00.000Z' };
      await put(change('shop:1', { hint }));
      const first = await takeOne(scene().queue);
      await scene().queue.settle([later(first, 1)]);
      expect(await takeNow(scene().queue)).toEqual([]);
      expect(await takeOne(scene().queue)).toMatchObject({ hint, attempts: 1, since: first.since });
    });

    test('counts only where it was a failure of the person’s', async () => {
      await put(change('shop:1'));
      for (const [counts, attempts] of [
        [true, 1],
        [false, 1],
        [true, 2],
      ] as const) {
        await scene().queue.settle([later(await takeOne(scene().queue), 0, counts)]);
        const again = await takeOne(scene().queue);
        expect(again.attempts).toBe(attempts);
        await scene().queue.settle([later(again, 0, false)]);
      }
    });

    test('begins anew after a turn that was done', async () => {
      await put(change('shop:1'));
      await scene().queue.settle([later(await takeOne(scene().queue), 0)]);
      await scene().queue.settle(done([await takeOne(scene().queue)]));
      await put(change('shop:1'));
      expect((await takeOne(scene().queue)).attempts).toBe(0);
    });

    test('outlives the node that asked for it', async () => {
      await put(change('shop:1', { hint: { goneAt: '2026-03-01T00:00:00.000Z' } }), change('shop:2'));
      const [one, two] = await takeSoon(scene().queue, 2);
      await scene().queue.settle([later(one!, 1), later(two!, 3_600)]);
      await scene().queue.close();
      scene().queue = await scene().place.open();
      expect(await takeOne(scene().queue)).toMatchObject({
        person: one!.person,
        hint: one!.hint,
        attempts: 1,
      });
      expect(await takeNow(scene().queue)).toEqual([]);
      expect(await statsOf(scene().queue)).toMatchObject({ waiting: 1 });
    });

    test('is at once when something new is heard, with what was heard before', async () => {
      await put(change('shop:1', { hint: { goneAt: '2026-03-01T00:00:00.000Z' } }));
      await scene().queue.settle([later(await takeOne(scene().queue), 3_600)]);
      expect(await takeNow(scene().queue)).toEqual([]);
      await put(change('shop:1', { hint: { targetAt: '2026-03-01T00:01:00.000Z' } }));
      expect(await takeOne(scene().queue)).toMatchObject({
        attempts: 1,
        hint: { goneAt: '2026-03-01T00:00:00.000Z', targetAt: '2026-03-01T00:01:00.000Z' },
      });
    });
  });

  describe('a dead letter', () => {
    const die = async (person: string, target = T) => {
      await put(change(person, { target, hint: { goneAt: '2026-03-01T00:00:00.000Z' } }));
      const [turn] = await takeSoon(scene().queue, 1, { targets: [target] });
      await scene().queue.settle([later(turn!, 0)]);
      const [again] = await takeSoon(scene().queue, 1, { targets: [target] });
      await scene().queue.settle([dead(again!)]);
      return again!;
    };

    test('is nobody’s turn, and is listed with why', async () => {
      const turn = await die('shop:1');
      expect(await takeNow(scene().queue)).toEqual([]);
      const [letter, ...others] = await scene().queue.dead({ target: T, limit: 10 });
      expect(letter).toMatchObject({ target: T, person: 'shop:1', problem: PROBLEM, attempts: 2 });
      expect(others).toEqual([]);
      expect(letter!.since).toEqual(new Date(turn.since));
      expect(Math.abs(letter!.diedAt.getTime() - Date.now())).toBeLessThan(60_000);
      expect(await statsOf(scene().queue)).toMatchObject({ live: 0, backlog: 0, waiting: 0, dead: 1 });
    });

    test('is listed by target, and no more than are asked for', async () => {
      await die('shop:1');
      await die('shop:2');
      await die('shop:1', 'keycloak');
      expect(await scene().queue.dead({ limit: 10 })).toHaveLength(3);
      expect(await scene().queue.dead({ limit: 2 })).toHaveLength(2);
      expect(peopleOf(await scene().queue.dead({ target: 'keycloak', limit: 10 }))).toEqual(['shop:1']);
      expect(await scene().queue.dead({ target: 'nobody', limit: 10 })).toEqual([]);
    });

    test('outlives the node, and is due again when it is driven', async () => {
      await die('shop:1');
      await scene().queue.close();
      scene().queue = await scene().place.open();
      expect(await scene().queue.redrive({ target: T })).toBe(1);
      expect(await takeOne(scene().queue)).toMatchObject({
        person: 'shop:1',
        attempts: 0,
        hint: { goneAt: '2026-03-01T00:00:00.000Z' },
      });
      expect(await scene().queue.dead({ limit: 10 })).toEqual([]);
      expect(await scene().queue.redrive({ target: T })).toBe(0);
    });

    test('is driven alone where one is named, and by target', async () => {
      for (const person of ['shop:1', 'shop:2', 'shop:3']) await die(person);
      await die('shop:1', 'keycloak');
      expect(await scene().queue.redrive({ target: T, person: 'shop:2' })).toBe(1);
      expect(await scene().queue.redrive({ target: T, person: 'shop:9' })).toBe(0);
      expect((await takeOne(scene().queue)).person).toBe('shop:2');
      expect(await takeNow(scene().queue)).toEqual([]);
      expect(await scene().queue.redrive({ target: T })).toBe(2);
      expect(peopleOf(await takeSoon(scene().queue, 2))).toEqual(['shop:1', 'shop:3']);
      expect(await scene().queue.dead({ limit: 10 })).toMatchObject([{ target: 'keycloak' }]);
    });

    test('lives again when something new is heard, with what was heard before', async () => {
      await die('shop:1');
      await put(change('shop:1', { hint: { targetAt: '2026-03-01T00:01:00.000Z' } }));
      const turn = await takeOne(scene().queue);
      expect(turn.hint).toEqual({
        goneAt: '2026-03-01T00:00:00.000Z',
        targetAt: '2026-03-01T00:01:00.000Z',
      });
      expect(turn.attempts).toBe(0);
      await scene().queue.settle(done([turn]));
      expect(await scene().queue.dead({ limit: 10 })).toEqual([]);
      expect(await takeNow(scene().queue)).toEqual([]);
    });

    test('is not made of somebody of whom something was heard meanwhile', async () => {
      await put(change('shop:1'));
      const turn = await takeOne(scene().queue);
      await put(change('shop:1', { hint: { targetAt: '2026-03-01T00:01:00.000Z' } }));
      // It may still be on its way to whoever has the turn.
      await vi.waitFor(async () => {
        expect(await heardMeanwhile()).toBe(true);
      }, SOON);
      await scene().queue.settle([dead(turn)]);
      expect(await takeOne(scene().queue)).toMatchObject({
        person: 'shop:1',
        hint: { legacyAt: '2026-03-01T00:00:00.000Z', targetAt: '2026-03-01T00:01:00.000Z' },
      });
      expect(await scene().queue.dead({ limit: 10 })).toEqual([]);
    });
    const heardMeanwhile = async () => (await scene().place.heard?.(scene().queue)) ?? true;
  });

  describe('what was heard', () => {
    const longAgo = new Date(Date.now() - 3_600_000);
    const soon = new Date(Date.now() + 3_600_000);

    test('can be had again: a turn for each of whom something was heard in that time', async () => {
      await put(change('shop:1'), change('shop:2'), change('shop:3', { target: 'keycloak' }));
      await scene().queue.settle(done(await takeSoon(scene().queue, 2)));
      await put(change('shop:1'));
      await scene().queue.settle(done(await takeSoon(scene().queue)));
      expect(await scene().queue.replay({ target: T, since: longAgo, until: soon })).toBe(2);
      const turns = await takeSoon(scene().queue, 2);
      expect(peopleOf(turns)).toEqual(['shop:1', 'shop:2']);
      expect(turns.map(({ lane }) => lane)).toEqual(['backlog', 'backlog']);
      await scene().queue.settle(done(turns));
      expect(await scene().queue.replay({ target: T, since: longAgo, until: soon })).toBe(2);
    });

    test('is nothing outside of that time, and for another target', async () => {
      await put(change('shop:1'));
      await scene().queue.settle(done(await takeSoon(scene().queue)));
      expect(
        await scene().queue.replay({ target: T, since: soon, until: new Date(soon.getTime() + 1_000) }),
      ).toBe(0);
      expect(await scene().queue.replay({ target: T, since: new Date(0), until: longAgo })).toBe(0);
      expect(await scene().queue.replay({ target: 'keycloak', since: longAgo, until: soon })).toBe(0);
      expect(await takeNow(scene().queue)).toEqual([]);
    });
  });
}
