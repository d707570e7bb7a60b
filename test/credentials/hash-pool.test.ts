import { BroadcastChannel } from 'node:worker_threads';
import { afterEach, describe, expect, test, vi } from 'vitest';
import type { ParsedHash } from '../../src/credentials/hash.ts';
import type { HashPoolOptions, RunOptions } from '../../src/credentials/hash-pool.ts';
import { HashPool } from '../../src/credentials/hash-pool.ts';

const pools: HashPool[] = [];
afterEach(async () => {
  await Promise.all(pools.splice(0).map((pool) => pool.close()));
});

function poolOf(options: Partial<HashPoolOptions> = {}): HashPool {
  const worker = new URL('./fixtures/held-worker.ts', import.meta.url);
  const pool = new HashPool({
    slots: 1,
    cores: 2,
    threadPoolSlots: 1,
    queueLength: 1,
    queueWaitSeconds: 60,
    worker,
    ...options,
  });
  pools.push(pool);
  return pool;
}

function job(instruction: string) {
  return { hash: {} as ParsedHash, password: Buffer.from(instruction, 'utf8') };
}

/** From now on it is so many milliseconds later. */
function passes(ms: number) {
  const at = performance.now() + ms;
  return vi.spyOn(performance, 'now').mockReturnValue(at);
}

/** What runs meanwhile has taken so long, on a machine of any speed. */
async function taking(ms: number, work: () => Promise<() => Promise<unknown>>): Promise<void> {
  const at = performance.now();
  const clock = vi.spyOn(performance, 'now').mockReturnValue(at);
  const end = await work();
  clock.mockReturnValue(at + ms);
  await end();
  clock.mockRestore();
}

let holds = 0;

/** A job that keeps its slot until released; resolves once it has begun. */
async function hold(pool: HashPool, options: RunOptions = {}) {
  holds += 1;
  const name = `hold ${process.pid} ${holds}`;
  const channel = new BroadcastChannel(name);
  const held = new Promise((resolve) => {
    channel.onmessage = resolve;
  });
  const answer = pool.run(job(name), options);
  await held;
  const release = async () => {
    channel.postMessage('go');
    channel.close();
    return answer;
  };
  return { release };
}

describe('the hash pool', () => {
  test('never runs more jobs than it has slots', async () => {
    const pool = poolOf();
    const first = await hold(pool);
    const second = pool.run(job('answer'));
    expect(pool.stats()).toEqual({ slots: 1, running: 1, queued: 1 });
    await first.release();
    await second;
    expect(pool.stats()).toEqual({ slots: 1, running: 0, queued: 0 });
  });

  test('serves who waits in the order of arrival', async () => {
    const pool = poolOf({ queueLength: 3 });
    const first = await hold(pool);
    const order: number[] = [];
    const waiting = [1, 2, 3].map((at) => pool.run(job('answer')).then(() => order.push(at)));
    await first.release();
    await Promise.all(waiting);
    expect(order).toEqual([1, 2, 3]);
  });

  test('refuses a job beyond the queue before any work', async () => {
    const pool = poolOf();
    const first = await hold(pool);
    const second = pool.run(job('answer'));
    await expect(pool.run(job('answer'))).rejects.toMatchObject({
      code: 'hashing_overloaded',
      status: 503,
      retryAfterSeconds: expect.any(Number),
    });
    await first.release();
    await expect(second).resolves.toEqual({ matches: true });
  });

  test('refuses a job that would wait longer than allowed, however long the queue may be', async () => {
    const pool = poolOf({ queueLength: 1000, queueWaitSeconds: 1 });
    const first = await hold(pool);
    const waiting = Array.from({ length: 20 }, () => pool.run(job('answer')));
    const outcomes = Promise.allSettled(waiting);
    expect(pool.stats().queued).toBeLessThan(20);
    await first.release();
    const refused = (await outcomes).filter(({ status }) => status === 'rejected');
    expect(refused.length).toBeGreaterThan(0);
    expect(refused.length).toBeLessThan(20);
  });

  test('refuses a job that has waited twice as long as allowed, when its turn comes', async () => {
    const pool = poolOf({ queueWaitSeconds: 1 });
    const first = await hold(pool);
    // Had it been run, the worker would be gone and the last answer with it.
    const late = pool.run(job('crash'));
    const clock = passes(2_001);
    const refused = expect(late).rejects.toMatchObject({ code: 'hashing_overloaded' });
    await first.release();
    await refused;
    clock.mockRestore();
    expect(pool.stats()).toEqual({ slots: 1, running: 0, queued: 0 });
    await expect(pool.run(job('answer'))).resolves.toEqual({ matches: true });
  });

  test('goes by how long the first hash took, and no longer by a guess', async () => {
    const pool = poolOf({ queueWaitSeconds: 2 });
    const first = await hold(pool);
    const clock = passes(3_000);
    await first.release();
    clock.mockRestore();
    const second = await hold(pool);
    await expect(pool.run(job('answer'))).rejects.toMatchObject({ code: 'hashing_overloaded' });
    await second.release();
  });

  /** How many may wait where all slots are taken by hashes on so many threads, and two seconds are allowed. */
  async function mayWait(pool: HashPool, threads: number): Promise<number> {
    const running = [await hold(pool, { threads }), await hold(pool, { threads })];
    const coming = Promise.allSettled(Array.from({ length: 10 }, () => pool.run(job('answer'), { threads })));
    const { queued } = pool.stats();
    for (const { release } of running) await release();
    await coming;
    return queued;
  }

  test.each([
    ['one thread', 1, 4],
    ['all cores', 2, 2],
    ['more threads than there are cores', 8, 2],
  ])('knows of a hash on %s that ran alone how long it takes beside others', async (_, threads, queued) => {
    const pool = poolOf({ slots: 2, queueLength: 100, queueWaitSeconds: 2 });
    await taking(900, async () => (await hold(pool, { threads })).release);
    expect(await mayWait(pool, threads)).toBe(queued);
  });

  test('knows of hashes that ran side by side how long they take', async () => {
    const pool = poolOf({ slots: 2, queueLength: 100, queueWaitSeconds: 2 });
    await taking(900, async () => {
      const pair = [await hold(pool, { threads: 4 }), await hold(pool, { threads: 4 })];
      return async () => {
        for (const { release } of pair) await release();
      };
    });
    expect(await mayWait(pool, 4)).toBe(3);
  });

  test('accepts again when the storm is over', async () => {
    const pool = poolOf({ queueLength: 0 });
    const first = await hold(pool);
    await expect(pool.run(job('answer'))).rejects.toMatchObject({ code: 'hashing_overloaded' });
    await first.release();
    await expect(pool.run(job('answer'))).resolves.toEqual({ matches: true });
  });

  test('drops a waiting job whose caller has gone', async () => {
    const pool = poolOf();
    const first = await hold(pool);
    const caller = new AbortController();
    // Had it been run, the worker would be gone and the last answer with it.
    const dropped = pool.run(job('crash'), { signal: caller.signal });
    caller.abort();
    await expect(dropped).rejects.toMatchObject({ name: 'AbortError' });
    expect(pool.stats().queued).toBe(0);
    const last = pool.run(job('answer'));
    await first.release();
    await expect(last).resolves.toEqual({ matches: true });
  });

  test('does not begin a job whose caller had gone before', async () => {
    const pool = poolOf();
    await expect(pool.run(job('crash'), { signal: AbortSignal.abort() })).rejects.toMatchObject({
      name: 'AbortError',
    });
    expect(pool.stats()).toMatchObject({ running: 0, queued: 0 });
  });

  test('finishes a job that has begun, and keeps its slot until then', async () => {
    const pool = poolOf();
    const first = await hold(pool);
    expect(pool.stats().running).toBe(1);
    await expect(first.release()).resolves.toEqual({ matches: true });
  });

  test('answers the job of a worker that dies with an error', async () => {
    await expect(poolOf().run(job('crash'))).rejects.toMatchObject({ code: 'internal', status: 500 });
  });

  test('replaces a worker that dies, and the others live on', async () => {
    const pool = poolOf({ slots: 2, queueLength: 3 });
    const other = await hold(pool);
    const crashed = pool.run(job('crash'));
    const next = pool.run(job('answer'));
    await expect(crashed).rejects.toMatchObject({ code: 'internal' });
    await expect(next).resolves.toEqual({ matches: true });
    await expect(other.release()).resolves.toEqual({ matches: true });
    expect(pool.stats()).toEqual({ slots: 2, running: 0, queued: 0 });
  });

  test('replaces a worker that dies while it is idle', async () => {
    const pool = poolOf();
    const died = new Promise((resolve) => {
      process.once('worker', (worker) => worker.once('exit', resolve));
    });
    await expect(pool.run(job('answer and die'))).resolves.toEqual({ matches: true });
    await died;
    await expect(pool.run(job('answer'))).resolves.toEqual({ matches: true });
  });

  test('answers with an error when its workers cannot start', async () => {
    const pool = poolOf({ worker: new URL('./fixtures/no-such-worker.ts', import.meta.url) });
    await expect(pool.run(job('answer'))).rejects.toMatchObject({ code: 'internal' });
    expect(pool.stats().running).toBe(0);
  });

  test("keeps some of libuv's threads free, and lets other hashes pass meanwhile", async () => {
    const pool = poolOf({ slots: 2, queueLength: 2 });
    const first = await hold(pool, { usesThreadPool: true });
    const second = pool.run(job('answer'), { usesThreadPool: true });
    expect(pool.stats()).toMatchObject({ running: 1, queued: 1 });
    await expect(pool.run(job('answer'))).resolves.toEqual({ matches: true });
    expect(pool.stats()).toMatchObject({ running: 1, queued: 1 });
    await first.release();
    await expect(second).resolves.toEqual({ matches: true });
  });

  test('runs without a worker what needs none, within the same slots', async () => {
    const pool = poolOf({ worker: new URL('./fixtures/no-such-worker.ts', import.meta.url) });
    const held = Promise.withResolvers<{ matches: boolean }>();
    const first = pool.run(job('any'), { aside: () => held.promise });
    const second = pool.run(job('any'), { aside: async () => ({ matches: false }) });
    expect(pool.stats()).toMatchObject({ running: 1, queued: 1 });
    held.resolve({ matches: true });
    await expect(first).resolves.toEqual({ matches: true });
    await expect(second).resolves.toEqual({ matches: false });
    const broken = pool.run(job('any'), { aside: () => Promise.reject(new Error('broken')) });
    await expect(broken).rejects.toMatchObject({ code: 'internal' });
    expect(pool.stats()).toMatchObject({ running: 0, queued: 0 });
  });

  test('turns away before their other work those who would find the queue full', async () => {
    const pool = poolOf({ queueLength: 3 });
    const early = pool.announce();
    const running = await hold(pool);
    // Nobody waits: that somebody comes is no reason yet.
    const [second, third] = [pool.announce(), pool.announce()];
    third();
    third();
    const waiting = pool.run(job('answer'));
    expect(() => pool.announce()).toThrow(expect.objectContaining({ code: 'hashing_overloaded' }));
    second();
    pool.announce()();
    early();
    await running.release();
    await waiting;
  });

  test('refuses what waits and what comes once it closes, and lets running jobs finish', async () => {
    const pool = poolOf();
    const running = await hold(pool);
    const waiting = pool.run(job('answer'));
    const closed = pool.close();
    await expect(waiting).rejects.toMatchObject({ code: 'hashing_overloaded' });
    await expect(pool.run(job('answer'))).rejects.toMatchObject({ code: 'hashing_overloaded' });
    await expect(running.release()).resolves.toEqual({ matches: true });
    await closed;
  });
});
