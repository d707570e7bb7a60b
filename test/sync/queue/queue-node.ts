/** A node of its own process: takes whoever is due, says so, and settles nothing. Killed by the test. */
import { Secret } from '../../../src/settings.ts';
import { openNatsQueue } from '../../../src/sync/queue/nats-queue.ts';

const [port, token, prefix, seconds] = process.argv.slice(2) as [string, string, string, string];
const queue = openNatsQueue(
  {
    engine: 'nats',
    servers: [`nats://127.0.0.1:${port}`],
    token: new Secret(token),
    partitions: 16,
    replicas: 1,
    prefix,
  },
  { targets: ['cidaas'], nodeSeconds: 2, maxBytes: 64 * 1024 ** 2, onError: () => undefined },
);
setInterval(async () => {
  const turns = await queue
    .take({ targets: ['cidaas'], limit: 10, leaseSeconds: Number(seconds) })
    .catch(() => []);
  for (const { person } of turns) process.stdout.write(`${person}\n`);
}, 20);
