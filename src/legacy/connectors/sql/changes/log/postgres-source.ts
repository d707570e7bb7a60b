/** PostgreSQL's log (10 or newer), through logical replication: a slot keeps it, a publication says which tables are in it. */

import { limitsWithin } from '../../pool.ts';
import type { Asking, LogPlace, LogSource } from './log-source.ts';
import { lsnFrom, lsnText } from './lsn.ts';
import { lagOf, slotStart, stateOf, watchedTables } from './postgres-state.ts';
import { openPostgresStream } from './postgres-stream.ts';

export function postgresLog(place: LogPlace, pool: Asking): LogSource {
  const limits = limitsWithin(place.timeoutMs);
  return {
    end: async () => lsnText((await stateOf(pool, place)).end),
    compare: (one, other) => Number(lsnFrom(one) - lsnFrom(other)),
    async open(from, sink) {
      const asked = lsnFrom(from);
      const start = slotStart(await stateOf(pool, place), asked, place);
      const tables = await watchedTables(pool, place);
      return openPostgresStream(place, { from: asked, start, tables, sink, limits });
    },
    async lag(from) {
      const state = await stateOf(pool, place);
      return lagOf(state, from === undefined ? undefined : lsnFrom(from), place);
    },
    close: pool.close,
  };
}
