/** A PostgreSQL of the test's own whose log can be read by others. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { EmbeddedPostgres } from '../../src/store/embedded.ts';
import { startEmbeddedPostgres } from '../../src/store/embedded.ts';
import { execute } from './database.ts';

export interface LogicalPostgres {
  url(database?: string): string;
  execute(sql: string, values?: unknown[]): Promise<Record<string, unknown>[]>;
  /** Stops it as an administrator does, and starts it on the same port. */
  restart(): Promise<void>;
  stop(): Promise<void>;
}

export async function startLogicalPostgres(): Promise<LogicalPostgres> {
  // The name by which the next run finds what a killed one has left.
  const dataDir = await mkdtemp(join(tmpdir(), `footbridge-test-${process.pid}-`));
  let server: EmbeddedPostgres = await startEmbeddedPostgres({ dataDir, fast: true });
  const { port } = server;
  const url = (database = 'postgres') => server.url(database);
  const run = (sql: string, values?: unknown[]) => execute(url(), sql, values);
  const restart = async () => {
    await server.stop();
    server = await startEmbeddedPostgres({ dataDir, fast: true, port });
  };
  await run('alter system set wal_level = logical');
  await restart();
  return {
    url,
    execute: run,
    restart,
    async stop() {
      await server.stop();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}
