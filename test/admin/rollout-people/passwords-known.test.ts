/** What is known of somebody's newest password: sync's word where it is at it, and else what the target has told. */
import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import type { Desk } from '../../../src/admin/operation.ts';
import { openPasswordsKnown } from '../../../src/admin/rollout-people/passwords-known.ts';
import { Secret } from '../../../src/settings.ts';
import { appendAudit, openAuditLog } from '../../../src/store/audit-log.ts';
import type { Db } from '../../../src/store/db.ts';
import { openDb } from '../../../src/store/db.ts';
import { openKeyring } from '../../../src/store/encryption.ts';
import { execute } from '../../support/database.ts';
import type { TestDatabase } from '../../support/postgres.ts';
import { testDatabase } from '../../support/postgres.ts';

const SINCE = new Date('2026-06-01T00:00:00Z');
let database: TestDatabase;
let db: Db;
const keyring = openKeyring(new Secret(randomBytes(32).toString('base64')));
beforeAll(async () => {
  database = await testDatabase();
  db = openDb({ url: database.url, poolSize: 2 });
  const { pseudonym } = openAuditLog({ db, keyring });
  const told = { actor: 'target:main', action: 'target.password-set', subject: pseudonym('told') };
  await appendAudit(db, { ...told, detail: { target: 'main' } });
  await appendAudit(db, { ...told, subject: pseudonym('elsewhere'), detail: { target: 'other' } });
  for (const state of ['equal', 'at-target', 'waits'])
    await execute(database.url, `insert into sync_passwords (target, sub, state) values ('main', $1, $1)`, [
      state,
    ]);
});
afterAll(async () => {
  await db.close();
  await database.drop();
});
beforeEach(() => execute(database.url, 'delete from sync_pairs'));

async function known(pair: string | undefined, { isChecked = true, isWritten = true } = {}) {
  if (pair)
    await execute(database.url, `insert into sync_pairs (target, state, actor) values ('main', $1, 'test')`, [
      pair,
    ]);
  const connection = () => (isChecked ? { checkPassword: async () => true } : {});
  const applies = () => ({ password: isWritten ? { format: 'bcrypt' } : undefined });
  const { standingOf, lacks } = await openPasswordsKnown(
    { db, keyring, targets: { connection }, directory: { applies } } as unknown as Desk,
    'main',
  );
  const of = (sub: string) => standingOf({ sub, since: SINCE });
  return {
    of,
    lacks,
    all: async () => Promise.all(['equal', 'at-target', 'waits', 'told', 'nobody'].map(of)),
  };
}

test('while both are kept equal, a newer one is here, or is caught when it is typed here', async () => {
  expect(await (await known('running')).all()).toEqual(['here', 'catchable', 'here', 'lost', 'unknown']);
});

test.each([
  ['the target checks none', { isChecked: false }],
  ['the store takes none', { isWritten: false }],
])('where %s, a newer one is lost', async (_what, options) => {
  expect(await (await known('running', options)).of('at-target')).toBe('lost');
});

test('while turns are not taken, nobody knows that both are equal', async () => {
  expect(await (await known('paused')).all()).toEqual(['unknown', 'catchable', 'unknown', 'lost', 'unknown']);
});

test.each([undefined, 'stopped'])(
  'with sync %s only what the target has told counts, and only since the move',
  async (pair) => {
    const { of, all } = await known(pair);
    expect(await all()).toEqual(['unknown', 'unknown', 'unknown', 'lost', 'unknown']);
    expect(await of('elsewhere')).toBe('unknown');
    const { standingOf } = await openPasswordsKnown(
      { db, keyring, targets: { connection: () => undefined } } as unknown as Desk,
      'main',
    );
    expect(await standingOf({ sub: 'told', since: new Date(Date.now() + 60_000) })).toBe('unknown');
  },
);

test('whose newer password waits for the target is not cut over', async () => {
  const { lacks } = await known('running');
  expect([await lacks('waits'), await lacks('equal'), await lacks('nobody')]).toEqual([true, false, false]);
});
