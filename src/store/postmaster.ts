/** What `postmaster.pid` says about a data folder, checked against the process it names. */
import { execFile } from 'node:child_process';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { promisify } from 'node:util';

export interface Postmaster {
  readonly pid: number;
  readonly port: number;
  /** False while it starts, recovers or stops. */
  readonly ready: boolean;
}

/** How often a file or a process is looked at while waiting. */
const POLL_MS = 25;
/** A fast shutdown writes a checkpoint; past this the server is told to quit at once, and recovers at its next start. */
const FAST_SHUTDOWN_MS = 20_000;
const IMMEDIATE_SHUTDOWN_MS = 5_000;
/** A server writes its pid file right after creating it. */
const FILLING_MS = 1_000;
/** Above the largest process id Linux can have (2^22), so no process answers to it. */
const NOBODYS_PID = 4_194_305;

/** The server that runs on this data folder, or undefined. A stale file, or a process id used again, is not one. */
export async function findPostmaster(dataFolder: string): Promise<Postmaster | undefined> {
  const lines = await pidFileLines(dataFolder);
  const pid = Number(lines[0]);
  if (!Number.isInteger(pid) || pid <= 0 || !(await runsOn(pid, dataFolder))) return undefined;
  // Line 4 is the port, line 8 the state: src/include/utils/pidfile.h.
  return { pid, port: Number(lines[3]), ready: lines[7]?.trim() === 'ready' };
}

/**
 * Makes a left-over `postmaster.pid` harmless where PostgreSQL would believe it. One that names an ended process is
 * left to PostgreSQL, which finds surviving back-ends through it.
 */
export async function disarmPidFile(dataFolder: string): Promise<void> {
  const file = join(dataFolder, 'postmaster.pid');
  const lines = await pidFileLines(dataFolder);
  const pid = Number(lines[0]);
  if (pid > 0) {
    // The id went to some other process meanwhile, which is usual in containers.
    const foreign = send(pid, 0) && !(await runsOn(pid, dataFolder));
    if (foreign) await writeFile(file, [NOBODYS_PID, ...lines.slice(1)].join('\n'));
    return;
  }
  if (lines.length === 0) return;
  // Empty: a server that starts is about to fill it, or a crash of the machine left it so for ever.
  await wait(FILLING_MS);
  const later = await pidFileLines(dataFolder);
  if (later.join() === lines.join()) await rm(file, { force: true });
}

/** Waits until the server is ready; undefined when time is up or `givesUp` says so. */
export async function waitUntilReady(
  dataFolder: string,
  { timeoutMs, givesUp }: { timeoutMs: number; givesUp: (found: Postmaster | undefined) => boolean },
): Promise<Postmaster | undefined> {
  const deadline = performance.now() + timeoutMs;
  while (performance.now() < deadline) {
    const found = await findPostmaster(dataFolder);
    if (found?.ready) return found;
    if (givesUp(found)) return undefined;
    await wait(POLL_MS);
  }
  return undefined;
}

/** Stops the server of this data folder and waits. Nothing to stop is fine. */
export async function stopPostmaster(dataFolder: string): Promise<void> {
  // Signals as pg_ctl sends them: SIGINT is a fast, SIGQUIT an immediate shutdown.
  for (const [signal, limitMs] of [
    ['SIGINT', FAST_SHUTDOWN_MS],
    ['SIGQUIT', IMMEDIATE_SHUTDOWN_MS],
  ] as const) {
    const running = await findPostmaster(dataFolder);
    if (!running || !send(running.pid, signal)) return;
    const deadline = performance.now() + limitMs;
    while (performance.now() < deadline) {
      if ((await findPostmaster(dataFolder))?.pid !== running.pid) return;
      await wait(POLL_MS);
    }
  }
}

/** False when there is no such process; signal 0 only asks. */
function send(pid: number, signal: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(pid, signal);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

async function pidFileLines(dataFolder: string): Promise<string[]> {
  const text = await readFile(join(dataFolder, 'postmaster.pid'), 'utf8').catch(() => undefined);
  return text === undefined ? [] : text.split('\n');
}

/** Whether the process was started with `-D <dataFolder>`. An ended but unreaped process has no command line. */
async function runsOn(pid: number, dataFolder: string): Promise<boolean> {
  if (process.platform === 'linux') {
    const args = (await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')).split('\0');
    return args[args.indexOf('-D') + 1] === dataFolder;
  }
  const listed = await promisify(execFile)('ps', ['-ww', '-o', 'args=', '-p', String(pid)]).catch(
    () => undefined,
  );
  return listed?.stdout.includes(`-D ${dataFolder} `) ?? false;
}
