/** kill -9 at any moment of a batch: nobody is lost, nobody is doubled, and it goes on. */
import { afterEach, describe, expect, test } from 'vitest';
import { CHUNK_STEPS } from '../../../src/migration/batch/sending.ts';
import type { BatchWorld } from './batch-world.ts';
import { openBatchWorld, seeded } from './batch-world.ts';

let world: BatchWorld | undefined;
afterEach(() => world?.close());

/** At the target and in our own database everybody is once, as in the legacy store; both sides have one checksum. */
async function everybodyOnce(there: BatchWorld, users: number, batch = 'b'): Promise<void> {
  expect(await there.kratos()).toMatchObject({ identities: users, duplicates: 0 });
  expect(await there.sql('select state, count(*)::int from ledger group by 1')).toEqual([
    { state: 'migrated', count: users },
  ]);
  expect(await there.sql('select count(distinct target_user_id)::int as ids from ledger')).toEqual([
    { ids: users },
  ]);
  expect((await there.ours.batches.status(batch)).counts).toMatchObject({
    users,
    waiting: 0,
    migrated: users,
    failed: 0,
  });
  expect(await there.sql('select count(*)::int from target_work')).toEqual([{ count: 0 }]);
}

describe('a node that dies', () => {
  test.each(CHUNK_STEPS)(
    'after the step “%s” leaves people whom the next one finds',
    async (step) => {
      world = await openBatchWorld(120, { flags: true });
      await world.planned('b', { size: 50, workers: 1 });
      const first = await world.node('b', step);
      const second = await world.node('b');
      first.go();
      await first.ended();
      second.go();
      expect(await second.ended()).toBe(0);
      await everybodyOnce(world, 120);
      expect(await world.legacySql('select count(*)::int from people where moved = 1')).toEqual([
        { count: 120 },
      ]);
    },
    60_000,
  );
});

/** In short; `FOOTBRIDGE_LONG=1` has 100,000 people and 200 kills, which takes many times as long. */
const [USERS, KILLS] = process.env.FOOTBRIDGE_LONG ? [100_000, 200] : [15_000, 25];
const SIZE = 50;
const WORKERS = 2;
/** Steps between two kills at most: so that they are all over the batch. */
const MAX_STEPS = Math.floor(((2 * USERS) / SIZE / KILLS) * CHUNK_STEPS.length * 0.6);

describe(`a batch of ${USERS.toLocaleString('en')}, killed ${KILLS} times`, () => {
  const seed = Number(process.env.FOOTBRIDGE_SEED ?? 20_261_121);
  test(`loses nobody and doubles nobody (FOOTBRIDGE_SEED=${seed})`, async () => {
    world = await openBatchWorld(USERS);
    await world.planned('b', { size: SIZE, workers: WORKERS });
    const random = seeded(seed);
    let kills = 0;
    let slowestMs = 0;
    for (let next = world.node('b'); kills < KILLS; ) {
      const node = await next;
      next = world.node('b');
      const startMs = performance.now();
      node.go();
      const steps = 1 + Math.floor(random() * MAX_STEPS);
      let line = await node.line();
      slowestMs = Math.max(slowestMs, performance.now() - startMs);
      for (let step = 1; step < steps && line !== undefined && !line.startsWith('end'); step++)
        line = await node.line();
      if (line?.startsWith('end') || line === undefined) break;
      await node.kill();
      kills++;
      if (kills === KILLS) {
        const last = await next;
        last.go();
        expect(await last.ended()).toBe(0);
      }
    }
    expect(kills).toBe(KILLS);
    await everybodyOnce(world, USERS);
    const { calls } = await world.kratos();
    process.stderr.write(
      `${kills} kills, ${calls} calls, first step after a kill within ${Math.round(slowestMs)} ms\n`,
    );
    const { checksum } = await world.kratos();
    await world.close();
    world = await openBatchWorld(USERS);
    await world.planned('b', { size: 1_000, workers: WORKERS });
    const node = await world.node('b');
    node.go();
    expect(await node.ended()).toBe(0);
    expect((await world.kratos()).checksum).toBe(checksum);
  }, 900_000);
});
