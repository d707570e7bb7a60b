/** Making users, one by one or many in one call; one outcome for each, whatever becomes of the others. */
import type { ImportOutcome, TargetUser } from '../connection.ts';
import { inParallel } from '../in-parallel.ts';
import { create } from './creating.ts';
import { fit } from './fitting.ts';
import type { Bulk, Row } from './many.ts';
import { importMany, PARALLEL_USERS } from './many.ts';
import type { Asking } from './users.ts';

/** In order. `bulk` where the interface for many is wanted. */
export async function importUsers(
  asking: Asking,
  users: readonly TargetUser[],
  bulk?: Bulk,
): Promise<readonly ImportOutcome[]> {
  const outcomes: ImportOutcome[] = new Array(users.length);
  const rows: Row[] = [];
  for (const [at, user] of users.entries()) {
    const fitting = fit(user, asking.ourIdp);
    if (fitting.kind === 'refused') outcomes[at] = fitting;
    else rows.push({ ...fitting, at });
  }
  const alone = async (some: readonly Row[]) => {
    await inParallel(some, PARALLEL_USERS, async (row) => {
      outcomes[row.at] = await create(asking, row);
    });
  };
  if (!bulk) await alone(rows);
  else await importMany(asking, rows, { bulk, alone, outcomes });
  return outcomes;
}
