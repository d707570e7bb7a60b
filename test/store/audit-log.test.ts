import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { Secret } from '../../src/settings.ts';
import type { RecordText } from '../../src/store/audit-chain.ts';
import { makeSeal } from '../../src/store/audit-chain.ts';
import type { AuditLog } from '../../src/store/audit-log.ts';
import { appendAudit, auditPart, openAuditLog } from '../../src/store/audit-log.ts';
import type { Db } from '../../src/store/db.ts';
import { openDb, statement } from '../../src/store/db.ts';
import { openKeyring } from '../../src/store/encryption.ts';
import { execute } from '../support/database.ts';
import type { TestDatabase } from '../support/postgres.ts';
import { testDatabase } from '../support/postgres.ts';

const masterKey = new Secret(randomBytes(32).toString('base64'));
const keyring = openKeyring(masterKey);

let database: TestDatabase;
let db: Db;
let audit: AuditLog;

beforeEach(async () => {
  database = await testDatabase();
  db = openDb({ url: database.url });
  audit = openAuditLog({ db, keyring });
});
afterEach(async () => {
  await db.close();
  await database.drop();
});

const login = (n: number) => ({
  actor: 'user',
  action: 'login.succeeded',
  subject: audit.pseudonym(`shop:${n}`),
  detail: { n },
});

async function append(count: number): Promise<void> {
  for (let n = 1; n <= count; n++) await appendAudit(db, login(n));
}

/** Other tests' transactions on the same server hold the sealer up for a moment. */
async function sealEverything(): Promise<void> {
  await vi.waitFor(
    async () => {
      await audit.seal();
      expect((await audit.verify()).unsealed).toBe(0);
    },
    { timeout: 15_000 },
  );
}

/** As the database's owner could, who can switch off what protects the table. */
async function tamper(sql: string): Promise<void> {
  await execute(
    database.url,
    `grant all on audit_log, audit_seals to current_user;
     alter table audit_log disable trigger user; alter table audit_seals disable trigger user; ${sql}`,
  );
}

describe('writing', () => {
  test('a record keeps what it was given, and the subject only as a pseudonym', async () => {
    await appendAudit(db, login(1));
    const [record] = await audit.records();
    expect(record).toEqual({ ...login(1), id: '1', at: expect.any(Date) });
    expect(JSON.stringify(await execute(database.url, 'select * from audit_log'))).not.toContain('shop:1');
  });

  test('a record without subject and detail is whole', async () => {
    await appendAudit(db, { actor: 'footbridge', action: 'key.rotated' });
    expect(await audit.records()).toEqual([
      { id: '1', at: expect.any(Date), actor: 'footbridge', action: 'key.rotated', detail: {} },
    ]);
  });

  test('what somebody typed cannot make a record fail', async () => {
    await appendAudit(db, {
      actor: 'a\0b',
      action: 'login',
      detail: { login: '\0\ud800', deep: [{ x: 'y\0' }] },
    });
    await appendAudit(db, {
      actor: 'user',
      action: 'login',
      detail: { '\0': '\\u0000 \\\\ud800', pair: '🙂' },
    });
    await appendAudit(db, { actor: 'user', action: 'login', detail: { agent: 'x'.repeat(100_000) } });
    const [odd, keys, long] = await audit.records();
    expect(odd).toMatchObject({
      actor: 'a\ufffdb',
      detail: { login: '\ufffd\ufffd', deep: [{ x: 'y\ufffd' }] },
    });
    expect(keys?.detail).toEqual({ '\ufffd': '\\u0000 \\\\ud800', pair: '🙂' });
    expect(String(long?.detail.agent)).toHaveLength(1_000);
  });

  test('a record is rolled back with the transaction it tells about', async () => {
    const failed = db.transaction(async (tx) => {
      await appendAudit(tx, login(1));
      throw new Error('no');
    });
    await expect(failed).rejects.toThrow('no');
    expect(await audit.records()).toEqual([]);
  });

  test('a part writes one record per row of the part before, and none for none', async () => {
    const rows = (count: number) => ({
      name: 'moved',
      text: 'select generate_series(1, $1::int) n',
      values: [count],
    });
    const count = (n: number) =>
      db.runParts<{ n: number }>(
        [rows(n), auditPart(login(1), 'moved')],
        'select count(*)::int as n from moved',
      );
    expect(await count(0)).toEqual([{ n: 0 }]);
    expect(await audit.records()).toEqual([]);
    expect(await count(3)).toEqual([{ n: 3 }]);
    expect(await audit.records()).toHaveLength(3);
  });

  test('a part that follows nothing writes one record', async () => {
    await db.runParts([auditPart(login(1))], 'select 1');
    expect(await audit.records()).toMatchObject([login(1)]);
  });

  test.each([
    `update audit_log set actor = 'x'`,
    'delete from audit_log',
    'truncate audit_log',
    'update audit_seals set seq = 9',
    'delete from audit_seals',
    'truncate audit_seals',
  ])('the database refuses: %s', async (sql) => {
    await append(1);
    await expect(execute(database.url, sql)).rejects.toMatchObject({ code: '42501' });
    expect(await audit.records()).toHaveLength(1);
  });
});

describe('reading', () => {
  test('filters by actor, action, subject and time', async () => {
    await append(3);
    await appendAudit(db, { actor: 'operator:ada', action: 'key.rotated' });
    const ids = async (filter: Parameters<AuditLog['records']>[0]) =>
      (await audit.records(filter)).map(({ id }) => id);
    expect(await ids({ actor: 'operator:ada' })).toEqual(['4']);
    expect(await ids({ action: 'login.succeeded' })).toEqual(['1', '2', '3']);
    expect(await ids({ sub: 'shop:2' })).toEqual(['2']);
    expect(await ids({ sub: 'shop:9' })).toEqual([]);
    expect(await ids({ from: new Date(0) })).toHaveLength(4);
    expect(await ids({ to: new Date(0) })).toEqual([]);
  });

  test('pages go forward and back', async () => {
    await append(5);
    const ids = async (filter: Parameters<AuditLog['records']>[0]) =>
      (await audit.records(filter)).map(({ id }) => id);
    expect(await ids({ limit: 2 })).toEqual(['1', '2']);
    expect(await ids({ limit: 2, after: '2' })).toEqual(['3', '4']);
    expect(await ids({ limit: 2, newestFirst: true })).toEqual(['5', '4']);
    expect(await ids({ limit: 2, newestFirst: true, before: '4' })).toEqual(['3', '2']);
  });

  test('a subject is found under the pseudonym of an older master key', async () => {
    await append(1);
    const rotated = openKeyring([new Secret(randomBytes(32).toString('base64')), masterKey]);
    expect(await openAuditLog({ db, keyring: rotated }).records({ sub: 'shop:1' })).toHaveLength(1);
  });
});

describe('sealing', () => {
  test('an empty log is whole', async () => {
    expect(await audit.seal()).toBe(0);
    expect(await audit.verify()).toEqual({ ok: true, sealed: 0, unsealed: 0 });
  });

  test('records wait for the sealer, and then are sealed once', async () => {
    await append(3);
    expect(await audit.verify()).toEqual({ ok: true, sealed: 0, unsealed: 3 });
    await sealEverything();
    expect(await audit.seal()).toBe(0);
    expect(await audit.verify()).toMatchObject({ ok: true, sealed: 3, unsealed: 0 });
  });

  test('more than a block becomes several seals', async () => {
    await execute(
      database.url,
      `insert into audit_log (actor, action) select 'a', 'b' from generate_series(1, 2500)`,
    );
    await sealEverything();
    expect(await audit.verify()).toMatchObject({ ok: true, sealed: 2_500, head: { seq: '3' } });
  });

  test('a transaction that commits late is sealed late and in its place, and holds nobody up', async () => {
    const late = openDb({ url: database.url, poolSize: 1 });
    await late.transaction(async (tx) => {
      await appendAudit(tx, login(1));
      await append(2);
      await audit.seal();
      // What was written after the open transaction began is not final yet.
      expect(await audit.verify()).toMatchObject({ ok: true, sealed: 0, unsealed: 2 });
    });
    await late.close();
    await sealEverything();
    expect(await audit.verify()).toMatchObject({ ok: true, sealed: 3 });
  });

  test('several sealers at once make one chain', async () => {
    const other = openAuditLog({ db, keyring });
    for (let round = 0; round < 5; round++) {
      await append(4);
      await Promise.all([audit.seal(), other.seal(), audit.seal(), other.seal()]);
    }
    await sealEverything();
    expect(await audit.verify()).toMatchObject({ ok: true, sealed: 20 });
  });

  test('any detail survives the way through the database', async () => {
    await fc.assert(
      fc.asyncProperty(fc.jsonValue({ stringUnit: 'binary' }), async (value) => {
        await appendAudit(db, { actor: 'a', action: 'b', detail: { value: value as string } });
      }),
      { numRuns: 60 },
    );
    await sealEverything();
    expect(await audit.verify()).toMatchObject({ ok: true, sealed: 60 });
  });

  test('goes on by itself until stopped', async () => {
    const self = openAuditLog({ db, keyring, sealEveryMs: 5 });
    self.start();
    await append(2);
    await vi.waitFor(async () => expect((await audit.verify()).sealed).toBe(2), { timeout: 15_000 });
    await self.stop();
    await append(1);
    expect(await audit.verify()).toMatchObject({ sealed: 2, unsealed: 1 });
  });

  test('outlives a database that is away', async () => {
    const gone = openDb({ url: 'postgresql://nobody@127.0.0.1:1/x' });
    const onError = vi.fn();
    const self = openAuditLog({ db: gone, keyring, sealEveryMs: 1, onError });
    self.start();
    await vi.waitFor(() => expect(onError.mock.calls.length).toBeGreaterThan(1));
    await self.stop();
    expect(onError.mock.calls[0]).toEqual([expect.objectContaining({ code: 'storage_unavailable' })]);
    await gone.close();
  });
});

describe('verification finds', () => {
  beforeEach(async () => {
    for (let block = 0; block < 4; block++) {
      // In one transaction, so that nobody else's makes two seals of them.
      await db.transaction(async (tx) => {
        for (let n = 0; n < 3; n++) await appendAudit(tx, login(n));
      });
      await sealEverything();
    }
  });

  test('nothing where nothing was done', async () => {
    expect(await audit.verify()).toMatchObject({ ok: true, sealed: 12, head: { seq: '4' } });
  });

  test.each([
    ['a changed record', `update audit_log set detail = '{"n": 7}' where id = 5`, 'record 5 was changed'],
    [
      'a changed time',
      `update audit_log set at = at + interval '1 microsecond' where id = 5`,
      'record 5 was changed',
    ],
    ['a subject taken off', 'update audit_log set subject = null where id = 6', 'record 6 was changed'],
    [
      'a removed record',
      'delete from audit_log where id in (4, 5)',
      'record 4 was removed; record 5 was removed',
    ],
    [
      'two records that changed places',
      `update audit_log a set detail = b.detail, at = b.at, subject = b.subject, tx = b.tx
       from audit_log b where (a.id, b.id) in ((5, 6), (6, 5))`,
      'record 5 was changed; record 6 was changed',
    ],
    [
      'a record written in behind the seals',
      `insert into audit_log (tx, actor, action) select tx, 'x', 'y' from audit_log where id = 5`,
      'record 13 was added behind the seals',
    ],
    ['a removed seal in the middle', 'delete from audit_seals where seq = 2', 'seal 2 is missing'],
    ['removed first seals', 'delete from audit_seals where seq < 3', 'seals 1 to 2 are missing'],
    [
      'a changed seal',
      'update audit_seals set digests = digests || digests where seq = 2',
      'seal 2 was changed',
    ],
    [
      'two seals that changed places',
      'update audit_seals set seq = -seq where seq in (2, 3); update audit_seals set seq = 5 + seq where seq < 0',
      'seal 2 was changed',
    ],
    [
      'a chain closed over a removed seal',
      `delete from audit_seals where seq = 2; update audit_seals s set seq = s.seq - 1,
       previous = (select hash from audit_seals where seq = 1) where seq = 3`,
      'seal 2 was changed',
    ],
  ])('%s', async (_, sql, problem) => {
    await tamper(sql);
    const verdict = await audit.verify();
    expect(verdict.ok).toBe(false);
    expect(verdict.problem).toContain(problem);
  });

  test('only the record that was changed, and not its neighbours', async () => {
    await tamper(`update audit_log set action = 'x' where id = 5`);
    expect((await audit.verify()).problem).toBe('record 5 was changed');
  });

  test('a chain recomputed without the master key', async () => {
    const forger = openAuditLog({ db, keyring: openKeyring(new Secret(randomBytes(32).toString('base64'))) });
    await tamper('delete from audit_seals; delete from audit_log where id = 5');
    await vi.waitFor(async () => {
      await forger.seal();
      expect(await forger.verify()).toMatchObject({ ok: true, sealed: 11, unsealed: 0 });
    });
    expect(await audit.verify()).toMatchObject({ ok: false, problem: 'seal 1 was changed' });
  });

  test('a cut-off end, when an earlier head is at hand', async () => {
    const { head } = await audit.verify();
    await tamper('delete from audit_seals where seq = 4; delete from audit_log where id > 9');
    expect(await audit.verify()).toMatchObject({ ok: true });
    expect(await audit.verify({ anchor: head! })).toMatchObject({
      ok: false,
      problem: 'seal 4 of the anchor is missing or another',
    });
  });

  test('nothing wrong with an anchor that the chain has grown beyond', async () => {
    const { head } = await audit.verify();
    await append(1);
    await sealEverything();
    expect(await audit.verify({ anchor: head! })).toMatchObject({ ok: true, sealed: 13 });
  });

  test('nothing wrong after the master key was rotated', async () => {
    const rotated = openKeyring([new Secret(randomBytes(32).toString('base64')), masterKey]);
    audit = openAuditLog({ db, keyring: rotated });
    await append(1);
    await sealEverything();
    expect(await audit.verify()).toMatchObject({ ok: true, sealed: 13 });
  });

  test('and names twenty problems at most', async () => {
    await execute(
      database.url,
      `insert into audit_log (actor, action) select 'a', 'b' from generate_series(1, 30)`,
    );
    await sealEverything();
    await tamper('delete from audit_log where id > 12');
    expect((await audit.verify()).problem).toMatch(/^(record \d+ was removed; ){20}and 10 more$/);
  });
});

test('after a dump is restored into a new server, whose transaction ids start again, the chain goes on', async () => {
  // The server before had reached transaction 9,000,000,000: one record sealed there and one not yet.
  const foreign = (id: number) => `insert into audit_log (tx, id, actor, action) overriding system value
    values ('900000000${id}', ${id}, 'user', 'login') returning tx::text, id::text, actor, action,
    (extract(epoch from at) * 1000000)::bigint::text as micros, subject, detail::text`;
  const records = (await execute(database.url, foreign(1))) as unknown as RecordText[];
  const seal = makeSeal(keyring, { previous: undefined, floor: '0', records });
  const { seq, last_tx, last_id, floor_id, ids, digests, previous, hash } = seal;
  await db.run(
    statement(`insert into audit_seals (seq, last_tx, last_id, floor_id, ids, digests, previous, hash)
      values ($1, $2, $3, $4, $5, $6, $7, $8)`),
    [seq, last_tx, last_id, floor_id, ids, digests, previous, hash],
  );
  await execute(database.url, foreign(2));
  await execute(database.url, 'alter table audit_log alter column id restart with 3');

  await append(1);
  expect(await audit.verify()).toMatchObject({ ok: true, sealed: 1, unsealed: 2 });
  await sealEverything();
  expect(await audit.verify()).toMatchObject({ ok: true, sealed: 3, unsealed: 0 });
  await append(2);
  await sealEverything();
  expect(await audit.verify()).toMatchObject({ ok: true, sealed: 5, unsealed: 0 });
});
