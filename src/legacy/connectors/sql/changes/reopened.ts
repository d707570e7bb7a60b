/** Connections of a feed: there when it is first read, gone when it is closed, there again when it is read on. */
import type { Pool } from '../pool.ts';
import { limitsWithin, openPool } from '../pool.ts';
import type { SqlSettings } from '../sql-settings.ts';
import { withConnection } from '../writer.ts';

interface Options {
  /** Settings of another connection than the one that reads. */
  readonly connection?: unknown;
  readonly timeoutMs: number;
  readonly writable: boolean;
}

export function reopened(
  settings: SqlSettings,
  { connection, timeoutMs, writable }: Options,
): Pick<Pool, 'rows' | 'transact' | 'close'> {
  let pool: Pool | undefined;
  const opened = () => {
    pool ??= openPool(
      { ...withConnection(settings, connection ?? undefined), poolSize: 1 },
      { writable, ...limitsWithin(timeoutMs), isUtc: true },
    );
    return pool;
  };
  return {
    rows: (query) => opened().rows(query),
    transact: (work, refused) => opened().transact(work, refused),
    close: async () => {
      const ended = pool;
      pool = undefined;
      await ended?.close();
    },
  };
}
