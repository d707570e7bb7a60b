/** Many log in at once while they are being moved, and while it is called off. */
import { setTimeout } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Person } from '../../../example/demo/people.ts';
import type { PhaseState } from '../../../src/rollout/deciding.ts';
import { bucketOf } from '../../../src/rollout/membership.ts';
import { turnPhase } from '../../../src/rollout/phases.ts';
import { subOf } from '../../flows/batch/town.ts';
import type { RolloutTown } from '../../flows/rollout/rollout-town.ts';
import { openRolloutTown } from '../../flows/rollout/rollout-town.ts';
import { until } from '../../flows/server.ts';
import { tellFault } from '../../support/fault-row.ts';

const LONG = Boolean(process.env.FOOTBRIDGE_LONG);
const SHARE = 0.3;
/** The bar is five seconds on a machine that has nothing else to do. */
const BACK_WITHIN_MS = 30_000;

let town: RolloutTown;
beforeAll(async () => {
  town = await openRolloutTown({
    change: ({ provider }) => {
      // All of them come from one network.
      provider.login.networkLookups = 100_000;
    },
  });
});
afterAll(() => town?.close());

const turn = (phase: string, to: PhaseState) =>
  turnPhase(town.db, {
    ...{ target: 'kratos', phase, to, cause: 'operator', actor: 'test', nowMs: Date.now() },
  });
const someone = async () => (await town.settle([{}]))[0]!;
const apps = { shop: { clients: ['shop-web'] }, wiki: { clients: ['wiki-web'] } };

/** Where they are in the end; whoever is told that we are busy comes back. What else is wrong is nobody's place. */
async function patiently(type: () => Promise<string>): Promise<string> {
  for (;;) {
    const place = await type();
    if (!/^503|temporarily_unavailable/.test(place)) return place;
    await setTimeout(500);
  }
}
const logInAt = (app: 'shop' | 'wiki', person: Person) => patiently(() => town.logInAt(app, person));

test('fifty first logins of one person at once make one user at the target, and every browser is answered', async () => {
  const anna = await someone();
  await town.plan({ apps, phases: [{ name: 'everybody' }] });
  await turn('everybody', 'running');
  const startMs = performance.now();
  const places = await Promise.all(
    Array.from({ length: 50 }, (_, n) => logInAt(n % 2 ? 'shop' : 'wiki', anna)),
  );
  const seconds = (performance.now() - startMs) / 1_000;
  // Whoever waits too long for another's move is let in at the old app, and goes there the next time.
  expect(places.filter((place) => place !== 'new' && place !== 'old')).toEqual([]);
  expect(places).toContain('new');
  expect(town.accounts(anna)).toBe(1);
  expect(await town.sql('select state from ledger where sub = $1', [subOf(anna)])).toEqual([
    { state: 'migrated' },
  ]);
  expect(await town.sql('select sub from rollout_assignments where sub = $1', [subOf(anna)])).toHaveLength(1);
  expect(await logInAt('shop', anna)).toBe('new');
  await turn('everybody', 'rolled-back');
  tellFault({
    ...{ id: 'R21', lost: 0, doubled: 0, unexplained5xx: 0 },
    fault: 'fifty first logins of one person at once',
    load: `two apps: ${places.filter((place) => place === 'new').length} led to the target, ${places.filter((place) => place === 'old').length} to the old app`,
    recovery: `one user at the target; all 50 answered within ${seconds.toFixed(1)} s`,
  });
}, 300_000);

test('a phase that is rolled back in the middle of its logins takes nobody any more, ends the logins, and doubles nobody', async () => {
  const people = await town.settle(Array.from({ length: LONG ? 200 : 40 }, () => ({})));
  const [row] = await town.sql(`select salt from rollouts where target = 'kratos'`);
  const isIn = (person: Person) => bucketOf(row!.salt as Buffer, subOf(person)) < SHARE * 10_000;
  const inside = people.filter(isIn);
  expect(inside.length).toBeGreaterThan(2);
  const segments = { some: { percentage: SHARE * 100 } };
  await town.plan({ apps, segments, phases: [{ name: 'share', segments: ['some'] }] });
  await turn('share', 'running');

  const pages = await Promise.all(people.map(async (person) => ({ person, page: await town.begin('shop') })));
  const arrived = Promise.withResolvers<void>();
  const typing = pages.map(async ({ person, page }) => {
    const place = await patiently(() => page.type(person));
    if (place === 'new') arrived.resolve();
    return { person, place };
  });
  await Promise.race([arrived.promise, Promise.all(typing)]);
  await turn('share', 'rolled-back');
  const rolledBackMs = performance.now();
  const ends = await Promise.all(typing);
  expect(ends.filter(({ place }) => place !== 'old' && place !== 'new')).toEqual([]);
  for (const { person, place } of ends) if (place === 'new') expect(isIn(person)).toBe(true);

  const first = await logInAt('wiki', inside[0]!);
  const backMs = performance.now() - rolledBackMs;
  expect(first).toBe('old');
  expect(backMs).toBeLessThan(BACK_WITHIN_MS);
  for (const person of inside) expect(await logInAt('shop', person)).toBe('old');
  const accounts = new Map(people.map((person) => [person, town.accounts(person)]));
  const doubled = [...accounts.values()].filter((count) => count > 1);
  expect(doubled).toEqual([]);
  await until(async () => (await town.openWork()).length === 0);
  for (const person of people) {
    const isThere = ['created', 'migrated'].includes((await town.state(person)) ?? '');
    expect([person.login, accounts.get(person)]).toEqual([person.login, isThere ? 1 : 0]);
  }

  // The next attempt takes everybody to the account that they have, or to a first one.
  await turn('share', 'running');
  for (const person of inside) expect(await logInAt('shop', person)).toBe('new');
  for (const person of people) expect(town.accounts(person)).toBe(isIn(person) ? 1 : 0);
  tellFault({
    ...{ id: 'R26', lost: 0, doubled: doubled.length, unexplained5xx: 0 },
    fault: `a phase of ${SHARE * 100} % rolled back while people log in`,
    load: `${people.length} logins at once, ${inside.length} of them in the phase: ${ends.filter(({ place }) => place === 'new').length} were at the target already`,
    recovery: `the next login is at the old app alone, ${(backMs / 1_000).toFixed(1)} s later; the next attempt finds everybody’s account`,
  });
}, 600_000);
