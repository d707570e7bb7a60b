/** How far the seals of the audit log are behind its records. */
import { readAudit, SEALED_UP_TO } from './audit-log.ts';
import type { Queryable } from './db.ts';
import { statement } from './db.ts';

const OLDEST_UNSEALED = statement(`with last as (${SEALED_UP_TO})
  select coalesce(extract(epoch from now() - min(at)), 0)::float8 as seconds from (${readAudit(
    'at',
    `where (tx, id) > (coalesce((select last_tx from last), '0'::xid8), coalesce((select last_id from last), 0))
      and id > coalesce((select floor_id from last), 0) order by l.tx, l.id limit 1`,
  )}) as oldest`);

/** For how long the record has waited that waits longest for its seal; 0: none waits. For metrics. */
export async function oldestUnsealedSeconds(q: Queryable): Promise<number> {
  return (await q.run<{ seconds: number }>(OLDEST_UNSEALED))[0]?.seconds ?? 0;
}
