/** A password is right or wrong only where Kratos has said so: an outage, and whatever else it answers, is neither. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Secret } from '../../../src/settings.ts';
import { connectKratos } from '../../../src/targets/kratos/connection.ts';
import type { At } from './people.ts';
import {
  bcryptHash,
  externalId,
  needsStandIn,
  openKratos,
  PASSWORD,
  SEED,
  someone,
  targetAt,
} from './people.ts';

const LOGIN = /login/;
let at: At;
let count = 0;
beforeEach(async () => {
  at = await openKratos({ api: { timeoutMs: 2_000 } });
});
afterEach(() => at.close());

/** A new person; the id at Kratos. Throws where they were not made. */
async function made(more: Parameters<typeof someone>[1] = {}): Promise<string> {
  count += 1;
  const [outcome] = await at.connection.importUsers([someone(`pw-${Date.now()}-${count}`, more)]);
  if (outcome?.kind === 'created') return outcome.targetUserId;
  throw new Error(JSON.stringify(outcome));
}
const check = (id: string, password = PASSWORD) => at.connection.checkPassword!(id, new Secret(password));
const problemOf = (work: Promise<unknown>) =>
  work.then(
    () => expect.unreachable(),
    (problem) => problem,
  );
const refused = { code: 'target_refused' };

describe('a password', () => {
  test('is right or wrong, and leaves no session', async () => {
    const id = await made();
    expect(await check(id)).toBe(true);
    for (const wrong of ['', 'Opensesame', `${PASSWORD} `, 'x'.repeat(10_000), 'nul\0', '🌉'])
      expect(await check(id, wrong)).toBe(false);
    expect(await at.connection.sessionsOf!(id)).toEqual([]);
  });

  test('of somebody with no username is looked for under their address', async () => {
    const { connection, url } = at;
    const alone = connectKratos(targetAt(url, { settings: {} }), {
      issuer: 'https://login.example',
      ourIdp: async () => 'footbridge',
    });
    const name = `alone-${Date.now()}`;
    const [outcome] = await alone.importUsers([someone(name)]);
    const { targetUserId } = outcome as { targetUserId: string };
    expect(await check(targetUserId)).toBe(true);
    // Also by the id that we have given them.
    expect(await connection.checkPassword!(externalId(name), new Secret(PASSWORD))).toBe(true);
    await alone.close();
  });

  test('of somebody who has none, or whom Kratos would ask us about, is wrong, and nobody is asked', async () => {
    const { password: _none, ...bare } = someone(`bare-${Date.now()}`);
    const [outcome] = await at.connection.importUsers([bare]);
    expect(await check((outcome as { targetUserId: string }).targetUserId)).toBe(false);
    const { password: _no, ...marked } = someone(`marked-${Date.now()}`, { isTypedHere: true });
    const [other] = await at.connection.importUsers([marked]);
    expect(await check((other as { targetUserId: string }).targetUserId)).toBe(false);
    if (!needsStandIn) expect(at.kratos.calls.some((call) => LOGIN.test(call))).toBe(false);
  });

  test('of somebody who is deactivated is told neither right nor wrong, and of nobody is refused', async () => {
    const id = await made();
    await at.connection.deactivate(id);
    for (const password of [PASSWORD, 'wrong'])
      expect(await problemOf(check(id, password))).toMatchObject({
        ...refused,
        detail: expect.stringContaining('tells of no password'),
      });
    await at.connection.remove(id);
    for (const nobody of [id, '', '..', 'no such id'])
      expect(await problemOf(check(nobody))).toMatchObject(refused);
  });

  test.skipIf(needsStandIn)('of somebody with a second factor is told all the same', async () => {
    const id = await made({ totpSecret: SEED });
    expect([await check(id), await check(id, 'wrong')]).toEqual([true, false]);
    expect(await at.connection.sessionsOf!(id)).toEqual([]);
  });

  test('that is set anew is the one that is right', async () => {
    const other = { ...bcryptHash, encoded: '$2b$04$7ZOnFwFHfJHmrfms2vHwiOhcmDB6LCfSOjwNpv.SiSsnHrHoMHVZC' };
    const id = await made({ password: other });
    expect(await check(id)).toBe(false);
    await at.connection.setPassword(id, bcryptHash);
    expect(await check(id)).toBe(true);
  });

  test('cannot be tried without the address of the public API', async () => {
    const target = targetAt(at.url);
    const { publicUrl: _url, ...kratos } = target.kratos!;
    const deps = { issuer: 'https://login.example', ourIdp: async () => 'footbridge' };
    const without = connectKratos({ ...target, kratos }, deps);
    expect(without).not.toHaveProperty('checkPassword');
    await without.close();
  });
});

describe.skipIf(needsStandIn)('a password that Kratos says nothing of', () => {
  test.each([
    ['cut off', () => at.kratos.dropAfter({ only: LOGIN })],
    ['not answered', () => at.kratos.hang({ only: LOGIN })],
    ['500', () => at.kratos.fail(500, 1, { only: LOGIN })],
    ['502', () => at.kratos.fail(502, 1, { only: /^POST .*login/ })],
    ['503, where the person is read', () => at.kratos.fail(503, 1, { only: /^GET .*identities/ })],
    ['429', () => at.kratos.throttle(1, { only: LOGIN })],
  ])('is unavailable, and never wrong: %s', async (_what, fail) => {
    const id = await made();
    fail();
    expect(await problemOf(check(id))).toMatchObject({ code: 'target_unavailable' });
    at.kratos.recover();
    expect(await check(id)).toBe(true);
  });

  test('is unavailable where the login has run out of time: another one may do', async () => {
    const id = await made();
    at.kratos.loginFlows.expire();
    expect(await problemOf(check(id))).toMatchObject({ code: 'target_unavailable' });
  });

  test.each([400, 401, 403, 404, 422])(
    'is refused where it answers %i and not that it is wrong',
    async (status) => {
      const id = await made();
      at.kratos.fail(status, 1, { only: /^POST .*login/ });
      const problem = await problemOf(check(id));
      expect(problem).toMatchObject({
        code: 'target_refused',
        detail: expect.stringContaining('kratos.publicUrl'),
      });
      expect(JSON.stringify(problem) + problem.detail).not.toContain(PASSWORD);
    },
  );

  test('is refused where the address has to be verified first, with the number of what it says', async () => {
    const email = { address: `unverified-${Date.now()}@example.test`, isVerified: false };
    const id = await made({ email });
    at.kratos.loginFlows.wantVerified();
    expect(await problemOf(check(id))).toMatchObject({
      ...refused,
      detail: expect.stringContaining('4000010'),
    });
    expect(await check(id, 'wrong')).toBe(false);
  });

  test('is right though the session cannot be ended', async () => {
    const id = await made();
    at.kratos.fail(500, 1, { only: /^DELETE/ });
    expect(await check(id)).toBe(true);
  });
});
