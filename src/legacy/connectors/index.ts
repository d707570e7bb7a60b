/** Every way into a legacy store, by its key in the settings. */
import type { Connector } from '../connector.ts';
import type { LegacySettings } from '../legacy-settings.ts';
import { openSql } from './sql/sql.ts';

export function openConnector({ sql, timeoutMs }: LegacySettings): Connector {
  return openSql(sql, { timeoutMs });
}
