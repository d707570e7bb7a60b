/** A private NATS with JetStream on loopback: with a token, and a folder of its own that goes with the test. */
import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../support/ports.ts';
import { requires } from '../support/requires.ts';

export interface Nats {
  readonly port: number;
  readonly token: string;
  /** Without the token. */
  readonly url: string;
  /** Ends the server as a power cut does, and leaves what it has stored. */
  kill(): Promise<void>;
  /** Starts it again with what it has stored. */
  start(): Promise<void>;
  stop(): Promise<void>;
}

const STARTS_WITHIN_MS = 30_000;
const PAUSE_MS = 25;

/** For `describe.skipIf(requiresNats().skip)(…)`. */
export const requiresNats = () => requires('NATS', 'nats-server');

/** `authorization`: what of the configuration says who may do what, in place of the token. */
export async function startNats({ authorization }: { authorization?: string } = {}): Promise<Nats> {
  const folder = await mkdtemp(join(tmpdir(), 'footbridge-nats-'));
  const port = await freePort();
  const token = 'only-for-these-tests';
  const config = join(folder, 'nats.conf');
  await writeFile(
    config,
    `host: 127.0.0.1, port: ${port}
     ${authorization ?? `authorization { token: "${token}" }`}
     jetstream { store_dir: "${join(folder, 'store')}" }`,
    { mode: 0o600 },
  );
  let server: ChildProcess | undefined;
  const start = async () => {
    const started = spawn(requiresNats().path!, ['-c', config], { stdio: 'ignore' });
    server = started;
    await answering(port, started);
  };
  const end = async (signal: NodeJS.Signals) => {
    const running = server;
    server = undefined;
    if (!running || running.exitCode !== null || running.signalCode !== null) return;
    const gone = once(running, 'exit');
    running.kill(signal);
    await gone;
  };
  const stop = async () => {
    await end('SIGTERM');
    await rm(folder, { recursive: true, force: true });
  };
  try {
    await start();
  } catch (error) {
    await stop();
    throw error;
  }
  return { port, token, url: `nats://127.0.0.1:${port}`, kill: () => end('SIGKILL'), start, stop };
}

async function answering(port: number, server: ChildProcess): Promise<void> {
  for (let waitedMs = 0; waitedMs < STARTS_WITHIN_MS; waitedMs += PAUSE_MS) {
    if (server.exitCode !== null) throw new Error('NATS ended while starting');
    if (await greets(port)) return;
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  }
  throw new Error('NATS does not answer');
}

/** A server begins with `INFO` (NATS client protocol). */
function greets(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    const end = (answer: boolean) => {
      socket.destroy();
      resolve(answer);
    };
    socket.once('data', (data) => end(data.toString().startsWith('INFO ')));
    socket.once('error', () => end(false));
    socket.once('close', () => end(false));
  });
}
