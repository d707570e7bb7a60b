/** Batches against poisoned answers, a careless operator and an unlucky machine. */
import { setTimeout } from 'node:timers/promises';
import { afterEach, describe, expect, test } from 'vitest';
import { batchUsers } from '../../../src/admin/operations/batch-users.ts';
import { FootbridgeError } from '../../../src/errors.ts';
import { openDirectory } from '../../../src/legacy/directory.ts';
import { legacySettings } from '../../../src/legacy/legacy-settings.ts';
import { findBatch, takeTokens } from '../../../src/migration/batch/batch-rows.ts';
import { takeChunk } from '../../../src/migration/batch/chunk.ts';
import { openBatchEngine } from '../../../src/migration/batch/engine.ts';
import { tellEach } from '../../../src/migration/batch/settling.ts';
import type { TargetUser } from '../../../src/targets/connection.ts';
import type { BatchStage } from '../../migration/batch/batch-stage.ts';
import { openBatchStage } from '../../migration/batch/batch-stage.ts';
import { legacyInput } from '../../migration/batch/people.ts';

let stage: BatchStage;
afterEach(() => stage.close());

async function begun(users: number, pace: Parameters<BatchStage['planned']>[1] = {}) {
  stage = await openBatchStage(users);
  await stage.planned('b', pace);
  await stage.batches.start('b');
}

const runFor = (seconds: number, deps = stage.deps) =>
  openBatchEngine(deps).run('b', { signal: AbortSignal.timeout(seconds * 1_000) });
/** No longer than until this is so; the batch itself would go on. */
async function runUntil(isSo: () => Promise<boolean>, deps = stage.deps) {
  const stop = new AbortController();
  let hasEnded = false;
  const running = openBatchEngine(deps)
    .run('b', { signal: stop.signal })
    .finally(() => {
      hasEnded = true;
    });
  await stage.until(async () => hasEnded || (await isSo()));
  stop.abort();
  return running;
}
const migrated = async () => (await stage.batches.status('b')).counts.migrated;
const countOf = async (text: string) => (await stage.sql(`select count(*)::int from ${text}`))[0]!.count;
const refuseOne = (sentence: string) => {
  stage.target.refuses = ({ legacyId }) =>
    legacyId === '7' ? { kind: 'refused', code: 'bad', sentence } : undefined;
};

/** The target wants to be left alone for so long, once. */
function throttle(retryAfterSeconds: number): () => Promise<void> {
  let calls = 0;
  stage.target.before = async (users) => {
    calls += 1;
    if (calls !== 1) return undefined;
    return users.map(() => ({ kind: 'unavailable', code: '429', isThrottled: true, retryAfterSeconds }));
  };
  // Then the next chunks are ready as well, and wait for their turn.
  return () => stage.until(async () => calls === 1).then(() => setTimeout(1_200));
}

describe('one poisoned record keeps nobody else from arriving', () => {
  test.each(['\u0000', '\ud800'])('where the target’s sentence holds %j', async (character) => {
    await begun(60, { size: 20 });
    refuseOne(`No.${character}`);
    const { state, counts } = await runFor(8);
    expect({ state, ...counts }).toMatchObject({ state: 'done', migrated: 59, failed: 1 });
  });

  test('where something of ours throws over it', async () => {
    await begun(60, { size: 20 });
    const [poisoned] = await stage.legacySql('select password from people where id = 7');
    const { passwords } = stage.deps;
    const translate: typeof passwords.translate = (stored, formats) => {
      if (JSON.stringify(stored).includes(String(poisoned!.password))) throw new TypeError('poison');
      return passwords.translate(stored, formats);
    };
    const deps = { ...stage.deps, passwords: { ...passwords, translate } };
    const { counts } = await runUntil(async () => (await migrated()) === 59, deps);
    expect(counts).toMatchObject({ migrated: 59, failed: 0 });
  });

  test('where the connection throws over it', async () => {
    await begun(60, { size: 20 });
    stage.target.before = async (users: readonly TargetUser[]) => {
      if (users.some(({ legacyId }) => legacyId === '7')) throw new TypeError('poison');
      return undefined;
    };
    expect((await runUntil(async () => (await migrated()) === 59)).counts).toMatchObject({ migrated: 59 });
  });
});

test('a chunk of recoverable passwords larger than the hashing queue gets on', async () => {
  await begun(80, { size: 80, workers: 1 });
  await stage.legacySql(`update people set password = 'canary-' || id`);
  const input = legacyInput(stage.legacy.url);
  const password = [{ format: 'generic-plaintext', columns: { hash: 'password' } }];
  const mapping = { ...input.mapping, password };
  const directory = openDirectory(legacySettings.parse({ ...input, mapping }));
  const { counts } = await runUntil(async () => (await migrated()) > 0, { ...stage.deps, directory });
  await directory.close();
  expect(counts.migrated).toBeGreaterThan(0);
});

describe('while the target wants to be left alone', () => {
  test('somebody who is disabled is not made active there afterwards', async () => {
    await begun(20, { size: 10, workers: 1 });
    const isHeld = throttle(3);
    const running = runFor(12);
    await isHeld();
    await stage.legacySql('update people set active = false');
    expect((await running).counts).toMatchObject({ skipped: 20, migrated: 0 });
  });

  test('a batch that is paused sends nobody any more', async () => {
    await begun(100, { size: 20, workers: 2 });
    const isHeld = throttle(3);
    const running = runFor(12);
    await isHeld();
    await stage.batches.pause('b', { code: 'paused_by_operator', sentence: 'Paused.' });
    expect((await running).counts).toMatchObject({ migrated: 0 });
  });

  test('somebody who logs in does not wait for the batch', async () => {
    await begun(20, { size: 10, workers: 1 });
    const isHeld = throttle(10);
    let isMoved = false;
    const running = runUntil(async () => isMoved);
    await isHeld();
    await stage.sql(`insert into ledger (target, sub, state, from_state, proved_at)
      select 'main', 'shop:' || n, 'authenticated', 'legacy', now() from generate_series(1, 20) n
      on conflict (target, sub) do update set state = 'authenticated'`);
    const [held] = await stage.sql('select sub from target_work where leased_until > now() limit 1');
    const sub = String(held?.sub ?? 'shop:11');
    const result = await stage.mover.move({ target: 'main', sub, road: 'typed', actor: 'user' });
    // The batch still holds whom it has taken: it has eight seconds to go.
    expect(await countOf(`batch_users where outcome is not null`)).toBe(0);
    isMoved = true;
    await running;
    expect(result.kind).toBe('moved');
  });

  test('a node that is told to stop does so at once, and leaves nobody leased', async () => {
    await begun(100, { size: 20, workers: 2 });
    const isHeld = throttle(60);
    const stop = new AbortController();
    const following = stage.engine.follow(stop.signal);
    await isHeld();
    const startedAt = performance.now();
    stop.abort();
    await following;
    expect(performance.now() - startedAt).toBeLessThan(2_000);
    expect(await countOf('batch_users where lease is not null or attempts > 0')).toBe(0);
    expect(await countOf('target_work')).toBe(0);
  });
});

test('a node that is told to stop waits for its call, and what came of it is written down', async () => {
  await begun(100, { size: 50, workers: 1 });
  const stop = new AbortController();
  stage.target.before = async () => {
    stop.abort();
    await setTimeout(1_000);
    return undefined;
  };
  await stage.engine.follow(stop.signal);
  expect((await stage.batches.status('b')).counts).toMatchObject({ migrated: 50, waiting: 50 });
  expect(await countOf('batch_users where lease is not null')).toBe(0);
  expect(await countOf('target_work')).toBe(0);
});

test('stopping a node uses up nobody’s tries', async () => {
  await begun(8, { size: 8, workers: 1 });
  await stage.sql(`insert into target_work (target, sub, road, actor, target_user_id)
    select 'main', 'shop:' || n, 'typed', 'user', 'x' from generate_series(1, 8) n`);
  const stop = new AbortController();
  const { userById } = stage.target;
  stage.target.userById = async (id) => {
    stop.abort();
    await setTimeout(100);
    return userById(id);
  };
  await stage.engine.run('b', { signal: stop.signal });
  expect(await countOf('batch_users where attempts > 0')).toBe(0);
});

test('a worker whose lease has run out fails nobody whom somebody else moves now', async () => {
  await begun(1, { size: 1 });
  const place = { from: { rank: '-1', sub: '' }, size: 1 };
  const chunk = (await takeChunk(stage.db, await findBatch(stage.db, 'b'), place))!;
  await stage.sql(`update target_work set lease = 'login', leased_until = now() + interval '30 seconds'`);
  await stage.sql(`update batch_users set lease = 'other'`);
  await stage.sql(`insert into ledger (target, sub, state, from_state)
    values ('main', 'shop:1', 'authenticated', 'legacy')`);
  const problem = { code: 'target:bad', sentence: 'No.' };
  await tellEach({ ...stage.deps, worker: 'w' }, chunk, [{ sub: 'shop:1', outcome: 'failed', problem }]);
  expect(await stage.sql('select state from ledger')).toEqual([{ state: 'authenticated' }]);
});

test('somebody who is excluded while they are sent is not left active at the target', async () => {
  await begun(4, { size: 4, workers: 1 });
  stage.target.instead = async (outcomes) => {
    await stage.sql(`update ledger set state = 'excluded', from_state = 'releasing' where sub = 'shop:2'`);
    return outcomes;
  };
  await runFor(8);
  const active = [...stage.target.people.values()].filter(({ found }) => found.state === 'active');
  expect(active.map(({ user }) => user.sub).sort()).toEqual(['shop:1', 'shop:3', 'shop:4']);
});

test('a replay at the very end leaves nobody waiting in a batch that is done', async () => {
  await begun(20, { size: 20, workers: 1 });
  refuseOne('No.');
  const { db } = stage.deps;
  let isReplayed = false;
  const replayThenFinish: typeof db.transaction = async (work) => {
    if (!isReplayed) {
      isReplayed = true;
      stage.target.refuses = undefined;
      await stage.batches.replay('b', {});
    }
    return db.transaction(work);
  };
  const { state, counts } = await runFor(8, {
    ...stage.deps,
    db: { ...db, transaction: replayThenFinish },
  });
  expect({ isReplayed, state, ...counts }).toMatchObject({ isReplayed: true, state: 'done', waiting: 0 });
});

test('a plan is dropped while somebody still adds to it', async () => {
  stage = await openBatchStage(1);
  const pace = { size: 5, perSecond: null, workers: 1 };
  await stage.batches.begin({ id: 'd', target: 'main', plan: {}, actor: 'operator:test', ...pace });
  const members = (page: number) =>
    Array.from({ length: 200 }, (_, n) => ({ sub: `s${page}-${n}`, legacyId: `${n}`, rank: n }));
  const adding = (async () => {
    for (let page = 0; ; page += 1) await stage.batches.add('d', members(page), `${page}`);
  })().catch((error: FootbridgeError) => error.code);
  await setTimeout(200);
  await stage.batches.drop('d');
  expect(await adding).toBe('batch_not_found');
});

describe('a batch with a limit of its own', () => {
  test('is not stopped by a clock that was set back', async () => {
    await begun(20, { perSecond: 10 });
    await stage.sql(`update batches set refilled_at = now() + interval '1 hour'`);
    await takeTokens(stage.db, 'b', 2);
    await stage.until(async () => (await takeTokens(stage.db, 'b', 2)).users === 2);
  });

  test('still sends calls of its size', async () => {
    await begun(200, { size: 50, perSecond: 100, workers: 2 });
    await runFor(5);
    expect(stage.target.calls.length).toBeLessThanOrEqual(12);
  });
});

test('why it stands still stays readable while the legacy store is down', async () => {
  await begun(20);
  const findBySubs = () => Promise.reject(new FootbridgeError('legacy_unavailable'));
  let hasSeen = false;
  const running = runUntil(async () => hasSeen, {
    ...stage.deps,
    directory: { ...stage.directory, findBySubs },
  });
  await stage.until(async () => (await stage.batches.status('b')).note !== null);
  const seen = new Set<unknown>();
  for (let look = 0; look < 20; look += 1) {
    seen.add((await stage.batches.status('b')).note?.code);
    await setTimeout(100);
  }
  hasSeen = true;
  await running;
  expect(seen).toEqual(new Set(['legacy_down']));
});

test('what a target says reaches the terminal without its control characters', async () => {
  await begun(10);
  refuseOne('No \u001b[2J\u009b31m\r\nfake line');
  await runFor(5);
  const users = await stage.batches.users('b', { outcome: 'failed', limit: 10 });
  expect(batchUsers.print!({ users } as never)).not.toMatch(/[\0-\x09\x0b-\x1f\x7f-\x9f]/);
});

test('two batches of the same people in opposite orders bring everybody once', async () => {
  await begun(200, { size: 50, workers: 4 });
  const pace = { size: 50, perSecond: null, workers: 4 };
  await stage.batches.begin({ id: 'c', target: 'main', plan: {}, actor: 'operator:test', ...pace });
  const member = (n: number) => ({ sub: `shop:${n}`, legacyId: `${n}`, rank: -n });
  await stage.batches.add(
    'c',
    Array.from({ length: 200 }, (_, n) => member(n + 1)),
    'z',
  );
  await stage.batches.planned('c', null);
  await stage.batches.start('c');
  const options = { signal: AbortSignal.timeout(15_000) };
  const ends = await Promise.all([stage.engine.run('b', options), stage.engine.run('c', options)]);
  expect(ends.map(({ state }) => state)).toEqual(['done', 'done']);
  expect(stage.target.people.size).toBe(200);
  expect([...stage.target.sent.values()].filter((times) => times > 1)).toEqual([]);
});

test('connections that are cut again and again lose and double nobody', async () => {
  await begun(300, { size: 20, workers: 2 });
  stage.target.before = () => setTimeout(50, undefined);
  const running = runFor(18);
  for (let cut = 0; cut < 8; cut += 1) {
    await setTimeout(150);
    await stage.sql(`select pg_terminate_backend(pid) from pg_stat_activity
      where datname = current_database() and pid <> pg_backend_pid()`);
  }
  const { state, counts } = await running;
  expect({ state, ...counts }).toMatchObject({ state: 'done', migrated: 300 });
  expect(stage.target.people.size).toBe(300);
  expect(await countOf('target_work')).toBe(0);
});
