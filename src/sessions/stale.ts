/** What of this room is not believed after a restore. Its sessions are asked about in rounds, whatever is written here. */
import type { Stale } from '../store/restoring.ts';

export const sessionsStale: readonly Stale[] = [
  { place: 'hand_overs', holds: 'hand-overs to and from legacy apps', where: 'true' },
];
