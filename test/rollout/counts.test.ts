import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { FootbridgeError } from '../../src/errors.ts';
import { countsBetween, openCounts, outcomesSince, SWEEP_COUNTS } from '../../src/rollout/counts.ts';
import { noteSupport, SWEEP_SUPPORT, supportSince } from '../../src/rollout/support.ts';
import type { RolloutStage } from './rollout-stage.ts';
import { openRolloutStage, TARGET } from './rollout-stage.ts';

let stage: RolloutStage;
beforeAll(async () => {
  stage = await openRolloutStage();
});
afterAll(() => stage?.close());
beforeEach(() => stage.sql('delete from rollout_counts'));

const MINUTE = 60_000;
const at = (text: string) => new Date(`2026-12-15T${text}Z`);
const moved = { target: TARGET, app: 'shop', phase: 'pilot', path: 'facade', outcome: 'moved' } as const;
const wrong = { path: 'typed', outcome: 'wrong' } as const;
const between = (from: string, to: string, stepMinutes = 5) =>
  countsBetween(stage.db, { target: TARGET, from: at(from), to: at(to), stepMinutes });

describe('counts', () => {
  test('of several nodes add up, in steps of five minutes', async () => {
    const clock = { ms: at('12:03:10').getTime() };
    const nodes = [1, 2].map(() => openCounts({ db: stage.db, nowMs: () => clock.ms }));
    for (const node of nodes) {
      node.count(moved);
      node.count(moved);
      node.count(wrong);
    }
    clock.ms += 5 * MINUTE;
    nodes[0]!.count(moved);
    await Promise.all(nodes.map((node) => node.flush()));
    await nodes[0]!.flush();
    expect(await between('12:00:00', '12:10:00')).toEqual([
      { ...{ app: 'shop', phase: 'pilot', path: 'facade', outcome: 'moved' }, at: at('12:00:00'), count: 4 },
      { ...{ app: 'shop', phase: 'pilot', path: 'facade', outcome: 'moved' }, at: at('12:05:00'), count: 1 },
    ]);
    expect(await between('12:00:00', '12:05:00')).toHaveLength(1);
    expect(await between('12:00:00', '13:00:00', 60)).toMatchObject([{ at: at('12:00:00'), count: 5 }]);
    const all = await countsBetween(stage.db, { from: at('12:00:00'), to: at('13:00:00'), stepMinutes: 60 });
    expect(all).toContainEqual(
      expect.objectContaining({ phase: '', path: 'typed', outcome: 'wrong', count: 2 }),
    );
  });

  test('that could not be stored are kept, and stored once with the next', async () => {
    let isDown = true;
    const db = {
      run: (async (...args: Parameters<typeof stage.db.run>) => {
        if (isDown) throw new FootbridgeError('storage_unavailable');
        return stage.db.run(...args);
      }) as typeof stage.db.run,
    };
    const counts = openCounts({ db, nowMs: () => at('12:00:00').getTime() });
    counts.count(moved);
    await expect(counts.flush()).rejects.toMatchObject({ code: 'storage_unavailable' });
    counts.count(moved);
    await expect(counts.flush()).rejects.toMatchObject({ code: 'storage_unavailable' });
    isDown = false;
    await counts.flush();
    await counts.flush();
    expect(await between('12:00:00', '12:05:00')).toMatchObject([{ count: 2 }]);
  });

  test('never take more memory than they may: what is new beyond it is not counted', async () => {
    const counts = openCounts({ db: stage.db, nowMs: () => at('12:00:00').getTime(), maxKeys: 3 });
    for (const app of ['a', 'b', 'c', 'd', 'e']) counts.count({ ...moved, app });
    counts.count({ ...moved, app: 'a' });
    expect(counts.dropped()).toBe(2);
    await counts.flush();
    const rows = await between('12:00:00', '12:05:00');
    expect(rows.map(({ app, count }) => [app, count])).toEqual([
      ['a', 2],
      ['b', 1],
      ['c', 1],
    ]);
  });

  test('more than one statement takes are all stored', async () => {
    const counts = openCounts({ db: stage.db, nowMs: () => at('12:00:00').getTime() });
    for (let app = 0; app < 2_500; app++) counts.count({ ...moved, app: `app-${app}` });
    await counts.flush();
    expect(await between('12:00:00', '12:05:00')).toHaveLength(2_500);
  });

  test('tell each phase how its tries went since a moment of its own', async () => {
    const clock = { ms: at('12:00:00').getTime() };
    const counts = openCounts({ db: stage.db, nowMs: () => clock.ms });
    for (let step = 0; step < 4; step++) {
      counts.count(moved);
      counts.count({ ...moved, phase: 'rest', outcome: 'outage' });
      clock.ms += 5 * MINUTE;
    }
    await counts.flush();
    const found = await outcomesSince(stage.db, {
      ...{ target: TARGET, to: at('13:00:00') },
      phases: [
        { phase: 'pilot', since: at('12:10:00') },
        { phase: 'rest', since: at('12:00:00') },
        { phase: 'nobody', since: at('12:00:00') },
      ],
    });
    expect(Object.fromEntries(found)).toEqual({ pilot: { moved: 2 }, rest: { outage: 4 } });
  });
});

describe('what is told of the support', () => {
  const note = (requests: number, phase: string | undefined, when: Date) =>
    noteSupport(stage.db, { target: TARGET, phase, requests, actor: 'test', at: when });

  test('is counted for a phase, and what is told of all for each', async () => {
    await note(100, 'pilot', at('09:00:00'));
    await note(3, 'pilot', at('11:00:00'));
    await note(4, undefined, at('11:30:00'));
    const phases = ['pilot', 'rest'].map((phase) => ({ phase, since: at('10:00:00') }));
    const found = await supportSince(stage.db, { target: TARGET, phases, to: at('12:00:00') });
    expect(Object.fromEntries(found)).toEqual({
      pilot: { own: 3, shared: 4 },
      rest: { own: 0, shared: 4 },
    });
    const early = phases.map(({ phase }) => ({ phase, since: at('12:00:00') }));
    expect((await supportSince(stage.db, { target: TARGET, phases: early, to: at('12:00:00') })).size).toBe(
      0,
    );
  });
});

test('figures of more than 400 days ago are swept, and newer ones are kept', async () => {
  await stage.sql(`insert into rollout_counts select now() - d * interval '1 day', 't', '', '', 'facade', 'ok', 1
    from unnest(array[401, 402, 399]) d`);
  await stage.sql('delete from rollout_support');
  await stage.sql(`insert into rollout_support (target, phase, requests, actor, at)
    select 't', '', 1, 'x', now() - d * interval '1 day' from unnest(array[401, 399]) d`);
  expect(await stage.db.run(SWEEP_COUNTS, [1])).toEqual([{ gone: 1 }]);
  expect(await stage.db.run(SWEEP_COUNTS, [100])).toEqual([{ gone: 1 }]);
  expect(await stage.db.run(SWEEP_SUPPORT, [100])).toEqual([{ gone: 1 }]);
  expect(await stage.sql('select count(*)::int as left from rollout_counts')).toEqual([{ left: 1 }]);
});
