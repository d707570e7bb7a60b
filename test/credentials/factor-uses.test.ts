import { randomBytes } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { FactorUses, sweepFactorUses } from '../../src/credentials/factor-uses.ts';
import { Secret } from '../../src/settings.ts';
import type { Db } from '../../src/store/db.ts';
import { openDb } from '../../src/store/db.ts';
import { openKeyring } from '../../src/store/encryption.ts';
import type { RecoveryCode } from '../../src/user.ts';
import { newPasskey } from '../support/authenticator.ts';
import { execute } from '../support/database.ts';
import type { TestDatabase } from '../support/postgres.ts';
import { testDatabase } from '../support/postgres.ts';

const key = () => new Secret(randomBytes(32).toString('base64'));
const [oldKey, newKey] = [key(), key()];
let database: TestDatabase;
let db: Db;
let uses: FactorUses;
beforeAll(async () => {
  database = await testDatabase();
  db = openDb({ url: database.url });
  uses = new FactorUses(db, openKeyring(oldKey));
});
afterAll(async () => {
  await db.close();
  await database.drop();
});
afterEach(() => execute(database.url, 'truncate passkey_counters, spent_challenges, recovery_code_uses'));

const challenge = () => randomBytes(32).toString('base64url');

describe('the counter of a passkey', () => {
  test('may move on, and neither stand still nor go back', async () => {
    const { passkey } = newPasskey({ signCount: 23 });
    const outcomes = [];
    for (const count of [24, 24, 23, 25, 0])
      outcomes.push(await uses.spendAssertion(passkey, challenge(), count));
    expect(outcomes).toEqual(['fresh', 'regressed', 'regressed', 'fresh', 'regressed']);
  });

  test('is the store’s where the legacy system has seen more than we', async () => {
    const { passkey } = newPasskey({ signCount: 5 });
    expect(await uses.spendAssertion(passkey, challenge(), 6)).toBe('fresh');
    const used = { ...passkey, signCount: 9 };
    expect(await uses.spendAssertion(used, challenge(), 9)).toBe('regressed');
    expect(await uses.spendAssertion(used, challenge(), 10)).toBe('fresh');
    expect(await uses.counted([used, newPasskey().passkey])).toMatchObject([
      { signCount: 10 },
      { signCount: 0 },
    ]);
  });

  test('may stay 0 with authenticators that do not count, until one does', async () => {
    const { passkey } = newPasskey();
    const outcomes = [];
    for (const count of [0, 0, 3, 0]) outcomes.push(await uses.spendAssertion(passkey, challenge(), count));
    expect(outcomes).toEqual(['fresh', 'fresh', 'fresh', 'regressed']);
  });
});

test('a challenge is answered once, also by twenty at the same time', async () => {
  const { passkey } = newPasskey();
  const one = challenge();
  const outcomes = await Promise.all(Array.from({ length: 20 }, () => uses.spendAssertion(passkey, one, 0)));
  expect(outcomes.filter((outcome) => outcome === 'fresh')).toHaveLength(1);
  expect(outcomes.filter((outcome) => outcome === 'spent')).toHaveLength(19);
});

describe('a recovery code', () => {
  const codes: RecoveryCode[] = [{ code: 'e58d3023' }, { code: '4427d323' }];
  const [first, second] = codes as [RecoveryCode, RecoveryCode];

  test('opens once, also for ten at the same time, and each person has their own', async () => {
    const spent = await Promise.all(Array.from({ length: 10 }, () => uses.spendCode('shop:1', first, codes)));
    expect(spent.filter(Boolean)).toHaveLength(1);
    expect(await uses.spendCode('shop:2', first, codes)).toBe(true);
    expect(await uses.unspent('shop:1', codes)).toEqual([second]);
    expect(await uses.unspent('shop:3', codes)).toEqual(codes);
  });

  test('stays spent when the master key is rotated', async () => {
    expect(await uses.spendCode('shop:1', first, codes)).toBe(true);
    const rotated = new FactorUses(db, openKeyring([newKey, oldKey]));
    expect(await rotated.spendCode('shop:1', first, codes)).toBe(false);
    expect(await rotated.unspent('shop:1', codes)).toEqual([second]);
  });

  test('is forgotten when the store has it no longer: the table holds no more than the store', async () => {
    await uses.spendCode('shop:1', first, codes);
    await uses.spendCode('shop:2', first, codes);
    await uses.spendCode('shop:1', second, [second]);
    const [row] = await execute(database.url, 'select count(*)::int as rows from recovery_code_uses');
    expect(row).toEqual({ rows: 2 });
  });

  test('cannot be read from the table', async () => {
    await uses.spendCode('shop:1', first, codes);
    const text = JSON.stringify(await execute(database.url, 'select * from recovery_code_uses'));
    expect(text).not.toMatch(/e58d3023|shop/);
  });
});

test('what has served its time is swept, and nothing else', async () => {
  const { passkey } = newPasskey();
  await uses.spendAssertion(passkey, challenge(), 1);
  await execute(database.url, `update spent_challenges set spent_at = now() - interval '2 hours'`);
  await uses.spendAssertion(newPasskey().passkey, challenge(), 1);
  await execute(
    database.url,
    `update passkey_counters set used_at = now() - interval '3 years' where sign_count = 1 and credential in
     (select credential from passkey_counters order by used_at limit 1)`,
  );
  await uses.spendCode('shop:1', { code: 'e58d3023' }, [{ code: 'e58d3023' }]);
  await execute(database.url, `update recovery_code_uses set used_at = now() - interval '9 years'`);
  await sweepFactorUses(db);
  const [left] = await execute(
    database.url,
    `select (select count(*)::int from spent_challenges) as challenges, (select count(*)::int from passkey_counters) as
     counters, (select count(*)::int from recovery_code_uses) as codes`,
  );
  expect(left).toEqual({ challenges: 1, counters: 1, codes: 1 });
});
