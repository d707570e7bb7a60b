/** Killed with -9 at every step, a move goes on in another process and ends with one user at the target, complete. */
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import type { Step } from '../../../src/migration/moving/try.ts';
import { STEPS } from '../../../src/migration/moving/try.ts';
import type { MovingStage } from './stage.ts';
import { bcrypt, expectMoved, NEW, OLD, openMovingStage, person, request } from './stage.ts';

// Each test starts processes, which takes its time on a busy machine.
vi.setConfig({ testTimeout: 120_000 });

let stage: MovingStage;
beforeAll(async () => {
  stage = await openMovingStage();
});
afterAll(() => stage.close());
// Whoever was given up or is not expected by the next test.
afterEach(() => stage.sql('delete from target_work'));

/** Somebody whom ZITADEL has made of itself when they came back from a login at us: no password, no factor. */
async function makeThere(sub: string): Promise<string> {
  const id = stage.zitadel.instance.newId();
  const response = await fetch(`${stage.zitadel.url}/v2/users/human`, {
    method: 'POST',
    headers: { authorization: `Bearer ${stage.zitadel.token}`, 'content-type': 'application/json' },
    body: JSON.stringify({
      userId: id,
      username: `there-${sub}`,
      profile: { givenName: 'A', familyName: 'B' },
      email: { email: 'there@example.com', isVerified: true },
      idpLinks: [{ idpId: stage.idp, userId: sub, userName: `there-${sub}` }],
    }),
  });
  expect(response.status).toBe(200);
  return id;
}

async function killedAfter(step: Step, sub: string): Promise<void> {
  expect(await stage.errand({ request: request(sub), dieAfter: step })).toMatchObject({ signal: 'SIGKILL' });
}

const MAKING = STEPS.filter((step) => step !== 'completed');

describe('a process that is killed while it makes somebody', () => {
  test.each(MAKING)('after the step “%s” leaves it to another one', async (step) => {
    const sub = await stage.someone(`made-${step}`);
    await killedAfter(step, sub);
    // Its lease holds for a while: nobody can know yet that it is dead.
    if (step !== 'finished') expect(await stage.work(sub)).toMatchObject({ isUnderWay: true });
    expect(await stage.mover.resume()).toBe(0);
    await stage.leasesRunOut();
    expect(await stage.mover.resume()).toBe(step === 'finished' ? 0 : 1);
    await expectMoved(stage, sub);
    expect(stage.linkedTo(sub)[0]?.id).toBe(stage.idOf(sub));
  });

  test('at one step after the other, ten times in all, is followed by one that ends it', async () => {
    const sub = await stage.someone('made-unlucky');
    for (const step of STEPS.slice(0, -1)) {
      const { signal } = await stage.errand({ dieAfter: step });
      expect([step, signal]).toEqual([step, 'SIGKILL']);
      await stage.leasesRunOut();
    }
    const calls = stage.calls('AddHumanUser');
    expect(await stage.errand({})).toEqual({ signal: null, result: 1 });
    await expectMoved(stage, sub);
    expect(stage.calls('AddHumanUser')).toBe(calls);
  });
});

describe('a process that is killed while it completes somebody whom the target has made', () => {
  test.each(STEPS)('after the step “%s” leaves it to another one', async (step) => {
    const sub = await stage.someone(`there-${step}`, {}, { totp: undefined as never });
    const id = await makeThere(sub);
    const users = stage.zitadel.instance.users.size;
    expect(
      await stage.errand({ request: request(sub, { road: 'event', targetUserId: id }), dieAfter: step }),
    ).toMatchObject({ signal: 'SIGKILL' });
    await stage.leasesRunOut();
    expect(await stage.mover.resume()).toBe(step === 'finished' ? 0 : 1);
    expect(stage.zitadel.instance.users.size).toBe(users);
    expect(await stage.row(sub)).toMatchObject({ state: 'migrated', targetUserId: id, made: false });
    expect(await stage.zitadel.opens(id, OLD.password)).toBe(true);
    expect(stage.flags(sub)).toContain(`${sub} true`);
    expect(await stage.work(sub)).toBeUndefined();
  });
});

describe('somebody who changes between the kill and the next try', () => {
  const REACHED = ['claimed', 'released', 'looked', 'stored', 'recorded', 'checked'] as const;
  const MADE: readonly Step[] = ['stored', 'recorded', 'checked'];

  test.each(REACHED)('has the new password when it was changed after “%s”', async (step) => {
    const sub = await stage.someone(`password-${step}`);
    await killedAfter(step, sub);
    stage.put(person(sub.slice(5), {}, { passwords: [bcrypt(NEW.hash)] }));
    await stage.leasesRunOut();
    await stage.mover.resume();
    await expectMoved(stage, sub, NEW.password);
    expect(await stage.zitadel.opens(stage.idOf(sub), OLD.password)).toBe(false);
  });

  test.each(REACHED)('logs in nowhere when they were disabled after “%s”', async (step) => {
    const sub = await stage.someone(`disabled-${step}`);
    await killedAfter(step, sub);
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
      await killedAfter(step, sub);
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
    await killedAfter('confirmed', sub);
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
      await killedAfter(step, sub);
      await stage.happens(sub, 'exclude');
      await stage.leasesRunOut();
      expect(await stage.mover.resume()).toBe(1);
      expect(await stage.row(sub)).toMatchObject({ state: 'excluded' });
      expect(await stage.work(sub)).toBeUndefined();
    },
  );

  test('is found moved when the target has fetched and flagged them meanwhile', async () => {
    const sub = await stage.someone('fetched');
    await killedAfter('released', sub);
    const id = await makeThere(sub);
    await stage.happens(sub, 'create', id);
    await stage.happens(sub, 'confirm');
    await stage.leasesRunOut();
    expect(await stage.mover.resume()).toBe(1);
    expect(stage.linkedTo(sub).map((user) => user.id)).toEqual([id]);
    expect(await stage.row(sub)).toMatchObject({ state: 'migrated', targetUserId: id });
    expect(await stage.work(sub)).toBeUndefined();
  });
});
