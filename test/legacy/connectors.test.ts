import { describe, expect, test } from 'vitest';
import { openConnector } from '../../src/legacy/directory.ts';
import { legacySettings } from '../../src/legacy/legacy-settings.ts';
import { execute } from '../support/database.ts';
import { testDatabase } from '../support/postgres.ts';
import { connectorContract, PEOPLE_SQL, sqlStore } from './connector-contract.ts';
import { sqliteStore } from './stores.ts';

connectorContract(
  'sqlite',
  async () => {
    const { file, drop } = sqliteStore(PEOPLE_SQL);
    return sqlStore({ engine: 'sqlite', file }, { file: `${file}.missing` }, drop);
  },
  { writes: true },
);

connectorContract(
  'postgresql',
  async () => {
    const database = await testDatabase({ empty: true });
    await execute(database.url, PEOPLE_SQL);
    const nowhere = { connection: database.url.replace(/:\d+\//, ':1/') };
    return sqlStore({ engine: 'postgresql', connection: database.url }, nowhere, database.drop);
  },
  { writes: true },
);

describe('the pool that looks people up', () => {
  test('cannot write, not even through a query that does', async () => {
    const database = await testDatabase({ empty: true });
    await execute(database.url, PEOPLE_SQL);
    const byLogin = 'with gone as (delete from people where login = :login returning *) select * from gone';
    const connector = openConnector(
      legacySettings.parse({
        store: 'shop',
        sql: { engine: 'postgresql', connection: database.url, table: 'people', queries: { byLogin } },
      }),
    );
    await expect(connector.findByLogin('anna')).rejects.toMatchObject({
      code: 'legacy_unavailable',
      detail: expect.stringContaining('25006'),
    });
    expect(await execute(database.url, 'select count(*)::int as count from people')).toEqual([{ count: 3 }]);
    await connector.close();
    await database.drop();
  });
});

test('a connection may be given in parts', async () => {
  const database = await testDatabase({ empty: true });
  await execute(database.url, PEOPLE_SQL);
  const { hostname, port, username, password, pathname } = new URL(database.url);
  const connection = {
    host: hostname,
    port: Number(port),
    user: decodeURIComponent(username),
    ...(password ? { password: decodeURIComponent(password) } : {}),
    database: pathname.slice(1),
  };
  const sql = { engine: 'postgresql', connection, table: 'people', login: ['login'] };
  const connector = openConnector(legacySettings.parse({ store: 'shop', sql }));
  expect(await connector.findByLogin('anna')).toHaveLength(1);
  await connector.close();
  await database.drop();
});
