/** The people of a phase as an operator moves them: there by a batch, back with what they have changed, there again, and for good. */
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type { Person } from '../../../example/demo/people.ts';
import { openDirectory } from '../../../src/legacy/directory.ts';
import { legacySettings } from '../../../src/legacy/legacy-settings.ts';
import { subOf } from '../batch/town.ts';
import type { RolloutTown } from './rollout-town.ts';
import { openRolloutTown } from './rollout-town.ts';

vi.setConfig({ testTimeout: 60_000 });

const APPLIED = {
  givenName: 'first_name',
  email: 'email',
  emailVerified: { column: 'confirmed_at', values: { true: 'now', false: null } },
};
const apps = { shop: { clients: ['shop-web'] }, wiki: { clients: ['wiki-web'] } };

let town: RolloutTown;
let staff: Person[];
let customer: Person;
beforeAll(async () => {
  town = await openRolloutTown({
    change: (settings) => {
      settings.legacy.sql.apply = APPLIED;
    },
  });
  const directory = openDirectory(legacySettings.parse(town.settings.legacy));
  await directory.setups[0]!.setup.install();
  await directory.close();
  const people = await town.settle([{}, {}, {}, {}]);
  staff = people.slice(0, 3);
  customer = people[3]!;
  await town.plan({
    apps,
    segments: { staff: { subs: staff.map(subOf) } },
    phases: [{ name: 'staff', segments: ['staff'], identities: 'bulk' }],
  });
});
afterAll(() => town?.close());

const run = (...args: string[]) => town.cli('rollout', ...args);
const done = async (...args: string[]) => {
  const { code, err } = await run(...args, '--execute');
  expect({ code, err: code === 0 ? '' : err }).toEqual({ code: 0, err: '' });
};
const identityOf = (person: Person) =>
  [...town.kratos.identities.byId.values()].find(({ traits }) =>
    JSON.stringify(traits).includes(person.email ?? ''),
  )!;
const atShop = async ({ id }: Person, column: string) =>
  (await town.shop.sql(`select ${column} as value from customers where id = $1`, [id]))[0]?.value;

describe('there, by a batch', () => {
  test('a phase that is not begun is only foreseen: who belongs, and what becomes of their passwords', async () => {
    const { code, out } = await run('batch', 'staff');
    expect({ code, out }).toEqual({ code: 1, out: expect.stringContaining('3 people of 3') });
    expect(out).toMatch(/Not now[\s\S]*is planned[\s\S]*What becomes of their passwords/);
    expect(await run('batch', 'staff', '--execute')).toMatchObject({ code: 2 });
    expect(await town.assignments(staff[0]!)).toEqual([]);
  });

  test('its people are written down, moved, and sent to the target at their next login; nobody else is', async () => {
    await done('start', 'staff');
    expect(await town.logInAt('shop', staff[0]!)).toBe('old');
    await done('batch', 'staff');
    // Whoever is written down waits for the batch.
    expect(await town.logInAt('shop', staff[0]!)).toBe('old');
    expect(await town.told('batch', 'run', 'staff-1', '--execute')).toMatchObject({
      state: 'done',
      counts: { migrated: 3 },
    });
    for (const person of staff) {
      expect(await town.logInAt('shop', person)).toBe('new');
      expect(town.accounts(person)).toBe(1);
      expect((await town.kratos.login(person.email ?? '', person.password)).outcome).toBe('in');
    }
    expect(await town.logInAt('shop', customer)).toBe('old');
    expect(town.accounts(customer)).toBe(0);
  });
});

describe('back', () => {
  test('says before what would be lost, and is not done while the phase goes on', async () => {
    const [named] = staff as [Person];
    const { id, traits } = identityOf(named);
    const { name } = traits as { name: object };
    await town.kratos.people.profile(id, {
      ...traits,
      name: { ...name, first: 'Renamed', last: 'Remarried' },
    });
    const { code, out } = await run('return', '--phase', 'staff');
    expect({ code, out }).toEqual({ code: 1, out: expect.stringContaining('Would take back 3 people') });
    expect(out).toMatch(/First[\s\S]*footbridge rollout rollback --phase staff/);
    expect(out).toMatch(/brought back[\s\S]*givenName[\s\S]*kept[\s\S]*familyName/);
    expect(out).toMatch(/3 {2}have logged in at the target since/);
    expect(await run('return', '--phase', 'staff', '--execute')).toMatchObject({ code: 2 });
    expect(town.accounts(named)).toBe(1);
  });

  test('nobody is at the target any more, and everybody logs in at the old apps', async () => {
    await done('rollback', '--phase', 'staff', '--reason', 'it went wrong');
    await done('return', '--phase', 'staff');
    for (const person of staff) {
      expect(town.accounts(person)).toBe(0);
      expect(await town.state(person)).toBe('legacy');
      expect(await town.logInAt('shop', person)).toBe('old');
      expect(town.accounts(person)).toBe(0);
    }
    expect(town.kratos.sessions.size).toBe(0);
    expect([await atShop(staff[0]!, 'first_name'), await atShop(staff[0]!, 'last_name')]).toEqual([
      ...['Renamed', staff[0]!.familyName],
    ]);
    expect(await atShop(staff[0]!, 'moved')).toBeFalsy();
  });

  test('what could only be kept is written out, and that it was is recorded', async () => {
    const { code, out } = await run('kept', 'staff');
    expect(code).toBe(0);
    expect(
      out
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line)),
    ).toEqual([
      {
        ...{ sub: subOf(staff[0]!), phase: 'staff' },
        fields: { familyName: { old: staff[0]!.familyName, new: 'Remarried' } },
      },
    ]);
    expect(
      await town.sql(`select detail from audit_log where action = 'rollout.kept-exported'`),
    ).toMatchObject([{ detail: { phase: 'staff' } }]);
  });
});

describe('there again, and for good', () => {
  test('the next attempt brings each of them again, as one account', async () => {
    await done('start', 'staff');
    await done('batch', 'staff');
    // The batch of the attempt before brings nobody.
    expect(await town.cli('batch', 'resume', 'staff-1', '--execute')).toMatchObject({ code: 2 });
    await town.told('batch', 'run', 'staff-2', '--execute');
    for (const person of staff) {
      expect(town.accounts(person)).toBe(1);
      expect(await town.logInAt('shop', person)).toBe('new');
    }
    expect(await town.assignments(staff[0]!)).toMatchObject([{ phase: 'staff', attempt: 2 }]);
  });

  test('after the cut-over the old password opens nothing here, and the way back is still open', async () => {
    const days = ['--migrated-days', '0'];
    expect(await run('cut-over', 'staff', ...days)).toMatchObject({
      code: 0,
      out: expect.stringContaining('3  would be cut over'),
    });
    expect(await town.states()).toEqual({ migrated: 3 });
    await done('cut-over', 'staff', ...days);
    expect(await town.states()).toEqual({ 'cut-over': 3 });
    const [one] = staff as [Person];
    expect(await town.logInAt('shop', one)).toBe('new');
    await done('return', '--user', subOf(one));
    expect([await town.state(one), town.accounts(one)]).toEqual(['legacy', 0]);
    expect(await town.states()).toEqual({ 'cut-over': 2, legacy: 1 });
  });
});
