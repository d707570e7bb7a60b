import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { find, move } from '../../src/migration/ledger.ts';
import type { Stage } from './stage.ts';
import { ALL_SCOPES, CANARY, entryOf, openStage, signed } from './stage.ts';

let stage: Stage;
beforeAll(async () => {
  stage = await openStage();
});
afterAll(() => stage.close());

let serial = 0;
/** Somebody who has just logged in; without a second factor unless asked for. */
async function someone({ totp = false } = {}): Promise<string> {
  const id = String(++serial);
  const { user, credentials } = entryOf(id);
  stage.people.set(user.sub, {
    user,
    credentials: totp ? credentials : { passwords: credentials.passwords },
  });
  await stage.login(user.sub);
  return user.sub;
}

const put = (sub: string, body: object) =>
  stage.call('PUT', `/migration/users/${sub}/state`, { token: ALL_SCOPES, body });
const stateOf = async (sub: string) => (await find(stage.db, 'main', sub))?.state;
const MIGRATED = { state: 'migrated', targetUserId: 't' };

describe('the target', () => {
  test('says that a user exists, and later that nothing is missing', async () => {
    const sub = await someone();
    const created = await put(sub, { state: 'created', targetUserId: `t-${sub}` });
    expect([created.status, created.json]).toEqual([
      200,
      { sub, state: 'created', targetUserId: `t-${sub}` },
    ]);
    const migrated = await put(sub, { state: 'migrated' });
    expect([migrated.status, migrated.json]).toEqual([
      200,
      { sub, state: 'migrated', targetUserId: `t-${sub}` },
    ]);
    expect(stage.flagged).toContainEqual([sub, true]);
  });

  test('may say both at once', async () => {
    const sub = await someone();
    expect((await put(sub, { ...MIGRATED, targetUserId: `t-${sub}` })).json.state).toBe('migrated');
  });

  test('may say it again, which changes nothing', async () => {
    const sub = await someone();
    const body = { state: 'migrated', targetUserId: `t-${sub}` };
    await put(sub, body);
    const before = await find(stage.db, 'main', sub);
    expect((await put(sub, body)).status).toBe(200);
    expect((await put(sub, { state: 'created', targetUserId: `t-${sub}` })).json.state).toBe('migrated');
    expect(await find(stage.db, 'main', sub)).toEqual(before);
    expect(stage.flagged.filter(([flagged]) => flagged === sub)).toHaveLength(1);
  });

  test('may say it fifty times at once, and is believed once', async () => {
    const sub = await someone();
    const body = { state: 'migrated', targetUserId: `t-${sub}` };
    const answers = await Promise.all(Array.from({ length: 50 }, () => put(sub, body)));
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
    expect(await find(stage.db, 'main', sub)).toMatchObject({ state: 'migrated', version: 3 });
    expect(stage.flagged.filter(([flagged]) => flagged === sub)).toHaveLength(1);
  });

  test('can sign instead of bringing a token, if the body names the user', async () => {
    const [sub, another] = [await someone(), await someone()];
    const body = { state: 'created', targetUserId: `t-${sub}`, sub };
    const call = signed(stage, body);
    // The signature does not cover the path: the same call, led to another user.
    expect((await stage.call('PUT', `/migration/users/${another}/state`, call)).json.code).toBe(
      'bad_request',
    );
    stage.nowSeconds += 1;
    expect((await stage.call('PUT', `/migration/users/${sub}/state`, signed(stage, body))).status).toBe(200);
    stage.nowSeconds += 1;
    const unnamed = signed(stage, { state: 'created', targetUserId: 'x' });
    expect((await stage.call('PUT', `/migration/users/${another}/state`, unnamed)).status).toBe(400);
    expect(await stateOf(another)).toBe('authenticated');
  });
});

describe('the flag is refused', () => {
  const refused = async (sub: string, body: object, status: number, code: string) => {
    const before = await stateOf(sub);
    const answer = await put(sub, body);
    expect([answer.status, answer.json.code]).toEqual([status, code]);
    expect(answer.headers.get('content-type')).toMatch('application/problem+json');
    expect(await stateOf(sub)).toBe(before);
  };

  test('for a user who never proved a password', async () => {
    stage.people.set('shop:unproved', entryOf('unproved'));
    await refused('shop:unproved', { ...MIGRATED, imported: ['totp'] }, 409, 'illegal_transition');
  });

  test('for another target user than the linked one', async () => {
    const sub = await someone();
    await put(sub, { state: 'created', targetUserId: 'mine' });
    await refused(sub, { state: 'created', targetUserId: 'not-mine' }, 409, 'already_linked');
    await refused(sub, { state: 'migrated', targetUserId: 'not-mine' }, 409, 'already_linked');
  });

  test('for a target user that somebody else is linked to', async () => {
    const [first, second] = [await someone(), await someone()];
    await put(first, { state: 'created', targetUserId: 'the-one' });
    await refused(second, { state: 'migrated', targetUserId: 'the-one' }, 409, 'already_linked');
  });

  test('as migrated for a user with a second factor that the target did not take', async () => {
    const sub = await someone({ totp: true });
    const body = { state: 'migrated', targetUserId: `t-${sub}` };
    await refused(sub, body, 409, 'second_factor_missing');
    await refused(sub, { ...body, imported: ['password'] }, 409, 'second_factor_missing');
    expect((await put(sub, { state: 'created', targetUserId: `t-${sub}` })).status).toBe(200);
    expect((await put(sub, { ...body, imported: ['password', 'totp'] })).status).toBe(200);
    expect((await put(sub, body)).status).toBe(200);
  });

  test('without the target’s id of the user', async () => {
    await refused(await someone(), { state: 'created' }, 400, 'bad_request');
  });

  test.each([
    ['excluded', 'exclude', 403, 'user_excluded'],
    ['deleted', 'delete', 404, 'user_not_found'],
  ] as const)('for a user who is %s', async (_state, event, status, code) => {
    const sub = await someone();
    await move(stage.db, {
      target: 'main',
      sub,
      event,
      actor: 'operator:test',
      subject: stage.pseudonym(sub),
    });
    await refused(sub, { state: 'created', targetUserId: `t-${sub}` }, status, code);
  });

  test.each([
    ['an unknown state', { state: 'retired', targetUserId: 'x' }, '#/state'],
    ['an unknown member', { ...MIGRATED, 'secret-CANARY': true }, '#'],
    ['an id with blanks', { ...MIGRATED, targetUserId: 'a b' }, '#/targetUserId'],
    ['an unknown import', { ...MIGRATED, imported: ['soul'] }, '#/imported/0'],
  ])('for %s, and says where', async (_what, body, pointer) => {
    const answer = await put(await someone(), body);
    expect([answer.status, answer.json.code]).toEqual([400, 'bad_request']);
    expect(answer.json.errors).toEqual([{ pointer, detail: expect.any(String) }]);
    expect(answer.text).not.toContain('CANARY');
  });
});

describe('the legacy store’s own mark', () => {
  test('that cannot be written is audited, and the user has moved all the same', async () => {
    const sub = await someone();
    stage.flagFails = true;
    const answer = await put(sub, { state: 'migrated', targetUserId: `t-${sub}` });
    stage.flagFails = false;
    expect(answer.status).toBe(200);
    const record = (await stage.auditRecords()).find(({ action }) => action === 'legacy.flag-failed');
    expect(record).toMatchObject({
      actor: 'client:main-machine',
      detail: { migrated: true, code: 'internal' },
    });
    expect(JSON.stringify(record)).not.toContain(CANARY.hash);
  });
});
