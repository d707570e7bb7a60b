/** The part of the contract that is about what is put, and who is taken first. */
import { describe, expect, test, vi } from 'vitest';
import type { Change, Hint, Lane } from '../../../src/sync/queue/change-queue.ts';
import type { Scene } from './queue-place.ts';
import {
  change,
  dead,
  done,
  later,
  MINUTE,
  peopleOf,
  SOON,
  statsOf,
  T,
  takeNow,
  takeOne,
  takeSoon,
} from './queue-place.ts';

export function puttingContract(scene: () => Scene): void {
  const put = (...changes: Change[]) => scene().queue.put(changes);
  const known = (people: number) => scene().place.knows?.(scene().queue, people);
  /** Whoever is left, in the order in which they are taken, one by one. */
  const order = async (count: number) => {
    await known(count);
    const people: string[] = [];
    for (let taken = 0; taken < count; taken++) people.push((await takeOne(scene().queue)).person);
    return people;
  };

  describe('a change that is put', () => {
    test('makes it the person’s turn, once', async () => {
      const before = Date.now();
      expect(await put(change('shop:1'))).toBe(1);
      const turn = await takeOne(scene().queue);
      expect(turn).toMatchObject({
        target: T,
        person: 'shop:1',
        lane: 'live',
        hint: { legacyAt: '2026-03-01T00:00:00.000Z' },
        attempts: 0,
      });
      expect(Math.abs(Date.parse(turn.since) - before)).toBeLessThan(60_000);
      expect(await takeNow(scene().queue)).toEqual([]);
      await scene().queue.settle(done([turn]));
      expect(await takeNow(scene().queue)).toEqual([]);
    });

    test('again changes nothing, in the same call and in another, before and after its turn', async () => {
      const one = change('shop:1');
      expect(await put(one, one)).toBe(1);
      expect(await put(one, change('shop:2'))).toBe(1);
      await scene().queue.settle(done(await takeSoon(scene().queue, 2)));
      expect(await put(one)).toBe(0);
      await expect(takeNow(scene().queue)).resolves.toEqual([]);
    });

    test('is another one with the same id from another source, or for another target', async () => {
      const one = change('shop:1', { id: 'same' });
      expect(await put(one, { ...one, source: 'legacy:forum' }, { ...one, target: 'keycloak' }, one)).toBe(3);
      const turns = await takeSoon(scene().queue, 2, { targets: [T, 'keycloak'] });
      expect(turns.map(({ target }) => target).sort()).toEqual([T, 'keycloak']);
    });

    test('for a target that is not taken from waits', async () => {
      await put(change('shop:1', { target: 'keycloak' }));
      await put(change('shop:2'));
      expect(peopleOf(await takeSoon(scene().queue))).toEqual(['shop:2']);
      expect(await takeNow(scene().queue)).toEqual([]);
      expect(peopleOf(await takeSoon(scene().queue, 1, { targets: ['keycloak'] }))).toEqual(['shop:1']);
    });

    test('may be none at all', async () => {
      expect(await put()).toBe(0);
      await scene().queue.settle([]);
      expect(await scene().queue.take({ targets: [], limit: 10, leaseSeconds: MINUTE })).toEqual([]);
    });

    test.each([
      ['other alphabets', 'shop:Жанна-李-🦊'],
      ['what subjects and patterns use', 'shop:a.b.>.*.%_$1'],
      ['quotes and spaces', ` shop:o'Hara "the\\one" `],
      ['a line break', 'shop:a\r\nb'],
      ['a user of the target', 'user:2f0c-11'],
      ['something long', `shop:${'x'.repeat(250)}`],
    ])('may be about a person with %s in the name', async (_, person) => {
      await put(change(person), change(`${person}2`));
      const turns = await takeSoon(scene().queue, 2);
      expect(peopleOf(turns)).toEqual([person, `${person}2`].sort());
      await scene().queue.settle(turns.map((turn) => later(turn, 0)));
      await scene().queue.settle((await takeSoon(scene().queue, 2)).map(dead));
      expect(peopleOf(await scene().queue.dead({ target: T, limit: 10 }))).toEqual(
        [person, `${person}2`].sort(),
      );
      expect(await scene().queue.redrive({ target: T, person })).toBe(1);
      expect((await takeOne(scene().queue)).person).toBe(person);
    });

    test.each([
      ['of nobody', { person: '' }],
      ['of somebody whose name cannot be stored', { person: 'shop:a\0b' }],
      ['of half a character', { person: 'shop:\ud800' }],
      ['of somebody whose name has no end', { person: 'x'.repeat(10_000) }],
      ['without an id', { id: '' }],
      ['with an id that cannot be stored', { id: 'a\0b' }],
    ])('is refused, with all that was put with it, if it is %s', async (_, more) => {
      await expect(put(change('shop:1'), change('shop:2', more))).rejects.toMatchObject({
        code: 'bad_request',
      });
      await put(change('shop:3'));
      expect((await takeOne(scene().queue)).person).toBe('shop:3');
      expect(await takeNow(scene().queue)).toEqual([]);
    });

    test('is told to whoever listens', async () => {
      let told = 0;
      const stop = scene().queue.onPut(() => {
        told += 1;
      });
      await put(change('shop:1'));
      await vi.waitFor(() => expect(told).toBeGreaterThan(0), SOON);
      stop();
      const before = told;
      await put(change('shop:2'));
      await takeSoon(scene().queue, 2);
      expect(told).toBe(before);
    });
  });

  describe('changes of one person', () => {
    const at = (minute: number) => `2026-03-01T00:${String(minute).padStart(2, '0')}:00.000Z`;
    const heard = async (...hints: Hint[]) => {
      await put(...hints.map((hint) => change('shop:1', { hint })), change('shop:2'));
      await known(2);
      return (await takeSoon(scene().queue, 2)).find(({ person }) => person === 'shop:1')!;
    };

    test('are one turn, with the newest moment of each kind', async () => {
      const turn = await heard(
        { legacyAt: at(1), goneAt: at(5) },
        { legacyAt: at(3), targetAt: at(2) },
        { removedAt: at(4) },
      );
      expect(turn.hint).toEqual({
        legacyAt: at(3),
        goneAt: at(5),
        targetAt: at(2),
        removedAt: at(4),
      });
      await scene().queue.settle(done([turn]));
      expect(await takeNow(scene().queue)).toEqual([]);
      expect(await statsOf(scene().queue)).toMatchObject({ live: 1, underWay: 1 });
    });

    test('that come late do not overwrite newer ones', async () => {
      const turn = await heard({ legacyAt: at(9), targetAt: at(1) }, { legacyAt: at(2), targetAt: at(8) });
      expect(turn.hint).toEqual({ legacyAt: at(9), targetAt: at(8) });
    });

    test('have the password that goes with the newest moment, whichever comes first', async () => {
      const older = { passwordAt: at(1), sealedPassword: 'older' };
      const newer = { passwordAt: at(2), sealedPassword: 'newer' };
      expect((await heard(older, newer)).hint).toEqual(newer);
      await put(change('shop:3', { hint: newer }), change('shop:3', { hint: older }));
      await known(1);
      expect((await takeOne(scene().queue)).hint).toEqual(newer);
    });

    test.each([
      [['c.text', 'h.hash', undefined]],
      [[undefined, 'h.hash', 'c.text']],
      [['h.hash', undefined, 'c.text']],
      [['c.text', undefined, 'h.hash']],
    ])('of one moment have the password before its hash, and either before none (%j)', async (sealed) => {
      const hints = sealed.map((one) => ({ passwordAt: at(1), ...(one ? { sealedPassword: one } : {}) }));
      const [first, ...others] = hints as [Hint, ...Hint[]];
      const text = { passwordAt: at(1), sealedPassword: 'c.text' };
      expect((await heard(first, ...others)).hint).toEqual(text);
    });

    test('of one moment are so as well when they come one after the other', async () => {
      const moment = { passwordAt: at(1) };
      const text = { ...moment, sealedPassword: 'c.text' };
      await put(change('shop:1', { hint: text }));
      await put(change('shop:1', { hint: moment }));
      await put(change('shop:1', { hint: { ...moment, sealedPassword: 'h.hash' } }));
      await known(1);
      expect((await takeOne(scene().queue)).hint).toEqual(text);
    });

    test('have no password where the newest is not known', async () => {
      const turn = await heard({ passwordAt: at(1), sealedPassword: 'older' }, { passwordAt: at(2) });
      expect(turn.hint).toEqual({ passwordAt: at(2) });
    });

    test('that come while somebody is at it make another turn, and not before', async () => {
      await put(change('shop:1'));
      const first = await takeOne(scene().queue);
      await put(change('shop:1', { hint: { targetAt: at(7) } }));
      expect(await takeNow(scene().queue)).toEqual([]);
      await scene().queue.settle(done([first]));
      const second = await takeOne(scene().queue);
      expect(second).toMatchObject({ person: 'shop:1', hint: { targetAt: at(7) }, attempts: 0 });
      await scene().queue.settle(done([second]));
      expect(await takeNow(scene().queue)).toEqual([]);
    });
  });

  describe('the lanes', () => {
    const backlog = { lane: 'backlog' } as const;

    test('give what somebody waits for first', async () => {
      await put(change('b1', backlog), change('b2', backlog), change('b3', backlog));
      await put(change('live'));
      expect((await order(4))[0]).toBe('live');
    });

    test('let a person overtake of whom something is heard that somebody waits for', async () => {
      await put(change('b1', backlog), change('b2', backlog), change('b3', backlog));
      await put(change('b3'));
      // Known are three people, and the fourth change may still be on its way.
      await vi.waitFor(async () => expect(await statsOf(scene().queue)).toMatchObject({ live: 1 }), SOON);
      const first = await takeOneOfLane('live');
      expect(first.person).toBe('b3');
    });
    const takeOneOfLane = async (lane: Lane) => {
      await known(3);
      const turn = await vi.waitFor(async () => {
        const one = await takeOne(scene().queue);
        if (one.lane !== lane) await scene().queue.settle([later(one, 0, false)]);
        expect(one.lane).toBe(lane);
        return one;
      }, SOON);
      return turn;
    };

    test('keep their person through another try', async () => {
      await put(change('b1', backlog));
      await scene().queue.settle([later(await takeOne(scene().queue), 0)]);
      expect(await takeOne(scene().queue)).toMatchObject({ person: 'b1', lane: 'backlog' });
    });

    test('hand out no more than they are asked for', async () => {
      await put(...Array.from({ length: 20 }, (_, index) => change(`p${index}`)));
      await known(20);
      expect((await takeNow(scene().queue, 7)).length).toBeLessThanOrEqual(7);
      expect(await takeNow(scene().queue, 0)).toEqual([]);
    });
  });

  test('many are settled at once, each in its own way', async () => {
    await put(...['a', 'b', 'c', 'd'].map((person) => change(person)));
    const turns = await takeSoon(scene().queue, 4);
    const by = (person: string) => turns.find((turn) => turn.person === person)!;
    await scene().queue.settle([...done([by('a')]), later(by('b'), 0), later(by('c'), 3_600), dead(by('d'))]);
    expect(peopleOf(await takeSoon(scene().queue))).toEqual(['b']);
    expect(await takeNow(scene().queue)).toEqual([]);
    expect(await statsOf(scene().queue)).toMatchObject({ live: 2, underWay: 1, waiting: 1, dead: 1 });
  });

  test('the numbers say who waits, in which lane and how long', async () => {
    expect(await scene().queue.stats()).toEqual([]);
    await put(change('a'), change('b'), change('c', { lane: 'backlog' }));
    await put(change('a', { target: 'keycloak' }));
    await vi.waitFor(async () => {
      const stats = await statsOf(scene().queue);
      expect(stats).toMatchObject({ live: 2, backlog: 1, underWay: 0, waiting: 0, dead: 0 });
      expect(stats.oldestLiveSeconds).toBeGreaterThan(0);
      expect(stats.oldestBacklogSeconds).toBeGreaterThan(0);
    }, SOON);
    expect(await statsOf(scene().queue, 'keycloak')).toMatchObject({ live: 1, backlog: 0 });
    const turns = await takeSoon(scene().queue, 3);
    expect(await statsOf(scene().queue)).toMatchObject({ live: 2, backlog: 1, underWay: 3 });
    await scene().queue.settle(done(turns));
    expect(await statsOf(scene().queue)).toMatchObject({
      live: 0,
      backlog: 0,
      underWay: 0,
      oldestLiveSeconds: 0,
      oldestBacklogSeconds: 0,
    });
  });
}
