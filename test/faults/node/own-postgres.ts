/** A PostgreSQL of the test's own, with all its durability, that may be stopped, killed, frozen and started again. */
import { execFile } from 'node:child_process';
import { mkdtemp, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { EmbeddedPostgres } from '../../../src/store/embedded.ts';
import { startEmbeddedPostgres } from '../../../src/store/embedded.ts';
import { findPostmaster } from '../../../src/store/postmaster.ts';
import { execute } from '../../support/database.ts';

/** Ends every connection to the database, those that were idle only if wanted, and waits until they are gone. */
export async function endBackends(serverUrl: string, database: string, { idle = false } = {}): Promise<void> {
  const ended = await execute(
    serverUrl,
    `select pid, pg_terminate_backend(pid) from pg_stat_activity
     where datname = $1 and pid <> pg_backend_pid() and (not $2::boolean or state = 'idle')`,
    [database, idle],
  );
  const left = 'select 1 from pg_stat_activity where pid = any($1)';
  while ((await execute(serverUrl, left, [ended.map(({ pid }) => pid)])).length > 0);
}

export type OwnPostgres = Awaited<ReturnType<typeof openOwnPostgres>>;

/** `folder`: on a disk of the test's own, which removes it; else one that the next run finds if this one is killed. */
export async function openOwnPostgres(folder?: string) {
  const dataDir = folder ?? (await mkdtemp(join(tmpdir(), `footbridge-test-${process.pid}-`)));
  let server: EmbeddedPostgres = await startEmbeddedPostgres({ dataDir });
  const { port } = server;
  const data = await realpath(join(dataDir, 'cluster', 'data'));

  /** The server and its back-ends. */
  const processes = async (): Promise<readonly number[]> => {
    const found = await findPostmaster(data);
    if (!found) return [];
    const { stdout } = await promisify(execFile)('ps', ['-A', '-o', 'pid=,ppid=']);
    const pairs = stdout.split('\n').map((line) => line.trim().split(/\s+/).map(Number));
    const children = pairs.filter(([, parent]) => parent === found.pid).map(([pid]) => pid!);
    return [found.pid, ...children];
  };
  const signal = async (name: NodeJS.Signals) => {
    for (const pid of await processes()) {
      try {
        process.kill(pid, name);
      } catch {
        // A back-end that has ended by itself meanwhile.
      }
    }
  };
  const start = async () => {
    server = await startEmbeddedPostgres({ dataDir, port });
  };

  return {
    port,
    data,
    folder: dataDir,
    url: (database: string) => server.url(database),
    ensureDatabase: (name: string) => server.ensureDatabase(name),
    sql: (database: string, text: string, values?: unknown[]) => execute(server.url(database), text, values),
    endBackends: (database: string) => endBackends(server.url('postgres'), database),
    /** As an administrator does. */
    stop: () => server.stop(),
    start,
    /** As a broken machine does: nobody has a chance to write anything more. */
    kill: async () => {
      await signal('SIGKILL');
      while (await findPostmaster(data)) await new Promise((resolve) => setTimeout(resolve, 10));
    },
    /** It is there and says nothing more, whatever it is asked. */
    freeze: () => signal('SIGSTOP'),
    thaw: () => signal('SIGCONT'),
    async close() {
      await signal('SIGCONT');
      await server.stop();
      if (!folder) await rm(dataDir, { recursive: true, force: true });
    },
  };
}
