/** A plan carried out on the command line, while people log in: set, begun, explained, taken back, begun again. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import type { Person } from '../../../example/demo/people.ts';
import { subOf } from '../batch/town.ts';
import { until } from '../server.ts';
import type { RolloutTown } from './rollout-town.ts';
import { openRolloutTown } from './rollout-town.ts';

vi.setConfig({ testTimeout: 60_000 });

const PLAN = `name: move
target: kratos
apps:
  shop: { clients: [shop-web] }
  wiki: { clients: [wiki-web] }
segments:
  pilots: { emailDomains: [pilot.example] }
phases:
  - name: pilots
    segments: [pilots]
    pause: { errorRate: 0.5 }
  - name: everybody
    needs: [pilots]
`;

let town: RolloutTown;
let pilot: Person;
let guest: Person;
beforeAll(async () => {
  town = await openRolloutTown();
  [pilot, guest] = (await town.settle([{ email: 'anna@pilot.example' }, {}])) as [Person, Person];
});
afterAll(() => town?.close());

async function rollout(...args: string[]) {
  const { code, out, err } = await town.cli('rollout', ...args);
  return { code, out: stripVTControlCharacters(out), err };
}
function planFile(text: string): string {
  const file = join(town.data, 'plan.yaml');
  writeFileSync(file, text);
  return file;
}

test('a plan is set, begun, explained, taken back and begun again, and each has one account', async () => {
  expect(await rollout('show')).toMatchObject({
    code: 1,
    out: expect.stringContaining('Nothing is planned'),
  });

  const bad = await rollout('set', planFile(PLAN.replace('shop-web', 'shop-app')), '--execute');
  expect(bad).toMatchObject({ code: 2, out: '' });
  expect(bad.err).toContain(
    'plan.yaml:4:21 apps.shop.clients.0: the settings have no client called shop-app',
  );

  const file = planFile(PLAN);
  expect((await rollout('set', file)).out).toContain('Nothing was changed');
  expect((await rollout('show')).code).toBe(1);
  expect((await rollout('set', file, '--execute', '--note', 'first')).out).toContain('version 1 is in force');
  // That there is a plan at all is seen within seconds, and every change from then on at once.
  await until(async () => (await town.route('shop', { sub: subOf(guest) })).reason !== 'no_plan');

  expect(await town.logInAt('shop', pilot)).toBe('old');
  expect(await rollout('start', 'everybody', '--execute')).toMatchObject({
    ...{ code: 2, err: expect.stringContaining('pilots has to be finished before.') },
  });
  expect((await rollout('start', 'pilots', '--execute')).out).toContain('pilots for kratos is running');
  expect([await town.logInAt('shop', pilot), await town.logInAt('shop', guest)]).toEqual(['new', 'old']);

  const shown = await rollout('show');
  expect(shown).toMatchObject({ code: 0, out: expect.stringMatching(/pilots +running +\S+ \S+ +1 +1 +0/) });
  const [here, there] = [
    await rollout('show', '--user', pilot.login),
    await rollout('show', '--user', guest.login),
  ];
  expect(here.out).toContain('is led to the target');
  expect(there.out).toMatch(/stays at the old login[\s\S]*has no verified address at one of its domains/);

  const back = ['rollback', '--phase', 'pilots', '--reason', 'the support is busy'];
  expect((await rollout(...back)).out).toMatch(/1 person is at the target by now[\s\S]*Nothing was changed/);
  expect(await town.logInAt('shop', pilot)).toBe('new');
  expect((await rollout(...back, '--execute')).out).toContain('The phase pilots for kratos is rolled back.');
  expect(await town.logInAt('shop', pilot)).toBe('old');
  expect(town.accounts(pilot)).toBe(1);

  expect((await rollout('start', 'pilots', '--execute')).out).toContain('It is attempt 2');
  expect(await town.logInAt('shop', pilot)).toBe('new');
  expect(town.accounts(pilot)).toBe(1);
  expect(await town.assignments(pilot)).toEqual([{ phase: 'pilots', attempt: 2, segment: 'pilots' }]);
});

test('a kill switch holds at once, and its story is told', async () => {
  const off = ['switch', '--app', 'shop', '--off', '--reason', 'the shop is slow'];
  expect((await rollout(...off, '--execute')).out).toContain('is at the old login, whatever the plan says');
  expect([await town.logInAt('shop', pilot), await town.logInAt('wiki', pilot)]).toEqual(['old', 'new']);
  expect((await rollout('show')).out).toMatch(/app shop .*the shop is slow/);
  await rollout('switch', '--app', 'shop', '--on', '--execute');
  expect(await town.logInAt('shop', pilot)).toBe('new');
  const told = await town.told<{ steps: { action: string }[] }>('rollout', 'history');
  expect(told.steps.map(({ action }) => action)).toEqual([
    ...['rollout.switched-on', 'rollout.switched-off', 'rollout.started', 'rollout.rolled-back'],
    ...['rollout.started', 'rollout.set'],
  ]);
  expect((await rollout('history', '--version', '1')).out).toBe(`${PLAN}\n`);
});
