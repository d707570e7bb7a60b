/** All that is not believed after a restore: the rooms' lists, and the desk's own. */
import { migrationStale } from '../../migration/stale.ts';
import { providerStale } from '../../provider/stale.ts';
import { sessionsStale } from '../../sessions/stale.ts';
import type { Stale } from '../../store/restoring.ts';

const deskStale: readonly Stale[] = [
  { place: 'operator_sessions', holds: 'sessions at the console', where: 'true' },
  { place: 'operator_invitations', holds: 'invitations to the console', where: 'used_at is null' },
  {
    place: 'approvals',
    holds: 'approvals that were asked for or granted',
    where: `state in ('asked', 'granted') and expires_at > now()`,
    set: `state = 'refused', decided_by = 'footbridge', decided_at = now(), note = 'the database was restored from a backup'`,
  },
];

export const allStale: readonly Stale[] = [
  ...providerStale,
  ...sessionsStale,
  ...migrationStale,
  ...deskStale,
];
