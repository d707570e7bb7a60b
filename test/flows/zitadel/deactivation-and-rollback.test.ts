/** Deactivation and deletion, carried both ways on request, and the way back. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Bridge } from './bridge.ts';
import { openBridge, subOf } from './bridge.ts';
import { expectArrived, expectNobody, expectWellFormed } from './ends.ts';
import { isStandIn, standInTest } from './place.ts';
import { expectSequence, logInV2 } from './sequences.ts';
import { TARGET } from './settings.ts';

let bridge: Bridge;
beforeAll(async () => {
  bridge = await openBridge({
    change: ({ targets: [target] }) => Object.assign(target.move, { push: 'at-login', followRemovals: true }),
  });
});
afterAll(() => bridge?.close());
beforeEach(() => bridge.fresh());

type Person = Awaited<ReturnType<Bridge['someone']>>;

const LOOK = 'facade → zitadel reads the user';
const user = (verb: string, person: Person, ...more: string[]) =>
  bridge.cli('user', verb, subOf(person), '--target', TARGET, ...more);
async function moved() {
  const person = await bridge.someone('bcrypt');
  await logInV2(bridge, person);
  const { id } = await expectArrived(bridge, person);
  bridge.fresh();
  return { person, id };
}
const stateOf = async (person: Person) => (await bridge.usersOf(person))[0]?.state;

describe('a deactivation', () => {
  test('is said before it is done, carried to ZITADEL, and taken back', async () => {
    const { person } = await moved();
    const dry = await user('deactivate', person);
    expect([dry.code, dry.out]).toEqual([0, expect.stringContaining('Nothing was changed')]);
    expectSequence(bridge, [LOOK]);
    expect(await user('deactivate', person, '--execute')).toMatchObject({ code: 0 });
    expectSequence(bridge, [LOOK, 'facade → zitadel UserService/DeactivateUser']);
    expect(await stateOf(person)).toBe('USER_STATE_INACTIVE');
    // ZITADEL refuses what is so already: that is no error to whoever asks for it.
    expect(await user('deactivate', person, '--execute')).toMatchObject({ code: 0 });
    expect(await logInV2(bridge, person)).toMatchObject({ kind: 'error' });
    expect(await user('reactivate', person, '--execute')).toMatchObject({ code: 0 });
    expect(await stateOf(person)).toBe('USER_STATE_ACTIVE');
    expect(await logInV2(bridge, person)).toMatchObject({ kind: 'logged-in' });
  });

  test('at ZITADEL is told to us, and written down', async () => {
    const { person, id } = await moved();
    await bridge.operator('POST', `/v2/users/${id}/deactivate`, {});
    await bridge.deliver();
    expectSequence(bridge, ['zitadel → facade event user.deactivated']);
    const [last] = await bridge.sql('select action, actor from audit_log order by id desc limit 1');
    expect(last).toMatchObject({ action: 'target.deactivated', actor: `target:${TARGET}` });
    expect(await bridge.row(person)).toMatchObject({ state: 'migrated' });
  });

  test('of somebody who is not at ZITADEL says so', async () => {
    const anna = await bridge.someone();
    expect(await user('deactivate', anna, '--execute')).toMatchObject({ code: 1 });
    expectSequence(bridge, []);
  });
});

describe('a rollback', () => {
  test('removes whom we have made; the next login makes them anew, under another id', async () => {
    const { person, id } = await moved();
    expect((await user('rollback', person)).out).toContain('Nothing was changed');
    expect((await bridge.usersOf(person)).map((one) => one.id)).toEqual([id]);
    bridge.fresh();
    expect(await user('rollback', person, '--execute')).toMatchObject({ code: 0 });
    expectSequence(bridge, [LOOK, 'facade → zitadel UserService/DeleteUser']);
    await expectNobody(bridge, person);
    expect(await bridge.row(person)).toMatchObject({ state: 'legacy' });
    await bridge.deliver();
    expect(await bridge.row(person)).toMatchObject({ state: 'legacy' });
    await logInV2(bridge, person);
    expect((await expectArrived(bridge, person)).id).not.toBe(id);
  });

  test('is not taken for a removal by somebody else, however soon ZITADEL tells of it', async () => {
    const { person } = await moved();
    if (isStandIn) bridge.standIn.events.mode = 'at-once';
    expect(await user('rollback', person, '--execute')).toMatchObject({ code: 0 });
    if (isStandIn) await bridge.standIn.events.settled();
    else await bridge.deliver();
    if (isStandIn) bridge.standIn.events.mode = 'held';
    expect(await bridge.row(person)).toMatchObject({ state: 'legacy' });
  });

  test('only unlinks whom ZITADEL had before us', async () => {
    await bridge.configure(
      ({ targets: [target] }) => {
        target.users.existing = 'verified-email';
      },
      { setup: false },
    );
    const anna = await bridge.someone('bcrypt');
    const { userId } = await bridge.operator<{ userId: string }>('POST', '/v2/users/human', {
      username: anna.login,
      profile: { givenName: 'Anna', familyName: 'Sommerfeld' },
      email: { email: anna.email, isVerified: true },
    });
    await logInV2(bridge, anna);
    expect((await expectArrived(bridge, anna)).id).toBe(userId);
    bridge.fresh();
    expect(await user('rollback', anna, '--execute')).toMatchObject({ code: 0 });
    expectSequence(bridge, [LOOK, 'facade → zitadel UserService/RemoveIDPLink']);
    expect(await bridge.usersOf(anna)).toMatchObject([{ id: userId, links: [] }]);
    expect([await bridge.row(anna), await bridge.isFlagged(anna)]).toMatchObject([
      { state: 'legacy' },
      false,
    ]);
  });

  standInTest(
    'that ZITADEL does not answer changes nothing, and is done at the next try',
    'a real one cannot be told to fail',
    async () => {
      const { person } = await moved();
      bridge.standIn.failNext('DeleteUser', 503);
      expect(await user('rollback', person, '--execute')).toMatchObject({ code: 2 });
      expect(await bridge.row(person)).toMatchObject({ state: 'migrated' });
      bridge.standIn.failNext('DeleteUser', 'drop-after');
      await user('rollback', person, '--execute');
      expect(await user('rollback', person, '--execute')).toMatchObject({ code: 0 });
      await expectNobody(bridge, person);
      expect(await bridge.row(person)).toMatchObject({ state: 'legacy' });
    },
  );
});

describe('a deletion', () => {
  test('is carried to ZITADEL and leaves a tombstone: they are never made again', async () => {
    const { person } = await moved();
    expect(await user('forget', person, '--execute')).toMatchObject({ code: 0 });
    expectSequence(bridge, [LOOK, 'facade → zitadel UserService/DeleteUser']);
    expect(await bridge.usersOf(person)).toEqual([]);
    expect(await bridge.row(person)).toMatchObject({ state: 'deleted' });
    await logInV2(bridge, person);
    await bridge.deliver();
    expect(await bridge.row(person)).toMatchObject({ state: 'deleted' });
    expect((await bridge.usersOf(person)).flatMap((one) => (one.hasPassword ? [one.id] : []))).toEqual([]);
  });

  standInTest(
    'at ZITADEL is followed, where the settings say so',
    'these tests and Footbridge are one user there',
    async () => {
      const { person, id } = await moved();
      await bridge.operator('DELETE', `/v2/users/${id}`);
      await bridge.deliver();
      const who = 'facade → zitadel AuthService/GetMyUser';
      expectSequence(bridge, ['zitadel → facade event user.removed', who, LOOK]);
      expect(await bridge.row(person)).toMatchObject({ state: 'deleted' });
    },
  );
});

standInTest('the stand-in was asked for nothing malformed', 'it looks at itself', async () =>
  expectWellFormed(bridge),
);
