/** What happens to the queue when NATS, the way there, or a node is gone: on a real server that is really killed. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import { Secret } from '../../../src/settings.ts';
import { loadNatsDriver, missingNatsDriver } from '../../../src/sync/queue/nats-driver.ts';
import { openNatsQueue } from '../../../src/sync/queue/nats-queue.ts';
import type { Nats } from '../../servers/nats.ts';
import { requiresNats, startNats } from '../../servers/nats.ts';
import { freePort } from '../../support/ports.ts';
import type { NatsPlace } from './nats-place.ts';
import { openNatsPlace } from './nats-place.ts';
import { change, dead, done, later, peopleOf, statsOf, takeNow, takeSoon } from './queue-place.ts';

const nats = requiresNats();
const SOON = { timeout: 60_000, interval: 20 };
const UNAVAILABLE = { code: 'storage_unavailable' };

describe.skipIf(nats.skip)(nats.name, () => {
  let server: Nats;
  let place: NatsPlace;
  beforeEach(async () => {
    server = await startNats();
    place = await openNatsPlace(server);
  });
  afterEach(async () => {
    await place.close();
    await server.stop();
  });

  describe('while NATS is away', () => {
    test('everything says so at once, and goes on by itself; nothing is lost', async () => {
      const queue = await place.open();
      await queue.put([change('waits'), change('tried'), change('dies')]);
      const turns = await takeSoon(queue, 3);
      const by = (person: string) => turns.find((turn) => turn.person === person)!;
      await queue.settle([later(by('tried'), 1), dead(by('dies'))]);
      await server.kill();
      await vi.waitFor(() => expect(queue.stats()).rejects.toMatchObject(UNAVAILABLE), SOON);
      await expect(queue.put([change('lost')])).rejects.toMatchObject(UNAVAILABLE);
      await expect(takeNow(queue)).rejects.toMatchObject(UNAVAILABLE);
      await expect(queue.settle(done([by('waits')]))).rejects.toMatchObject(UNAVAILABLE);
      await expect(queue.dead({ limit: 1 })).rejects.toMatchObject(UNAVAILABLE);
      await server.start();
      await vi.waitFor(() => queue.stats(), SOON);
      // The turn that was under way is still its taker's. What was settled just before may come again.
      await vi.waitFor(() => queue.settle(done([by('waits')])), SOON);
      const seen = new Set<string>();
      await vi.waitFor(async () => {
        const again = await takeNow(queue);
        for (const { person } of again) seen.add(person);
        await queue.settle(done(again));
        expect(await statsOf(queue)).toMatchObject({ live: 0, underWay: 0 });
        expect(seen).toContain('tried');
      }, SOON);
      expect([...seen, ...peopleOf(await queue.dead({ limit: 9 }))]).toContain('dies');
    });

    test('opening and closing are no failure', async () => {
      const errors: unknown[] = [];
      const queue = openNatsQueue(
        {
          ...{ engine: 'nats', partitions: 4, replicas: 1, prefix: 'nowhere' },
          servers: [`nats://127.0.0.1:${await freePort()}`],
        },
        { targets: [], onError: (error) => errors.push(error) },
      );
      await expect(queue.put([change('a')])).rejects.toMatchObject(UNAVAILABLE);
      await vi.waitFor(() => expect(errors).toMatchObject([UNAVAILABLE]), SOON);
      await queue.close();
      await expect(queue.stats()).rejects.toMatchObject(UNAVAILABLE);
      expect(errors).toHaveLength(1);
    });

    test('what was put and not answered is put again, and counts once', async () => {
      const queue = await place.open();
      const changes = Array.from({ length: 3_000 }, (_, index) => change(`p${index}`));
      const putting = queue.put(changes).catch((error) => error);
      await place.cut(queue);
      expect(await putting).toMatchObject(UNAVAILABLE);
      await place.mend(queue);
      await vi.waitFor(() => queue.stats(), SOON);
      await vi.waitFor(() => queue.put(changes), SOON);
      expect(await statsOf(queue)).toMatchObject({ live: 3_000 });
    });
  });

  describe('a wrong way in', () => {
    test('is an outage whose reason is told, without the token', async () => {
      const errors: { message: string; detail?: string }[] = [];
      const queue = openNatsQueue(
        {
          ...{ engine: 'nats', partitions: 4, replicas: 1, prefix: 'wrong' },
          servers: [server.url],
          token: new Secret('not-the-token'),
        },
        { targets: [], onError: (error) => errors.push(error as never) },
      );
      await vi.waitFor(() => expect(errors.length).toBeGreaterThan(0), SOON);
      expect(errors[0]).toMatchObject({ ...UNAVAILABLE, detail: expect.stringMatching(/authorization/i) });
      expect(JSON.stringify(errors.map(({ message, detail }) => [message, detail]))).not.toContain(
        'not-the-token',
      );
      await queue.close();
    });

    test('is one without TLS where the settings want it', async () => {
      const errors: { detail?: string }[] = [];
      const queue = openNatsQueue(
        {
          ...{ engine: 'nats', partitions: 4, replicas: 1, prefix: 'wrong' },
          servers: [server.url.replace('nats:', 'tls:')],
          token: new Secret(server.token),
        },
        { targets: [], onError: (error) => errors.push(error as never) },
      );
      await vi.waitFor(() => expect(errors).toMatchObject([UNAVAILABLE]), SOON);
      expect(errors[0]!.detail).toMatch(/tls/i);
      await queue.close();
    });

    test('are other partitions while something waits', async () => {
      const queue = await place.open();
      await queue.put([change('a')]);
      const other = await place.open({ partitions: 8, isWrong: true });
      await vi.waitFor(() => expect(place.errors).toHaveLength(1), SOON);
      await expect(other.put([change('b')])).rejects.toMatchObject({
        code: 'config_invalid',
        detail: expect.stringContaining('16 partitions'),
      });
      await queue.settle(done(await takeSoon(queue, 1)));
      await queue.close();
      const after = await place.open({ partitions: 8 });
      await after.put([change('b')]);
      expect(peopleOf(await takeSoon(after, 1))).toEqual(['b']);
    });
  });

  describe('a node', () => {
    test('that is killed with -9 loses its turns after the lease, and nobody is lost', async () => {
      const queue = await place.open();
      await queue.put(Array.from({ length: 30 }, (_, index) => change(`p${index}`)));
      const node = spawn(
        process.execPath,
        [join(import.meta.dirname, 'queue-node.ts'), String(server.port), server.token, place.prefix, '3'],
        { stdio: ['ignore', 'pipe', 'inherit'] },
      );
      const taken: string[] = [];
      createInterface({ input: node.stdout! }).on('line', (person) => taken.push(person));
      await vi.waitFor(() => expect(taken.length).toBeGreaterThanOrEqual(10), SOON);
      const gone = once(node, 'exit');
      node.kill('SIGKILL');
      await gone;
      const turns = await takeSoon(queue, 30, { leaseSeconds: 3_600 });
      expect(new Set(peopleOf(turns)).size).toBe(30);
      await queue.settle(done(turns));
      expect(await statsOf(queue)).toMatchObject({ live: 0, underWay: 0 });
    });

    test('that is cut off takes nobody, and settles nothing that others have by then', async () => {
      const cut = await place.open();
      await cut.put([change('shop:1')]);
      const [old] = await takeSoon(cut, 1, { leaseSeconds: 2 });
      await place.cut(cut);
      const other = await place.open();
      const [turn] = await takeSoon(other, 1, { leaseSeconds: 3_600 });
      expect(turn).toMatchObject({ person: 'shop:1', attempts: 0 });
      await place.mend(cut);
      await vi.waitFor(() => cut.stats(), SOON);
      await cut.settle([later(old!, 3_600)]);
      await cut.settle(done([old!]));
      expect(await takeNow(cut)).toEqual([]);
      expect(await statsOf(other)).toMatchObject({ live: 1, underWay: 1, waiting: 0 });
      await other.settle(done([turn!]));
      expect(await statsOf(other)).toMatchObject({ live: 0 });
    });

    test('that is cut off for a moment goes on with the turns that it has', async () => {
      const queue = await place.open({ nodeSeconds: 30 });
      await queue.put([change('shop:1'), change('shop:2')]);
      const turns = await takeSoon(queue, 2, { leaseSeconds: 3_600 });
      await place.cut(queue);
      await place.mend(queue);
      await vi.waitFor(() => queue.stats(), SOON);
      await vi.waitFor(() => queue.settle(done(turns)), SOON);
      // What was not delivered again by then is acknowledged as soon as it is.
      await vi.waitFor(
        async () => expect(await statsOf(queue)).toMatchObject({ live: 0, underWay: 0 }),
        SOON,
      );
    });

    test('shares the partitions with those that come, and takes them over from those that go', async () => {
      const first = await place.open();
      const people = Array.from({ length: 200 }, (_, index) => change(`p${index}`));
      await first.put(people);
      await place.knows!(first, 200);
      const second = await place.open();
      await vi.waitFor(async () => {
        await second.take({ targets: ['cidaas'], limit: 0, leaseSeconds: 1 });
        await second.take({ targets: ['cidaas'], limit: 1, leaseSeconds: 0 });
        const [a, b] = [first.held().people, second.held().people];
        expect([a + b, Math.min(a, b) > 50]).toEqual([200, true]);
      }, SOON);
      await second.close();
      await place.knows!(first, 200);
    });

    test('that only looks and drives takes no partition', async () => {
      const operator = await place.open();
      await operator.put([change('shop:1')]);
      expect(await statsOf(operator)).toMatchObject({ live: 1 });
      const node = await place.open();
      await node.settle((await takeSoon(node, 1)).map(dead));
      expect(await operator.dead({ limit: 9 })).toHaveLength(1);
      expect(await operator.redrive({ target: 'cidaas' })).toBe(1);
      expect(peopleOf(await takeSoon(node, 1))).toEqual(['shop:1']);
    });
  });

  describe('what has a bound', () => {
    test('is what a node has in memory, whatever waits', async () => {
      const queue = await place.open({ partitions: 2 });
      await queue.put(Array.from({ length: 6_000 }, (_, index) => change(`p${index}`, { lane: 'backlog' })));
      await place.knows!(queue, 1_000);
      expect(queue.held().changes).toBeLessThanOrEqual(2 * 512);
      let done = 0;
      while (done < 6_000) {
        const turns = await takeSoon(queue, Math.min(100, 6_000 - done));
        await queue.settle(turns.map((turn) => ({ turn, result: 'done' as const })));
        done += turns.length;
        expect(queue.held().changes).toBeLessThanOrEqual(2 * 512);
      }
      expect(await statsOf(queue)).toMatchObject({ backlog: 0 });
    });

    test('is what waits: more is refused, and there is room again when it is less', async () => {
      const queue = await place.open({ maxBytes: 200_000 });
      const put = (from: number) =>
        queue.put(Array.from({ length: 200 }, (_, index) => change(`p${from + index}`)));
      const failure = await (async () => {
        for (let from = 0; from < 10_000; from += 200) await put(from);
      })().catch((error) => error);
      expect(failure).toMatchObject({ code: 'backlog_full', retryAfterSeconds: 5 });
      await vi.waitFor(async () => {
        const turns = await takeNow(queue, 500);
        await queue.settle(done(turns));
        expect(await statsOf(queue)).toMatchObject({ live: 0 });
      }, SOON);
      expect(await put(20_000)).toBe(200);
    });

    test('is one change', async () => {
      const queue = await place.open();
      const hint = { passwordAt: new Date(0).toISOString(), sealedPassword: 'x'.repeat(20_000) };
      await expect(queue.put([change('shop:1', { hint })])).rejects.toMatchObject({ code: 'bad_request' });
    });
  });
});

describe.skipIf(nats.skip)(nats.name, () => {
  test('grants all that is needed with what docs/sync-scaling.md says, and no more', async () => {
    const page = readFileSync(join(import.meta.dirname, '../../../docs/sync-scaling.md'), 'utf8');
    const [authorization] = /^authorization \{\n[\s\S]+?^\}$/m.exec(page)!;
    const server = await startNats({ authorization: authorization.replace('$NATS_PASSWORD', 'of-the-test') });
    onTestFinished(() => server.stop());
    const open = (prefix: string, errors: unknown[]) =>
      openNatsQueue(
        {
          ...{ engine: 'nats', partitions: 4, replicas: 1, prefix, user: 'footbridge' },
          servers: [server.url],
          password: new Secret('of-the-test'),
        },
        { targets: ['cidaas'], maxBytes: 64 * 1024 ** 2, onError: (error) => errors.push(error) },
      );
    const errors: unknown[] = [];
    const queue = open('footbridge', errors);
    await vi.waitFor(() => queue.stats(), SOON);
    await queue.put([change('a'), change('b')]);
    const [a, b] = await takeSoon(queue, 2);
    await queue.settle([dead(a!), later(b!, 0)]);
    await queue.settle(done(await takeSoon(queue, 1)));
    expect(await queue.redrive({ target: 'cidaas' })).toBe(1);
    await queue.settle(done(await takeSoon(queue, 1)));
    expect(await queue.replay({ target: 'cidaas', since: new Date(0), until: new Date() })).toBe(2);
    await queue.close();
    expect(errors).toEqual([]);
    const another = open('another', []);
    await vi.waitFor(() => another.stats(), SOON);
    await expect(another.put([change('a')])).rejects.toMatchObject(UNAVAILABLE);
    await another.close();
  });
});

describe('the driver', () => {
  test('is there', () => {
    expect(missingNatsDriver()).toBeUndefined();
  });

  test('that is not there is said with the line that installs it', async () => {
    expect(missingNatsDriver(['@nats-io/nothing'])).toContain('npm install @nats-io/transport-node');
    await expect(loadNatsDriver(['@nats-io/nothing'])).rejects.toMatchObject({ code: 'config_invalid' });
  });
});
