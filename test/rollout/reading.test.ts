import { afterAll, beforeAll, expect, test } from 'vitest';
import type { RolloutStage } from './rollout-stage.ts';
import { openRolloutStage, person, TARGET } from './rollout-stage.ts';

let stage: RolloutStage;
beforeAll(async () => {
  stage = await openRolloutStage();
});
afterAll(() => stage?.close());

test('a plan that another version of us has kept, and that is not understood, moves nobody and stops nobody', async () => {
  await stage.plan({ phases: [{ name: 'everybody' }] });
  await stage.turn('everybody', 'running');
  expect(await stage.node().decide(TARGET, { person: person('shop:1'), isThere: false })).toMatchObject({
    decision: 'migrate',
  });
  await stage.sql(`update rollout_plans set plan = plan || '{"colour": "red"}'`);
  for (const isThere of [false, true])
    expect(await stage.node().decide(TARGET, { person: person('shop:2'), isThere })).toMatchObject({
      ...{ decision: 'stay', reason: 'everything_off' },
    });
});

test('a plan that was read before a change is read again, also by whoever waits for that reading', async () => {
  await stage.plan({ phases: [{ name: 'everybody' }] });
  const node = stage.node();
  const ask = (sub: string) => node.decide(TARGET, { person: person(sub), isThere: false });
  expect(await ask('shop:3')).toMatchObject({ decision: 'migrate' });
  await stage.turn('everybody', 'rolled-back');
  const all = await Promise.all(Array.from({ length: 8 }, (_, at) => ask(`shop:${10 + at}`)));
  expect(new Set(all.map((one) => one?.decision))).toEqual(new Set(['stay']));
  expect(await node.phaseOf(TARGET, 'shop:3')).toBe('everybody');
  expect(await node.phaseOf(TARGET, 'shop:99')).toBeUndefined();
});
