/** The engine against a target that fails in every way: nobody is lost, nobody is doubled, nobody else waits. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ensured } from './batch-checks.ts';
import type { BatchStage } from './batch-stage.ts';
import { openBatchStage } from './batch-stage.ts';

const USERS = 200;
let stage: BatchStage;
beforeEach(async () => {
  stage = await openBatchStage(USERS);
});
afterEach(() => stage.close());

async function run(pace: Parameters<BatchStage['planned']>[1] = {}, { seconds = 15 } = {}) {
  await stage.planned('b', pace);
  return goOn({ seconds });
}

async function goOn({ seconds = 15 } = {}) {
  await stage.batches.start('b');
  const status = await stage.engine.run('b', { signal: AbortSignal.timeout(seconds * 1_000) });
  expect(stage.errors).toEqual([]);
  return status;
}

const sql = (text: string, values?: unknown[]) => stage.sql(text, values);
const sentTwice = () => [...stage.target.sent].filter(([, times]) => times > 1).map(([sub]) => sub);

describe('a batch', () => {
  test('brings everybody to the target, once, in calls of its size', async () => {
    const { state, counts } = await run();
    expect({ state, counts }).toEqual({
      state: 'done',
      counts: { users: USERS, waiting: 0, migrated: USERS, created: 0, there: 0, skipped: 0, failed: 0 },
    });
    expect(Math.max(...stage.target.calls)).toBe(50);
    expect(sentTwice()).toEqual([]);
    await ensured(stage, { moved: USERS });
    expect(await sql('select action, count(*)::int from audit_log group by 1 order by 1')).toEqual([
      { action: 'ledger.confirm', count: USERS },
      { action: 'secrets.released', count: USERS },
    ]);
  });

  test('writes to the outbox where each has come from and gone to', async () => {
    await run();
    expect(
      await sql('select from_state, to_state, count(*)::int from ledger_outbox group by 1, 2 order by 1'),
    ).toEqual([
      { from_state: 'legacy', to_state: 'releasing', count: USERS },
      { from_state: 'releasing', to_state: 'migrated', count: USERS },
    ]);
  });

  test('records which hash each was given, and never the hash', async () => {
    await run();
    const records = await sql(`select detail from audit_log where action = 'secrets.released' limit 1`);
    expect(records[0]!.detail).toMatchObject({ batch: 'b', road: 'batch', password: { format: 'bcrypt' } });
    expect(JSON.stringify(await sql('select detail from audit_log'))).not.toContain('$2b$');
  });

  test('said again, sends nobody', async () => {
    await run();
    await expect(stage.batches.start('b')).rejects.toMatchObject({ code: 'batch_state' });
    await stage.planned('again');
    await stage.batches.start('again');
    const { counts } = await stage.engine.run('again', { signal: AbortSignal.timeout(15_000) });
    expect(counts).toMatchObject({ there: USERS, migrated: 0 });
    expect(sentTwice()).toEqual([]);
  });

  test('goes in the order that it was planned in', async () => {
    const order: string[] = [];
    stage.target.before = async (users) => void order.push(...users.map(({ legacyId }) => legacyId));
    await run({ workers: 1 });
    expect(order).toEqual(Array.from({ length: USERS }, (_, n) => String(n + 1)));
  });
});

describe('one bad record', () => {
  test('arrives when it is mended and replayed', async () => {
    stage.target.refuses = ({ legacyId }) =>
      legacyId === '7' ? { kind: 'refused', code: 'BAD-1', sentence: 'The email is taken.' } : undefined;
    await run();
    stage.target.refuses = undefined;
    expect(await stage.batches.replay('b', { code: 'target:other' })).toBe(0);
    expect(await stage.batches.replay('b', { code: 'target:BAD-1' })).toBe(1);
    expect((await stage.batches.status('b')).counts).toMatchObject({ waiting: 1, failed: 0 });
    const { state, counts } = await goOn();
    expect({ state, ...counts }).toMatchObject({ state: 'done', migrated: USERS, failed: 0 });
    await ensured(stage, { moved: USERS });
  });

  test('in the legacy store is a dead letter that names what is wrong', async () => {
    await stage.legacySql(`update people set password = 'no hash at all' where id = 9`);
    await stage.legacySql(`update people set given = repeat('x', 10000000) where id = 10`);
    const { counts } = await run();
    expect(counts.waiting).toBe(0);
    expect(counts.migrated + counts.created).toBe(USERS);
    expect(await stage.batches.users('b', { outcome: 'created', limit: 9 })).toMatchObject([
      { sub: 'shop:9', problem: { missing: [{ what: 'password' }] } },
    ]);
  });
});

describe('a target that fails', () => {
  test('for more than a fifth of everybody stops the batch, which says so', async () => {
    stage.target.refuses = () => ({ kind: 'refused', code: 'BAD-2', sentence: 'No.' });
    const { state, note, counts } = await run();
    expect({ state, note }).toMatchObject({ state: 'paused', note: { code: 'too_many_failures' } });
    expect(counts.waiting).toBeGreaterThan(0);
  });
});

describe('the legacy store', () => {
  test('is read afresh: who is gone, disabled or changed since is seen', async () => {
    await stage.planned('b');
    await stage.legacySql('delete from people where id = 3');
    await stage.legacySql('update people set active = false where id = 4');
    await stage.legacySql(`update people set given = 'Newly' where id = 5`);
    const { counts } = await goOn();
    expect(counts).toMatchObject({ migrated: USERS - 2, skipped: 2 });
    expect(await stage.batches.users('b', { outcome: 'skipped', limit: 9 })).toMatchObject([
      { sub: 'shop:3', problem: { code: 'user_not_found' } },
      { sub: 'shop:4', problem: { code: 'user_disabled' } },
    ]);
    const five = [...stage.target.people.values()].find(({ user }) => user.legacyId === '5');
    expect(five?.user.givenName).toBe('Newly');
    expect(await sql(`select count(*)::int from ledger where sub in ('shop:3', 'shop:4')`)).toEqual([
      { count: 0 },
    ]);
  });

  test('that does not answer costs nobody a try', async () => {
    await stage.planned('b');
    await stage.legacySql('alter table people rename to elsewhere');
    await stage.batches.start('b');
    const running = stage.engine.run('b', { signal: AbortSignal.timeout(19_000) });
    await stage.until(async () => (await stage.batches.status('b')).note?.code === 'legacy_down');
    await stage.legacySql('alter table elsewhere rename to people');
    expect(await running).toMatchObject({ state: 'done', counts: { migrated: USERS, failed: 0 } });
  });
});

describe('an operator', () => {
  test('pauses a batch between two calls, and lets it go on', async () => {
    stage.target.before = async () => {
      if (stage.target.calls.length === 2)
        await stage.batches.pause('b', { code: 'paused_by_operator', sentence: 'Lunch.' });
      return undefined;
    };
    const paused = await run({ workers: 1, size: 20 });
    expect(paused).toMatchObject({ state: 'paused', counts: { migrated: 40, waiting: USERS - 40 } });
    expect(await sql('select count(*)::int from target_work')).toEqual([{ count: 0 }]);
    stage.target.before = undefined;
    expect(await goOn()).toMatchObject({ state: 'done', counts: { migrated: USERS } });
    expect(sentTwice()).toEqual([]);
  });

  test('changes size and speed from the next call on', async () => {
    stage.target.before = async () => {
      if (stage.target.calls.length === 1) await stage.batches.tune('b', { size: 10 });
      return undefined;
    };
    await run({ workers: 1, size: 50 });
    expect(stage.target.calls.slice(0, 3)).toEqual([50, 10, 10]);
  });

  test('limits the users a second, over all workers', async () => {
    const startMs = performance.now();
    const { state } = await run({ workers: 3, size: 20, perSecond: 100 });
    const seconds = (performance.now() - startMs) / 1_000;
    expect(state).toBe('done');
    // A second's worth may come at once.
    expect(seconds).toBeGreaterThanOrEqual((USERS - 100) / 100 - 0.2);
  });

  test('drops a batch of which nobody was sent, and no other', async () => {
    await stage.planned('b');
    await stage.batches.drop('b');
    await expect(stage.batches.status('b')).rejects.toMatchObject({ code: 'batch_not_found' });
    await run();
    await expect(stage.batches.drop('b')).rejects.toMatchObject({ code: 'batch_state' });
    expect((await stage.batches.status('b')).counts.migrated).toBe(USERS);
  });
});
