/** Footbridge as a process of its own, started as its operator does: `footbridge start --config …`. */
import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parse, stringify } from 'yaml';
import { Browser } from '../support/browser.ts';
import { freePort } from '../support/ports.ts';
import type { World } from './world.ts';

export interface Server {
  readonly issuer: string;
  /** Where it listens, also where the issuer is a balancer's. */
  readonly port: number;
  readonly inside: string;
  readonly process: ChildProcess;
  /** All it has written to stdout and stderr. */
  output(): string;
  /** Resolves to the exit code. */
  readonly exited: Promise<number | null>;
}

/** A dozen others may compute on the same two cores. */
const START_MS = 90_000;

/** What is run, where that is not this checkout as it is. */
export interface Program {
  readonly entry?: string;
  /** Node's own arguments, before it. */
  readonly execArgv?: readonly string[];
}

/** Another node beside the world's own, on the same databases, under an issuer of its own. */
export async function startServer(
  world: Pick<World, 'configFile' | 'data'>,
  change: (settings: Settings) => void = () => undefined,
  { entry = resolve(import.meta.dirname, '../../bin/footbridge.js'), execArgv = [] }: Program = {},
): Promise<Server> {
  const [port, inner] = [await freePort(), await freePort()];
  const issuer = `http://127.0.0.1:${port}`;
  const settings = parse(readFileSync(world.configFile, 'utf8')) as Settings;
  settings.provider.issuer = issuer;
  settings.listen = { public: { port }, private: { port: inner } };
  settings.log = { level: 'debug' };
  change(settings);
  const file = join(world.data, `server-${port}.yaml`);
  writeFileSync(file, stringify(settings), { mode: 0o600 });
  const child = spawn(process.execPath, [...execArgv, entry, 'start', '--config', file]);
  const chunks: Buffer[] = [];
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => chunks.push(chunk));
  const output = () => Buffer.concat(chunks).toString();
  const exited = once(child, 'exit').then(([code]) => code as number | null);
  const { host } = new URL(settings.provider.issuer);
  const answers = until(async () => {
    if (child.exitCode !== null) throw new Error(`the server ended: ${output()}`);
    // Behind a balancer the issuer's host is not where this node listens.
    const discovery = `${issuer}/.well-known/openid-configuration`;
    return (await new Browser().visit(discovery, { headers: { host } })).status === 200;
  }, START_MS);
  await answers.catch((error) => {
    child.kill('SIGKILL');
    throw error;
  });
  const inside = `http://127.0.0.1:${inner}`;
  return { issuer: settings.provider.issuer, port, inside, process: child, output, exited };
}

// biome-ignore lint/suspicious/noExplicitAny: the file as it was written, changed by tests at will
type Settings = Record<string, any>;

const PAUSE_MS = 50;

/** Waits for a condition; a refused connection is a no. */
export async function until(condition: () => Promise<boolean>, timeoutMs = 20_000): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    const met = await condition().catch((error) => {
      if (
        (error as NodeJS.ErrnoException).code === 'ECONNREFUSED' ||
        (error as NodeJS.ErrnoException).code === 'ECONNRESET'
      )
        return false;
      throw error;
    });
    if (met) return;
    if (Date.now() > deadline) throw new Error(`not met within ${timeoutMs} ms`);
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  }
}
