/** The strategies of the guides, each carried out with real logins: all at once, app by app, by segment, by share; and back. */
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type { Person } from '../../../example/demo/people.ts';
import type { PhaseState } from '../../../src/rollout/deciding.ts';
import { bucketOf } from '../../../src/rollout/membership.ts';
import { switchOff, switchOn, turnPhase } from '../../../src/rollout/phases.ts';
import { subOf } from '../batch/town.ts';
import { until } from '../server.ts';
import type { RolloutTown } from './rollout-town.ts';
import { openRolloutTown } from './rollout-town.ts';

vi.setConfig({ testTimeout: 60_000 });

let town: RolloutTown;
beforeAll(async () => {
  town = await openRolloutTown();
});
afterAll(() => town?.close());

const someone = async (more: Partial<Person> = {}) => (await town.settle([more]))[0]!;
const turn = (phase: string, to: PhaseState) =>
  turnPhase(town.db, {
    ...{ target: 'kratos', phase, to, cause: 'operator', actor: 'test', nowMs: Date.now() },
  });
const apps = { shop: { clients: ['shop-web'] }, wiki: { clients: ['wiki-web'] } };

describe('without a plan', () => {
  test('everybody logs in at the old apps, and nothing is written of anybody', async () => {
    const anna = await someone();
    expect(await town.logInAt('shop', anna)).toBe('old');
    expect(await town.state(anna)).toBeUndefined();
    expect(await town.route('shop', { login: anna.login })).toMatchObject({
      decision: 'stay',
      reason: 'no_plan',
    });
  });
});

describe('all at once', () => {
  test('gracefully: nobody moves before the phase runs, everybody at their next login after it', async () => {
    const [anna, bert] = [await someone(), await someone()];
    await town.plan({ apps, phases: [{ name: 'everybody' }] });
    expect(await town.logInAt('shop', anna)).toBe('old');
    expect(await town.state(anna)).toBeUndefined();
    await turn('everybody', 'running');
    expect(await town.logInAt('shop', anna)).toBe('new');
    expect(await town.logInAt('wiki', bert)).toBe('new');
    expect(await town.state(anna)).toBe('migrated');
    expect([town.accounts(anna), town.accounts(bert)]).toEqual([1, 1]);
    // Whoever has moved is sent on by their name alone.
    expect(await town.logInAt('wiki', anna)).toBe('new');
    expect(await town.assignments(anna)).toEqual([{ phase: 'everybody', attempt: 1, segment: null }]);
  });

  test('a wrong password moves nobody, and assigns nobody', async () => {
    const anna = await someone();
    const typed = { ...anna, password: 'wrong' };
    expect(await (await town.begin('shop')).type(typed)).toMatch(/^401/);
    expect(await town.assignments(anna)).toEqual([]);
    expect(town.accounts(anna)).toBe(0);
  });

  test('by a batch: they stay until it has come to them', async () => {
    const anna = await someone();
    await town.plan({ apps, phases: [{ name: 'by-batch', identities: 'bulk' }] });
    await turn('by-batch', 'running');
    expect(await town.logInAt('shop', anna)).toBe('old');
    expect(await town.route('wiki', { sub: subOf(anna) })).toMatchObject({
      ...{ decision: 'stay', reason: 'waits_for_batch', phase: 'by-batch' },
    });
    await town.told(
      'batch',
      'plan',
      '--target',
      'kratos',
      '--subs',
      subOf(anna),
      '--name',
      'one',
      '--execute',
    );
    await town.told('batch', 'run', 'one', '--execute');
    await town.done('one');
    expect(await town.logInAt('shop', anna)).toBe('new');
    expect(town.accounts(anna)).toBe(1);
  });
});

describe('app by app', () => {
  test('an app that has not switched lets in as ever, also whoever has moved for another', async () => {
    const [anna, bert] = [await someone(), await someone()];
    await town.plan({
      apps,
      phases: [
        { name: 'wiki-first', apps: ['wiki'] },
        { name: 'then-shop', apps: ['shop'] },
      ],
    });
    await turn('wiki-first', 'running');
    expect(await town.logInAt('shop', anna)).toBe('old');
    expect(await town.logInAt('wiki', anna)).toBe('new');
    expect(await town.logInAt('shop', anna)).toBe('old');
    expect(await town.logInAt('shop', bert)).toBe('old');
    await turn('then-shop', 'running');
    expect(await town.logInAt('shop', anna)).toBe('new');
    expect(await town.logInAt('shop', bert)).toBe('new');
    expect([town.accounts(anna), town.accounts(bert)]).toEqual([1, 1]);
  });

  test('a router hears for each app where somebody goes, and may ask about nothing else', async () => {
    const anna = await someone();
    expect(await town.route('wiki', { login: anna.login })).toMatchObject({
      decision: 'migrate',
      phase: 'wiki-first',
    });
    await town.logInAt('wiki', anna);
    expect(await town.route('wiki', { login: anna.login })).toMatchObject({
      decision: 'redirect',
      redirectUrl: expect.stringContaining('https://app.example.com/login'),
    });
    expect(await town.route('wiki', { login: 'nobody' })).toMatchObject({
      decision: 'stay',
      reason: 'unknown_user',
    });
    expect(await town.route('wiki', {})).toMatchObject({ status: 400 });
  });
});

describe('by segment', () => {
  test('staff first: customers do not notice', async () => {
    const [staff, customer] = [await someone({ role: 'clerk' }), await someone()];
    await town.plan({
      apps,
      segments: { staff: { roles: ['clerk'] } },
      phases: [{ name: 'staff', segments: ['staff'] }],
    });
    await turn('staff', 'running');
    expect(await town.logInAt('shop', staff)).toBe('new');
    expect(await town.logInAt('shop', customer)).toBe('old');
    expect(await town.state(customer)).toBeUndefined();
  });

  test('who changes the department afterwards stays where they are', async () => {
    const anna = await someone({ role: 'clerk' });
    expect(await town.logInAt('shop', anna)).toBe('new');
    await town.shop.sql(`update customers set role = 'customer' where id = $1`, [anna.id]);
    expect(await town.logInAt('shop', anna)).toBe('new');
  });
});

describe('by share', () => {
  test('a larger share takes more people, a smaller one lets nobody go', async () => {
    const people = await town.settle(Array.from({ length: 12 }, () => ({})));
    const [row] = await town.sql(`select salt from rollouts where target = 'kratos'`);
    const buckets = people.map((person) => bucketOf(row!.salt as Buffer, subOf(person)));
    const sorted = [...buckets].sort((a, b) => a - b);
    const share = (count: number) => (sorted[count]! / 100).toFixed(2);
    const plan = (percentage: string) =>
      town.plan({
        apps,
        segments: { some: { percentage: Number(percentage) } },
        phases: [{ name: 'share', segments: ['some'] }],
      });
    const places = async () => {
      const found: string[] = [];
      for (const person of people)
        found.push((await town.route('shop', { sub: subOf(person) })).decision as string);
      return found;
    };
    const inside = (count: number) => buckets.map((bucket) => bucket < sorted[count]!);
    await plan(share(3));
    await turn('share', 'running');
    expect((await places()).map((place) => place !== 'stay')).toEqual(inside(3));
    await plan(share(8));
    expect((await places()).map((place) => place !== 'stay')).toEqual(inside(8));
    await plan(share(3));
    expect((await places()).map((place) => place !== 'stay')).toEqual(inside(8));
  });
});

describe('the way back', () => {
  const plan = {
    apps,
    segments: { staff: { roles: ['clerk'] } },
    phases: [{ name: 'pilot', segments: ['staff'] }],
  };

  test('a login that is under way when the phase is rolled back ends at the old app, and the next one too', async () => {
    const [anna, bert] = [await someone({ role: 'clerk' }), await someone({ role: 'clerk' })];
    await town.plan(plan);
    await turn('pilot', 'running');
    expect(await town.logInAt('shop', bert)).toBe('new');
    const [page, hers] = [await town.begin('shop'), await town.begin('shop')];
    await turn('pilot', 'rolled-back');
    expect(await page.type(anna)).toBe('old');
    expect(town.accounts(anna)).toBe(0);
    // Who is there keeps the account, and logs in at the old app with what they know.
    expect(await hers.type(bert)).toBe('old');
    expect(await town.state(bert)).toBe('migrated');
  });

  test('the next attempt takes everybody to the account that they have, or to a first one', async () => {
    const [anna, bert] = town.people.slice(-2) as [Person, Person];
    await turn('pilot', 'running');
    expect(await town.logInAt('shop', bert)).toBe('new');
    expect(await town.logInAt('shop', anna)).toBe('new');
    expect([town.accounts(anna), town.accounts(bert)]).toEqual([1, 1]);
    expect(await town.assignments(anna)).toMatchObject([{ phase: 'pilot', attempt: 2 }]);
  });

  test.each([
    ['app', 'shop'],
    ['segment', 'staff'],
    ['phase', 'pilot'],
    ['everything', ''],
  ] as const)(
    'the kill switch of %s %s counts from the next login on, until it is on again',
    async (kind, name) => {
      const bert = town.people.at(-1)!;
      const at = { target: 'kratos', kind, name };
      await switchOff(town.db, at, { reason: 'test', actor: 'test' });
      expect(await town.logInAt('shop', bert)).toBe('old');
      expect(await town.route('wiki', { sub: subOf(bert) })).toMatchObject({
        decision: kind === 'app' ? 'redirect' : 'stay',
      });
      await switchOn(town.db, at);
      expect(await town.logInAt('shop', bert)).toBe('new');
    },
  );

  test('a phase that is paused keeps whom it has, and takes nobody new', async () => {
    const [bert, clara] = [town.people.at(-1)!, await someone({ role: 'clerk' })];
    await turn('pilot', 'paused');
    expect(await town.logInAt('shop', bert)).toBe('new');
    expect(await town.logInAt('shop', clara)).toBe('old');
    await turn('pilot', 'running');
    expect(await town.logInAt('shop', clara)).toBe('new');
  });

  test('a move that waits for the target is not made any more once the phase is taken back', async () => {
    const emil = await someone({ role: 'clerk' });
    town.kratos.fail(503);
    expect(await town.logInAt('shop', emil)).toBe('old');
    expect(await town.openWork()).toHaveLength(1);
    await turn('pilot', 'rolled-back');
    town.kratos.recover();
    await town.sql('update target_work set due_at = now() - interval $$1 minute$$');
    await until(async () => (await town.openWork()).length === 0);
    expect(town.accounts(emil)).toBe(0);
    await turn('pilot', 'running');
    expect(await town.logInAt('shop', emil)).toBe('new');
    expect(town.accounts(emil)).toBe(1);
  });

  test('while our database is away nobody is told anything wrong, and nobody is moved', async () => {
    const dora = await someone({ role: 'clerk' });
    const page = await town.begin('shop');
    const locked = await town.lock(['rollout_assignments']);
    expect(await page.type(dora)).toMatch(/^503/);
    await locked.release();
    expect(town.accounts(dora)).toBe(0);
    expect(await town.logInAt('shop', dora)).toBe('new');
  });
});
