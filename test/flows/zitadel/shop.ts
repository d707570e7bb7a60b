/** The old shop's database, with a column for who logs in with Google. */
import { openShopStore } from '../../../example/demo/shop-store.ts';
import { execute, withDatabase } from '../../support/database.ts';
import { testDatabase } from '../../support/postgres.ts';

export async function openShop() {
  const database = await testDatabase({ empty: true });
  const store = openShopStore({
    url: database.url,
    adminUrl: withDatabase(database.url, 'postgres'),
    log: () => undefined,
  });
  await store.seed([]);
  await execute(database.url, 'alter table customers add column google_id text');
  return {
    ...store,
    url: database.url,
    sql: (text: string, values?: unknown[]) => execute(database.url, text, values),
    close: async () => {
      await store.switchTo(true);
      await store.close();
      await database.drop();
    },
  };
}
