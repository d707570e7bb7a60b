/** Servers of a test's own: everything is stopped and removed when the test has finished. */
import type { ChildProcess, SpawnOptions } from 'node:child_process';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdtemp, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';
import type { EmbeddedPostgres } from '../../src/store/embedded.ts';
import { startEmbeddedPostgres } from '../../src/store/embedded.ts';
import { stopPostmaster } from '../../src/store/postmaster.ts';
import { execute } from '../support/database.ts';

export const SCRIPT = fileURLToPath(new URL('start-embedded.ts', import.meta.url));

export async function folder(): Promise<string> {
  const made = await realpath(await mkdtemp(join(tmpdir(), 'footbridge-embedded-')));
  await chmod(made, 0o755);
  onTestFinished(() => rm(made, { recursive: true, force: true }));
  return made;
}

export const data = (dataDir: string) => join(dataDir, 'cluster', 'data');

export async function start(dataDir: string, options: { port?: number } = {}): Promise<EmbeddedPostgres> {
  const postgres = await startEmbeddedPostgres({ dataDir, fast: true, ...options });
  onTestFinished(() => postgres.stop());
  return postgres;
}

/** A process of its own that starts PostgreSQL; its first line tells how it went. */
export async function startElsewhere(dataDir: string, options: SpawnOptions = {}) {
  const child = spawn(process.execPath, [SCRIPT, dataDir], {
    stdio: ['pipe', 'pipe', 'inherit'],
    ...options,
  });
  onTestFinished(async () => {
    await kill(child);
    await stopPostmaster(await realpath(data(dataDir)).catch(() => dataDir));
  });
  const failed = once(child, 'error').then(([error]) => Promise.reject(error));
  const [said] = await Promise.race([once(createInterface(child.stdout!), 'line'), failed]);
  return { child, said: String(said) };
}

/** With -9, as nobody can prepare for. */
export async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill('SIGKILL');
  await exited;
}

/** What the start says when it fails. */
export async function failure(dataDir: string, options: { port?: number } = {}): Promise<string> {
  return start(dataDir, options).then(() => 'it started', String);
}

export const query = (postgres: EmbeddedPostgres, sql: string) => execute(postgres.url('postgres'), sql);
