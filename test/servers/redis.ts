/** A private Redis on loopback: with a password, in memory, gone with the test. */
import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createClient } from '@redis/client';
import { freePort } from '../support/ports.ts';
import { requires } from '../support/requires.ts';

export interface Redis {
  readonly port: number;
  readonly password: string;
  /** With the password in it. */
  readonly url: string;
  /** One command, on a connection of its own. */
  run(...command: string[]): Promise<unknown>;
  stop(): Promise<void>;
}

const STARTS_WITHIN_MS = 30_000;
const PAUSE_MS = 50;

/** For `describe.skipIf(requiresRedis().skip)(…)`. */
export const requiresRedis = () => requires('Redis', 'redis-server', 'valkey-server');

export async function startRedis(): Promise<Redis> {
  const folder = await mkdtemp(join(tmpdir(), 'footbridge-redis-'));
  const port = await freePort();
  const password = 'only-for-these-tests';
  const server = spawn(
    requiresRedis().path!,
    [
      ...['--bind', '127.0.0.1', '--port', String(port), '--dir', folder],
      ...['--save', '', '--appendonly', 'no', '--requirepass', password],
    ],
    { stdio: 'ignore' },
  );
  const gone = new Promise<void>((resolve) => server.once('exit', () => resolve()));
  const url = `redis://:${password}@127.0.0.1:${port}`;

  const run = async (...command: string[]) => {
    const client = createClient({ url, socket: { reconnectStrategy: false } });
    client.on('error', () => undefined);
    await client.connect();
    try {
      return await client.sendCommand(command);
    } finally {
      client.destroy();
    }
  };
  const stop = async () => {
    server.kill('SIGTERM');
    await gone;
    await rm(folder, { recursive: true, force: true });
  };
  try {
    await answering(() => run('PING'), gone);
  } catch (error) {
    await stop();
    throw error;
  }
  return { port, password, url, run, stop };
}

async function answering(ask: () => Promise<unknown>, gone: Promise<void>): Promise<void> {
  let ended = false;
  void gone.then(() => {
    ended = true;
  });
  for (let waitedMs = 0; waitedMs < STARTS_WITHIN_MS && !ended; waitedMs += PAUSE_MS) {
    const answers = await ask().then(
      () => true,
      () => false,
    );
    if (answers) return;
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  }
  throw new Error(ended ? 'Redis ended while starting' : 'Redis does not answer');
}
