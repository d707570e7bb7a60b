import { DatabaseSync } from 'node:sqlite';
import { marksPiece } from '../../src/legacy/connectors/sql/apply-marks.ts';
import type { SqlSettings } from '../../src/legacy/connectors/sql/sql-settings.ts';
import { sqlSettings } from '../../src/legacy/connectors/sql/sql-settings.ts';
import { execute } from '../support/database.ts';
import { testDatabase } from '../support/postgres.ts';
import { applyContract } from './apply-contract.ts';
import { APPLY_SQL, sqlApplyStore } from './apply-stores.ts';
import { sqliteStore } from './stores.ts';

const marksOf = (reach: Record<string, unknown>) => {
  const settings: SqlSettings = sqlSettings.parse({ table: 'people', login: ['login'], apply: {}, ...reach });
  return marksPiece(settings)!.install.map((step) => (typeof step === 'string' ? step : step.sql));
};

applyContract(
  'SQLite',
  async () => {
    const { file, drop } = sqliteStore(APPLY_SQL({ moment: 'text', yes: 'integer' }));
    const settings = { engine: 'sqlite', file };
    const run = async (sql: string) => {
      const db = new DatabaseSync(file, { timeout: 5_000 });
      try {
        return db.prepare(sql).all() as Record<string, unknown>[];
      } finally {
        db.close();
      }
    };
    for (const statement of marksOf(settings)) await run(statement);
    return sqlApplyStore({ settings, execute: run, drop });
  },
  { marks: true, unique: true },
);

applyContract(
  'PostgreSQL',
  async () => {
    const database = await testDatabase({ empty: true });
    const settings = { engine: 'postgresql', connection: database.url };
    await execute(database.url, APPLY_SQL({ moment: 'timestamptz', yes: 'boolean' }));
    for (const statement of marksOf(settings)) await execute(database.url, statement);
    return sqlApplyStore({ settings, execute: (sql) => execute(database.url, sql), drop: database.drop });
  },
  { marks: true, unique: true },
);
