/** What holds of assignments whatever the plan becomes: on one node or on several. */
import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Assignment, Snapshot } from '../../src/rollout/deciding.ts';
import { decide } from '../../src/rollout/deciding.ts';
import { planShape } from '../../src/rollout/plan.ts';
import type { RolloutStage } from './rollout-stage.ts';
import { openRolloutStage, person, TARGET } from './rollout-stage.ts';

const NOW = Date.parse('2026-12-15T12:00:00Z');

function snapshotOf(segment: object, state: 'running' | 'paused' = 'running'): Snapshot {
  const plan = planShape.parse({
    ...{ name: 'move', target: TARGET, segments: { some: segment } },
    phases: [{ name: 'some', segments: ['some'] }],
  });
  return {
    ...{ target: TARGET, version: 1, epoch: '1', salt: Buffer.alloc(16, 3), plan, switches: new Set() },
    phases: new Map([['some', { state, attempt: 1 }]]),
  };
}
const ask = (snapshot: Snapshot, sub: string, assignments: readonly Assignment[] = []) =>
  decide(snapshot, { person: person(sub), isThere: false, assignments, nowMs: NOW });

const share = fc.integer({ min: 1, max: 10_000 }).map((hundredths) => hundredths / 100);
const subs = fc.array(fc.string({ minLength: 1, maxLength: 20 }), { minLength: 1, maxLength: 40 });

describe('whatever shares a plan has', () => {
  test('widening one never drops anybody', () => {
    fc.assert(
      fc.property(subs, share, share, (people, a, b) => {
        const [small, large] = [
          snapshotOf({ percentage: Math.min(a, b) }),
          snapshotOf({ percentage: Math.max(a, b) }),
        ];
        for (const sub of people)
          if (ask(small, sub).decision === 'migrate') expect(ask(large, sub).decision).toBe('migrate');
      }),
    );
  });

  test('nobody who is assigned leaves, through any number of changes', () => {
    fc.assert(
      fc.property(subs, fc.array(share, { minLength: 2, maxLength: 8 }), (people, shares) => {
        const assigned = new Map<string, Assignment[]>();
        for (const percentage of shares)
          for (const sub of people) {
            const before = assigned.get(sub) ?? [];
            const { decision, assign } = ask(snapshotOf({ percentage }), sub, before);
            if (before.length > 0) expect([decision, assign]).toEqual(['migrate', undefined]);
            if (assign) assigned.set(sub, [{ ...assign, isBack: false }]);
          }
      }),
    );
  });

  test('a paused phase assigns nobody, and moves whom it has', () => {
    fc.assert(
      fc.property(subs, share, (people, percentage) => {
        const paused = snapshotOf({ percentage }, 'paused');
        const mine: Assignment = { phase: 'some', attempt: 1, segment: 'some', isBack: false };
        for (const sub of people) {
          expect(ask(paused, sub)).toMatchObject({ decision: 'stay' });
          expect(ask(paused, sub).assign).toBeUndefined();
          expect(ask(paused, sub, [mine]).decision).toBe('migrate');
        }
      }),
    );
  });
});

describe('nodes on one database', () => {
  let stage: RolloutStage;
  beforeAll(async () => {
    stage = await openRolloutStage();
  });
  afterAll(() => stage?.close());
  beforeEach(() => stage.sql('delete from rollout_assignments'));

  const plan = (percentage: number) =>
    stage.plan({
      segments: { some: { percentage } },
      phases: [
        { name: 'some', segments: ['some'] },
        { name: 'rest', segments: ['some'] },
      ],
    });
  const asked = (sub: string) => ({ person: person(sub), isThere: false });
  const rows = (sub: string) => stage.sql('select * from rollout_assignments where sub = $1', [sub]);

  test('that decide on somebody at the same moment agree, and write one row', async () => {
    await plan(100);
    await stage.turn('some', 'running');
    const nodes = [stage.node(), stage.node(), stage.node()];
    for (const sub of ['shop:1', 'shop:2', 'shop:3']) {
      const answers = await Promise.all(nodes.map((node) => node.decide(TARGET, asked(sub))));
      expect(new Set(answers.map((answer) => JSON.stringify(answer?.phase)))).toEqual(new Set(['"some"']));
      expect(answers.map((answer) => answer?.decision)).toEqual(['migrate', 'migrate', 'migrate']);
      expect(await rows(sub)).toHaveLength(1);
    }
  });

  test('see each change with the very next decision', async () => {
    const [here, there] = [stage.node(), stage.node()];
    const decisions = async (sub: string) =>
      Promise.all([here, there].map(async (node) => (await node.decide(TARGET, asked(sub)))?.decision));
    expect(await decisions('shop:1')).toEqual(['migrate', 'migrate']);
    await stage.turn('some', 'paused');
    expect(await decisions('shop:1')).toEqual(['migrate', 'migrate']);
    expect(await decisions('shop:new')).toEqual(['stay', 'stay']);
    expect(await rows('shop:new')).toEqual([]);
    await stage.turn('some', 'rolled-back');
    expect(await decisions('shop:1')).toEqual(['stay', 'stay']);
    await stage.turn('some', 'running');
    expect(await decisions('shop:1')).toEqual(['migrate', 'migrate']);
    expect(await rows('shop:1')).toMatchObject([{ phase: 'some', attempt: 2 }]);
  });

  test('let nobody go when the plan has a smaller share, and take nobody new beyond it', async () => {
    await plan(100);
    const node = stage.node();
    const people = Array.from({ length: 30 }, (_, at) => `shop:${at}`);
    for (const sub of people) await node.decide(TARGET, asked(sub));
    await plan(0.01);
    for (const sub of people) expect((await node.decide(TARGET, asked(sub)))?.decision).toBe('migrate');
    const others = Array.from({ length: 30 }, (_, at) => `shop:other-${at}`);
    const moved = await Promise.all(others.map((sub) => node.decide(TARGET, asked(sub))));
    expect(moved.filter((answer) => answer?.decision === 'migrate').length).toBeLessThan(3);
  });
});
