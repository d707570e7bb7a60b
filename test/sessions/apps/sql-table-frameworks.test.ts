/** What holds for tables of the frameworks themselves, in PostgreSQL. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { sqlTable } from '../../../src/sessions/apps/sql-table.ts';
import type { FoundSession, LegacyApp, LegacyAppDeps } from '../../../src/sessions/legacy-app.ts';
import type { LegacyEntry } from '../../../src/user.ts';
import { userOf } from '../../migration/stage.ts';
import { execute } from '../../support/database.ts';
import type { TestDatabase } from '../../support/postgres.ts';
import { testDatabase } from '../../support/postgres.ts';
import { browserWith, loginOf, requestOf } from '../legacy-app-contract.ts';

const nowSeconds = () => Math.floor(Date.now() / 1_000);
let database: TestDatabase;
let app: LegacyApp | undefined;
beforeAll(async () => {
  database = await testDatabase({ empty: true });
  await execute(
    database.url,
    `create table django_session (session_key varchar(40) primary key, session_data text not null,
       expire_date timestamptz not null);
     create table sessions (id varchar(255) primary key, user_id bigint, ip_address varchar(45), user_agent text,
       payload text not null, last_activity int not null);
     create schema rails;
     create table rails.sessions (id serial primary key, session_id varchar not null unique, data text,
       created_at timestamp not null, updated_at timestamp not null);
     create table session (sid varchar primary key, sess json not null, expire timestamp(6) not null)`,
  );
});
afterAll(() => database.drop());

/** Passwords of people, by the primary key; changed by tests. */
const passwords = new Map([['1', '$2b$12$abcdefghijklmnopqrstuuN2nCJM8Zr5bZCRqHL1q1cX0YlqkLxeG']]);
const DEPS: LegacyAppDeps = {
  db: undefined as never,
  stores: [{ name: 'shop', prefix: 'shop:' }],
  directory: {
    legacyIdOf: (sub) => /^shop:(.+)$/.exec(sub)?.[1],
    findBySub: async (sub) => {
      const id = sub.slice('shop:'.length);
      const hash = passwords.get(id);
      if (hash === undefined) return undefined;
      const columns = { password: hash, encrypted_password: hash };
      return { user: userOf(id), credentials: { passwords: [{ format: 'auto', columns }] } } as LegacyEntry;
    },
  },
};

async function open(settings: object, deps = DEPS): Promise<LegacyApp> {
  await app?.close();
  app = sqlTable.open(
    sqlTable.settings.parse({
      ...COMMON,
      database: { engine: 'postgresql', connection: database.url },
      ...settings,
    }),
    deps,
  );
  return app;
}
afterAll(() => app?.close());

const COMMON = {
  kind: 'sql-table',
  name: 'shop',
  database: { engine: 'sqlite', file: 'shop.sqlite' },
  create: {},
};
const DJANGO = { framework: { format: 'django', secretKeys: ['django-insecure-for-these-tests'] } };
const LARAVEL = {
  framework: { format: 'laravel', appKeys: [`base64:${Buffer.alloc(32, 7).toString('base64')}`] },
  idleSeconds: 7_200,
};
const RAILS = { framework: { format: 'rails' }, table: { name: 'rails.sessions' }, idleSeconds: 7_200 };
const EXPRESS = { framework: { format: 'express', secrets: ['the-shop-signs-with-it'] } };

async function made(shop: LegacyApp, login = loginOf('1')) {
  const created = await shop.create!(login);
  if ('failure' in created) throw new Error(created.failure);
  const found = () => shop.recognise!(requestOf(browserWith(created.setCookies!)));
  return { ...created, handle: created.handle!, found };
}

describe.each([
  ['Django’s', DJANGO],
  ['Laravel’s', LARAVEL],
  ['Rails’', RAILS],
  ['connect-pg-simple’s', EXPRESS],
])('%s own table', (_name, settings) => {
  test('holds sessions that are made here and found again', async () => {
    const { found, handle } = await made(await open(settings));
    expect(await found()).toMatchObject({ handle, person: { by: 'id', value: '1' }, amr: [] });
  });

  test('holds none any more that is ended here', async () => {
    const shop = await open(settings);
    const { found, handle } = await made(shop);
    await shop.end!(handle);
    expect(await found()).toBeUndefined();
  });

  test('tells no moment that is later than the login', async () => {
    const login = loginOf('1', { authTime: nowSeconds() - 900 });
    const { found } = await made(await open(settings), login);
    const { authTime } = (await found()) as FoundSession;
    expect([undefined, login.authTime]).toContain(authTime);
  });
});

describe.each([
  ['Django', DJANGO],
  ['Rails with Devise', RAILS],
])('%s', (_name, settings) => {
  test('binds a session to the password: after a new one nobody is recognised by it', async () => {
    const { found } = await made(await open(settings));
    const before = passwords.get('1')!;
    passwords.set('1', '$2b$12$zyxwvutsrqponmlkjihgfeuN2nCJM8Zr5bZCRqHL1q1cX0YlqkLxeG');
    expect(await found()).toBeUndefined();
    passwords.set('1', before);
    expect(await found()).toBeDefined();
  });

  test('recognises nobody where it is not known whose primary key it is', async () => {
    const { handle } = await made(await open(settings));
    const stores = [...DEPS.stores!, { name: 'forum', prefix: 'forum:' }];
    expect(await (await open(settings, { ...DEPS, stores })).check!(handle)).toBeUndefined();
    const named = await open({ ...settings, store: 'shop' }, { ...DEPS, stores });
    expect(await named.check!(handle)).toBeDefined();
  });
});

describe('a Laravel table', () => {
  test('whose person is not the session’s recognises nobody', async () => {
    const shop = await open(LARAVEL);
    const { found, handle } = await made(shop);
    await execute(database.url, 'update sessions set user_id = 2 where id = $1', [handle]);
    expect(await found()).toBeUndefined();
    await execute(database.url, 'update sessions set user_id = null where id = $1', [handle]);
    expect(await found()).toMatchObject({ person: { value: '1' } });
  });

  test('ends all that a person has, known here or not', async () => {
    const shop = await open(LARAVEL);
    const [one, two, other] = [await made(shop), await made(shop), await made(shop, loginOf('2'))];
    await shop.endAllOf!({ sub: 'shop:1', legacyId: '1' });
    expect([await one.found(), await two.found(), (await other.found())?.person.value]).toEqual([
      undefined,
      undefined,
      '2',
    ]);
  });

  test('counts from the last use: a session lives on from it, never longer, and not once it is over', async () => {
    const shop = await open(LARAVEL);
    const { handle } = await made(shop);
    const usedAgo = (seconds: number) =>
      execute(database.url, 'update sessions set last_activity = $2 where id = $1', [
        handle,
        nowSeconds() - seconds,
      ]);
    await usedAgo(5_000);
    expect((await shop.check!(handle))!.expiresAt! - nowSeconds()).toBeLessThanOrEqual(2_200);
    await shop.renew!(handle, nowSeconds() + 4_000);
    expect((await shop.check!(handle))!.expiresAt! - nowSeconds()).toBeLessThanOrEqual(4_000);
    expect((await shop.check!(handle))!.expiresAt! - nowSeconds()).toBeGreaterThan(3_900);
    await usedAgo(7_201);
    await shop.renew!(handle, nowSeconds() + 4_000);
    expect(await shop.check!(handle)).toBeUndefined();
  });
});

describe('rows that are no sessions', () => {
  const NEVER = '2100-01-01 00:00:00';
  test.each([
    ['broken JSON', '{"cookie":{}', NEVER],
    ['a list', '[1,2]', NEVER],
    ['a text', '"text"', NEVER],
    ['nobody signed in', '{"cookie":{}}', NEVER],
    ['somebody who is a map', '{"cookie":{},"passport":{"user":{"id":1}}}', NEVER],
    ['somebody who is nobody', '{"cookie":{},"passport":{"user":""}}', NEVER],
    ['a session that is over', '{"cookie":{},"passport":{"user":1}}', '2001-01-01 00:00:00'],
    ['a session that was over before it began', '{"cookie":{},"passport":{"user":1}}', '-infinity'],
  ])('%s is nobody’s', async (_what, sess, expire) => {
    const shop = await open({ ...EXPRESS, table: { name: 'odd_session' } });
    await execute(database.url, 'drop table if exists odd_session');
    await execute(database.url, 'create table odd_session (sid text, sess text, expire timestamp)');
    await execute(database.url, `insert into odd_session values ('odd', $1, $2)`, [sess, expire]);
    expect(await shop.check!('odd')).toBeUndefined();
  });

  test('of two rows with one key neither is a session', async () => {
    const shop = await open({ ...EXPRESS, table: { name: 'odd_session' } });
    await execute(database.url, 'drop table if exists odd_session');
    await execute(database.url, 'create table odd_session (sid text, sess text, expire timestamp)');
    const insert = `insert into odd_session values ('odd', '{"cookie":{},"passport":{"user":1}}', 'infinity')`;
    await execute(database.url, insert);
    expect(await shop.check!('odd')).toEqual({ handle: 'odd', person: { by: 'id', value: '1' }, amr: [] });
    await execute(database.url, insert);
    expect(await shop.check!('odd')).toBeUndefined();
  });
});

test('an app that only reads does not need the right to write', async () => {
  const { create: _, ...settings } = sqlTable.settings.parse({
    ...COMMON,
    ...EXPRESS,
    renew: false,
    end: false,
  });
  const reader = sqlTable.open(settings, DEPS);
  expect(Object.keys(reader).sort()).toEqual(['check', 'close', 'mayKnow', 'recognise']);
  await reader.close();
});

test('a write that the database refuses is a failure, not an error', async () => {
  const shop = await open({ ...EXPRESS, table: { key: 'no_such_column' } });
  expect(await shop.create!(loginOf('1'))).toEqual({ failure: 'unreachable' });
});

test('who cannot wait is told so at once', async () => {
  const shop = await open(EXPRESS);
  const asked = shop.check!('any', { signal: AbortSignal.abort() });
  await expect(asked).rejects.toMatchObject({ code: 'legacy_unavailable' });
});
