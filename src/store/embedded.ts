/**
 * PostgreSQL without installing it: for the demo, for tests and for a single machine. A server of our own on
 * 127.0.0.1, with a password, in a folder of ours. Larger set-ups name a server in `database.url` instead.
 */
import { spawn } from 'node:child_process';
import { open, readFile, writeFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import pg from 'pg';
import { EmbeddedPostgresError } from './embedded-binaries.ts';
import type { Cluster } from './embedded-cluster.ts';
import { MAJOR_VERSION, openCluster, program, USER } from './embedded-cluster.ts';
import type { Postmaster } from './postmaster.ts';
import { disarmPidFile, findPostmaster, stopPostmaster, waitUntilReady } from './postmaster.ts';

export { EmbeddedPostgresError };

export interface EmbeddedPostgres {
  readonly port: number;
  /** With the password in it: for drivers, never for logs. */
  url(database: string): string;
  ensureDatabase(name: string): Promise<void>;
  /** Ends the server, adopted or not, and waits. Never throws; a second call does nothing. */
  stop(): Promise<void>;
}

export interface EmbeddedPostgresOptions {
  /** Everything is kept in here; created when missing. */
  readonly dataDir: string;
  /** Default: any free one. A running server is adopted with the port it has. */
  readonly port?: number;
  /** Gives up durability at power loss. For tests. */
  readonly fast?: boolean;
  readonly log?: (line: string) => void;
}

/** Recovery after a crash replays the write-ahead log first. */
const START_TIMEOUT_MS = 60_000;
/** Settles two starts at once, a free port taken in between, and back-ends that outlive a killed server for a moment. */
const START_ATTEMPTS = 10;
const PAUSE_BETWEEN_ATTEMPTS_MS = 200;
/** How much of the server's log is read to explain a failed start. */
const LOG_TAIL_BYTES = 4_096;

/**
 * Starts the server, or adopts the one that already runs on this folder: an orphan of a killed process, or another
 * start's. Throws EmbeddedPostgresError with one sentence.
 */
export async function startEmbeddedPostgres(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  const log = options.log ?? (() => undefined);
  const cluster = await openCluster({ dataDir: options.dataDir, fast: options.fast ?? false, log });
  for (let attempt = 1; ; attempt++) {
    const running = await adoptable(cluster);
    if (running) {
      log(`PostgreSQL was already running on ${options.dataDir}: using it, on port ${running.port}`);
      return handle(cluster, running);
    }
    const started = await launch(cluster, { ...options, port: options.port ?? (await freePort()) });
    if ('port' in started) {
      log(`PostgreSQL ${MAJOR_VERSION} started on 127.0.0.1:${started.port}`);
      return handle(cluster, started);
    }
    if (attempt === START_ATTEMPTS || !worthAnotherTry(started.reason, options)) {
      throw new EmbeddedPostgresError(explain(started.reason, options));
    }
    await wait(PAUSE_BETWEEN_ATTEMPTS_MS);
  }
}

async function handle(cluster: Cluster, { port }: Postmaster): Promise<EmbeddedPostgres> {
  const password = await readFile(join(cluster.folder, 'password'), 'utf8');
  const url = (database: string) =>
    `postgresql://${USER}:${password}@127.0.0.1:${port}/${encodeURIComponent(database)}`;
  return {
    port,
    url,
    ensureDatabase: (name) => ensureDatabase(url('postgres'), name),
    stop: () => stopPostmaster(cluster.data),
  };
}

async function ensureDatabase(serverUrl: string, name: string): Promise<void> {
  const client = new pg.Client({ connectionString: serverUrl });
  await client.connect();
  try {
    const found = await client.query('select from pg_database where datname = $1', [name]);
    if (found.rowCount === 0) await client.query(`create database ${pg.escapeIdentifier(name)}`);
  } catch (error) {
    // 42P04 and 23505: somebody else created it at the same moment.
    if (!['42P04', '23505'].includes((error as { code?: string }).code ?? '')) throw error;
  } finally {
    await client.end();
  }
}

/** The server that already runs here, once it is ready. */
async function adoptable({ data }: Cluster): Promise<Postmaster | undefined> {
  const ready = await waitUntilReady(data, { timeoutMs: START_TIMEOUT_MS, givesUp: (found) => !found });
  if (ready) return ready;
  const stuck = await findPostmaster(data);
  if (stuck) {
    throw new EmbeddedPostgresError(
      `PostgreSQL already runs on ${data} (process ${stuck.pid}) and does not become ready: end it and try again.`,
    );
  }
  await disarmPidFile(data);
  return undefined;
}

interface LaunchOptions extends EmbeddedPostgresOptions {
  readonly port: number;
}

/** Several files of tests at once, each with nodes that have pools of their own. */
const TEST_CONNECTIONS = 300;

/** Settings of the server. Its log gets neither values nor rows (security.md A11), and it opens no socket file. */
function settings({ port, fast = false }: LaunchOptions): string[] {
  const wanted = {
    listen_addresses: '127.0.0.1',
    port,
    unix_socket_directories: '',
    timezone: 'UTC',
    lc_messages: 'C',
    log_error_verbosity: 'terse',
    log_min_error_statement: 'panic',
    log_checkpoints: 'off',
    // Still survives the death of the process, only not of the machine.
    ...(fast && { fsync: 'off', full_page_writes: 'off', max_connections: TEST_CONNECTIONS }),
  };
  return Object.entries(wanted).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
}

async function launch(cluster: Cluster, options: LaunchOptions): Promise<Postmaster | { reason: string }> {
  const logFile = join(cluster.folder, 'postgres.log');
  // A fresh log per start bounds it; appending, because another start at the same time writes there too.
  await writeFile(logFile, '', { mode: 0o600 });
  const output = await open(logFile, 'a');
  const command = program(cluster, 'postgres', ['-D', cluster.data, ...settings(options)]);
  const child = spawn(command.file, command.argv, {
    ...command.options,
    // Of its own process group: a Ctrl-C in the terminal reaches us only, and we stop the server when it is no longer
    // needed.
    detached: true,
    stdio: ['ignore', output.fd, output.fd],
  });
  child.unref();
  const ended: string[] = [];
  child.once('exit', () => ended.push('')).once('error', ({ message }) => ended.push(`FATAL: ${message}`));
  await output.close();
  const ready = await waitUntilReady(cluster.data, {
    timeoutMs: START_TIMEOUT_MS,
    givesUp: () => ended.length > 0,
  });
  if (ready) return ready;
  if (ended.length === 0) await stopPostmaster(cluster.data);
  return { reason: (await readFile(logFile, 'utf8')).slice(-LOG_TAIL_BYTES) + ended.join('') };
}

const PORT_TAKEN = /Address already in use/;
const SOMEBODY_IS_HERE = /lock file "postmaster.pid" already exists|pre-existing shared memory block/;

function worthAnotherTry(reason: string, { port }: EmbeddedPostgresOptions): boolean {
  return SOMEBODY_IS_HERE.test(reason) || (port === undefined && PORT_TAKEN.test(reason));
}

function explain(reason: string, { dataDir, port }: EmbeddedPostgresOptions): string {
  if (PORT_TAKEN.test(reason)) {
    return `Port ${port} on 127.0.0.1 is taken by another program: end that program, or choose another port.`;
  }
  const last = reason
    .trim()
    .split('\n')
    .findLast((line) => /FATAL|PANIC|rror/.test(line));
  return `PostgreSQL did not start on ${dataDir}: ${last?.replace(/^.*?(FATAL|PANIC): +/, '') ?? 'it gave no reason'}.`;
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer().once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
}
