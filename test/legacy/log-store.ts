/** Stores whose log is read, for the contract of feeds and the tests of each log. */

import type { FeedTimes } from '../../src/legacy/connectors/sql/changes/log/log-feed.ts';
import type { LogSettings } from '../../src/legacy/connectors/sql/changes/log.ts';
import { logSettings, openLog } from '../../src/legacy/connectors/sql/changes/log.ts';
import type { SqlSettings } from '../../src/legacy/connectors/sql/sql-settings.ts';
import { sqlSettings } from '../../src/legacy/connectors/sql/sql-settings.ts';
import type { Feed } from '../../src/legacy/feed.ts';

export const TIMEOUT_MS = 10_000;

export const storeAt = (url: string, more: object = {}): SqlSettings =>
  sqlSettings.parse({
    engine: url.startsWith('mysql') ? 'mysql' : 'postgresql',
    connection: url,
    table: 'people',
    login: ['email'],
    ...more,
  });

export const logAt = (more: object = {}): LogSettings => logSettings.parse({ by: 'log', ...more });

/** Pages that wait less than they do in service. */
const TIMES: FeedTimes = { waitMs: 300, settleMs: 50, idleMs: 30_000 };

export const feedAt = (
  url: string,
  changes: object = {},
  times: Partial<FeedTimes> = {},
  store: object = {},
): Feed => openLog(storeAt(url, store), logAt(changes), { timeoutMs: TIMEOUT_MS }, { ...TIMES, ...times });

/** Only one may read a log: whoever reads takes it from who read before, as after a kill. */
export function oneAtATime(open: () => Feed): () => Feed {
  let reader: Feed | undefined;
  return () => {
    const feed = open();
    const taken: Feed = {
      ...feed,
      async read(position, limit) {
        if (reader !== taken) await reader?.close();
        reader = taken;
        return feed.read(position, limit);
      },
    };
    return taken;
  };
}
