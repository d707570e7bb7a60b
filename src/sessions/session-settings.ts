/** Settings of sessions side by side, apart from the legacy apps' own. */
import { z } from 'zod';
import { count } from '../settings.ts';

export const sessionSettings = z.strictObject({
  logoutEnds: z
    .enum(['session', 'person'])
    .default('session')
    .describe(
      'What a logout ends, wherever it happens: `session`, what belongs to the same login in the same browser; `person`, everything that this person has anywhere. A new password, a deactivation and an operator end everything in any case.',
    ),
  checkSeconds: count(5, 3_600, 30).describe(
    'How often a live session at a legacy app or target is asked about, where nobody tells us that it ended.',
  ),
  watchSeconds: count(0, 86_400, 60).describe(
    'How often people with sessions are looked up in the legacy store: a new password or a deactivation there ends their sessions. 0: never.',
  ),
  watchPasswords: z
    .boolean()
    .default(true)
    .describe(
      'Whether a new password there ends their sessions. False where a legacy app writes the same passwords down anew, as frameworks do at a login once their cost settings have changed: from outside the two look the same.',
    ),
  watchPerSecond: count(1, 1_000, 50).describe('People looked up so, per second and node, at most.'),
  keepDays: count(1, 365, 30).describe('How long it is kept what ended, why, and who was told.'),
});
export type SessionSettings = z.output<typeof sessionSettings>;
