/** What a ZITADEL tells of its sessions, and what ends here for it. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { Secret } from '../../../src/settings.ts';
import { execute } from '../../support/database.ts';
import type { TargetStage } from './target-stage.ts';
import { openTargetStage, PASSWORD } from './target-stage.ts';

let stage: TargetStage;
beforeAll(async () => {
  stage = await openTargetStage();
});
afterAll(() => stage.close());
beforeEach(() => {
  stage.endings.length = 0;
  stage.zitadel.events.mode = 'at-once';
});
afterEach(async () => {
  await stage.settled();
  expect(stage.stage.errors).toEqual([]);
  expect(stage.errors).toEqual([]);
  expect(stage.zitadel.violations).toEqual([]);
});

const initiator = { kind: 'target', name: 'main' };
const said = { cause: 'target', actor: 'target:main' };
const byTarget = (id: string) => ({ ...said, selection: { by: 'target', target: 'main', id }, initiator });
const byOpSession = (uid: Buffer) => ({ ...said, selection: { by: 'op-session', uid } });
/** Ends it as somebody else’s program does who is not us. */
const editorOf = () => stage.zitadel.serviceUser.userId;

describe('a session that begins at the target', () => {
  test('is written down with its person and the session here that it came from', async () => {
    const { sub, id } = await stage.person();
    const uid = await stage.authorized(sub);
    const session = await stage.logIn(id);
    expect(await stage.row(session)).toMatchObject({
      targetUserId: id,
      sub,
      opSession: uid,
      endedAt: null,
    });
    expect(stage.endings).toEqual([]);
  });

  test('is not tied to one of two that it may have come from, nor to one long ago', async () => {
    const [two, old] = [await stage.person(), await stage.person()];
    await stage.authorized(two.sub);
    await stage.authorized(two.sub);
    await stage.authorized(old.sub, 900);
    for (const { sub, id } of [two, old])
      expect(await stage.row(await stage.logIn(id))).toMatchObject({ sub, opSession: null });
  });

  test('is nobody’s as long as only a name was typed', async () => {
    const { sub, id } = await stage.person();
    const uid = await stage.authorized(sub);
    const checks = { user: { userId: id } };
    const begun = await stage.zitadel.loginClient<{ sessionId: string; sessionToken: string }>(
      'POST',
      '/v2/sessions',
      { checks },
    );
    await stage.settled();
    expect(await stage.row(begun.sessionId)).toMatchObject({ targetUserId: id, sub: null, opSession: null });
    await stage.zitadel.loginClient('PATCH', `/v2/sessions/${begun.sessionId}`, {
      sessionToken: begun.sessionToken,
      checks: { password: { password: 'Correct-horse-1' } },
    });
    await stage.settled();
    expect(await stage.row(begun.sessionId)).toMatchObject({ sub, opSession: uid });
  });

  test('and in which somebody else has only typed a name ends nothing of the person’s', async () => {
    const { sub, id } = await stage.person();
    await stage.authorized(sub);
    const { sessionId } = await stage.zitadel.loginClient<{ sessionId: string }>('POST', '/v2/sessions', {
      checks: { user: { userId: id } },
    });
    await stage.settled();
    await stage.logOut(sessionId);
    expect(stage.endings).toEqual([]);
    expect((await stage.row(sessionId))?.endedAt).toBeTruthy();
  });

  test('of somebody who becomes ours a moment later is theirs then', async () => {
    const { sub, id } = await stage.person();
    await execute(stage.stage.databaseUrl, 'update ledger set target_user_id = null where sub = $1', [sub]);
    const session = await stage.logIn(id);
    expect((await stage.row(session))?.sub).toBeNull();
    const uid = await stage.authorized(sub);
    await execute(stage.stage.databaseUrl, 'update ledger set target_user_id = $2 where sub = $1', [sub, id]);
    await stage.sessions.heard(stage.target, { kind: 'linked', targetUserId: id });
    expect(await stage.row(session)).toMatchObject({ sub, opSession: uid });
  });

  test('told twice, or in another order, is one', async () => {
    const { sub, id } = await stage.person();
    const uid = await stage.authorized(sub);
    stage.zitadel.events.mode = 'held';
    const session = await stage.logIn(id);
    const deliveries = await stage.zitadel.events.deliver((held) => [...held, ...held].reverse());
    expect(deliveries.filter(({ payload }) => payload.aggregateType === 'session').length).toBeGreaterThan(3);
    expect(await stage.row(session)).toMatchObject({ sub, opSession: uid, endedAt: null });
  });
});

describe('a session that ends at the target', () => {
  test('ends the one here that it came from', async () => {
    const { sub, id } = await stage.person();
    await stage.authorized(sub);
    const session = await stage.logIn(id);
    await stage.logOut(session);
    expect(stage.endings).toEqual([byTarget(session)]);
    expect(await stage.opSessions(sub)).toEqual([]);
    expect(await stage.deliveries(sub)).toEqual([
      { kind: 'client', name: 'main-login', handle: expect.any(String) },
    ]);
    expect((await stage.row(session))?.endedAt).toBeTruthy();
  });

  test('is tied at its end, if the session here was not stored when it began', async () => {
    const { sub, id } = await stage.person();
    const session = await stage.logIn(id);
    const uid = await stage.authorized(sub);
    await stage.logOut(session);
    expect(stage.endings).toEqual([byTarget(session)]);
    expect((await stage.row(session))?.opSession).toEqual(uid);
  });

  test('and came from nobody knows where ends all that came through the target, but what another one there is tied to', async () => {
    const { sub, id } = await stage.person();
    const kept = await stage.authorized(sub);
    const tied = await stage.logIn(id);
    expect((await stage.row(tied))?.opSession).toEqual(kept);
    const both = [await stage.authorized(sub), await stage.authorized(sub)].sort(Buffer.compare);
    const session = await stage.logIn(id);
    expect((await stage.row(session))?.opSession).toBeNull();
    await stage.logOut(session);
    expect(stage.endings).toEqual([...both.map(byOpSession), byTarget(session)]);
    expect((await stage.row(tied))?.endedAt).toBeNull();
    expect(await stage.opSessions(sub)).toEqual([kept]);
  });

  test('told twice ends nothing more', async () => {
    const { sub, id } = await stage.person();
    await stage.authorized(sub);
    const session = await stage.logIn(id);
    stage.zitadel.events.mode = 'held';
    await stage.logOut(session);
    await stage.zitadel.events.deliver((held) => [...held, ...held]);
    expect(stage.endings).toEqual([byTarget(session)]);
  });

  test('before it is told that it began stays ended', async () => {
    const { sub, id } = await stage.person();
    await stage.authorized(sub);
    stage.zitadel.events.mode = 'held';
    const session = await stage.logIn(id);
    await stage.logOut(session);
    await stage.zitadel.events.deliver((held) => [...held].reverse());
    expect((await stage.row(session))?.endedAt).toBeTruthy();
    await stage.due();
    await stage.sessions.poll();
    expect(stage.endings).toEqual([]);
  });

  test('by our own hand is no news: neither what we have ended here, nor what we ended there unasked', async () => {
    const { sub, id } = await stage.person();
    await stage.authorized(sub);
    const [known, unasked] = [await stage.logIn(id), await stage.logIn(id)];
    const connection = stage.targets.connection('main')!;
    await connection.endSession!(known);
    await connection.endSessionsOf!(id);
    await stage.settled();
    expect(
      stage.zitadel.instance.events.filter(
        ({ type, editor }) => type === 'session.terminated' && editor === editorOf(),
      ),
    ).toHaveLength(2);
    expect(stage.endings).toEqual([]);
    expect((await stage.row(known))?.endedAt).toBeTruthy();
    expect((await stage.row(unasked))?.endedAt).toBeTruthy();
    await stage.due();
    await stage.sessions.poll();
    expect(stage.endings).toEqual([]);
  });

  test('of somebody who is nobody’s here is nothing to us', async () => {
    const { id } = await stage.person();
    await execute(
      stage.stage.databaseUrl,
      'update ledger set target_user_id = null where target_user_id = $1',
      [id],
    );
    await stage.logOut(await stage.logIn(id));
    expect(stage.endings).toEqual([]);
  });

  test('while our database is down is told again until it was heard', async () => {
    const { sub, id } = await stage.person();
    await stage.authorized(sub);
    const session = await stage.logIn(id);
    stage.zitadel.events.mode = 'held';
    await stage.logOut(session);
    const { databaseUrl } = stage.stage;
    await execute(databaseUrl, 'alter table target_sessions rename to gone');
    const [failed] = await stage.zitadel.events.deliver((held) => held.slice(-1));
    await execute(databaseUrl, 'alter table gone rename to target_sessions');
    expect(failed?.status).toBe(503);
    stage.stage.errors.length = 0;
    expect(stage.endings).toEqual([]);
    await stage.sessions.heard(stage.target, { kind: 'session-ended', targetSessionId: session });
    expect(stage.endings).toEqual([byTarget(session)]);
  });
});

describe('somebody who logs out at Login V1', () => {
  test('is logged out of what came through the target: which session it was is not said', async () => {
    const { sub, id } = await stage.person();
    const uid = await stage.authorized(sub);
    stage.zitadel.signOutV1(id);
    await stage.settled();
    expect(stage.endings).toEqual([byOpSession(uid)]);
  });

  test('is so once, where the release names the session', async () => {
    const { sub, id } = await stage.person();
    const uid = await stage.authorized(sub);
    stage.zitadel.signOutV1(id, 'V1_7');
    await stage.settled();
    await stage.authorized(sub);
    stage.zitadel.signOutV1(id, 'V1_7');
    await stage.settled();
    expect(stage.endings).toEqual([byOpSession(uid)]);
  });

  test('and is nobody’s here, or not here at all, ends nothing', async () => {
    const { id } = await stage.person();
    stage.zitadel.signOutV1(id);
    await stage.settled();
    expect(stage.endings).toEqual([]);
  });
});

describe('what happens to a person at the target', () => {
  const everything = (sub: string, cause: string, more = {}) => ({
    ...said,
    ...{ cause, scope: 'person', ...more },
    selection: { by: 'person', sub },
  });

  test('a new password there ends everything but what they have there', async () => {
    const { sub, id } = await stage.person();
    await stage.authorized(sub);
    await stage.authorized(sub);
    const session = await stage.logIn(id);
    await stage.zitadel.loginClient('POST', `/v2/users/${id}/password`, {
      newPassword: { password: 'Another-horse-2' },
    });
    await stage.settled();
    expect(stage.endings).toEqual([everything(sub, 'password-changed', { initiator })]);
    expect(await stage.opSessions(sub)).toEqual([]);
    const told = await stage.deliveries(sub);
    expect(told.map(({ kind }) => kind)).toEqual(['client', 'client']);
    expect(stage.zitadel.instance.sessions.has(session)).toBe(true);
  });

  test('a new password that we have set there ends nothing', async () => {
    const { id } = await stage.person();
    const hash = '$2b$04$N6AR..ZSnvVk7DnReGjCNOykJ3ZKSdncSnSQZFExuly2YeUz3qM3W';
    await stage.targets.connection('main')!.setPassword(id, { encoded: hash, format: 'bcrypt' });
    await stage.settled();
    expect(stage.zitadel.instance.events.at(-1)?.type).toBe('user.human.password.changed');
    expect(stage.endings).toEqual([]);
  });

  test('a deactivation there ends everything, and what outlives a session', async () => {
    const { sub, id } = await stage.person();
    await stage.zitadel.loginClient('POST', `/v2/users/${id}/deactivate`, {});
    await stage.settled();
    expect(stage.endings).toEqual([everything(sub, 'deactivated', { everything: true })]);
  });

  test('a deactivation there that was taken back before we heard of it ends nothing', async () => {
    const { id } = await stage.person();
    stage.zitadel.events.mode = 'held';
    await stage.zitadel.loginClient('POST', `/v2/users/${id}/deactivate`, {});
    await stage.zitadel.loginClient('POST', `/v2/users/${id}/reactivate`, {});
    await stage.zitadel.events.deliver();
    expect(stage.endings).toEqual([]);
  });

  test('a deactivation of ours ends nothing: who asked for it has seen to that', async () => {
    const { id } = await stage.person();
    await stage.targets.connection('main')!.deactivate(id);
    await stage.settled();
    expect(stage.endings).toEqual([]);
  });

  test('a removal there ends everything', async () => {
    const { sub, id } = await stage.person();
    await stage.zitadel.loginClient('DELETE', `/v2/users/${id}`);
    await stage.settled();
    expect(stage.endings).toEqual([everything(sub, 'removed', { everything: true })]);
  });

  test('of whom nobody here knows ends nothing', async () => {
    const { id } = await stage.person();
    await execute(
      stage.stage.databaseUrl,
      'update ledger set target_user_id = null where target_user_id = $1',
      [id],
    );
    await stage.zitadel.loginClient('POST', `/v2/users/${id}/deactivate`, {});
    await stage.settled();
    expect(stage.endings).toEqual([]);
  });
});

test('a target that is not followed ends nothing here, and its sessions are still known for ours to end', async () => {
  const quiet = await openTargetStage({ sessions: { follow: false } });
  try {
    const { sub, id } = await quiet.person();
    const uid = await quiet.authorized(sub);
    const session = await quiet.logIn(id);
    expect(await quiet.row(session)).toMatchObject({ sub, opSession: uid });
    await quiet.logOut(session);
    await quiet.zitadel.loginClient('POST', `/v2/users/${id}/deactivate`, {});
    await quiet.settled();
    await quiet.due();
    await quiet.sessions.poll();
    expect(quiet.endings).toEqual([]);
    expect((await quiet.row(session))?.endedAt).toBeTruthy();
  } finally {
    await quiet.close();
  }
});

test('a session that we have begun ourselves, only to check a password, is nobody’s: its end ends nothing', async () => {
  const { sub, id } = await stage.person();
  const uid = await stage.authorized(sub);
  const connection = stage.targets.connection('main')!;
  expect(await connection.checkPassword!(id, new Secret(PASSWORD))).toBe(true);
  await stage.settled();
  const [begun] = stage.zitadel.instance.events.filter(({ type }) => type === 'session.added').slice(-1);
  expect(await stage.row(begun!.aggregate.id)).not.toMatchObject({ sub });
  stage.zitadel.events.mode = 'held';
  await connection.checkPassword!(id, new Secret(PASSWORD));
  // Nobody hears that it has ended.
  await stage.zitadel.events.settle(({ type }) => (type === 'session.terminated' ? 'lost' : 'once'));
  await stage.due();
  await stage.sessions.poll();
  expect([stage.endings, await stage.opSessions(sub)]).toEqual([[], [uid]]);
});
