/** Somebody who changes while a move stands still, for whoever made it is dead: the next try sees them as they are then. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { Step } from '../../../src/migration/moving/try.ts';
import type { MovingStage } from './stage.ts';
import { bcrypt, expectMoved, NEW, OLD, openMovingStage, person } from './stage.ts';

let stage: MovingStage;
beforeAll(async () => {
  stage = await openMovingStage();
});
afterAll(() => stage.close());
// Whoever was given up or is not expected by the next test.
afterEach(() => stage.sql('delete from target_work'));

describe('somebody who changes between a death and the next try', () => {
  const REACHED = ['claimed', 'released', 'looked', 'stored', 'recorded', 'checked'] as const;
  const MADE: readonly Step[] = ['stored', 'recorded', 'checked'];

  test.each(REACHED)('has the new password when it was changed after “%s”', async (step) => {
    const sub = await stage.someone(`password-${step}`);
    await stage.dies(step, sub);
    stage.put(person(sub.slice(5), {}, { passwords: [bcrypt(NEW.hash)] }));
    await stage.leasesRunOut();
    await stage.mover.resume();
    await expectMoved(stage, sub, NEW.password);
    expect(await stage.zitadel.opens(stage.idOf(sub), OLD.password)).toBe(false);
  });

  test.each(REACHED)('logs in nowhere when they were disabled after “%s”', async (step) => {
    const sub = await stage.someone(`disabled-${step}`);
    await stage.dies(step, sub);
    stage.put(person(sub.slice(5), { state: 'disabled' }));
    await stage.leasesRunOut();
    await stage.mover.resume();
    expect(await stage.work(sub)).toMatchObject({ dueAt: null, problem: { code: 'user_disabled' } });
    const states = stage.linkedTo(sub).map(({ state }) => state);
    if (MADE.includes(step)) {
      expect(states).toEqual(['USER_STATE_INACTIVE']);
      expect(await stage.row(sub)).toMatchObject({
        state: 'created',
        targetUserId: stage.idOf(sub),
        made: true,
      });
    } else {
      expect(states).toEqual([]);
      expect(await stage.row(sub)).toMatchObject({ state: 'failed' });
    }
    expect(stage.flags(sub)).toEqual([]);
    expect(await stage.mover.resume()).toBe(0);
  });

  test.each(['released', 'stored'] as const)(
    'logs in nowhere when they were deleted after “%s”',
    async (step) => {
      const sub = await stage.someone(`deleted-${step}`);
      await stage.dies(step, sub);
      stage.remove(sub);
      await stage.leasesRunOut();
      await stage.mover.resume();
      expect(await stage.work(sub)).toMatchObject({ dueAt: null, problem: { code: 'user_not_found' } });
      const states = stage.linkedTo(sub).map(({ state }) => state);
      expect(states).toEqual(MADE.includes(step) ? ['USER_STATE_INACTIVE'] : []);
      expect(stage.flags(sub)).toEqual([]);
    },
  );

  test('keeps the mark waiting while the legacy store takes none', async () => {
    const sub = await stage.someone('unflagged');
    await stage.dies('confirmed', sub);
    stage.put({ ...person('x'), user: { ...person('x').user, sub: 'no-flags' } });
    await stage.leasesRunOut();
    expect(await stage.mover.resume()).toBe(1);
    expect(await stage.row(sub)).toMatchObject({ state: 'migrated' });
    expect(await stage.work(sub)).toMatchObject({ attempts: 1, problem: { code: 'legacy_not_flagged' } });
    stage.remove('no-flags');
    await stage.leasesRunOut();
    await stage.mover.resume();
    await expectMoved(stage, sub);
  });

  test.each(['released', 'stored'] as const)(
    'is left alone when they were excluded after “%s”',
    async (step) => {
      const sub = await stage.someone(`excluded-${step}`);
      await stage.dies(step, sub);
      await stage.happens(sub, 'exclude');
      await stage.leasesRunOut();
      expect(await stage.mover.resume()).toBe(1);
      expect(await stage.row(sub)).toMatchObject({ state: 'excluded' });
      expect(await stage.work(sub)).toBeUndefined();
    },
  );

  test('is found moved when the target has fetched and flagged them meanwhile', async () => {
    const sub = await stage.someone('fetched');
    await stage.dies('released', sub);
    const id = await stage.makeThere(sub);
    await stage.happens(sub, 'create', id);
    await stage.happens(sub, 'confirm');
    await stage.leasesRunOut();
    expect(await stage.mover.resume()).toBe(1);
    expect(stage.linkedTo(sub).map((user) => user.id)).toEqual([id]);
    expect(await stage.row(sub)).toMatchObject({ state: 'migrated', targetUserId: id });
    expect(await stage.work(sub)).toBeUndefined();
  });
});
