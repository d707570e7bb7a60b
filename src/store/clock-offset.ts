/** Two nodes with one database agree with each other about the time when each agrees with it. */
import type { Queryable } from './db.ts';
import { statement } from './db.ts';

const NOW = statement('select extract(epoch from clock_timestamp())::float8 as seconds');

/** How far our database's clock is ahead of this node's; as exact as the question took. */
export async function clockOffsetSeconds(q: Queryable, nowMs = Date.now): Promise<number> {
  const askedMs = nowMs();
  const [row] = await q.run<{ seconds: number }>(NOW);
  const halfway = (askedMs + nowMs()) / 2;
  return (row?.seconds ?? halfway / 1_000) - halfway / 1_000;
}
