/**
 * A shop and a real Keycloak that are kept equal: people change their passwords, and what else is theirs, wherever they happen
 * to be, and it holds on both sides.
 */
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type { HashKindName } from '../../../example/demo/hash-kinds.ts';
import { requiresKeycloak } from '../../servers/keycloak.ts';
import { SEED } from '../batch/town.ts';
import type { KeycloakSides, Mover } from './keycloak-sides.ts';
import { openKeycloakSides } from './keycloak-sides.ts';

vi.setConfig({ testTimeout: 120_000, hookTimeout: 300_000 });

const needed = requiresKeycloak();
const CHOSEN = 'Chosen-at-the-other-side-1';

describe.skipIf(needed.skip)(needed.name, () => {
  let k: KeycloakSides;
  beforeAll(async () => {
    k = await openKeycloakSides();
  });
  afterAll(() => k?.close());

  describe('a password that is changed in the shop', () => {
    test.each<HashKindName>(['django', 'argon2'])(
      '(%s) logs in at Keycloak, and the old one no longer does',
      async (kind) => {
        const anna = await k.someone();
        await k.two.chooseAtShop(anna, CHOSEN, kind);
        await k.soon(() => k.logsIn(anna, CHOSEN));
        expect(await k.logsIn(anna, anna.password)).toBe(false);
        await k.two.quiet();
        expect(await k.two.password(anna)).toEqual({ state: 'equal', problem: null });
      },
    );

    test('whose hash Keycloak cannot read waits and says why, until it is typed at our page', async () => {
      const rosa = await k.someone();
      await k.two.chooseAtShop(rosa, CHOSEN, 'bcrypt');
      await k.soon(async () => (await k.two.password(rosa))?.state === 'waits');
      expect(await k.two.password(rosa)).toEqual({ state: 'waits', problem: 'password_not_portable' });
      expect(await k.two.logIn(rosa, rosa.password)).toBe('wrong');
      await k.two.quiet();
      expect([await k.logsIn(rosa, CHOSEN), (await k.two.password(rosa))?.state]).toEqual([false, 'waits']);
      expect(await k.two.logIn(rosa, CHOSEN)).toBe('in');
      await k.soon(() => k.logsIn(rosa, CHOSEN));
      await k.two.quiet();
      expect(await k.two.password(rosa)).toEqual({ state: 'equal', problem: null });
      expect(await k.logsIn(rosa, rosa.password)).toBe(false);
    });
  });

  describe('a password that is changed at Keycloak', () => {
    test.each([
      ['by the person at its pages', 'choosesThere'],
      ['by an administrator', 'givesThere'],
    ] as const)(
      '%s is the person’s at once where they type it here, and then the shop’s',
      async (_who, changes) => {
        const kwame = await k.someone();
        await k[changes](kwame, CHOSEN);
        await k.isAtTarget(kwame);
        expect(await k.two.password(kwame)).toEqual({ state: 'at-target', problem: 'caught_at_login' });
        expect(await k.two.logIn(kwame, kwame.password)).toBe('wrong');
        expect(await k.two.opensAtShop(kwame, kwame.password)).toBe(true);
        expect(await k.two.logIn(kwame, CHOSEN)).toBe('in');
        expect([
          await k.two.opensAtShop(kwame, CHOSEN),
          await k.two.opensAtShop(kwame, kwame.password),
        ]).toEqual([true, false]);
        await k.two.quiet();
        expect([await k.logsIn(kwame, CHOSEN), await k.logsIn(kwame, kwame.password)]).toEqual([true, false]);
        expect(await k.two.password(kwame)).toEqual({ state: 'equal', problem: null });
      },
    );

    test('is right for a legacy app that asks us, and from then on for its own comparison', async () => {
      const kwame = await k.someone('argon2');
      await k.givesThere(kwame, CHOSEN);
      await k.isAtTarget(kwame);
      const login = kwame.email!;
      expect(await k.two.check({ login }, kwame.password)).toEqual({ status: 401, code: 'wrong_password' });
      expect(await k.two.check({ login }, CHOSEN)).toEqual({ status: 200 });
      expect([
        await k.two.opensAtShop(kwame, CHOSEN),
        await k.two.opensAtShop(kwame, kwame.password),
      ]).toEqual([true, false]);
    });

    test('is neither right nor wrong while Keycloak is away', async () => {
      const kwame = await k.someone();
      await k.givesThere(kwame, CHOSEN);
      await k.isAtTarget(kwame);
      await k.door.whileClosed(async () => {
        for (const password of [CHOSEN, kwame.password]) {
          expect(await k.two.logIn(kwame, password)).toBe('away');
          expect(await k.two.check({ login: kwame.login }, password)).toMatchObject({ status: 503 });
        }
      });
      expect(await k.two.opensAtShop(kwame, kwame.password)).toBe(true);
      await k.soon(async () => (await k.two.logIn(kwame, CHOSEN)) === 'in');
      expect(await k.two.logIn(kwame, kwame.password)).toBe('wrong');
    });
  });

  describe('a second factor', () => {
    test('that Keycloak has lets a new password of the shop follow', async () => {
      const mehdi = await k.someone('django', { otpSeed: SEED });
      await k.two.chooseAtShop(mehdi, CHOSEN, 'django');
      await k.soon(() => k.logsIn(mehdi, CHOSEN));
      const { otpSeed: _, ...withoutCode } = mehdi;
      expect(await k.logsIn(withoutCode, CHOSEN)).toBe(false);
    });

    test('that Keycloak does not have keeps a new password of the shop away from it', async () => {
      const mehdi = await k.someone();
      await k.town.shop.sql('update customers set otp_secret = $2 where id = $1', [mehdi.id, SEED]);
      await k.two.chooseAtShop(mehdi, CHOSEN, 'django');
      await k.soon(async () => (await k.two.password(mehdi))?.state === 'waits');
      expect(await k.two.password(mehdi)).toEqual({ state: 'waits', problem: 'second_factor_missing' });
      await k.two.quiet();
      expect(await k.logsIn(mehdi, CHOSEN)).toBe(false);
    });
  });

  describe('a second factor of somebody whose password is changed at Keycloak', () => {
    test('is asked for here as well', async () => {
      const mehdi = await k.someone('django', { otpSeed: SEED });
      await k.givesThere(mehdi, CHOSEN);
      await k.isAtTarget(mehdi);
      const { otpSeed: _, ...withoutCode } = mehdi;
      expect(await k.two.logIn(mehdi, mehdi.password)).toBe('wrong');
      expect(await k.two.logIn(withoutCode, CHOSEN)).toBe('asked for a code');
      expect(await k.two.logIn(mehdi, CHOSEN)).toBe('in');
      expect(await k.two.opensAtShop(mehdi, CHOSEN)).toBe(true);
    });
  });

  describe('a profile', () => {
    test('that is changed on one side is so on the other', async () => {
      const anna = await k.someone();
      await k.two.edit(anna, 'first_name', 'Zoë');
      await k.soon(async () => (await k.user(anna)).firstName === 'Zoë');
      await k.change(anna, { firstName: 'Änne' });
      await k.soon(async () => (await k.two.at(anna, 'first_name')) === 'Änne');
      await k.two.quiet();
      expect((await k.user(anna)).firstName).toBe('Änne');
    });

    test('of which the shop leads is set right at Keycloak', async () => {
      const anna = await k.someone();
      await k.change(anna, { lastName: 'Winterfeld' });
      await k.soon(async () => (await k.user(anna)).lastName === 'Sommerfeld');
      expect(await k.two.at(anna, 'last_name')).toBe('Sommerfeld');
    });

    test('with another address is as verified in the shop as it is at Keycloak', async () => {
      const anna = await k.someone();
      const email = `new-${anna.email}`;
      await k.change(anna, { email, emailVerified: false });
      await k.soon(async () => (await k.two.at(anna, 'email')) === email);
      await k.two.quiet();
      expect(await k.two.at(anna, 'confirmed_at')).toBeNull();
      await k.change(anna, { emailVerified: true });
      await k.soon(async () => (await k.two.at(anna, 'confirmed_at')) !== null);
      await k.two.quiet();
      expect(await k.user(anna)).toMatchObject({ email, emailVerified: true });
    });
  });

  describe('somebody who may not log in', () => {
    test('by the shop’s word is deactivated at Keycloak, and let in again with it', async () => {
      const anna = await k.someone();
      await k.two.edit(anna, 'active', 'N');
      await k.soon(async () => !(await k.user(anna)).enabled);
      expect(await k.logsIn(anna, anna.password)).toBe(false);
      await k.two.edit(anna, 'active', 'Y');
      await k.soon(async () => (await k.user(anna)).enabled);
      expect(await k.logsIn(anna, anna.password)).toBe(true);
    });

    test('by Keycloak’s word is disabled in the shop, and enabled again with it', async () => {
      const anna = await k.someone();
      await k.change(anna, { enabled: false });
      await k.soon(async () => (await k.two.at(anna, 'active')) === 'N');
      expect(await k.two.logIn(anna, anna.password)).toBe('locked');
      await k.change(anna, { enabled: true });
      await k.soon(async () => (await k.two.at(anna, 'active')) === 'Y');
      expect(await k.two.logIn(anna, anna.password)).toBe('in');
    });
  });

  describe('somebody who is deleted', () => {
    test('in the shop is removed from Keycloak, and nobody makes them again', async () => {
      const anna = await k.someone();
      await k.town.shop.sql('delete from customers where id = $1', [anna.id]);
      await k.soon(async () => (await k.found(anna)).length === 0);
      await k.soon(async () => (await k.two.row(anna))?.state === 'deleted');
      await k.town.shop.seed([anna]);
      // A batch of everybody who is not there yet.
      await k.newcomer();
      expect(await k.two.logIn(anna, anna.password)).toBe('in');
      await k.two.quiet();
      expect([await k.found(anna), (await k.two.row(anna))?.state]).toEqual([[], 'deleted']);
    });

    test('at Keycloak is disabled in the shop, and neither a login nor a batch makes them again', async () => {
      const anna = await k.someone();
      await k.realm.admin('DELETE', `/users/${anna.there}`);
      await k.soon(async () => (await k.two.at(anna, 'active')) === 'N');
      await k.soon(async () => (await k.two.row(anna))?.state === 'deleted');
      expect(await k.two.logIn(anna, anna.password)).toBe('locked');
      await k.two.edit(anna, 'active', 'Y');
      await k.two.quiet();
      expect(await k.two.logIn(anna, anna.password)).toBe('in');
      await k.newcomer();
      expect([await k.found(anna), (await k.two.row(anna))?.state]).toEqual([[], 'deleted']);
    });
  });

  describe('an edit', () => {
    interface AdminEvent {
      readonly authDetails: { readonly clientId: string; readonly userId: string };
      readonly operationType: string;
      readonly resourcePath: string;
    }
    /** What was done to them by us, by Keycloak's own record. */
    async function done({ there }: Mover): Promise<number> {
      const [us] = await k.realm.admin<{ id: string }[]>(
        'GET',
        '/users?exact=true&username=service-account-footbridge-api',
      );
      const events = await k.realm.admin<AdminEvent[]>(
        'GET',
        `/admin-events?max=1000&resourcePath=users/${there}*`,
      );
      return events.filter(({ authDetails }) => authDetails.userId === us?.id).length;
    }
    const marks = async () =>
      Number((await k.town.shop.sql('select count(*)::int as count from footbridge_applied'))[0]?.count);
    /** Keycloak has told of everything up to now: what somebody else has changed since then has arrived. */
    async function echoed(): Promise<void> {
      const other = await k.someone();
      await k.change(other, { firstName: 'Last' });
      await k.soon(async () => (await k.two.at(other, 'first_name')) === 'Last');
      await k.two.quiet();
    }

    test('of the shop’s is written once at Keycloak, whose events of it come to nothing', async () => {
      const anna = await k.someone();
      const [before, here] = [await done(anna), await marks()];
      await k.two.edit(anna, 'first_name', 'Once');
      await k.soon(async () => (await k.user(anna)).firstName === 'Once');
      await k.two.chooseAtShop(anna, CHOSEN, 'django');
      await k.soon(() => k.logsIn(anna, CHOSEN));
      await echoed();
      // What `echoed` changes is written to the shop once.
      expect([(await done(anna)) - before, (await marks()) - here]).toEqual([2, 1]);
      expect(await k.two.password(anna)).toEqual({ state: 'equal', problem: null });
    });

    test('at Keycloak is written once in the shop, whose triggers tell of it in vain', async () => {
      const anna = await k.someone();
      const [before, here] = [await done(anna), await marks()];
      await k.change(anna, { firstName: 'Twice' });
      await k.soon(async () => (await k.two.at(anna, 'first_name')) === 'Twice');
      await echoed();
      expect([(await done(anna)) - before, (await marks()) - here]).toEqual([0, 2]);
    });
  });

  test('nobody is a dead letter', async () => {
    expect(await k.two.dead()).toEqual([]);
    expect(await k.town.sql('select store, problem from sync_feeds where problem is not null')).toEqual([]);
  });
});
