/** Passwords that are changed on both sides in any order, with outages and lost replies: both end with the newest. */
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { FootbridgeError, isFootbridgeError } from '../../../src/errors.ts';
import { Secret } from '../../../src/settings.ts';
import { sealPassword } from '../../../src/sync/passwords/sealing.ts';
import type { Hint } from '../../../src/sync/queue/change-queue.ts';
import { mergeHints } from '../../../src/sync/queue/hints.ts';
import type { World } from './world.ts';
import { openWorld, php, subOf, zitadel } from './world.ts';

let readable: World;
let opaque: World;
beforeAll(async () => {
  [readable, opaque] = await Promise.all([openWorld(), openWorld({ writes: 'ldap' })]);
});
afterAll(() => Promise.all([readable.close(), opaque.close()]));

const step = fc.oneof(
  { weight: 3, arbitrary: fc.constant({ do: 'change', side: 'legacy' } as const) },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('change' as const),
      side: fc.constant('target' as const),
      tells: fc.constantFrom('hash', 'clear', 'nothing'),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('turn' as const),
      fails: fc.constantFrom('', '', 'target', 'legacy', 'lost'),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant('login' as const), fails: fc.constantFrom('', 'legacy', 'lost') }),
  },
  { weight: 1, arbitrary: fc.constant({ do: 'doubled' } as const) },
);

test.each([
  ['whose hashes the target reads', () => readable, 'bcrypt'],
  ['whose hashes nobody else reads', () => opaque, 'ldap'],
] as const)(
  'both sides end with the newest password, in a store %s',
  { timeout: 300_000 },
  async (_what, of, format) => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 14 }), async (steps) => {
        const world = of();
        const made = (password: string) =>
          format === 'bcrypt' ? php(password) : world.hashed('ldap', password);
        const id = await world.arrive({ legacy: await made('p0'), there: zitadel('p0') });
        await world.turn(id);
        // A person changes one after the other, minutes apart, and long ago.
        let minute = 0;
        let newest = 'p0';
        let waiting: Hint = {};
        let last: Hint = {};
        let edits = 0;
        const before = { ...world.counts };
        const failing = async (fails: string, work: () => Promise<unknown>) => {
          if (fails === 'target') world.fails.target = new FootbridgeError('target_unavailable');
          if (fails === 'legacy') world.fails.legacy = new FootbridgeError('legacy_unavailable');
          world.fails.lost = fails === 'lost';
          try {
            await work();
            return true;
          } catch (error) {
            if (
              !isFootbridgeError(error, 'target_unavailable') &&
              !isFootbridgeError(error, 'legacy_unavailable')
            )
              throw error;
            return false;
          } finally {
            Object.assign(world.fails, { target: undefined, legacy: undefined, lost: false });
          }
        };
        const hear = (hint: Hint) => {
          last = hint;
          waiting = mergeHints(waiting, hint);
        };
        const takeTurn = async (fails: string) => {
          if (await failing(fails, () => world.turn(id, waiting))) waiting = {};
        };
        const logIn = async () => {
          const typed = await world.typed(id, newest);
          const isIn =
            typed?.kind === 'right' || (typed === undefined && (await world.inLegacy.opens(id, newest)));
          if (isIn) await world.loginCaptures(id, newest);
          return isIn;
        };
        for (const one of steps) {
          minute += 1;
          const moment = new Date(Date.now() + minute * 60_000).toISOString();
          if (one.do === 'turn') await takeTurn(one.fails);
          if (one.do === 'doubled') waiting = mergeHints(waiting, last);
          if (one.do === 'login') await failing(one.fails, logIn);
          if (one.do !== 'change') continue;
          edits += 1;
          newest = `p${minute}`;
          if (one.side === 'legacy') {
            world.inLegacy.set(id, await made(newest));
            hear({ legacyAt: moment });
            continue;
          }
          const hash = zitadel(newest);
          world.atTarget.set(id, hash);
          const secret = one.tells === 'hash' ? { hash: new Secret(hash) } : { clear: new Secret(newest) };
          const owner = { target: 'main', person: subOf(id) };
          const sealedPassword = sealPassword(world.keyring, owner, secret);
          hear({
            passwordAt: moment,
            othersAt: moment,
            ...(one.tells === 'nothing' ? {} : { sealedPassword }),
          });
        }
        await takeTurn('');
        expect(await logIn()).toBe(true);
        await takeTurn('');
        expect(await world.inLegacy.opens(id, newest)).toBe(true);
        expect(await world.atTarget.opens(id, newest)).toBe(true);
        expect(await world.turn(id)).toEqual({ kind: 'equal' });
        const writes = world.counts.apply + world.counts.setPassword - before.apply - before.setPassword;
        const tries = steps.filter((one) => one.do === 'turn' || one.do === 'login').length;
        expect(writes).toBeLessThanOrEqual(edits + tries + 1);
      }),
      {
        numRuns: 25,
        // A write of which nobody heard, and another one begun after it.
        examples: [
          [
            [
              { do: 'change', side: 'target', tells: 'hash' },
              { do: 'turn', fails: '' },
              { do: 'login', fails: 'lost' },
              { do: 'change', side: 'target', tells: 'hash' },
              { do: 'login', fails: 'legacy' },
            ],
          ],
          [
            [
              { do: 'change', side: 'legacy' },
              { do: 'turn', fails: '' },
              { do: 'change', side: 'target', tells: 'hash' },
            ],
          ],
        ],
      },
    );
  },
);
