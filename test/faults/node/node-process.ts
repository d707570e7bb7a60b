/** `footbridge start` as a process of its own, whose log goes where the test wants it. */
import type { ChildProcess, StdioOptions } from 'node:child_process';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { until } from '../../flows/server.ts';
import { Browser } from '../../support/browser.ts';

/** A dozen others may compute on the same two cores. */
const START_MS = 90_000;
/** Of its log, when it is to be seen why. */
const LAST_WORDS = 4_000;

export interface NodeProcess {
  readonly process: ChildProcess;
  readonly exited: Promise<number | null>;
  isAlive(): boolean;
  /** What it has written to pipes of ours. */
  output(): string;
  /** In MiB, what it has in memory, and the most since it was last asked; Linux only. */
  memory(): { readonly now: number; readonly peak: number };
  /** At once: tests of an orderly end are elsewhere. Throws when it has ended by itself. */
  end(): Promise<void>;
}

export async function startNode(
  configFile: string,
  { issuer, stderr = 'pipe' }: { readonly issuer: string; readonly stderr?: 'pipe' | number },
): Promise<NodeProcess> {
  const program = resolve(import.meta.dirname, '../../../bin/footbridge.js');
  const stdio: StdioOptions = ['ignore', 'ignore', stderr];
  const child = spawn(process.execPath, [program, 'start', '--config', configFile], { stdio });
  const chunks: Buffer[] = [];
  child.stderr?.on('data', (chunk: Buffer) => chunks.push(chunk));
  const output = () => Buffer.concat(chunks).toString();
  const exited = once(child, 'exit').then(([code]) => code as number | null);
  // A run that is given up leaves nothing behind.
  const orphaned = () => child.kill('SIGKILL');
  process.once('exit', orphaned);
  const isAlive = () => child.exitCode === null && child.signalCode === null;
  const kill = async () => {
    process.off('exit', orphaned);
    child.kill('SIGKILL');
    await exited;
  };
  const end = async () => {
    const hasEnded = !isAlive();
    await kill();
    if (hasEnded) throw new Error(`the server has ended by itself: ${output().slice(-LAST_WORDS)}`);
  };
  try {
    await until(async () => {
      if (!isAlive()) throw new Error(`the server ended: ${output()}`);
      return (await new Browser().visit(`${issuer}/jwks`)).status === 200;
    }, START_MS);
  } catch (error) {
    await kill();
    throw error;
  }
  const memory = () => {
    const status = readFileSync(`/proc/${child.pid}/status`, 'utf8');
    const of = (name: string) => Number(new RegExp(`${name}:\\s+(\\d+)`).exec(status)?.[1]) / 1024;
    // Begins the peak anew (proc(5)).
    writeFileSync(`/proc/${child.pid}/clear_refs`, '5');
    return { now: of('VmRSS'), peak: of('VmHWM') };
  };
  return { process: child, exited, isAlive, output, memory, end };
}
