/** Nodes of the queue at one NATS, each with a way there that can be cut. */
import { randomBytes } from 'node:crypto';
import type { Server, Socket } from 'node:net';
import { connect, createServer } from 'node:net';
import { expect, vi } from 'vitest';
import { Secret } from '../../../src/settings.ts';
import type { ChangeQueue } from '../../../src/sync/queue/change-queue.ts';
import type { NatsQueue, NatsQueueOptions } from '../../../src/sync/queue/nats-queue.ts';
import { openNatsQueue } from '../../../src/sync/queue/nats-queue.ts';
import type { Nats } from '../../servers/nats.ts';
import type { QueuePlace } from './queue-place.ts';
import { statsOf } from './queue-place.ts';

/** `isWrong`: it will not come up. */
type Opening = Partial<NatsQueueOptions> & { readonly partitions?: number; readonly isWrong?: true };

export interface NatsPlace extends QueuePlace {
  readonly prefix: string;
  readonly errors: unknown[];
  open(options?: Opening): Promise<NatsQueue>;
  /** Nothing goes through any more, in either direction. */
  cut(queue: ChangeQueue): Promise<void>;
  mend(queue: ChangeQueue): Promise<void>;
}

const SOON = { timeout: 30_000, interval: 10 };

export async function openNatsPlace({ port, token }: Pick<Nats, 'port' | 'token'>): Promise<NatsPlace> {
  const prefix = `t${randomBytes(6).toString('hex')}`;
  const ways = new Map<ChangeQueue, Way>();
  const errors: unknown[] = [];
  const wayOf = (queue: ChangeQueue) => ways.get(queue)!;
  return {
    prefix,
    errors,
    async open({ partitions = 16, isWrong, ...options } = {}) {
      const way = await openWay(port);
      const queue = openNatsQueue(
        {
          engine: 'nats',
          servers: [`nats://127.0.0.1:${way.port}`],
          token: new Secret(token),
          partitions,
          replicas: 1,
          prefix,
        },
        {
          targets: ['cidaas', 'keycloak'],
          onError: (error) => errors.push(error),
          nodeSeconds: 3,
          maxBytes: 64 * 1024 ** 2,
          ...options,
        },
      );
      ways.set(queue, way);
      if (!isWrong) await vi.waitFor(() => queue.stats(), SOON);
      return queue;
    },
    kill: (queue) => wayOf(queue).cut(),
    cut: (queue) => wayOf(queue).cut(),
    mend: (queue) => wayOf(queue).mend(),
    async knows(queue, people) {
      await vi.waitFor(async () => {
        await queue.take({ targets: ['cidaas', 'keycloak'], limit: 1, leaseSeconds: 0 });
        expect((queue as NatsQueue).held().people).toBeGreaterThanOrEqual(people);
      }, SOON);
    },
    async heard(queue) {
      const { live, backlog } = await statsOf(queue);
      return (queue as NatsQueue).held().changes === live + backlog;
    },
    async close() {
      await Promise.all([...ways].map(([queue, way]) => queue.close().finally(() => way.close())));
    },
  };
}

interface Way {
  readonly port: number;
  cut(): Promise<void>;
  mend(): Promise<void>;
  close(): Promise<void>;
}

/** A connection through here ends when the way is cut, without a word to the other side but the end itself. */
async function openWay(to: number): Promise<Way> {
  const sockets = new Set<Socket>();
  const server: Server = createServer((near) => {
    const far = connect(to, '127.0.0.1');
    for (const [one, other] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(one);
      one.pipe(other);
      one.on('error', () => other.destroy());
      one.on('close', () => {
        sockets.delete(one);
        other.destroy();
      });
    }
  });
  const listen = (port: number) =>
    new Promise<number>((resolve) => {
      server.listen(port, '127.0.0.1', () => resolve((server.address() as { port: number }).port));
    });
  const port = await listen(0);
  const cut = async () => {
    if (!server.listening) return;
    const closed = new Promise((resolve) => server.close(resolve));
    for (const socket of sockets) socket.destroy();
    await closed;
  };
  return { port, cut, mend: async () => void (await listen(port)), close: cut };
}
