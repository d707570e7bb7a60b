/** The people of a phase put into batches: whom the plan means, each in one, also when it is cut off. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { switchOff, switchOn } from '../../../src/rollout/phases.ts';
import type { PhaseStage } from './phase-stage.ts';
import { openPhaseStage } from './phase-stage.ts';

const USERS = 30;
let stage: PhaseStage;
beforeAll(async () => {
  stage = await openPhaseStage(USERS);
});
afterAll(() => stage?.close());

const subs = (from: number, to: number) =>
  Array.from({ length: to - from + 1 }, (_, at) => `shop:${from + at}`);
const segments = {
  first: { subs: subs(1, 10) },
  second: { subs: subs(5, 20) },
  all: { emailDomains: ['example.com'] },
};
const phases = [
  { name: 'one', segments: ['first'], identities: 'bulk' },
  { name: 'two', segments: ['second'], identities: 'bulk' },
  { name: 'rest', segments: ['all'] },
];
const members = async (batch: string) =>
  (await stage.sql('select sub from batch_users where batch = $1 order by sub', [batch])).map(
    ({ sub }) => sub,
  );

test('a phase that does not run puts nobody into a batch, and a dry run says whom it would', async () => {
  await stage.plan({ segments, phases });
  await expect(stage.gather('one')).rejects.toMatchObject({ code: 'phase_state' });
  await expect(stage.gather('none')).rejects.toMatchObject({ code: 'phase_not_found' });
  expect(await stage.gather('one', { execute: false })).toMatchObject({ batches: [] });
  expect(await stage.sql('select 1 from rollout_assignments')).toEqual([]);
  expect(await stage.batches.list()).toEqual([]);
});

test('whoever fits two phases goes by the first of them, and everybody is in one batch', async () => {
  for (const phase of ['one', 'two', 'rest']) await stage.turn(phase, 'running');
  await stage.legacySql('update people set active = false where id = 3');
  const one = await stage.gather('one');
  expect(one).toEqual({ attempt: 1, batches: [{ batch: 'one-1', people: 9 }], isInterrupted: false });
  const two = await stage.gather('two', { perBatch: 4 });
  expect(two.batches.map(({ people }) => people)).toEqual([4, 4, 2]);
  expect((await Promise.all(two.batches.map(({ batch }) => members(batch)))).flat().sort()).toEqual(
    subs(11, 20).sort(),
  );
  expect(
    await stage.counted('select phase || way as name, count(*) as n from rollout_assignments group by 1'),
  ).toEqual({
    onebulk: 9,
    twobulk: 10,
  });
});

test('said again, nobody is put in twice, and whoever may log in again comes after', async () => {
  expect(await stage.gather('one')).toMatchObject({ batches: [] });
  await stage.legacySql('update people set active = true where id = 3');
  expect(await stage.gather('one')).toMatchObject({ batches: [{ batch: 'one-2', people: 1 }] });
  expect(await members('one-2')).toEqual(['shop:3']);
});

test('the tail of a phase that moves people at their login goes by a batch too; cut off, it goes on', async () => {
  const stop = new AbortController();
  stop.abort();
  const begun = await stage.gather('rest', { signal: stop.signal });
  expect(begun).toMatchObject({ isInterrupted: true, batches: [{ batch: 'rest-1', people: 10 }] });
  expect((await stage.batches.status('rest-1')).state).toBe('planning');
  const gone = await stage.gather('rest');
  expect(gone).toMatchObject({ isInterrupted: false, batches: [{ batch: 'rest-1', people: 10 }] });
  expect((await stage.batches.status('rest-1')).state).toBe('planned');
});

test('a freeze, a pause and a kill switch are obeyed', async () => {
  const freezes = [{ from: '2026-12-15T00:00:00Z', until: '2026-12-16T00:00:00Z', reason: 'sale' }];
  await stage.plan({ segments, phases, freezes });
  await expect(stage.gather('one')).rejects.toMatchObject({ code: 'phase_state', detail: /sale/ });
  await stage.plan({ segments, phases });
  await stage.turn('one', 'paused');
  await expect(stage.gather('one')).rejects.toMatchObject({ code: 'phase_state' });
  await stage.turn('one', 'running');
  const off = { target: 'main', kind: 'phase', name: 'one' } as const;
  await switchOff(stage.db, off, { reason: 'test', actor: 'test' });
  await expect(stage.gather('one')).rejects.toMatchObject({ code: 'phase_state' });
  // What was planned before is not sent either.
  await expect(stage.batches.start('one-1')).rejects.toMatchObject({ code: 'phase_state' });
  await switchOn(stage.db, off);
});

test('a rollback holds a batch that runs, and its next attempt makes other ones', async () => {
  await stage.batches.start('one-1');
  await stage.turn('one', 'rolled-back');
  expect(await stage.engine.run('one-1', { signal: AbortSignal.timeout(10_000) })).toMatchObject({
    state: 'paused',
    note: { code: 'phase_held' },
    counts: { waiting: 9 },
  });
  expect(stage.target.people.size).toBe(0);
  await stage.turn('one', 'running');
  await expect(stage.batches.start('one-1')).rejects.toMatchObject({ code: 'phase_state' });
  const again = await stage.gather('one');
  expect(again).toMatchObject({ attempt: 2, batches: [{ batch: 'one-3', people: 10 }] });
  await stage.run(again);
  expect(await stage.counted('select state as name, count(*) as n from ledger group by 1')).toEqual({
    migrated: 10,
  });
  expect(stage.errors).toEqual([]);
});
