/** A private MariaDB on loopback, in a folder of its own, gone with the test. */

import { spawn, spawnSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { createConnection } from 'mysql2/promise';
import { freePort } from '../support/ports.ts';
import { requires } from '../support/requires.ts';

export interface Mariadb {
  readonly port: number;
  url(database: string): string;
  /** Runs any number of statements, in `database` or in none. */
  execute(sql: string, database?: string): Promise<void>;
  /** Stops it as an administrator does, and starts it on the same port. */
  restart(): Promise<void>;
  stop(): Promise<void>;
}

const STARTS_WITHIN_MS = 60_000;
const PAUSE_MS = 100;

/** For `describe.skipIf(requiresMariadb().skip)(…)`. */
export const requiresMariadb = () => requires('MariaDB', 'mariadbd');

/** `args`: further options of the server. Without `--skip-grant-tables`, root has no password and comes from 127.0.0.1. */
export async function startMariadb({
  args = ['--skip-grant-tables'],
}: {
  readonly args?: readonly string[];
} = {}): Promise<Mariadb> {
  const folder = await mkdtemp(join(tmpdir(), 'footbridge-mariadb-'));
  const port = await freePort();
  // The server refuses to run as root unless it is told so.
  const asRoot = userInfo().uid === 0 ? ['--user=root'] : [];
  install(folder, asRoot);
  const launch = () => {
    const server = spawn(
      requiresMariadb().path ?? 'mariadbd',
      [
        '--no-defaults',
        `--datadir=${join(folder, 'data')}`,
        `--socket=${join(folder, 'socket')}`,
        `--port=${port}`,
        '--bind-address=127.0.0.1',
        '--skip-name-resolve',
        '--skip-networking=0',
        '--character-set-server=utf8mb4',
        ...args,
        ...asRoot,
      ],
      { stdio: 'ignore' },
    );
    return { server, gone: new Promise<void>((resolve) => server.once('exit', () => resolve())) };
  };
  let running = launch();
  const options = { host: '127.0.0.1', port, user: 'root', multipleStatements: true, charset: 'utf8mb4' };

  const execute = async (sql: string, database?: string) => {
    const connection = await createConnection({ ...options, ...(database ? { database } : {}) });
    try {
      await connection.query(sql);
    } finally {
      await connection.end();
    }
  };
  const halt = async () => {
    running.server.kill('SIGTERM');
    await running.gone;
  };
  const stop = async () => {
    await halt();
    await rm(folder, { recursive: true, force: true });
  };
  const restart = async () => {
    await halt();
    running = launch();
    await answering(() => execute('select 1'), running.gone);
  };
  try {
    await answering(() => execute('select 1'), running.gone);
  } catch (error) {
    await stop();
    throw error;
  }
  return { port, url: (database) => `mysql://root@127.0.0.1:${port}/${database}`, execute, restart, stop };
}

function install(folder: string, asRoot: readonly string[]): void {
  const options = [
    '--no-defaults',
    `--datadir=${join(folder, 'data')}`,
    '--auth-root-authentication-method=normal',
  ];
  const { status, stderr } = spawnSync('mariadb-install-db', [...options, '--skip-test-db', ...asRoot], {
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(`mariadb-install-db failed: ${stderr}`);
}

async function answering(ask: () => Promise<void>, gone: Promise<void>): Promise<void> {
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
  throw new Error(ended ? 'MariaDB ended while starting' : 'MariaDB does not answer');
}
