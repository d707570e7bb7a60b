/** Connections to one of the demo's PostgreSQL databases. */
import pg from 'pg';
import type { Log } from './web.ts';

/** A demo has one visitor. */
const MAX_CONNECTIONS = 4;
const CONNECT_TIMEOUT_MS = 3_000;
const STATEMENT_TIMEOUT_MS = 5_000;

export interface Database {
  query<R extends object>(text: string, values?: readonly unknown[]): Promise<R[]>;
  /** All or nothing. */
  transaction<T>(work: (query: Database['query']) => Promise<T>): Promise<T>;
  close(): Promise<void>;
}

export function openDatabase(url: string, log: Log): Database {
  const pool = new pg.Pool({
    connectionString: url,
    max: MAX_CONNECTIONS,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    statement_timeout: STATEMENT_TIMEOUT_MS,
    application_name: 'footbridge-demo',
  });
  // Switching the shop's database off ends its idle connections: that is no reason to end the process.
  pool.on('error', (error) => log(`a database connection ended: ${error.message}`));
  const on =
    (client: pg.Pool | pg.PoolClient): Database['query'] =>
    async <R extends object>(text: string, values: readonly unknown[] = []) =>
      (await client.query(text, [...values])).rows as R[];
  return {
    query: on(pool),
    async transaction(work) {
      const client = await pool.connect();
      let failed = true;
      try {
        await client.query('begin');
        const result = await work(on(client));
        await client.query('commit');
        failed = false;
        return result;
      } catch (error) {
        await client.query('rollback').catch(() => undefined);
        throw error;
      } finally {
        client.release(failed);
      }
    },
    close: () => pool.end(),
  };
}

export function sqlState(error: unknown): string | undefined {
  return error instanceof pg.DatabaseError ? error.code : undefined;
}
export const UNIQUE_VIOLATION = '23505';
