/** Removes hand-overs that nobody redeemed in time. */
import { sweep } from '../migration/sweeper.ts';
import type { Queryable } from '../store/db.ts';
import { SWEEP_HAND_OVERS } from './hand-overs.ts';

/** Deletes in bounded batches and returns the number of rows. */
export function sweepSessions(db: Queryable): Promise<number> {
  return sweep(db, SWEEP_HAND_OVERS);
}
