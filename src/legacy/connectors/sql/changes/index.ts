/** How a database tells of changes to its users: by one of these ways. */
import { z } from 'zod';
import type { OpenOptions } from '../../../connector.ts';
import type { Feed } from '../../../feed.ts';
import type { SqlSettings } from '../sql-settings.ts';
import { logProblem, logSettings, openLog } from './log.ts';
import { openOutbox, outboxProblem, outboxSettings } from './outbox.ts';
import { openPoll, pollProblem, pollSettings } from './poll.ts';

export const changesSettings = z
  .discriminatedUnion('by', [outboxSettings, logSettings, pollSettings])
  .optional()
  .describe('How the database tells of changes to its users, for `sync`.');

type Configured = Pick<SqlSettings, 'engine' | 'table' | 'id' | 'changes'>;

/** Why these settings cannot work, as a sentence; undefined: they can. */
export function changesProblem({ engine, table, id, changes }: Configured): string | undefined {
  switch (changes?.by) {
    case 'outbox':
      return outboxProblem({ engine, table, id }, changes);
    case 'log':
      return logProblem({ engine, table, id });
    case 'poll':
      return pollProblem({ table, id });
    default:
      return undefined;
  }
}

/** Undefined where the settings say nothing of it. Throws config_invalid. */
export function openFeed(settings: SqlSettings, limits: OpenOptions): Feed | undefined {
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
