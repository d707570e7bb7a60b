/** People who log in while the batch that they are in is being sent: one user each, their own password, one state. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Person } from '../../../example/demo/people.ts';
import { until } from '../server.ts';
import type { Bridge } from '../zitadel/bridge.ts';
import { openBridge, subOf } from '../zitadel/bridge.ts';
import { expectArrived, expectWellFormed } from '../zitadel/ends.ts';
import { TARGET } from '../zitadel/settings.ts';
import { logIn, SHOP } from './town.ts';

const LOGINS = 50;
const OTHERS = 30;

let bridge: Bridge;
beforeAll(async () => {
  bridge = await openBridge({
    change: ({ provider, targets: [target] }) => {
      target.move.push = 'at-login';
      provider.clients.push({
        clientId: 'legacy-shop',
        secret: 'secret-of-the-legacy-login-0123456789',
        redirectUris: [SHOP],
        leadsTo: TARGET,
        pkce: 'optional',
      });
    },
  });
});
afterAll(() => bridge?.close());

test(`${LOGINS} people who log in while they are being sent become one user each`, async () => {
  const people: Person[] = [];
  for (let n = 0; n < LOGINS + OTHERS; n += 1) people.push(await bridge.someone(n % 2 ? 'bcrypt' : 'argon2'));
  const planned = await bridge.cli(
    'batch',
    'plan',
    '--target',
    TARGET,
    '--name',
    'all',
    '--size',
    '10',
    '--execute',
  );
  expect(planned).toMatchObject({ code: 0 });
  const running = bridge.cli('batch', 'run', 'all', '--execute', '--json');
  const ends = await Promise.all(people.slice(0, LOGINS).map((person) => logIn(bridge.issuer, person)));
  const { code, out } = await running;
  expect(code).toBe(0);
  expect(ends.filter((end) => !/^https?:/.test(end))).toEqual([]);
  const { state, counts } = JSON.parse(out);
  expect({ state, users: counts.users, waiting: counts.waiting, failed: counts.failed }).toEqual({
    state: 'done',
    users: people.length,
    waiting: 0,
    failed: 0,
  });
  // A mark that the busy shop did not take at once is made up for.
  await until(async () => (await bridge.openWork()).length === 0);
  for (const person of people) {
    await expectArrived(bridge, person);
    expect(await bridge.row(person), subOf(person)).toMatchObject({ state: 'migrated', made: true });
  }
}, 180_000);

test('and ZITADEL was asked for nothing malformed', () => expectWellFormed(bridge));
