/** Removes hand-overs that nobody redeemed in time, and what is known of sessions and endings that are long over. */
import { sweep } from '../migration/sweeper.ts';
import type { Queryable } from '../store/db.ts';
import { SWEEP_DELIVERIES } from './ending/deliveries.ts';
import { SWEEP_ENDINGS } from './ending/endings.ts';
import { SWEEP_HAND_OVERS } from './hand-overs.ts';
import { SWEEP_WATCHED } from './people-watch.ts';
import { SWEEP_LEGACY_SESSIONS } from './registry.ts';
import { SWEEP_TARGET_SESSIONS } from './target-sessions.ts';

/** Deletes in bounded batches and returns the number of rows. `keepDays`: of endings and who was told. */
export async function sweepSessions(
  db: Queryable,
  { keepDays = 30 }: { readonly keepDays?: number } = {},
): Promise<number> {
  let total = 0;
  for (const table of [SWEEP_HAND_OVERS, SWEEP_LEGACY_SESSIONS, SWEEP_TARGET_SESSIONS, SWEEP_WATCHED])
    total += await sweep(db, table);
  // Deliveries first: what is still to be told keeps its ending's reason.
  for (const table of [SWEEP_DELIVERIES, SWEEP_ENDINGS]) total += await sweep(db, table, [keepDays]);
  return total;
}
