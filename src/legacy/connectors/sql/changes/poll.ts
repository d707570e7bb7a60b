import { z } from 'zod';
import type { Feed } from '../../../feed.ts';
import type { SqlSettings } from '../sql-settings.ts';

export const pollSettings = z.strictObject({ by: z.literal('poll') });
export type PollSettings = z.output<typeof pollSettings>;

export function openPoll(
  _settings: SqlSettings,
  _changes: PollSettings,
  _limits: { readonly timeoutMs: number },
): Feed {
  throw new Error('not written yet');
}
