/**
 * A shop and a ZITADEL that are kept equal: people change their passwords wherever they happen to be, and the new one holds on
 * both sides.
 */
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type { HashKindName } from '../../../example/demo/hash-kinds.ts';
import { HASH_KINDS } from '../../../example/demo/hash-kinds.ts';
import { until } from '../server.ts';
import { subOf } from '../zitadel/bridge.ts';
import { expectWellFormed } from '../zitadel/ends.ts';
import { isStandIn } from '../zitadel/place.ts';
import { SEED } from '../zitadel/settings.ts';
import type { ZitadelSides } from './zitadel-sides.ts';
import { CHOSEN, openZitadelSides } from './zitadel-sides.ts';

vi.setConfig({ testTimeout: 60_000, hookTimeout: 120_000 });

/** The stand-in's people act by themselves, which nobody can make those of a real one do. */
describe.skipIf(!isStandIn)('passwords of a shop and a ZITADEL', () => {
  let z: ZitadelSides;
  beforeAll(async () => {
    z = await openZitadelSides();
  });
  afterAll(() => z?.close());

  describe('a password that is changed in the shop', () => {
    test.each<HashKindName>(['bcrypt', 'argon2', 'django', 'md5salt'])(
      '(%s) logs in at ZITADEL, and the old one no longer does',
      async (kind) => {
        const anna = await z.someone();
        await z.two.chooseAtShop(anna, CHOSEN, kind);
        await until(() => z.opens(anna, CHOSEN));
        expect([await z.logsIn(anna, CHOSEN), await z.logsIn(anna, anna.password)]).toEqual([true, false]);
        await z.two.quiet();
        expect(await z.two.password(anna)).toEqual({ state: 'equal', problem: null });
      },
    );

    test('whose hash ZITADEL cannot read waits and says why, until it is typed at our page', async () => {
      const rosa = await z.someone();
      await z.two.chooseAtShop(rosa, CHOSEN, 'wp');
      await until(async () => (await z.two.password(rosa))?.state === 'waits');
      expect(await z.two.password(rosa)).toEqual({ state: 'waits', problem: 'password_not_portable' });
      expect(await z.two.logIn(rosa, rosa.password)).toBe('wrong');
      await z.two.quiet();
      expect([await z.opens(rosa, CHOSEN), (await z.two.password(rosa))?.state]).toEqual([false, 'waits']);
      expect(await z.two.logIn(rosa, CHOSEN)).toBe('in');
      await until(() => z.opens(rosa, CHOSEN));
      await z.two.quiet();
      expect([await z.logsIn(rosa, CHOSEN), await z.logsIn(rosa, rosa.password)]).toEqual([true, false]);
      expect(await z.two.password(rosa)).toEqual({ state: 'equal', problem: null });
    });

    test('whose hash ZITADEL cannot read is there when the shop tells the password, and a wrong one is not', async () => {
      const rosa = await z.someone();
      await z.two.chooseAtShop(rosa, CHOSEN, 'ssha');
      await until(async () => (await z.two.password(rosa))?.state === 'waits');
      const tell = (password: string) =>
        z.two.tell({ user: String(rosa.id), kind: 'password', password, at: new Date().toISOString() });
      expect(await tell('Something-else-1')).toBe(202);
      await z.two.quiet();
      expect(await z.two.password(rosa)).toMatchObject({ state: 'waits' });
      expect(await tell(CHOSEN)).toBe(202);
      await until(() => z.opens(rosa, CHOSEN));
      expect(await z.opens(rosa, 'Something-else-1')).toBe(false);
    });

    test('arrives after ZITADEL was away', async () => {
      const anna = await z.someone();
      z.bridge.standIn.failNext('UserService/UpdateHumanUser', 503, 2);
      await z.two.chooseAtShop(anna, CHOSEN);
      await until(() => z.opens(anna, CHOSEN), 40_000);
      expect(await z.two.dead()).toEqual([]);
    });
  });

  describe('a password that is changed at ZITADEL', () => {
    test.each([
      ['with its hash, which the shop cannot read', true, 'untranslatable_algorithm'],
      ['without its hash', false, 'caught_at_login'],
    ])(
      '%s, is the person’s at once where they type it here, and then the shop’s',
      async (_what, tells, problem) => {
        const kwame = await z.someone();
        z.bridge.standIn.instance.tellsHashes = tells;
        await z.me(kwame).changePassword(CHOSEN);
        await z.isAtTarget(kwame);
        z.bridge.standIn.instance.tellsHashes = true;
        expect(await z.two.password(kwame)).toEqual({ state: 'at-target', problem });
        expect(await z.two.opensAtShop(kwame, CHOSEN)).toBe(false);
        expect(await z.two.logIn(kwame, kwame.password)).toBe('wrong');
        expect(await z.checks(kwame, kwame.password)).toEqual({ status: 401, code: 'wrong_password' });
        expect(await z.two.opensAtShop(kwame, kwame.password)).toBe(true);
        expect(await z.two.logIn(kwame, CHOSEN)).toBe('in');
        expect([
          await z.two.opensAtShop(kwame, CHOSEN),
          await z.two.opensAtShop(kwame, kwame.password),
        ]).toEqual([true, false]);
        await z.two.quiet();
        expect(await z.two.password(kwame)).toEqual({ state: 'equal', problem: null });
        expect([await z.two.logIn(kwame, CHOSEN), await z.two.logIn(kwame, kwame.password)]).toEqual([
          'in',
          'wrong',
        ]);
        expect([await z.logsIn(kwame, CHOSEN), await z.logsIn(kwame, kwame.password)]).toEqual([true, false]);
      },
    );

    test('is right for a legacy app that asks us, and from then on for its own comparison', async () => {
      const kwame = await z.someone('argon2');
      await z.me(kwame).changePassword(CHOSEN);
      await z.isAtTarget(kwame);
      expect(await z.two.check({ user: String(kwame.id) }, kwame.password)).toMatchObject({ status: 401 });
      expect(await z.two.check({ user: subOf(kwame) }, CHOSEN)).toEqual({ status: 200 });
      expect([
        await z.two.opensAtShop(kwame, CHOSEN),
        await z.two.opensAtShop(kwame, kwame.password),
      ]).toEqual([true, false]);
    });

    test('with a hash that the shop reads is the shop’s without anybody typing it', async () => {
      const kwame = await z.someone();
      const { pw: hash } = await HASH_KINDS.bcrypt.make(CHOSEN);
      await z.bridge.operator('PUT', `/v2/users/human/${kwame.there}`, {
        password: { hashedPassword: { hash } },
      });
      await until(() => z.two.opensAtShop(kwame, CHOSEN));
      expect(await z.two.opensAtShop(kwame, kwame.password)).toBe(false);
      await z.two.quiet();
      expect(await z.two.password(kwame)).toEqual({ state: 'equal', problem: null });
      expect(await z.opens(kwame, CHOSEN)).toBe(true);
    });

    test.each([
      ['with', true],
      ['without', false],
    ])(
      'through the API, its event %s a hash, is caught by the hook that sees it, and is the shop’s',
      async (_with, tells) => {
        const kwame = await z.someone();
        z.bridge.standIn.instance.tellsHashes = tells;
        await z.setByApi(kwame, CHOSEN);
        await z.bridge.standIn.events.settled();
        z.bridge.standIn.instance.tellsHashes = true;
        await until(() => z.two.opensAtShop(kwame, CHOSEN));
        await z.two.quiet();
        expect(await z.two.password(kwame)).toEqual({ state: 'equal', problem: null });
        expect([await z.two.logIn(kwame, CHOSEN), await z.two.logIn(kwame, kwame.password)]).toEqual([
          'in',
          'wrong',
        ]);
      },
    );

    test('is neither right nor wrong while ZITADEL is away', async () => {
      const kwame = await z.someone();
      await z.me(kwame).changePassword(CHOSEN);
      await z.isAtTarget(kwame);
      for (const password of [CHOSEN, kwame.password]) {
        z.bridge.standIn.failNext('SessionService/CreateSession', 503);
        expect(await z.two.logIn(kwame, password)).toBe('away');
        z.bridge.standIn.failNext('SessionService/CreateSession', 'drop-before');
        expect(await z.checks(kwame, password)).toEqual({ status: 503, code: 'target_unavailable' });
      }
      expect(await z.two.opensAtShop(kwame, kwame.password)).toBe(true);
      expect(await z.two.logIn(kwame, CHOSEN)).toBe('in');
    });

    test('twice before anybody types it is the second one', async () => {
      const kwame = await z.someone();
      await z.me(kwame).changePassword(`${CHOSEN}-first`);
      await z.isAtTarget(kwame);
      await z.me(kwame).changePassword(CHOSEN);
      expect(await z.two.logIn(kwame, `${CHOSEN}-first`)).toBe('wrong');
      expect(await z.two.logIn(kwame, CHOSEN)).toBe('in');
      await z.two.quiet();
      expect(await z.two.opensAtShop(kwame, CHOSEN)).toBe(true);
    });
  });

  describe('a second factor', () => {
    test('that ZITADEL has lets a new password of the shop follow', async () => {
      const mehdi = await z.someone('bcrypt', { otpSeed: SEED });
      await z.two.chooseAtShop(mehdi, CHOSEN);
      await until(() => z.opens(mehdi, CHOSEN));
      expect(z.user(mehdi)?.totp?.isReady).toBe(true);
      expect(await z.two.logIn({ ...mehdi, otpSeed: undefined } as never, CHOSEN)).toBe('asked for a code');
    });

    test('that ZITADEL does not have keeps a new password of the shop away from it', async () => {
      const mehdi = await z.someone();
      await z.bridge.shop.sql('update customers set otp_secret = $2 where id = $1', [mehdi.id, SEED]);
      await z.two.chooseAtShop(mehdi, CHOSEN);
      await until(async () => (await z.two.password(mehdi))?.state === 'waits');
      expect(await z.two.password(mehdi)).toEqual({ state: 'waits', problem: 'second_factor_missing' });
      expect(await z.opens(mehdi, CHOSEN)).toBe(false);
      // Nor does a login bring it there.
      expect(await z.two.logIn({ ...mehdi, otpSeed: SEED }, CHOSEN)).toBe('in');
      await z.two.quiet();
      expect([await z.opens(mehdi, CHOSEN), z.user(mehdi)?.totp]).toEqual([false, undefined]);
    });

    test('is asked for here as well after a password that was changed at ZITADEL', async () => {
      const mehdi = await z.someone('bcrypt', { otpSeed: SEED });
      await z.me(mehdi).changePassword(CHOSEN);
      await z.isAtTarget(mehdi);
      const { otpSeed: _, ...withoutCode } = mehdi;
      expect(await z.two.logIn(withoutCode, CHOSEN)).toBe('asked for a code');
      expect(await z.two.logIn(mehdi, CHOSEN)).toBe('in');
      expect(await z.two.opensAtShop(mehdi, CHOSEN)).toBe(true);
    });
  });

  test('nobody is a dead letter, and the stand-in was asked for nothing malformed', async () => {
    expect(await z.two.dead()).toEqual([]);
    expectWellFormed(z.bridge);
  });
});
