/** kill -9 at any moment of a batch: nobody is lost, nobody is doubled, and it goes on. */
import { afterEach, describe, expect, test } from 'vitest';
import { CHUNK_STEPS } from '../../../src/migration/batch/sending.ts';
import { tellFault } from '../../support/fault-row.ts';
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

test('a node that dies after each step of a chunk, one after the other, leaves people whom the last one finds', async () => {
  const users = 50 * (CHUNK_STEPS.length + 2);
  world = await openBatchWorld(users, { flags: true });
  await world.planned('b', { size: 50, workers: 1 });
  for (const step of CHUNK_STEPS) {
    const node = await world.node('b', step);
    node.go();
    expect([step, await node.ended()]).toEqual([step, null]);
  }
  // As half a minute later, when everybody knows that they are dead.
  await world.sql(`update target_work set leased_until = now() - interval '1 second'`);
  await world.sql('update batch_users set due_at = now() where outcome is null');
  const last = await world.node('b');
  last.go();
  expect(await last.ended()).toBe(0);
  await everybodyOnce(world, users);
  expect(await world.legacySql('select count(*)::int from people where moved = 1')).toEqual([
    { count: users },
  ]);
  tellFault({
    id: 'R2',
    fault: 'kill -9 after each step of a chunk of a batch',
    load: `${users} people in chunks of 50, ${CHUNK_STEPS.length} kills: after ${CHUNK_STEPS.join(', ')}`,
    lost: 0,
    doubled: 0,
    unexplained5xx: 0,
    recovery: 'once the leases of half a minute have run out, the next node ends it',
  });
}, 300_000);

/** In short; `FOOTBRIDGE_LONG=1` has 100,000 people and 200 kills, which takes many times as long. */
const [USERS, KILLS] = process.env.FOOTBRIDGE_LONG ? [100_000, 200] : [4_000, 12];
const SIZE = 50;
const WORKERS = 2;
/** Steps between two kills at most: so that they are all over the batch. */
const MAX_STEPS = Math.floor(((2 * USERS) / SIZE / KILLS) * CHUNK_STEPS.length * 0.6);
/** The bar is two seconds on a machine that has nothing else to do. */
const RESUMED_WITHIN_MS = 20_000;

describe(`a batch of ${USERS.toLocaleString('en')}, killed ${KILLS} times`, () => {
  const seed = Number(process.env.FOOTBRIDGE_SEED ?? 20_261_121);
  test(`loses nobody and doubles nobody (FOOTBRIDGE_SEED=${seed})`, async () => {
    world = await openBatchWorld(USERS);
    await world.planned('b', { size: SIZE, workers: WORKERS });
    const { kills, slowestMs } = await killAllOver(world, seeded(seed));
    expect(kills).toBe(KILLS);
    expect(slowestMs).toBeLessThan(RESUMED_WITHIN_MS);
    await everybodyOnce(world, USERS);
    const resent = await resentOf(world);
    expect(resent).toBeLessThanOrEqual(KILLS * SIZE * WORKERS);
    const { checksum } = await world.kratos();
    await world.close();
    world = await openBatchWorld(USERS);
    await world.planned('b', { size: 1_000, workers: WORKERS });
    const node = await world.node('b');
    node.go();
    expect(await node.ended()).toBe(0);
    expect((await world.kratos()).checksum).toBe(checksum);
    tellFault({
      id: 'R1',
      fault: `kill -9 at ${KILLS} points of a batch`,
      load: `${USERS.toLocaleString('en')} people, ${WORKERS} workers with ${SIZE} each`,
      lost: 0,
      doubled: 0,
      unexplained5xx: 0,
      recovery: `the next node’s first step within ${(slowestMs / 1_000).toFixed(1)} s; ${resent} people sent again; the same checksum as without kills`,
    });
  }, 3_600_000);
});

/** One node after the other works and is killed in the middle; the last one ends it. How long one took to begin, at most. */
async function killAllOver(there: BatchWorld, random: () => number) {
  let kills = 0;
  let slowestMs = 0;
  for (let next = there.node('b'); kills < KILLS; ) {
    const node = await next;
    next = there.node('b');
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
    if (kills < KILLS) continue;
    const last = await next;
    last.go();
    expect(await last.ended()).toBe(0);
  }
  return { kills, slowestMs };
}

/** Whose secrets were released more than once: whoever was on the way when a node died is sent by the next one as well. */
async function resentOf(there: BatchWorld): Promise<number> {
  const [row] = await there.sql(`select coalesce(sum(times - 1), 0)::int as resent
    from (select count(*) as times from audit_log where action = 'secrets.released' group by subject) s`);
  return Number(row?.resent);
}
