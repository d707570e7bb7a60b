/** How a database tells of changes to its users: by one of these ways. */
import { z } from 'zod';
import type { Feed } from '../../../feed.ts';
import type { SqlSettings } from '../sql-settings.ts';
import { logSettings, openLog } from './log.ts';
import { openOutbox, outboxSettings } from './outbox.ts';
import { openPoll, pollSettings } from './poll.ts';

export const changesSettings = z
  .discriminatedUnion('by', [outboxSettings, logSettings, pollSettings])
  .optional()
  .describe('How the database tells of changes to its users, for `sync`.');

/** Undefined where the settings say nothing of it. */
export function openFeed(settings: SqlSettings, limits: { readonly timeoutMs: number }): Feed | undefined {
  const { changes } = settings;
  switch (changes?.by) {
    case 'outbox':
      return openOutbox(settings, changes, limits);
    case 'log':
      return openLog(settings, changes, limits);
    case 'poll':
      return openPoll(settings, changes, limits);
    default:
      return undefined;
  }
}
