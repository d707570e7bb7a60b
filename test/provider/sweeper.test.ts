import { afterAll, beforeAll, expect, test } from 'vitest';
import { sweepRecords } from '../../src/provider/records.ts';
import type { Db } from '../../src/store/db.ts';
import { openDb } from '../../src/store/db.ts';
import { execute } from '../support/database.ts';
import type { TestDatabase } from '../support/postgres.ts';
import { testDatabase } from '../support/postgres.ts';

let database: TestDatabase;
let db: Db;
beforeAll(async () => {
  database = await testDatabase();
  db = openDb({ url: database.url });
});
afterAll(async () => {
  await db.close();
  await database.drop();
});

test('a sweep deletes what has expired, however much, and nothing else', async () => {
  await execute(
    database.url,
    `insert into oidc_records (id, kind, payload, expires_at)
     select sha256(convert_to(i::text, 'UTF8')), 'AccessToken', '{}', case when i <= 5000 then now() - interval '1 hour' when i <= 5010 then now() + interval '1 hour' end
     from generate_series(1, 5020) i`,
  );
  expect(await sweepRecords(db)).toBe(5000);
  expect((await execute(database.url, 'select count(*)::int as left from oidc_records'))[0]).toEqual({
    left: 20,
  });
  expect(await sweepRecords(db)).toBe(0);
});
