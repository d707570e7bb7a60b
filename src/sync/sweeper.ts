/** Removes what targets told long ago. */
import { sweep } from '../migration/sweeper.ts';
import type { Queryable } from '../store/db.ts';
import { SWEEP_EVENTS } from './inbox.ts';

/** Deletes in bounded batches and returns the number of rows. */
export const sweepSync = (db: Queryable): Promise<number> => sweep(db, SWEEP_EVENTS);
