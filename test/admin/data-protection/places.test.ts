/** The list of places where something about a person is kept: complete, and true. */
import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  places,
  secretsOf,
  tracedPerson,
  tracesOf,
  wipeSecrets,
} from '../../../src/admin/data-protection/places.ts';
import { Secret } from '../../../src/settings.ts';
import type { Db } from '../../../src/store/db.ts';
import { openDb } from '../../../src/store/db.ts';
import { openKeyring } from '../../../src/store/encryption.ts';
import { eraseTraces, readTrace } from '../../../src/store/traces.ts';
import { execute } from '../../support/database.ts';
import { testDatabase } from '../../support/postgres.ts';
import { rowsOf, statementsOf } from './one-of-each.ts';

const keyring = openKeyring(new Secret(randomBytes(32).toString('base64')));
/** Of one the other's subject is the beginning. */
const [ONE, OTHER] = ['shop:7', 'shop:70'];

let database: Awaited<ReturnType<typeof testDatabase>>;
let db: Db;
beforeAll(async () => {
  database = await testDatabase();
  db = openDb({ url: database.url });
});
afterAll(async () => {
  await db.close();
  await database.drop();
});

const deps = () => ({ db, keyring });
const sql = (text: string) => execute(database.url, text);
const settle = async (sub: string) => {
  for (const text of statementsOf(keyring, sub, `there-${sub}`)) await sql(text);
};
const named = (found: readonly { readonly place: string }[]) => found.map(({ place }) => place).sort();
const ALL = places.map(({ place }) => place).sort();

describe('the list', () => {
  test('has every table with a column that names a person', async () => {
    const columns =
      await sql(`select table_name as "table", column_name as "column" from information_schema.columns
      where table_schema = 'public' and column_name ~ '(^|_)(sub|subject|person|user|legacy_id|target_user_id)$'`);
    expect(columns.length).toBeGreaterThan(30);
    const missing = columns.filter(
      ({ table }) => !ALL.includes(String(table)) && !NOBODY.includes(String(table)),
    );
    expect(missing).toEqual([]);
  });

  test('has no place that is no table, and none twice', async () => {
    const tables = (await sql(`select table_name as "table" from information_schema.tables`)).map(
      ({ table }) => table,
    );
    expect(ALL.filter((place) => !tables.includes(place))).toEqual([]);
    expect(new Set(ALL).size).toBe(ALL.length);
    expect(Object.keys(rowsOf).sort()).toEqual(ALL);
  });
});

/** Tables whose people are operators. */
const NOBODY = ['operator_sessions', 'operators'];

describe('somebody of whom every place knows', () => {
  beforeAll(async () => {
    await settle(ONE);
    await settle(OTHER);
  });

  test('is found in all of them', async () => {
    expect(named(await tracesOf(deps(), ONE))).toEqual(ALL);
  });

  test('is unknown everywhere under another name', async () => {
    expect(await tracesOf(deps(), 'shop:')).toEqual([]);
    expect(await tracesOf(deps(), `${ONE}' or true --`)).toEqual([]);
  });

  test('is shown without a secret, and without what was made of one', async () => {
    const person = await tracedPerson(deps(), ONE);
    for (const place of places) {
      const rows = await readTrace(deps(), place, { ...person, limit: 10 });
      expect(rows.length, place.place).toBeGreaterThan(0);
      expect(JSON.stringify(rows)).not.toMatch(/sealed-|print-of-secret|\\\\x/);
    }
  });

  test('loses every secret at a wipe, which reading again proves, and nobody else does', async () => {
    const before = await secretsOf(deps(), 'main', ONE);
    expect(before.filter(({ rows }) => rows !== 1)).toEqual([]);
    expect(before.length).toBeGreaterThan(10);
    expect(await wipeSecrets(deps(), 'main', ONE)).toEqual(before);
    expect((await secretsOf(deps(), 'main', ONE)).filter(({ rows }) => rows > 0)).toEqual([]);
    expect(await secretsOf(deps(), 'main', OTHER)).toEqual(before);
    expect(named(await tracesOf(deps(), ONE))).not.toContain('captured_passwords');
  });

  test('keeps what another target needs until that one is done with', async () => {
    await sql(
      `insert into ledger (target, sub, state, from_state) values ('second', '${OTHER}', 'migrated', 'created')`,
    );
    const found = named(await secretsOf(deps(), 'main', OTHER));
    expect(found).toContain('captured_passwords');
    expect(found).not.toContain('legacy_sessions');
    await sql(`update ledger set state = 'migrated' where target = 'main' and sub = '${OTHER}'`);
    expect((await wipeSecrets(deps(), 'second', OTHER)).filter(({ rows }) => rows > 0)).toEqual([]);
    await sql(`update ledger set state = 'retired' where target = 'second'`);
    expect(named(await secretsOf(deps(), 'main', OTHER))).toContain('legacy_sessions');
  });

  test('leaves nothing but the tombstone, signed reports and the log, and takes nobody along', async () => {
    const before = await tracesOf(deps(), OTHER);
    const person = await tracedPerson(deps(), ONE);
    await eraseTraces(deps(), places, person);
    const left = named(await tracesOf(deps(), ONE));
    expect(left).toEqual(['audit_log', 'ledger', 'receipts', 'reconciliations', 'rollout_plans']);
    const [tombstone] = await sql(`select * from ledger where sub = '${ONE}'`);
    expect(tombstone).toMatchObject({ state: 'deleted', legacy_id: null, released_of: null });
    expect(await tracesOf(deps(), OTHER)).toEqual(before);
    const [batch] = await sql(`select report from batches where id = 'b-${ONE}'`);
    expect(batch?.report).toEqual({ examples: ['erased', 'shop:1'] });
    expect(await eraseTraces(deps(), places, person)).toHaveLength(1);
  });

  test('is left where somebody is at it just now, and gone the next time', async () => {
    await sql(`insert into target_work (target, sub, road, actor, leased_until)
      values ('main', 'shop:8', 'login', 'user', now() + interval '1 hour');
      insert into batch_users (batch, rank, sub) values ('b-${ONE}', 2, 'shop:8')`);
    const person = await tracedPerson(deps(), 'shop:8');
    expect(await eraseTraces(deps(), places, person)).toEqual([]);
    await sql(`update target_work set leased_until = now() - interval '1 hour';
      update batch_users set outcome = 'skipped' where sub = 'shop:8'`);
    expect(named(await eraseTraces(deps(), places, person))).toEqual(['batch_users', 'target_work']);
    expect(await tracesOf(deps(), 'shop:8')).toEqual([]);
  });
});
