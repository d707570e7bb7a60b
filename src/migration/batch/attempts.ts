/** How often somebody is tried, and when again. */
import type { UserProblem } from './batch.ts';
import type { Taken } from './chunk.ts';
import type { Postponed, Told } from './settling.ts';

/** Tries while the target was well, and then it is a dead letter. */
export const LAST_ATTEMPT = 8;
const FIRST_DELAY_SECONDS = 0.5;
const MAX_DELAY_SECONDS = 60;

interface Failure {
  readonly counts: boolean;
  readonly retryAfterSeconds?: number | undefined;
}

/** Another try, later each time, or none. */
export function afterFailure(
  { sub, attempts }: Taken,
  problem: UserProblem,
  { counts, retryAfterSeconds = 0 }: Failure,
): Told | Postponed {
  if (counts && attempts + 1 >= LAST_ATTEMPT) return { sub, outcome: 'failed', problem };
  const delay = Math.min(FIRST_DELAY_SECONDS * 2 ** attempts, MAX_DELAY_SECONDS);
  return { sub, seconds: Math.max(delay, Math.min(retryAfterSeconds, MAX_DELAY_SECONDS)), counts, problem };
}
