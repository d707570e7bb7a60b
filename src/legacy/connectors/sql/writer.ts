/** What is written to a database: the mark of who has moved and the configured writes, over connections of their own. */
import { Secret } from '../../../settings.ts';
import type { Connector, LegacyWrite } from '../../connector.ts';
import { writesIn } from '../../connector.ts';
import type { SqlTemplate } from '../../sql-template.ts';
import { conflictOf } from '../../write-conflict.ts';
import type { Access } from './engine.ts';
import type { Pool } from './pool.ts';
import { openPool } from './pool.ts';
import { raw } from './raw.ts';
import type { SqlSettings } from './sql-settings.ts';

/** One more than is needed: an organization's memberships that are being ended must not hold up the marks. */
const CONNECTIONS = 2;
/** One member's roles, each in a row of its own; more, and the statement has lost its condition. */
const MAX_MEMBER_ROWS = 1_000;

export interface Writer extends Pick<Connector, 'flag' | 'writes' | 'write'> {
  close(): Promise<void>;
}

export function openWriter(settings: SqlSettings, limits: Omit<Access, 'writable'>): Writer {
  const { flag, writes } = settings;
  const pools = new Map<string, Pool>();
  const poolAt = (connection: unknown): Pool => {
    const place = withConnection(settings, connection);
    const key = placeOf(place);
    const pool =
      pools.get(key) ?? openPool({ ...place, poolSize: CONNECTIONS }, { writable: true, ...limits });
    pools.set(key, pool);
    return pool;
  };
  return {
    ...(flag ? flagThrough(poolAt(flag.connection), flag) : {}),
    ...(writesIn(writes).length > 0 ? writesThrough(poolAt(writes?.connection), settings) : {}),
    close: async () => void (await Promise.all([...pools.values()].map((pool) => pool.close()))),
  };
}

const flagThrough = (
  pool: Pool,
  { statement }: NonNullable<SqlSettings['flag']>,
): Pick<Connector, 'flag'> => ({
  flag: (id, migrated) => pool.mark((db) => raw(db, statement, { id, migrated: migrated ? 1 : 0 })),
});

function writesThrough(
  pool: Pool,
  { engine, writes }: SqlSettings,
): Required<Pick<Connector, 'writes' | 'write'>> {
  return {
    writes: new Set(writesIn(writes)),
    async write(what, values) {
      const statement = writes?.[what]?.statement;
      if (!statement) return 0;
      const most = mostOf(what, engine, statement);
      return pool.write((db) => raw(db, statement, values), {
        what,
        most,
        conflict: () => conflictOf(what),
      });
    },
  };
}

/** How many rows a statement may change that has kept its condition. */
function mostOf(what: LegacyWrite, engine: SqlSettings['engine'], { text }: SqlTemplate): number {
  if (what === 'endMemberships') return Number.POSITIVE_INFINITY;
  if (what === 'setMember' || what === 'endMember') return MAX_MEMBER_ROWS;
  // `on duplicate key update` counts a row that it changes as two.
  return engine === 'mysql' && /^insert/i.test(text) ? 2 : 1;
}

export function withConnection(settings: SqlSettings, connection: unknown): SqlSettings {
  return connection === undefined ? settings : ({ ...settings, connection } as SqlSettings);
}

/** The same for two ways to say the same place; stays in memory. */
const placeOf = (settings: SqlSettings): string =>
  settings.engine === 'sqlite' ? settings.file : JSON.stringify(revealed(settings.connection));

const revealed = (value: unknown): unknown => {
  if (value instanceof Secret) return value.reveal();
  if (typeof value !== 'object' || value === null) return value;
  return Object.entries(value).map(([name, inner]) => [name, revealed(inner)]);
};
