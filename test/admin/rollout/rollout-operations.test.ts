/** What an operator does with a rollout plan, operation by operation. */
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Desk, Operation } from '../../../src/admin/operation.ts';
import { rolloutFinish } from '../../../src/admin/operations/rollout-finish.ts';
import { rolloutHistory } from '../../../src/admin/operations/rollout-history.ts';
import { rolloutPause } from '../../../src/admin/operations/rollout-pause.ts';
import { rolloutResume } from '../../../src/admin/operations/rollout-resume.ts';
import { rolloutRollback } from '../../../src/admin/operations/rollout-rollback.ts';
import { rolloutSet } from '../../../src/admin/operations/rollout-set.ts';
import { rolloutShow } from '../../../src/admin/operations/rollout-show.ts';
import { rolloutStart } from '../../../src/admin/operations/rollout-start.ts';
import { rolloutSupport } from '../../../src/admin/operations/rollout-support.ts';
import { rolloutSwitch } from '../../../src/admin/operations/rollout-switch.ts';
import { isDangerous, roleFor } from '../../../src/admin/perform.ts';
import { Secret } from '../../../src/settings.ts';
import { appendAudit, openAuditLog } from '../../../src/store/audit-log.ts';
import { openKeyring } from '../../../src/store/encryption.ts';
import { syncSettings } from '../../../src/sync/sync-settings.ts';
import type { RolloutStage } from '../../rollout/rollout-stage.ts';
import { openRolloutStage, person, TARGET } from '../../rollout/rollout-stage.ts';

let stage: RolloutStage;
let desk: Desk;
let folder: string;
const people = new Map<string, ReturnType<typeof person>>();
beforeAll(async () => {
  stage = await openRolloutStage();
  stage.clock.ms = Date.now();
  folder = mkdtempSync(join(tmpdir(), 'footbridge-rollout-'));
  const keyring = openKeyring(new Secret(randomBytes(32).toString('base64')));
  const entry = (sub: string) => {
    const user = people.get(sub);
    return Promise.resolve(user && { user });
  };
  desk = {
    ...{ db: stage.db, keyring, audit: openAuditLog({ db: stage.db, keyring }), actor: 'operator:test' },
    targets: { all: [{ name: TARGET }, { name: 'other' }] },
    appNames: ['shop-web', 'wiki-web'],
    directory: {
      findByLogin: (login: string) => entry(`shop:${login}`),
      findBySub: entry,
      applies: () => ({ fields: new Set(), password: false }),
    },
    files: true,
  } as unknown as Desk;
});
afterAll(async () => {
  await stage?.close();
  rmSync(folder, { recursive: true, force: true });
});
beforeEach(async () => {
  const tables = [
    'rollouts',
    'rollout_plans',
    'rollout_steps',
    'rollout_assignments',
    'rollout_support',
    'ledger',
  ];
  await stage.sql(tables.map((table) => `delete from ${table}`).join(';'));
  people.clear();
});

interface Ran {
  // biome-ignore lint/suspicious/noExplicitAny: a test looks into any answer
  readonly output: any;
  readonly text: string;
  readonly wrong: boolean;
}

async function run(operation: Operation, input: object, execute = true, at: Desk = desk): Promise<Ran> {
  const output = await operation.run(at, operation.input.parse(input), { execute });
  return {
    output,
    text: stripVTControlCharacters(operation.print(output)),
    wrong: operation.foundWrong?.(output) ?? false,
  };
}
const dry = (operation: Operation, input: object) => run(operation, input, false);

const PLAN = `name: move
target: ${TARGET}
apps:
  shop: { clients: [shop-web] }
  wiki: { clients: [wiki-web] }
segments:
  staff: { emailDomains: [staff.example] }
  some: { percentage: 100, except: [staff] }
phases:
  - name: staff
    segments: [staff]
    finish: { coverage: 0.9 }
  - name: some
    segments: [some]
    apps: [shop]
    needs: [staff]
`;
const set = (plan: string, execute = true) => run(rolloutSet, { plan }, execute);
const staff = (id: string) => {
  const one = person(`shop:${id}`, { email: `${id}@staff.example` });
  people.set(one.sub, one);
  return one;
};
/** As logins would do it. */
async function assigned(count: number, there = 0): Promise<void> {
  const node = stage.node();
  for (let i = 0; i < count; i++) await node.decide(TARGET, { person: staff(`s${i}`), isThere: false });
  for (let i = 0; i < there; i++)
    await stage.sql(
      `insert into ledger (target, sub, state, from_state, created_at) values ($1, $2, 'migrated', 'created', now())`,
      [TARGET, `shop:s${i}`],
    );
}
const audited = async (action: string) =>
  stage.sql('select actor, detail from audit_log where action = $1 order by id desc limit 1', [action]);

test('none of them needs more than an operator, and none a second pair of eyes: the way back is fast', () => {
  for (const one of [
    rolloutSet,
    rolloutStart,
    rolloutPause,
    rolloutResume,
    rolloutFinish,
    rolloutRollback,
    rolloutSwitch,
  ])
    expect([roleFor(one), isDangerous(one, {})]).toEqual(['operator', false]);
  expect([rolloutShow, rolloutHistory].map(roleFor)).toEqual(['viewer', 'viewer']);
});

describe('rollout set', () => {
  test('says what a first plan is, and puts nothing in force without --execute', async () => {
    const { output, text } = await set(PLAN, false);
    expect(output).toMatchObject({ executed: false, before: null, version: 1 });
    expect(text).toMatch(/Plan move for new: there is no plan yet/);
    expect(text).toMatch(/added +phase some +apps: shop; segments: some; identities: graceful; needs: staff/);
    expect(text).toContain('It is the first plan for this target: nobody is moved before a phase has begun.');
    expect(text).toContain('Nothing was changed: add --execute.');
    expect((await run(rolloutShow, {})).wrong).toBe(true);
  });

  test('puts it in force, with its record, and says nothing of the same text again', async () => {
    expect((await set(PLAN)).output).toMatchObject({ executed: true, version: 1 });
    expect(await audited('rollout.set')).toMatchObject([
      { actor: 'operator:test', detail: { target: TARGET, plan: 'move', version: 1 } },
    ]);
    const again = await set(PLAN);
    expect(again.output).toMatchObject({ executed: false, version: 1, isSame: true });
    expect(again.text).toContain('there is nothing to do');
    expect((await set(`# in other words\n${PLAN}`)).output).toMatchObject({ version: 2, changes: [] });
  });

  test('says what a smaller share means for whoever is assigned', async () => {
    await set(PLAN);
    await stage.turn('staff', 'running');
    await stage.turn('staff', 'finished');
    await stage.turn('some', 'running');
    const node = stage.node();
    for (let i = 0; i < 3; i++)
      await node.decide(TARGET, { person: person(`shop:${i}`), isThere: false, app: 'shop-web' });
    const { text } = await set(PLAN.replace('percentage: 100', 'percentage: 10'), false);
    expect(text).toMatch(/changed +segment some +percentage: 100 → 10/);
    expect(text).toContain('some shrinks from 100 to 10 %: nobody who is assigned leaves; 3 stay assigned.');
  });

  test('lets no phase vanish that people belong to', async () => {
    await set(PLAN);
    const without = PLAN.replace(/ {2}- name: some[\s\S]*/, '').replace('name: staff\n', 'name: other\n');
    await stage.turn('staff', 'running');
    await expect(set(without)).rejects.toMatchObject({
      ...{ code: 'phase_state', detail: expect.stringContaining('finish it or roll it back first') },
    });
    await assigned(2);
    await stage.turn('staff', 'finished');
    await expect(set(without, false)).rejects.toMatchObject({
      ...{ code: 'phase_state', detail: expect.stringContaining('leads its 2 people to the target') },
    });
    await stage.turn('staff', 'rolled-back');
    expect((await set(without)).output).toMatchObject({ executed: true, version: 2 });
  });

  test('names each problem with its place, and what the settings do not have', async () => {
    const bad = PLAN.replace('shop-web', 'unknown').replace('target: new', 'target: nowhere');
    await expect(set(bad)).rejects.toMatchObject({
      code: 'plan_invalid',
      detail: expect.stringMatching(/^plan:2:9 target: .*\nplan:4:21 apps\.shop\.clients\.0: .*unknown$/),
    });
    await expect(set('name: [')).rejects.toMatchObject({ code: 'plan_invalid' });
  });

  test('reads a file on the command line, and nowhere else', async () => {
    const file = join(folder, 'plan.yaml');
    writeFileSync(file, PLAN);
    expect((await run(rolloutSet, { file })).output).toMatchObject({ executed: true });
    const elsewhere = { ...desk, files: undefined } as unknown as Desk;
    await expect(run(rolloutSet, { file }, true, elsewhere)).rejects.toMatchObject({ code: 'bad_request' });
    await expect(run(rolloutSet, {})).rejects.toMatchObject({ code: 'bad_request' });
    await expect(run(rolloutSet, { file: join(folder, 'none.yaml') })).rejects.toMatchObject({
      ...{ code: 'bad_request', detail: expect.stringContaining('cannot be read (ENOENT)') },
    });
  });
});

describe('the steps of a phase', () => {
  beforeEach(() => set(PLAN));

  test('are dry runs unless told otherwise, and say what comes of them', async () => {
    const { text } = await dry(rolloutStart, { phase: 'staff' });
    expect(text).toContain('staff for new would be running, and is planned.');
    expect(text).toContain('Whoever of them logs in from now on is moved to new at that login.');
    expect(text).toContain('Nothing was changed');
    expect((await stage.states()).staff).toBe('planned');
  });

  test('go from start to finish, each with its record', async () => {
    const ran = async (operation: Operation) =>
      (await run(operation, { phase: 'staff', reason: 'because' })).output.state;
    expect(await ran(rolloutStart)).toBe('running');
    expect(await ran(rolloutPause)).toBe('paused');
    expect(await ran(rolloutResume)).toBe('running');
    await assigned(1);
    const finish = await dry(rolloutFinish, { phase: 'staff' });
    expect(finish.text).toContain('Its gate is not reached: 0 of 1 who were assigned have arrived');
    expect(finish.text).toContain('It is out of the way of some.');
    expect(await ran(rolloutFinish)).toBe('finished');
    expect(await audited('rollout.finished')).toMatchObject([
      { actor: 'operator:test', detail: { target: TARGET, phase: 'staff', reason: 'because' } },
    ]);
    expect((await stage.row('staff')).reason).toBe('because');
  });

  test('begin only what nothing is in the way of', async () => {
    await expect(run(rolloutStart, { phase: 'some' })).rejects.toMatchObject({
      ...{ code: 'phase_state', detail: 'staff has to be finished before.' },
    });
    await set(`${PLAN}freezes: [{ from: 2020-01-01, until: 2120-01-01, reason: audit }]\n`);
    await expect(run(rolloutStart, { phase: 'staff' })).rejects.toMatchObject({
      ...{ code: 'phase_state', detail: expect.stringMatching(/frozen until 2120-01-01 00:00 UTC: audit/) },
    });
    expect((await stage.states()).staff).toBe('planned');
  });

  test('are refused where there is no way, and for what is not in the plan', async () => {
    await expect(dry(rolloutPause, { phase: 'staff' })).rejects.toMatchObject({
      ...{ code: 'phase_state', detail: 'staff is planned, and not running.' },
    });
    await expect(dry(rolloutStart, { phase: 'nobody' })).rejects.toMatchObject({ code: 'phase_not_found' });
    await expect(dry(rolloutStart, { phase: 'staff', target: 'other' })).rejects.toMatchObject({
      code: 'plan_not_found',
    });
  });
});

describe('rollout rollback', () => {
  const reason = 'they cannot log in';
  beforeEach(async () => {
    await set(PLAN);
    await stage.turn('staff', 'running');
  });
  const passwordSet = (sub: string) =>
    appendAudit(stage.db, {
      ...{ actor: `target:${TARGET}`, action: 'target.password-set', subject: desk.audit.pseudonym(sub) },
      detail: { target: TARGET, targetUserId: 'x' },
    });

  test('says beforehand how many it is about, and what each loses', async () => {
    await passwordSet('shop:s2');
    await assigned(5, 3);
    await passwordSet('shop:s0');
    await passwordSet('shop:s4');
    const { output, text } = await dry(rolloutRollback, { phase: 'staff', reason });
    expect(output.foresight).toMatchObject({ assigned: 5, there: 3, passwords: { looked: 3, changed: 1 } });
    expect(text).toContain('The phase staff for new would be rolled back.');
    expect(text).toContain('5 people are assigned.');
    expect(text).toContain('3 people are at the target by now. They keep their account there');
    expect(text).toContain('1 of them has set another password there since.');
    expect(text).toContain('Sync does not bring passwords back');
    expect((await stage.states()).staff).toBe('running');
  });

  test('says that sync brings newer passwords back, where it does', async () => {
    const sync = { settings: syncSettings.parse({ pairs: [{ target: TARGET }] }), stores: [] };
    const synced = { ...desk, sync } as unknown as Desk;
    await assigned(1, 1);
    await passwordSet('shop:s0');
    const text = async () => (await run(rolloutRollback, { phase: 'staff', reason }, false, synced)).text;
    expect(await text()).toContain('Sync does not bring passwords back');
    await stage.sql(`insert into sync_pairs (target, state, actor) values ($1, 'running', 'x')`, [TARGET]);
    await stage.sql(
      `insert into sync_passwords (target, sub, state, problem) values ($1, 'shop:s0', 'at-target', 'x')`,
      [TARGET],
    );
    expect(await text()).toMatch(/Sync keeps passwords equal[\s\S]*1 person waits for that now/);
    await stage.sql('delete from sync_pairs');
    await stage.sql('delete from sync_passwords');
  });

  test('of a phase takes it back from the next decision on, and its next attempt assigns afresh', async () => {
    await assigned(2, 1);
    const node = stage.node();
    const decision = async () =>
      (await node.decide(TARGET, { person: staff('s1'), isThere: false }))?.decision;
    expect(await decision()).toBe('migrate');
    const { text } = await run(rolloutRollback, { phase: 'staff', reason });
    expect(text).toContain('is rolled back');
    expect(await decision()).toBe('stay');
    expect(await audited('rollout.rolled-back')).toMatchObject([{ detail: { phase: 'staff', reason } }]);
    await expect(run(rolloutRollback, { phase: 'staff', reason })).rejects.toMatchObject({
      code: 'phase_state',
    });
    expect((await dry(rolloutStart, { phase: 'staff' })).text).toContain('It is attempt 2');
    expect((await run(rolloutStart, { phase: 'staff' })).output).toMatchObject({ attempt: 2 });
    expect(await decision()).toBe('migrate');
  });

  test('of an app or a segment is a kill switch, and is undone by rollout switch', async () => {
    await assigned(1);
    const node = stage.node();
    const decision = async (app: string) =>
      (await node.decide(TARGET, { person: staff('s0'), isThere: false, app }))?.decision;
    expect((await dry(rolloutRollback, { app: 'shop-web', reason })).text).toContain(
      'The app shop for new would be at the old login again.',
    );
    await run(rolloutRollback, { app: 'shop', reason });
    expect([await decision('shop-web'), await decision('wiki-web')]).toEqual(['stay', 'migrate']);
    expect((await run(rolloutRollback, { app: 'shop', reason })).output).toMatchObject({
      executed: false,
      isSo: true,
    });
    await run(rolloutRollback, { segment: 'staff', reason });
    expect(await decision('wiki-web')).toBe('stay');
    await run(rolloutSwitch, { segment: 'staff', on: true });
    await run(rolloutSwitch, { app: 'shop', on: true });
    expect([await decision('shop-web'), await decision('wiki-web')]).toEqual(['migrate', 'migrate']);
  });

  test.each([
    [{}, 'bad_request'],
    [{ phase: 'staff', app: 'shop' }, 'bad_request'],
    [{ app: 'nobody' }, 'bad_request'],
    [{ segment: 'toString' }, 'bad_request'],
    [{ phase: 'nobody' }, 'phase_not_found'],
    [{ phase: 'some' }, 'phase_state'],
  ])('of %j is refused', async (given, code) => {
    await expect(run(rolloutRollback, { ...given, reason })).rejects.toMatchObject({ code });
  });
});

describe('rollout switch', () => {
  beforeEach(() => set(PLAN));

  test('keeps everything at the old login, and takes that back', async () => {
    await stage.turn('staff', 'running');
    const node = stage.node();
    const decision = async () => (await node.decide(TARGET, { person: staff('s0'), isThere: false }))?.reason;
    const off = { everything: true, off: true, reason: 'fire' };
    expect((await dry(rolloutSwitch, off)).text).toContain('Everything for new would be at the old login');
    expect(await decision()).toBe('assigned');
    await run(rolloutSwitch, off);
    expect(await decision()).toBe('everything_off');
    expect((await run(rolloutSwitch, off)).output).toMatchObject({ executed: false, isSo: true });
    await run(rolloutSwitch, { everything: true, on: true });
    expect(await decision()).toBe('assigned');
    expect(await audited('rollout.switched-on')).toMatchObject([
      { detail: { kind: 'everything', name: '' } },
    ]);
  });

  test.each([
    [{ everything: true }],
    [{ everything: true, on: true, off: true, reason: 'x' }],
    [{ everything: true, off: true }],
    [{ everything: true, app: 'shop', off: true, reason: 'x' }],
    [{ off: true, reason: 'x' }],
    [{ app: 'nobody', off: true, reason: 'x' }],
  ])('refuses %j', async (input) => {
    await expect(run(rolloutSwitch, input)).rejects.toMatchObject({ code: 'bad_request' });
  });
});

describe('rollout show', () => {
  test('says that nothing is planned, and that this is worth a look', async () => {
    expect(await run(rolloutShow, {})).toMatchObject({
      wrong: true,
      text: expect.stringContaining('Nothing is planned'),
    });
  });

  test('has the plan at a glance, and what happens next', async () => {
    await set(`${PLAN}freezes: [{ from: 2119-01-01, until: 2120-01-01, reason: audit }]\n`);
    await stage.turn('staff', 'running');
    await assigned(4, 3);
    await run(rolloutSupport, { requests: 1, phase: 'staff' });
    await run(rolloutSwitch, { app: 'wiki', off: true, reason: 'not ready' });
    const { text, wrong, output } = await run(rolloutShow, { target: TARGET });
    expect(wrong).toBe(false);
    expect(output.plans[0].phases[0]).toMatchObject({
      ...{ assigned: 4, there: 3, coverage: { share: 0.75, of: 'assigned' }, supportPerThousand: 250 },
    });
    expect(text).toMatch(/staff +running +\S+ \S+ +4 +3 +0 +75 % of assigned +– +250\.0/);
    expect(text).toMatch(/staff +finish +not yet +3 of 4 who were assigned/);
    expect(text).toMatch(/app wiki +\S+ \S+ +operator:test +not ready/);
    expect(text).toMatch(/to come +2119-01-01 00:00 UTC/);
    expect(text).toContain('some has not begun. An operator starts it. staff has to be finished before.');
  });

  test('explains one person: each phase, each segment, and what was assigned', async () => {
    await set(PLAN);
    await stage.turn('staff', 'running');
    await assigned(1, 1);
    const { text, output } = await run(rolloutShow, { user: 's0', app: 'wiki-web' });
    expect(output.people[0]).toMatchObject({
      ...{ sub: 'shop:s0', decision: 'redirect', reason: 'there', phase: 'staff', segment: 'staff' },
      segments: [
        { segment: 'some', isIn: false, misses: { criteria: [], exceptedBy: ['staff'] } },
        { segment: 'staff', isIn: true },
      ],
      phases: [
        { phase: 'staff', decision: 'redirect', reason: 'there' },
        { phase: 'some', decision: 'stay', reason: 'other_app' },
      ],
      assignments: [{ phase: 'staff', attempt: 1, way: 'decision', version: 1 }],
    });
    expect(text).toContain('shop:s0 at wiki-web: is led to the target');
    expect(text).toContain('is in staff, which it excepts');
    expect(text).not.toContain('staff.example');
  });

  test('writes nothing of whom it explains, and knows who is nobody', async () => {
    await set(PLAN);
    await stage.turn('staff', 'running');
    staff('new');
    const { text, output } = await run(rolloutShow, { user: 'shop:new' });
    expect(output.people[0]).toMatchObject({ decision: 'migrate', state: null, assignments: [] });
    expect(text).toContain('To nothing yet.');
    expect(await stage.sql('select from rollout_assignments')).toEqual([]);
    people.set('shop:guest', person('shop:guest', { email: 'guest@else.example' }));
    expect((await run(rolloutShow, { user: 'guest' })).text).toContain(
      'has no verified address at one of its domains',
    );
    await expect(run(rolloutShow, { user: 'nobody' })).rejects.toMatchObject({ code: 'user_not_found' });
    await expect(run(rolloutShow, { app: 'shop' })).rejects.toMatchObject({ code: 'bad_request' });
  });
});

describe('rollout history', () => {
  test('tells what became of the plan, and shows a version as it was written', async () => {
    await set(PLAN);
    await run(rolloutStart, { phase: 'staff' });
    await run(rolloutPause, { phase: 'staff', reason: 'lunch' });
    await run(rolloutSupport, { requests: 3 });
    const { output, text } = await run(rolloutHistory, {});
    expect(output.steps.map(({ action, what }: Record<string, string>) => `${action} ${what}`)).toEqual([
      'rollout.support 3 requests',
      'rollout.paused staff',
      'rollout.started staff',
      'rollout.set version 1',
    ]);
    expect(text).toMatch(/paused +staff +operator:test +lunch/);
    expect((await run(rolloutHistory, { version: '1' })).text).toBe(PLAN);
    await expect(run(rolloutHistory, { version: '2' })).rejects.toMatchObject({ code: 'plan_not_found' });
  });
});
