/** What of this room is not believed after a restore. Tickets are in no table: `RESTORED_AT` is asked of each. */
import type { Stale } from '../store/restoring.ts';

export const migrationStale: readonly Stale[] = [
  {
    place: 'claim_tokens',
    holds: 'links by which people join their accounts',
    where: `state = 'open' and expires_at > now()`,
    set: `state = 'revoked', ended_at = now(), held_by = null, held_until = null`,
  },
];
