/** What a target did not tell, it is asked; and what is to end there, it is told. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Delivery } from '../../../src/sessions/ending/delivery.ts';
import {
  noteTargetSession,
  SWEEP_TARGET_SESSIONS,
  targetSession,
} from '../../../src/sessions/target-sessions.ts';
import { execute } from '../../support/database.ts';
import type { TargetStage } from './target-stage.ts';
import { openTargetStage } from './target-stage.ts';

let stage: TargetStage;
beforeAll(async () => {
  stage = await openTargetStage();
});
afterAll(() => stage.close());
beforeEach(() => {
  stage.endings.length = 0;
  stage.errors.length = 0;
});
afterEach(async () => {
  stage.zitadel.events.mode = 'at-once';
  await stage.settled();
  expect(stage.stage.errors).toEqual([]);
});

const asked = () => stage.zitadel.requests.filter(({ rpc }) => rpc?.endsWith('/GetSession')).length;
/** Nobody hears of what happens meanwhile. */
async function unheard(work: () => Promise<unknown>): Promise<void> {
  stage.zitadel.events.mode = 'held';
  await work();
  await stage.zitadel.events.deliver(() => []);
  stage.zitadel.events.mode = 'at-once';
}

describe('asking about sessions', () => {
  test('finds the one whose end nobody told of, and leaves the others alone', async () => {
    const [one, other] = [await stage.person(), await stage.person()];
    await stage.authorized(one.sub);
    const [gone, there] = [await stage.logIn(one.id), await stage.logIn(other.id)];
    await unheard(() => stage.logOut(gone));
    await stage.due();
    await stage.sessions.poll();
    expect(stage.endings).toMatchObject([{ selection: { by: 'target', id: gone }, cause: 'target' }]);
    expect((await stage.row(gone))?.endedAt).toBeTruthy();
    expect((await stage.row(there))?.endedAt).toBeNull();
  });

  test('asks about each no more often than is set, however many ask', async () => {
    const { id } = await stage.person();
    await stage.logIn(id);
    await stage.due();
    await stage.sessions.poll();
    const before = asked();
    await Promise.all([stage.sessions.poll(), stage.sessions.poll()]);
    expect(asked()).toBe(before);
  });

  test('goes through more than can be claimed at once', async () => {
    const { sub, id } = await stage.person();
    const q = stage.stage.db;
    for (let i = 0; i < 45; i += 1)
      await noteTargetSession(q, {
        ...{ target: 'main', id: `lost-${i}`, targetUserId: id, sub },
        startedAt: Math.floor(Date.now() / 1_000),
      });
    await stage.due();
    await stage.sessions.poll();
    expect(stage.endings.filter(({ selection }) => selection.by === 'target')).toHaveLength(45);
  });

  test('ends nothing while the target is down, and finds it afterwards', async () => {
    const { sub, id } = await stage.person();
    await stage.authorized(sub);
    const session = await stage.logIn(id);
    await unheard(() => stage.logOut(session));
    await stage.due();
    stage.zitadel.failNext('GetSession', 503, 20);
    await stage.sessions.poll();
    expect(stage.endings).toEqual([]);
    expect(stage.errors).toMatchObject([{ code: 'target_unavailable' }]);
    expect((await stage.row(session))?.endedAt).toBeNull();
    stage.zitadel.failNext('GetSession', 503, 0);
    await expect
      .poll(async () => {
        await stage.due();
        await stage.sessions.poll();
        return stage.endings.length;
      })
      .toBe(1);
  });

  test('ends nothing that we may not see, and says which right is missing', async () => {
    const blind = await openTargetStage({ roles: ['ORG_USER_MANAGER'] });
    try {
      const { sub, id } = await blind.person();
      const session = await blind.logIn(id);
      await blind.due();
      await blind.sessions.poll();
      expect(blind.endings).toEqual([]);
      expect(blind.errors).toMatchObject([
        { code: 'target_refused', detail: expect.stringContaining('session.read') },
      ]);
      expect(await blind.row(session)).toMatchObject({ sub, endedAt: null });
    } finally {
      await blind.close();
    }
  });

  test('finds whose a session is that began before the person was ours', async () => {
    const { sub, id } = await stage.person();
    const { databaseUrl } = stage.stage;
    await execute(databaseUrl, 'update ledger set target_user_id = null where sub = $1', [sub]);
    const session = await stage.logIn(id);
    await execute(databaseUrl, 'update ledger set target_user_id = $2 where sub = $1', [sub, id]);
    await stage.due();
    await stage.sessions.poll();
    expect(await stage.row(session)).toMatchObject({ sub, endedAt: null });
  });

  test('forgets a stranger’s without asking about it, once they could have become ours', async () => {
    const { sub, id } = await stage.person();
    const { databaseUrl } = stage.stage;
    await execute(databaseUrl, 'update ledger set target_user_id = null where sub = $1', [sub]);
    const [old, fresh] = [await stage.logIn(id), await stage.logIn(id)];
    await execute(
      databaseUrl,
      `update target_sessions set started_at = now() - interval '11 minutes' where id = $1`,
      [old],
    );
    await execute(databaseUrl, 'delete from target_sessions where id not in ($1, $2)', [old, fresh]);
    await stage.due();
    const before = asked();
    await stage.sessions.poll();
    expect(asked()).toBe(before);
    expect(await stage.row(old)).toBeUndefined();
    expect(await stage.row(fresh)).toMatchObject({ sub: null, endedAt: null });
  });
});

describe('telling the target', () => {
  const delivery = (more: Partial<Delivery>): Delivery => ({
    ...{ id: '1', ending: 'e', kind: 'target', name: 'main', sub: 'shop:0', handle: null, attempts: 0 },
    ...more,
  });
  const tell = (more: Partial<Delivery>, signal = new AbortController().signal) =>
    stage.sessions.end(delivery(more), { signal });
  const live = () => [...stage.zitadel.instance.sessions.keys()];

  test('ends the one session that is named, and one that is over is done', async () => {
    const { sub, id } = await stage.person();
    const [one, other] = [await stage.logIn(id), await stage.logIn(id)];
    await tell({ sub, handle: one });
    await tell({ sub, handle: one });
    expect(live()).toContain(other);
    expect(live()).not.toContain(one);
  });

  test('ends all of a person’s where none is named, also those that nobody told of', async () => {
    const { sub, id } = await stage.person();
    const stranger = await stage.logIn((await stage.person()).id);
    const mine: string[] = [];
    await unheard(async () => mine.push(await stage.logIn(id), await stage.logIn(id)));
    await tell({ sub });
    expect(live()).toContain(stranger);
    for (const session of mine) expect(live()).not.toContain(session);
  });

  test('has nothing to do for somebody who is not there', async () => {
    await tell({ sub: 'shop:nobody' });
  });

  test('tries again when the target does not answer, and when it refuses: a right can be given', async () => {
    const { sub, id } = await stage.person();
    const handle = await stage.logIn(id);
    stage.zitadel.failNext('DeleteSession', 503);
    await expect(tell({ sub, handle })).rejects.toMatchObject({ code: 'unreachable', isFinal: false });
    await tell({ sub, handle });
    const blind = await openTargetStage({ roles: ['ORG_USER_MANAGER'] });
    try {
      const signal = new AbortController().signal;
      const told = blind.sessions.end(delivery({ handle: 'x' }), { signal });
      await expect(told).rejects.toMatchObject({
        ...{ code: 'refused', isFinal: false },
        message: expect.stringContaining('session.delete'),
      });
    } finally {
      await blind.close();
    }
  });

  test('waits as long as the target wants', async () => {
    const { sub, id } = await stage.person();
    const handle = await stage.logIn(id);
    stage.zitadel.limit = { left: 0, retryAfterSeconds: 30 };
    const error = await tell({ sub, handle }).then(
      () => expect.unreachable(),
      (thrown) => thrown,
    );
    stage.zitadel.limit = undefined;
    expect(error).toMatchObject({ code: 'unreachable', retryAfterSeconds: 30, isFinal: false });
  });

  test('takes no longer than it has', async () => {
    const { sub, id } = await stage.person();
    const handle = await stage.logIn(id);
    stage.zitadel.failNext('DeleteSession', 'hang');
    const abort = new AbortController();
    const told = tell({ sub, handle }, abort.signal);
    abort.abort();
    await expect(told).rejects.toMatchObject({ code: 'timeout', isFinal: false });
  });

  test('of whom nobody knows, or whose sessions are not ours to end, is final', async () => {
    await expect(tell({ name: 'nobody' })).rejects.toMatchObject({
      ...{ code: 'unknown_recipient', isFinal: true },
    });
    const kept = await openTargetStage({ sessions: { end: false } });
    try {
      const told = kept.sessions.end(delivery({ handle: 'x' }), { signal: new AbortController().signal });
      await expect(told).rejects.toMatchObject({ code: 'unknown_recipient', isFinal: true });
    } finally {
      await kept.close();
    }
  });
});

test('what is over for a week is forgotten, a stranger’s after an hour', async () => {
  const { db, databaseUrl } = stage.stage;
  const rows = { long: ['sub', '8 days'], lately: ['sub', '1 day'], stranger: [null, '2 hours'] } as const;
  for (const [id, [sub, ago]] of Object.entries(rows)) {
    await noteTargetSession(db, {
      target: 'main',
      id,
      targetUserId: 'u',
      sub: sub ?? undefined,
      startedAt: 1,
    });
    await execute(databaseUrl, 'update target_sessions set ended_at = now() - $2::interval where id = $1', [
      id,
      ago,
    ]);
  }
  await db.run(SWEEP_TARGET_SESSIONS, [100]);
  const left = await Promise.all(
    Object.keys(rows).map(async (id) => [id, !!(await targetSession(db, 'main', id))]),
  );
  expect(Object.fromEntries(left)).toEqual({ long: false, lately: true, stranger: false });
});
