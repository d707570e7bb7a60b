/** What an operator does to one person at a target: there and back, on and off, and gone. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Desk, Operation } from '../../src/admin/operation.ts';
import { userDeactivate, userReactivate } from '../../src/admin/operations/user-deactivate.ts';
import { userForget } from '../../src/admin/operations/user-forget.ts';
import { userLink } from '../../src/admin/operations/user-link.ts';
import { userMove } from '../../src/admin/operations/user-move.ts';
import { userRollback } from '../../src/admin/operations/user-rollback.ts';
import { workList } from '../../src/admin/operations/work-list.ts';
import { workRetry } from '../../src/admin/operations/work-retry.ts';
import { openBatches } from '../../src/migration/batch/batch-rows.ts';
import { opSessionParts } from '../../src/provider/ending.ts';
import { openEndings } from '../../src/sessions/ending/endings.ts';
import { openPlace } from '../migration/moving/place.ts';
import type { MovingStage } from '../migration/moving/stage.ts';
import { expectMoved, openMovingStage, person, request } from '../migration/moving/stage.ts';

const unasked = () => Promise.reject(new Error('not asked for here'));

let stage: MovingStage;
let desk: Desk;
beforeAll(async () => {
  stage = await openMovingStage();
  const { db, keyring, audit, directory, passwords, targets, mover } = stage;
  desk = {
    ...{ db, keyring, audit, directory, passwords, targets, mover },
    batches: openBatches(db),
    batchEngine: { run: unasked, follow: unasked },
    endings: openEndings({
      db,
      recipients: { clients: [], apps: [], appsByPerson: [], targets: ['main'] },
      opSessions: opSessionParts,
      settings: { logoutEnds: 'session' },
      pseudonym: audit.pseudonym,
      kick: () => undefined,
    }),
    claimTokens: [],
    issuer: 'https://id.example.com',
    lifetimes: { sessionIdleSeconds: 3_600, sessionSeconds: 86_400, rememberedSeconds: 0 },
    legacySettings: {},
    schema: () => Promise.reject(new Error('not asked for here')),
    keyCacheSeconds: 0,
    keepKeysSeconds: 0,
    actor: 'operator:test',
  };
});
afterAll(() => stage.close());
beforeEach(() => stage.sql('delete from target_work'));

let serial = 0;
const someone = (more: Parameters<typeof person>[2] = {}) => stage.someone(`o${++serial}`, {}, more);

async function run(operation: Operation, input: object, execute = true) {
  const output = (await operation.run(desk, input as never, { execute })) as Record<string, unknown>;
  return { ...output, text: operation.print(output), wrong: operation.foundWrong?.(output) ?? false };
}
const at = (user: string) => ({ user, target: 'main' });
const there = (id: string) => stage.zitadel.instance.users.get(id);

/** A user whom ZITADEL has made of itself, linked to us. */
async function linkedThere(sub: string): Promise<string> {
  const response = await fetch(`${stage.zitadel.url}/v2/users/human`, {
    method: 'POST',
    headers: { authorization: `Bearer ${stage.zitadel.token}`, 'content-type': 'application/json' },
    body: JSON.stringify({
      username: `before-${sub}`,
      profile: { givenName: 'B', familyName: 'B' },
      email: { email: 'before@example.com', isVerified: true },
      idpLinks: [{ idpId: stage.idp, userId: sub, userName: 'x' }],
    }),
  });
  return ((await response.json()) as { userId: string }).userId;
}

describe('user move', () => {
  test('moves somebody who has never logged in, as a batch of one; without --execute nobody', async () => {
    const sub = stage.put(person('never'));
    const dry = await run(userMove, at(sub), false);
    expect(dry.text).toContain('Nothing was changed');
    expect(await stage.row(sub)).toBeUndefined();
    expect(await run(userMove, at(sub))).toMatchObject({
      executed: true,
      before: 'legacy',
      result: { kind: 'moved', state: 'migrated' },
      wrong: false,
    });
    await expectMoved(stage, sub);
    expect(await run(userMove, at(sub))).toMatchObject({ before: 'migrated', result: { state: 'migrated' } });
  });

  test('moves nobody who is excluded, unknown, or at a target without an API', async () => {
    const sub = stage.put(person('out'));
    await stage.happens(sub, 'exclude');
    await expect(run(userMove, at(sub))).rejects.toMatchObject({ code: 'illegal_transition' });
    await expect(run(userMove, at('shop:nobody'))).rejects.toMatchObject({ code: 'user_not_found' });
    const nowhere = { user: sub, target: 'nowhere' };
    await expect(run(userMove, nowhere)).rejects.toMatchObject({ code: 'target_without_api' });
  });
});

describe('user link', () => {
  const linkTo = (user: string, targetUserId: string) => ({ ...at(user), targetUserId });
  const stranger = async (name: string) => {
    const response = await fetch(`${stage.zitadel.url}/v2/users/human`, {
      method: 'POST',
      headers: { authorization: `Bearer ${stage.zitadel.token}`, 'content-type': 'application/json' },
      body: JSON.stringify({
        username: name,
        profile: { givenName: 'S', familyName: 'S' },
        email: { email: `${name}@example.com`, isVerified: true },
      }),
    });
    return ((await response.json()) as { userId: string }).userId;
  };

  test('shows both, and without --execute links nobody', async () => {
    const sub = await someone();
    const id = await stranger('shown');
    const dry = await run(userLink, linkTo(sub, id), false);
    expect(dry.text).toContain('shown@example.com (verified)');
    expect(dry.text).toContain('Nothing was changed');
    expect(there(id)?.links).toEqual([]);
  });

  test('resolves a conflict: the next move finds the one who was there', async () => {
    const sub = await someone({ totp: undefined as never });
    const username = person(sub.slice(5)).user.username ?? '';
    const id = await stranger(username);
    expect(await run(userMove, at(sub))).toMatchObject({ result: { code: 'target_conflict' } });
    await run(userLink, linkTo(sub, id));
    await run(userLink, linkTo(sub, id));
    expect(there(id)?.links).toMatchObject([{ idpId: stage.idp, userId: sub }]);
    await stage.login(sub);
    expect(await run(userMove, at(sub))).toMatchObject({ result: { kind: 'moved', targetUserId: id } });
  });

  test('that was wrong is undone by a rollback: the next one may be right', async () => {
    const sub = await someone({ totp: undefined as never });
    const [wrong, right] = [await stranger(`wrong-${sub.slice(5)}`), await stranger(`right-${sub.slice(5)}`)];
    await run(userLink, linkTo(sub, wrong));
    await run(userMove, at(sub));
    expect(await stage.row(sub)).toMatchObject({ targetUserId: wrong });
    await run(userRollback, at(sub));
    expect(there(wrong)?.links).toEqual([]);
    expect(await stage.row(sub)).toMatchObject({ state: 'legacy', targetUserId: null });
    await run(userLink, linkTo(sub, right));
    await stage.login(sub);
    expect(await run(userMove, at(sub))).toMatchObject({ result: { targetUserId: right } });
    expect(there(wrong)?.links).toEqual([]);
  });

  test('gives nobody somebody else’s user, and no user to nobody', async () => {
    const [sub, other] = [await someone(), await someone({ totp: undefined as never })];
    await run(userMove, at(other));
    const taken = linkTo(sub, stage.idOf(other));
    await expect(run(userLink, taken)).rejects.toMatchObject({ code: 'already_linked' });
    await expect(run(userLink, linkTo(sub, 'nobody'))).rejects.toMatchObject({ code: 'target_refused' });
    await expect(run(userLink, linkTo('shop:nobody', 'x'))).rejects.toMatchObject({ code: 'user_not_found' });
    const out = stage.put(person('link-out'));
    await stage.happens(out, 'exclude');
    const id = await stranger('for-nobody');
    await expect(run(userLink, linkTo(out, id))).rejects.toMatchObject({ code: 'user_excluded' });
  });
});

describe('user rollback', () => {
  test('removes whom we have made, says what is lost, and the next login makes another user', async () => {
    const sub = await someone();
    await stage.mover.move(request(sub));
    const dry = await run(userRollback, at(sub), false);
    expect(dry).toMatchObject({ before: 'migrated', does: 'remove', targetUserId: stage.idOf(sub) });
    expect(dry.text).toContain('Lost: The user at the target');
    expect(there(stage.idOf(sub))).toBeDefined();

    expect(await run(userRollback, at(sub))).toMatchObject({ executed: true, does: 'remove' });
    expect(stage.linkedTo(sub)).toEqual([]);
    expect(await stage.row(sub)).toMatchObject({ state: 'legacy', removals: 1 });
    expect(stage.flags(sub)).toEqual([`${sub} true`, `${sub} false`]);
    expect(await stage.mover.move(request(sub))).toEqual({ kind: 'not-proved' });

    await stage.login(sub);
    await stage.mover.resume();
    await expectMoved(stage, sub);
    expect(stage.linkedTo(sub)[0]?.id).toBe(stage.idOf(sub, 1));
  });

  test('unlinks whom the target had before us, and leaves them there', async () => {
    const sub = await someone({ totp: undefined as never });
    const id = await linkedThere(sub);
    expect(await stage.mover.move(request(sub))).toMatchObject({ state: 'migrated', targetUserId: id });
    expect(await run(userRollback, at(sub))).toMatchObject({ does: 'unlink', targetUserId: id });
    expect(there(id)?.links).toEqual([]);
    expect(await stage.row(sub)).toMatchObject({ state: 'legacy', removals: 0 });
    const [record] = await stage.audit.records({ sub, action: 'ledger.revert' });
    expect(record).toMatchObject({ actor: 'operator:test', detail: { does: 'unlink', targetUserId: id } });
  });

  test('removes somebody half-made, and the work with them', async () => {
    const sub = await someone();
    const stop = (step: string) => {
      if (step === 'stored') throw new Error('stopped here');
    };
    const broken = openPlace(stage.place, { afterStep: stop });
    await broken.mover.move(request(sub)).finally(broken.close);
    expect(there(stage.idOf(sub))).toBeDefined();
    expect(await stage.row(sub)).toMatchObject({ state: 'releasing' });
    expect(await run(userRollback, at(sub))).toMatchObject({ before: 'releasing', does: 'remove' });
    expect(there(stage.idOf(sub))).toBeUndefined();
    expect(await stage.work(sub)).toBeUndefined();
    expect(await stage.mover.resume()).toBe(0);
  });

  test('again finishes what was left: removed at the target, and not yet in the ledger', async () => {
    const sub = await someone();
    await stage.mover.move(request(sub));
    await stage.targets.connection('main')?.remove(stage.idOf(sub));
    expect(await run(userRollback, at(sub))).toMatchObject({ before: 'migrated', does: 'nothing' });
    expect(await stage.row(sub)).toMatchObject({ state: 'legacy', removals: 1 });
    expect(await run(userRollback, at(sub))).toMatchObject({ before: 'legacy', does: 'nothing' });
    expect(await stage.row(sub)).toMatchObject({ removals: 1 });
  });

  test('waits for a move that is under way', async () => {
    const sub = await someone();
    await stage.sql(`update target_work set lease = 'x', leased_until = now() + interval '1 minute'`);
    await expect(run(userRollback, at(sub))).rejects.toMatchObject({ code: 'illegal_transition' });
    expect(await stage.row(sub)).toMatchObject({ state: 'authenticated' });
    await stage.leasesRunOut();
    expect(await run(userRollback, at(sub))).toMatchObject({ executed: true });
    expect(await stage.row(sub)).toMatchObject({ state: 'legacy' });
  });

  test.each(['exclude', 'delete'] as const)('has no way back for who went by %s', async (event) => {
    const sub = stage.put(person(`no-way-${event}`));
    await stage.happens(sub, event);
    await expect(run(userRollback, at(sub), false)).rejects.toMatchObject({ code: 'illegal_transition' });
  });
});

describe('user deactivate and reactivate', () => {
  test('are carried to the target, and twice are no error', async () => {
    const sub = await someone();
    await stage.mover.move(request(sub));
    const id = stage.idOf(sub);
    const dry = await run(userDeactivate, at(sub), false);
    expect(dry.text).toContain('Nothing was changed');
    expect(there(id)?.state).toBe('USER_STATE_ACTIVE');
    for (let twice = 0; twice < 2; twice += 1) await run(userDeactivate, at(sub));
    expect(there(id)?.state).toBe('USER_STATE_INACTIVE');
    expect((await run(userReactivate, at(sub))).text).toContain('The legacy store is not changed.');
    expect(there(id)?.state).toBe('USER_STATE_ACTIVE');
    const records = await stage.audit.records({ sub, actor: 'operator:test' });
    expect(records.map(({ action }) => action)).toEqual([
      ...['user.deactivated', 'sessions.ended', 'user.deactivated'],
      'user.reactivated',
    ]);
    const told = await stage.sql(
      'select distinct e.cause, d.kind, d.name from logout_deliveries d join session_endings e on e.id = d.ending where d.sub = $1',
      [sub],
    );
    expect(told).toEqual([{ cause: 'deactivated', kind: 'target', name: 'main' }]);
  });

  test('find nobody who is not there', async () => {
    const sub = await someone();
    await expect(run(userDeactivate, at(sub))).rejects.toMatchObject({ code: 'user_not_found' });
  });
});

describe('user forget', () => {
  test('removes whom we have made and leaves a tombstone', async () => {
    const sub = await someone();
    await stage.mover.move(request(sub));
    expect(await run(userForget, at(sub), false)).toMatchObject({ does: 'remove', executed: false });
    expect(there(stage.idOf(sub))).toBeDefined();
    expect(await run(userForget, at(sub))).toMatchObject({ does: 'remove', executed: true });
    expect(there(stage.idOf(sub))).toBeUndefined();
    expect(await stage.row(sub)).toMatchObject({ state: 'deleted' });
    await stage.login(sub);
    expect(await stage.mover.move(request(sub))).toMatchObject({ kind: 'refused', code: 'user_not_found' });
    await expect(run(userForget, at(sub))).rejects.toMatchObject({ code: 'illegal_transition' });
  });

  test('leaves nothing of the links, letters and exceptions of their own account', async () => {
    const [sub, other] = [await someone(), await someone()];
    await stage.mover.move(request(sub));
    for (const one of [sub, other]) {
      await stage.sql(
        `insert into claim_tokens (digest, target, purpose, sub, origin, expires_at)
         values (sha256($1::bytea), 'main', 'person', $2, 'operator', now() + interval '1 hour')`,
        [Buffer.from(one), one],
      );
      await stage.sql(
        `insert into claim_exceptions (target, sub, reason, actor) values ('main', $1, 'Is blind', 'operator:test')`,
        [one],
      );
      await stage.sql(
        `insert into claim_notices (target, sub, notice) values ('main', $1, 'account-linked')`,
        [one],
      );
    }
    const left = (one: string) =>
      stage.sql(
        `select (select count(*) from claim_tokens where sub = $1)::int as tokens,
           (select count(*) from claim_exceptions where sub = $1)::int as exceptions,
           (select count(*) from claim_notices where sub = $1)::int as notices`,
        [one],
      );
    await run(userForget, at(sub), false);
    expect(await left(sub)).toEqual([{ tokens: 1, exceptions: 1, notices: 1 }]);
    await run(userForget, at(sub));
    expect(await left(sub)).toEqual([{ tokens: 0, exceptions: 0, notices: 0 }]);
    expect(await left(other)).toEqual([{ tokens: 1, exceptions: 1, notices: 1 }]);
  });

  test('leaves nothing that comparisons, letters and undone batches have of them', async () => {
    const sub = await someone();
    await stage.mover.move(request(sub));
    const left = async () => {
      const [row] = await stage.sql(
        `select (select count(*) from compared_users where sub = $1)::int as compared,
           (select count(*) from mailings where sub = $1)::int as mailed,
           (select count(kept) from batch_users where sub = $1)::int as kept,
           (select count(*) from batch_users where sub = $1)::int as listed`,
        [sub],
      );
      return row;
    };
    await stage.sql(`insert into batches (id, target, state, plan, size, workers, actor)
      values ('old', 'main', 'undone', '{}', 1, 1, 'operator:test')`);
    await stage.sql(`insert into batch_users (batch, rank, sub, kept) values ('old', 0, $1, 'sealed')`, [
      sub,
    ]);
    await stage.sql(
      `insert into mailings (campaign, batch, target, sub, remedy, state, due_at) values ('c', 'old', 'main', $1, 'reset', 'sent', now())`,
      [sub],
    );
    expect(await left()).toEqual({ compared: 1, mailed: 1, kept: 1, listed: 1 });
    await run(userForget, at(sub));
    expect(await left()).toEqual({ compared: 0, mailed: 0, kept: 0, listed: 1 });
  });

  test('only unlinks whom the target had before us, and says so', async () => {
    const sub = await someone({ totp: undefined as never });
    const id = await linkedThere(sub);
    await stage.mover.move(request(sub));
    const { text } = await run(userForget, at(sub));
    expect(text).toContain('only the link goes');
    expect(there(id)?.links).toEqual([]);
  });

  test('leaves a tombstone of somebody who was never moved, or is excluded', async () => {
    const [never, excluded] = [stage.put(person('f1')), stage.put(person('f2'))];
    await stage.happens(excluded, 'exclude');
    for (const sub of [never, excluded]) {
      expect(await run(userForget, at(sub))).toMatchObject({ does: 'nothing' });
      expect(await stage.row(sub)).toMatchObject({ state: 'deleted' });
    }
  });
});

describe('work list and work retry', () => {
  async function givenUp(): Promise<string> {
    const sub = await someone();
    stage.put(person(sub.slice(5), { state: 'disabled' }));
    await stage.mover.resume();
    return sub;
  }

  test('show who was given up and why, and try again on request', async () => {
    const sub = await givenUp();
    const listed = await run(workList, {});
    expect(listed).toMatchObject({ wrong: true, work: [{ sub, dueAt: null }] });
    expect(listed.text).toContain('user_disabled');
    expect(await run(workList, { target: 'other' })).toMatchObject({ work: [], wrong: false });

    stage.put(person(sub.slice(5)));
    expect(await run(workRetry, { target: 'main' }, false)).toMatchObject({ users: [sub] });
    expect(await stage.mover.resume()).toBe(0);
    expect(await run(workRetry, { target: 'main' })).toMatchObject({ users: [sub] });
    expect(await stage.row(sub)).toMatchObject({ state: 'queued' });
    expect(await stage.mover.resume()).toBe(1);
    await expectMoved(stage, sub);
    expect(await run(workList, {})).toMatchObject({ work: [], wrong: false });
  });

  test('retry one person, also one who waits', async () => {
    const [one, two] = [await givenUp(), await givenUp()];
    expect(await run(workRetry, at(two))).toMatchObject({ users: [two] });
    expect(await stage.work(one)).toMatchObject({ dueAt: null });
    expect(await stage.work(two)).toMatchObject({ dueAt: expect.any(Date), attempts: 0 });
    expect(await run(workRetry, at('shop:nobody'))).toMatchObject({ users: [] });
  });
});
