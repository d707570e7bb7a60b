/** PostgreSQL through pg. Read-only and limits are parameters of the start-up message: no round trip, no way around. */
import type { Knex } from 'knex';
import { Secret } from '../../../settings.ts';
import type { Row } from '../../connector.ts';
import type { Engine, ServerSettings } from './engine.ts';
import { partsOf } from './engine.ts';

/** PostgreSQL's types for date, timestamp, timestamptz, json and jsonb. */
const TEXT_TYPES = new Set([1082, 1114, 1184, 114, 3802]);

export const postgresql: Engine = {
  async config(settings, { writable, limitMs, connectMs }) {
    const { default: pg } = await import('pg');
    const { connection } = settings as { connection: ServerSettings };
    return {
      client: 'pg',
      // Saves the question; knex asks it for features that are not used here.
      version: '14',
      connection: {
        ...(connection instanceof Secret ? { connectionString: connection.reveal() } : partsOf(connection)),
        connectionTimeoutMillis: connectMs,
        application_name: 'footbridge',
        keepAlive: true,
        options: [
          ...(writable ? [] : ['-c default_transaction_read_only=on']),
          `-c statement_timeout=${limitMs} -c lock_timeout=${limitMs} -c datestyle=ISO -c timezone=UTC`,
        ].join(' '),
        types: {
          getTypeParser: ((oid: number, format: 'text') =>
            TEXT_TYPES.has(oid)
              ? String
              : pg.types.getTypeParser(oid, format)) as typeof pg.types.getTypeParser,
        },
      } as Knex.PgConnectionConfig,
    };
  },
  rows: (result) => (Array.isArray(result) ? result : (result as { rows: Row[] }).rows),
  changed: (result) => (result as { rowCount: number | null }).rowCount ?? 0,
  // Class 22 is “data exception”.
  isIncomparable: ({ code }) => /^22\w{3}$/.test(String(code)),
  isTaken: ({ code }) => code === '23505',
  // Class 23 is “integrity constraint violation”.
  isUnfit: ({ code }) => /^23\w{3}$/.test(String(code)),
  isMistake: ({ code }) => /^(42|28|3D|25006)/.test(String(code)),
};
