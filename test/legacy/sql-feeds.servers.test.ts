import { createConnection } from 'mysql2/promise';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Mariadb } from '../servers/mariadb.ts';
import { requiresMariadb, startMariadb } from '../servers/mariadb.ts';
import { feedContract, ODD_IDS } from './feed-contract.ts';
import { outboxContract } from './outbox-contract.ts';
import type { FeedDatabase } from './sql-feeds.ts';
import { mysqlDatabase, openStore, outboxStore, pollStore } from './sql-feeds.ts';

const mariadb = requiresMariadb();
let server: Mariadb;
const database = async (name: string): Promise<FeedDatabase> => {
  await server.execute(`create database ${name} character set utf8mb4`);
  return mysqlDatabase(server.url(name));
};

describe.skipIf(mariadb.skip)(mariadb.name, () => {
  beforeAll(async () => {
    server = await startMariadb();
  });
  afterAll(() => server?.stop());

  feedContract('an outbox', async () => outboxStore(await database('outbox')), { oddIds: ODD_IDS });
  feedContract('a polled column of whole seconds', async () => pollStore(await database('polled')), {
    deletes: false,
    oddIds: ODD_IDS,
  });

  outboxContract('MariaDB', () => database('triggers'));

  test('the number that MariaDB sends along with its answer is the app’s own too', async () => {
    const store = await database('numbers');
    const app = await createConnection(server.url('numbers'));
    await app.query(
      'create table people (id int auto_increment primary key, email varchar(100)) auto_increment = 700',
    );
    const opened = openStore(store, store.place, { by: 'outbox' });
    await opened.setup?.install();
    const [answer] = await app.query("insert into people (email) values ('x')");
    expect(answer).toMatchObject({ insertId: 700, affectedRows: 1 });
    await opened.close();
    await app.end();
  });
});
