/**
 * A shop and a ZITADEL that are kept equal: what people change on one side holds on the other, whoever is gone from one is gone from
 * both, and nobody's edit comes back as an echo. Their passwords: zitadel-passwords.test.ts.
 */
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { until } from '../server.ts';
import { subOf } from '../zitadel/bridge.ts';
import { expectWellFormed } from '../zitadel/ends.ts';
import { isStandIn } from '../zitadel/place.ts';
import { logInV2 } from '../zitadel/sequences.ts';
import { TARGET } from '../zitadel/settings.ts';
import type { ZitadelSides } from './zitadel-sides.ts';
import { CHOSEN, openZitadelSides } from './zitadel-sides.ts';

vi.setConfig({ testTimeout: 60_000, hookTimeout: 120_000 });

/** The stand-in's people act by themselves, which nobody can make those of a real one do. */
describe.skipIf(!isStandIn)('a shop and a ZITADEL', () => {
  let z: ZitadelSides;
  beforeAll(async () => {
    z = await openZitadelSides();
  });
  afterAll(() => z?.close());

  describe('a profile', () => {
    test('that is changed on one side is so on the other', async () => {
      const anna = await z.someone();
      await z.two.edit(anna, 'first_name', 'Zoë');
      await until(async () => z.user(anna)?.profile.givenName === 'Zoë');
      await z.me(anna).changeProfile({ givenName: 'Änne', familyName: 'Sommerfeld' });
      await until(async () => (await z.two.at(anna, 'first_name')) === 'Änne');
      await z.two.quiet();
      expect([z.user(anna)?.profile.givenName, await z.two.at(anna, 'first_name')]).toEqual(['Änne', 'Änne']);
    });

    test('of which the shop leads is set right at ZITADEL, and what was overruled is on record', async () => {
      const anna = await z.someone();
      await z.me(anna).changeProfile({ givenName: 'Anna', familyName: 'Winterfeld' });
      await z.two.quiet();
      await until(async () => z.user(anna)?.profile.familyName === 'Sommerfeld');
      expect(await z.two.at(anna, 'last_name')).toBe('Sommerfeld');
      const listed = await z.two.told<{ conflicts: object[] }>(
        ...['sync', 'conflicts', '--target', TARGET, '--user', subOf(anna), '--all'],
      );
      expect(listed.conflicts).toMatchObject([{ field: 'familyName', kind: 'overruled', decided: 'legacy' }]);
    });

    test('with another address is as verified in the shop as it is at ZITADEL', async () => {
      const anna = await z.someone();
      await z.me(anna).changeEmail('anna.new@example.com');
      await until(async () => (await z.two.at(anna, 'email')) === 'anna.new@example.com');
      await z.two.quiet();
      expect(await z.two.at(anna, 'confirmed_at')).toBeNull();
      z.me(anna).verifyEmail();
      await until(async () => (await z.two.at(anna, 'confirmed_at')) !== null);
      await z.two.quiet();
      await z.two.edit(anna, 'email', 'anna.newer@example.com');
      await until(async () => z.user(anna)?.email.address === 'anna.newer@example.com');
      await z.two.quiet();
      expect(await z.two.at(anna, 'email')).toBe('anna.newer@example.com');
    });
  });

  describe('somebody who may not log in', () => {
    test('by the shop’s word is deactivated at ZITADEL, and let in again with it', async () => {
      const anna = await z.someone();
      await z.two.edit(anna, 'active', 'N');
      await until(async () => z.user(anna)?.state === 'USER_STATE_INACTIVE');
      expect(await z.logsIn(anna, anna.password)).toBe(false);
      await z.two.edit(anna, 'active', 'Y');
      await until(async () => z.user(anna)?.state === 'USER_STATE_ACTIVE');
      expect(await z.logsIn(anna, anna.password)).toBe(true);
    });

    test('by ZITADEL’s word is disabled in the shop, and enabled again with it', async () => {
      const anna = await z.someone();
      await z.bridge.operator('POST', `/v2/users/${anna.there}/deactivate`, {});
      await until(async () => (await z.two.at(anna, 'active')) === 'N');
      await z.two.quiet();
      expect(await z.two.logIn(anna, anna.password)).toBe('locked');
      await z.bridge.operator('POST', `/v2/users/${anna.there}/reactivate`, {});
      await until(async () => (await z.two.at(anna, 'active')) === 'Y');
      await z.two.quiet();
      expect([z.user(anna)?.state, await z.two.logIn(anna, anna.password)]).toEqual([
        'USER_STATE_ACTIVE',
        'in',
      ]);
    });
  });

  describe('somebody who is deleted', () => {
    test('in the shop may not log in at ZITADEL any more, and nobody makes them again', async () => {
      const anna = await z.someone();
      await z.bridge.shop.sql('delete from customers where id = $1', [anna.id]);
      await until(async () => z.user(anna)?.state === 'USER_STATE_INACTIVE');
      await z.two.quiet();
      expect(await z.logsIn(anna, anna.password)).toBe(false);
      expect(await z.two.logIn(anna, anna.password)).toBe('wrong');
      // A batch of everybody who is not there yet.
      await z.newcomer();
      expect((await z.bridge.usersOf(anna)).map(({ id, state }) => [id, state])).toEqual([
        [anna.there, 'USER_STATE_INACTIVE'],
      ]);
    });

    test('at ZITADEL is disabled in the shop, and neither a login nor a batch makes them again', async () => {
      const anna = await z.someone();
      z.me(anna).remove();
      await until(async () => (await z.two.at(anna, 'active')) === 'N');
      await until(async () => (await z.two.row(anna))?.state === 'deleted');
      await z.two.quiet();
      expect(await z.two.logIn(anna, anna.password)).toBe('locked');
      expect(await logInV2(z.bridge, anna)).not.toMatchObject({ kind: 'logged-in' });
      // Somebody of the shop lets them in again there: that is the shop's alone.
      await z.two.edit(anna, 'active', 'Y');
      await z.two.edit(anna, 'first_name', 'Back');
      await z.two.quiet();
      expect(await z.two.logIn(anna, anna.password)).toBe('in');
      await z.newcomer();
      expect([await z.bridge.usersOf(anna), (await z.two.row(anna))?.state]).toEqual([[], 'deleted']);
    });
  });

  describe('an edit', () => {
    const READS = /\/(?:Get|List|Search)|_search|Session/;
    /** What we have written since, at either side. */
    async function writesOf(edit: () => Promise<unknown>, isDone: () => Promise<boolean>) {
      const from = z.bridge.standIn.requests.length;
      const marks = async () =>
        Number((await z.bridge.shop.sql('select count(*)::int as count from footbridge_applied'))[0]?.count);
      const before = await marks();
      await edit();
      await until(isDone);
      await z.bridge.standIn.events.settled();
      await z.two.quiet();
      const there = z.bridge.standIn.requests
        .slice(from)
        .filter(({ verb, path, rpc }) => verb !== 'GET' && !READS.test(`/${rpc?.split('/')[1]} ${path}`));
      return { there: there.map(({ rpc }) => rpc), here: (await marks()) - before };
    }

    test('of the shop’s is written once at ZITADEL, whose events of it come to nothing', async () => {
      const anna = await z.someone();
      const name = () => z.two.edit(anna, 'first_name', 'Once');
      expect(await writesOf(name, async () => z.user(anna)?.profile.givenName === 'Once')).toEqual({
        there: ['UserService/UpdateHumanUser'],
        here: 0,
      });
      const password = () => z.two.chooseAtShop(anna, CHOSEN);
      const { there, here } = await writesOf(password, () => z.opens(anna, CHOSEN));
      expect([there.length, here]).toEqual([1, 0]);
    });

    test('at ZITADEL is written once in the shop, whose triggers tell of it in vain', async () => {
      const anna = await z.someone();
      const name = () => z.me(anna).changeProfile({ givenName: 'Twice', familyName: 'Sommerfeld' });
      // The full name is the shop's to make, of both names.
      const isNamed = async () => z.user(anna)?.profile.displayName === 'Twice Sommerfeld';
      expect(await writesOf(name, isNamed)).toEqual({ there: ['UserService/UpdateHumanUser'], here: 1 });
      expect(await z.two.at(anna, 'first_name')).toBe('Twice');
      const kwame = await z.someone();
      const password = () => z.setByApi(kwame, CHOSEN);
      const { there, here } = await writesOf(password, () => z.two.opensAtShop(kwame, CHOSEN));
      expect([there.filter((rpc) => rpc !== 'UserService/SetPassword'), here]).toEqual([[], 1]);
    });

    test('that is made on both sides at once ends equal, with two writes at most', async () => {
      const anna = await z.someone();
      const both = async () => {
        await Promise.all([
          z.two.edit(anna, 'first_name', 'Of the shop'),
          z.me(anna).changeProfile({ givenName: 'Of ZITADEL', familyName: 'Sommerfeld' }),
        ]);
      };
      const isEqual = async () => (await z.two.at(anna, 'first_name')) === z.user(anna)?.profile.givenName;
      const { there, here } = await writesOf(both, isEqual);
      expect(there.length + here).toBeLessThanOrEqual(2);
      expect(await isEqual()).toBe(true);
    });
  });

  test('nobody is a dead letter, and the stand-in was asked for nothing malformed', async () => {
    expect(await z.two.dead()).toEqual([]);
    expectWellFormed(z.bridge);
  });
});
