/** What of this room is not believed after a restore. Cookies are dealt with by new keys: `replaceCookieKeys`. */
import type { Stale } from '../store/restoring.ts';

export const providerStale: readonly Stale[] = [
  {
    place: 'oidc_records',
    holds: 'sessions, grants, codes and tokens',
    // Marks of what was used once go on keeping it from being used again.
    where: `kind <> all(array['SpentInteraction', 'ReplayDetection'])`,
  },
];
