/** Removes sessions and invitations of operators that are good for nothing any more. Safe on several nodes at once. */
import { sweep } from '../../migration/sweeper.ts';
import type { Queryable } from '../../store/db.ts';
import { SWEEP_INVITATIONS } from './invitations.ts';
import { SWEEP_OPERATOR_SESSIONS } from './sessions.ts';

/** Returns how many there were. */
export const sweepConsole = async (db: Queryable): Promise<number> =>
  (await sweep(db, SWEEP_OPERATOR_SESSIONS)) + (await sweep(db, SWEEP_INVITATIONS));
