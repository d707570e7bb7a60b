/** Removes what was told long ago, and what was decided. */
import { sweep } from '../migration/sweeper.ts';
import type { Queryable } from '../store/db.ts';
import { SWEEP_EVENTS } from './inbox.ts';
import { SWEEP_CONFLICTS } from './people/conflicts.ts';
import { SWEEP_CHANGES } from './queue/postgres-queue.ts';

/** Deletes in bounded batches and returns the number of rows. */
export async function sweepSync(db: Queryable, { keepDays }: { readonly keepDays: number }): Promise<number> {
  const changes = await sweep(db, SWEEP_CHANGES, [keepDays]);
  return changes + (await sweep(db, SWEEP_EVENTS)) + (await sweep(db, SWEEP_CONFLICTS));
}
