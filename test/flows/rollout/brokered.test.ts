/** Apps that have switched to ZITADEL already, while the plan has people in it whose turn has not come. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { PhaseState } from '../../../src/rollout/deciding.ts';
import { keepPlan, turnPhase } from '../../../src/rollout/phases.ts';
import { planShape } from '../../../src/rollout/plan.ts';
import type { Db } from '../../../src/store/db.ts';
import { openDb } from '../../../src/store/db.ts';
import { until } from '../server.ts';
import type { Bridge } from '../zitadel/bridge.ts';
import { openBridge } from '../zitadel/bridge.ts';
import { expectArrived, expectWellFormed } from '../zitadel/ends.ts';
import { logInV2 } from '../zitadel/sequences.ts';
import { TARGET } from '../zitadel/settings.ts';

let bridge: Bridge;
let db: Db;
beforeAll(async () => {
  bridge = await openBridge({
    change: ({ targets: [target] }) => {
      target.move.typedPasswords = true;
    },
  });
  db = openDb({ url: bridge.databaseUrl, poolSize: 2 });
  const plan = planShape.parse({
    ...{ name: 'move', target: TARGET },
    segments: { clerks: { roles: ['clerk'] } },
    phases: [{ name: 'clerks', segments: ['clerks'] }],
  });
  await db.transaction(async (tx) => void (await keepPlan(tx, { plan, source: '', actor: 'test' })));
  await turn('running');
});
afterAll(async () => {
  await db?.close();
  await bridge?.close();
});
beforeEach(() => bridge.fresh());

const turn = (to: PhaseState) =>
  turnPhase(db, {
    ...{ target: TARGET, phase: 'clerks', to, cause: 'operator', actor: 'test', nowMs: Date.now() },
  });

describe('somebody whose turn it is', () => {
  test('is moved by their login, with everything', async () => {
    const clerk = await bridge.someone('bcrypt', { role: 'clerk' });
    // That there is a plan is seen within seconds.
    await until(async () => {
      const [row] = await bridge.sql('select 1 from rollout_assignments');
      if (!row) await logInV2(bridge, clerk);
      return row !== undefined;
    });
    await bridge.deliver();
    await expectArrived(bridge, clerk);
  });
});

describe('somebody whose turn it is not', () => {
  test('only passes through: an account at ZITADEL, and nothing of theirs in it', async () => {
    const anna = await bridge.someone('bcrypt');
    expect(await logInV2(bridge, anna)).toMatchObject({ kind: 'logged-in' });
    await bridge.deliver();
    const [user, ...others] = await bridge.usersOf(anna);
    expect(others).toEqual([]);
    expect(user).toMatchObject({ hasPassword: false, hasTotp: false });
    expect(await bridge.row(anna)).toBeUndefined();
    expect(await bridge.work(anna)).toEqual([]);
    expect(await bridge.isFlagged(anna)).toBe(false);
    expectWellFormed(bridge);
  });

  test('is not made at ZITADEL by a password typed there', async () => {
    const anna = await bridge.someone('bcrypt');
    expect(await bridge.ownLogin(anna.login, anna.password)).toMatchObject({ kind: 'error' });
    expect(await bridge.usersOf(anna)).toEqual([]);
    expect(await bridge.row(anna)).toBeUndefined();
  });

  test('comes into the account that they have when their turn has come', async () => {
    const anna = await bridge.someone('bcrypt');
    await logInV2(bridge, anna);
    await bridge.deliver();
    const [before] = await bridge.usersOf(anna);
    await bridge.shop.sql(`update customers set role = 'clerk' where id = $1`, [anna.id]);
    expect(await logInV2(bridge, anna)).toMatchObject({ kind: 'logged-in' });
    await bridge.deliver();
    const user = await expectArrived(bridge, { ...anna, role: 'clerk' });
    expect(user.id).toBe(before?.id);
  });
});

describe('after the phase was rolled back', () => {
  test('nobody else is moved, and logins go on', async () => {
    await turn('rolled-back');
    const clerk = await bridge.someone('bcrypt', { role: 'clerk' });
    expect(await logInV2(bridge, clerk)).toMatchObject({ kind: 'logged-in' });
    await bridge.deliver();
    expect(await bridge.row(clerk)).toBeUndefined();
    const [user] = await bridge.usersOf(clerk);
    expect(user).toMatchObject({ hasPassword: false });
  });
});
