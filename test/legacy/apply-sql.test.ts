import { connect } from 'node:net';
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { ApplyInput } from '../../src/legacy/apply.ts';
import { marksIn, marksPiece, pruning } from '../../src/legacy/connectors/sql/apply-marks.ts';
import type { Directory } from '../../src/legacy/directory.ts';
import { openDirectory } from '../../src/legacy/directory.ts';
import { legacySettings } from '../../src/legacy/legacy-settings.ts';
import { execute } from '../support/database.ts';
import type { TestDatabase } from '../support/postgres.ts';
import { testDatabase } from '../support/postgres.ts';
import { APPLY_SQL, sqlApply, sqlMapping } from './apply-stores.ts';
import { Line } from './line.ts';

const NICK = { nickname: { before: 'ann', after: 'new' } };
const PROFILES = `
create table profiles (person_id integer primary key references people (id), phone varchar(100));
create table person_roles (person_id integer not null references people (id), role varchar(50) not null, primary key (person_id, role));
insert into person_roles values (1, 'author'), (1, 'editor'), (2, 'author');
create table origins (origin text);
create function note_origin() returns trigger language plpgsql as $$
  begin insert into origins values (current_setting('footbridge.origin', true)); return new; end $$;
create trigger note_origin after update on people for each row execute function note_origin();
`;

let database: TestDatabase;
let directories: Directory[] = [];
beforeAll(() => Promise.all([import('knex'), import('pg')]));
beforeEach(async () => {
  database = await testDatabase({ empty: true });
  await execute(database.url, APPLY_SQL({ moment: 'timestamptz', yes: 'boolean' }));
  await execute(database.url, PROFILES);
});
afterEach(async () => {
  for (const directory of directories) await directory.close();
  directories = [];
  await database.drop();
});

const settingsFor = (apply: object, mapping: object = {}, part: object = {}, timeoutMs = 10_000) =>
  legacySettings.parse({
    store: 'shop',
    timeoutMs,
    mapping: { ...sqlMapping, ...mapping },
    sql: {
      engine: 'postgresql',
      connection: database.url,
      table: 'people',
      login: ['login'],
      apply,
      ...part,
    },
  });
function open(
  apply: object = sqlApply,
  mapping: object = {},
  part: object = {},
  timeoutMs?: number,
): Directory {
  const directory = openDirectory(settingsFor(apply, mapping, part, timeoutMs));
  directories.push(directory);
  return directory;
}
async function install(): Promise<void> {
  const piece = marksPiece(settingsFor(sqlApply).sql!)!;
  for (const step of piece.install) await execute(database.url, step as string);
}
const rows = (sql: string) => execute(database.url, sql);
const marks = async () =>
  (await rows('select mark from footbridge_applied order by mark')).map(({ mark }) => mark);
const nick = async () => (await rows('select nick from people where id = 1'))[0]?.nick;
const apply = (directory: Directory, input: Partial<ApplyInput> = {}) =>
  directory.apply('shop:1', { fields: NICK, mark: 'm1', ...input });

describe('the table of marks', () => {
  test('is made, made again, and taken away', async () => {
    const piece = marksPiece(settingsFor(sqlApply).sql!)!;
    const [check] = piece.check;
    await expect(rows(check!.sql)).rejects.toMatchObject({ code: '42P01' });
    await install();
    await install();
    expect(await rows(check!.sql)).toEqual([]);
    for (const step of [...piece.remove, ...piece.remove]) await rows(step as string);
    await expect(rows(check!.sql)).rejects.toMatchObject({ code: '42P01' });
  });

  test('is not needed where nothing is applied', () => {
    expect(marksPiece(settingsFor(sqlApply, {}, { apply: undefined }).sql!)).toBeUndefined();
  });

  test.each([
    ['a change', {}],
    ['a change that was overtaken', { fields: { nickname: { before: 'other', after: 'x' } } }],
    ['an end', { fields: {}, remove: true }],
  ] as const)('that is missing is said with the command that makes it, for %s', async (_what, input) => {
    await expect(apply(open(), input)).rejects.toMatchObject({
      code: 'config_invalid',
      detail: expect.stringContaining('`footbridge sync install`'),
    });
    expect(await nick()).toBe('ann');
  });

  test('has a row for what was done and none for what was not', async () => {
    await install();
    const directory = open();
    expect(await apply(directory)).toBe('applied');
    expect(await apply(directory, { mark: 'm2' })).toBe('changed');
    expect(
      await apply(directory, {
        mark: 'm3',
        fields: { email: { before: 'anna@example.com', after: 'bob@example.com' } },
      }).catch(({ code }) => code),
    ).toBe('user_ambiguous');
    expect(await directory.apply('shop:404', { fields: {}, remove: true, mark: 'm4' })).toBe('gone');
    expect(await rows('select mark, person from footbridge_applied')).toEqual([{ mark: 'm1', person: '1' }]);
  });

  test('loses rows that are older than anything that is tried again', async () => {
    await install();
    await rows(`insert into footbridge_applied (mark, person, applied_at)
      select 'old' || i, '1', now() - interval '101 days' from generate_series(1, 20) i union all
      select 'young', '1', now() - interval '99 days'`);
    const { default: knex } = await import('knex');
    const db = knex({ client: 'pg', connection: database.url });
    await db.transaction((transaction) => marksIn('postgresql', 'footbridge_applied').prune(transaction));
    await db.destroy();
    expect(await marks()).toEqual(['young']);
  });

  test('is pruned after so many writes, or so long, even where that has failed', () => {
    let pruned = 0;
    let nowMs = 0;
    const prune = async () => {
      pruned += 1;
      throw new Error('lost');
    };
    const wrote = pruning(prune, 3, () => nowMs);
    const after = (writes: number) => {
      for (let count = 0; count < writes; count++) wrote();
      return pruned;
    };
    expect([after(2), after(1), after(2), after(1)]).toEqual([0, 1, 1, 2]);
    nowMs = 3_600_000;
    expect([after(1), after(1)]).toEqual([3, 3]);
  });
});

describe('a change that triggers see', () => {
  test('is known to be ours, and nobody else’s is', async () => {
    await install();
    expect(await apply(open())).toBe('applied');
    await rows("update people set given = 'Ada' where id = 1");
    expect(await rows('select origin from origins')).toEqual([{ origin: 'sync' }, { origin: null }]);
  });
});

describe('statements of the operator’s own', () => {
  const phone = {
    statement:
      'insert into profiles (person_id, phone) values (:id, :value) on conflict (person_id) do update set phone = excluded.phone where profiles.phone is not distinct from :before',
  };
  const roles = {
    add: 'insert into person_roles (person_id, role) values (:id, :value) on conflict do nothing',
    remove: 'delete from person_roles where person_id = :id and role = :value',
    values: { reader: 'reads', author: 'author', editor: 'editor' },
  };
  const related = {
    queries: {
      related: {
        profile: 'select phone from profiles where person_id = :id',
        roles: 'select role from person_roles where person_id = :id',
      },
    },
  };
  const mapping = {
    phoneNumber: { from: 'profile', column: 'phone' },
    phoneNumberVerified: false,
    roles: {
      from: 'roles',
      column: 'role',
      transform: [{ map: { author: 'author', editor: 'editor', reads: 'reader' } }],
    },
  };
  const own = { nickname: sqlApply.nickname, phoneNumber: phone, roles };
  const read = async (directory: Directory) => {
    const { phoneNumber, nickname, roles: names } = (await directory.findBySub('shop:1'))!.user;
    return { phoneNumber, nickname, roles: names.toSorted() };
  };

  beforeEach(install);

  test('write beside the row, all of it at once', async () => {
    const directory = open(own, mapping, related);
    const fields = {
      ...NICK,
      phoneNumber: { before: null, after: '+49 30 1' },
      roles: { before: '["author","editor"]', after: '["editor","reader"]' },
    };
    expect(await apply(directory, { fields })).toBe('applied');
    expect(await read(directory)).toEqual({
      phoneNumber: '+49 30 1',
      nickname: 'new',
      roles: ['editor', 'reader'],
    });
    expect(await rows('select * from person_roles where person_id = 2')).toHaveLength(1);
    expect(await apply(directory, { fields })).toBe('already');
    const next = { phoneNumber: { before: '+49 30 1', after: '+49 30 2' } };
    expect(await apply(directory, { fields: next, mark: 'm2' })).toBe('applied');
    expect((await read(directory)).phoneNumber).toBe('+49 30 2');
  });

  test('that change nothing take all of it back', async () => {
    const never = { statement: 'update profiles set phone = :value where person_id = :id and 1 = 0' };
    const directory = open({ ...own, phoneNumber: never }, mapping, related);
    const fields = { ...NICK, phoneNumber: { before: null, after: '+49 30 1' } };
    expect(await apply(directory, { fields })).toBe('changed');
    expect([await nick(), await marks()]).toEqual(['ann', []]);
  });

  test.each([
    [
      'a field',
      { nickname: { statement: "update people set nick = :value where id = :id or login <> ''" } },
      { fields: NICK },
    ],
    [
      'a password',
      {
        password: {
          statement: "update people set hash = :value where id = :id or login <> ''",
          format: 'bcrypt',
        },
      },
      { fields: {}, password: 'hash' },
    ],
    [
      'an end',
      { remove: { statement: 'delete from origins where origin = :id or origin is not null' } },
      { fields: {}, remove: true as const },
    ],
  ])('that have lost their condition are taken back: %s', async (_what, careless, input) => {
    await rows("insert into origins values ('a'), ('b')");
    await expect(apply(open(careless), input)).rejects.toMatchObject({
      code: 'config_invalid',
      detail: expect.stringContaining('changes more than one row'),
    });
    expect(await rows('select distinct nick, hash from people where id = 1')).toEqual([
      { nick: 'ann', hash: null },
    ]);
    expect(await marks()).toEqual([]);
    expect(await rows('select * from origins')).toHaveLength(2);
  });

  test('take a password without a column', async () => {
    const password = { statement: 'update people set hash = :value where id = :id', format: 'bcrypt' };
    expect(await apply(open({ password }), { fields: {}, password: 'made' })).toBe('applied');
    expect(await rows("select id from people where hash = 'made'")).toEqual([{ id: 1 }]);
  });

  test('find the person without a table', async () => {
    const queries = {
      byLogin: 'select * from people where login = :login',
      byId: 'select * from people where id::text = :id',
    };
    const statement = 'update people set nick = :value where id = :id and nick = :before';
    const directory = open({ nickname: { statement } }, {}, { table: undefined, queries });
    expect(await apply(directory)).toBe('applied');
    expect(await nick()).toBe('new');
    expect(await directory.apply('shop:404', { fields: NICK, mark: 'm2' })).toBe('gone');
  });
});

describe('several values in one column', () => {
  test('are a list of the database’s own', async () => {
    await install();
    await rows(
      'alter table people add tags text[]; update people set tags = \'{b,"x, y",other}\' where id = 1',
    );
    const mapping = { roles: { column: 'tags', transform: [{ map: { a: 'a', b: 'b', 'x, y': 'xy' } }] } };
    const directory = open({ roles: 'tags' }, mapping);
    const fields = { roles: { before: '["b","xy"]', after: '["a","xy"]' } };
    expect(await apply(directory, { fields })).toBe('applied');
    expect(await rows('select tags from people where id = 1')).toEqual([{ tags: ['x, y', 'other', 'a'] }]);
    const gone = { roles: { before: '["a","xy"]', after: '[]' } };
    expect(await apply(directory, { fields: gone, mark: 'm2' })).toBe('applied');
    expect(await rows('select tags from people where id = 1')).toEqual([{ tags: ['other'] }]);
  });
});

describe('a moment', () => {
  test('is compared as the database has it, and written in UTC', async () => {
    await install();
    await rows("update people set verified_at = '2024-01-31 12:30:00.123456+05:30' where id = 1");
    const directory = open();
    const off = { emailVerified: { before: 'true', after: 'false' } };
    expect(await apply(directory, { fields: off })).toBe('applied');
    const on = { emailVerified: { before: 'false', after: 'true' } };
    expect(await apply(directory, { fields: on, mark: 'm2' })).toBe('applied');
    const [row] = await rows(
      'select extract(epoch from now() - verified_at)::float8 as age from people where id = 1',
    );
    expect(row!.age).toBeGreaterThanOrEqual(0);
    expect(row!.age).toBeLessThan(60);
  });
});

describe('a database that fails', () => {
  let line: Line;
  let through: string;
  beforeEach(async () => {
    await install();
    const there = new URL(database.url);
    line = new Line(() => connect(Number(there.port), there.hostname));
    const url = new URL(database.url);
    url.hostname = '127.0.0.1';
    url.port = String(await line.listen());
    through = url.href;
  });
  afterEach(() => line.close());
  const openThrough = (timeoutMs?: number) => open({ ...sqlApply, connection: through }, {}, {}, timeoutMs);
  /** Holds the row, until it is let go. */
  const hold = async () => {
    const { default: pg } = await import('pg');
    const client = new pg.Client({ connectionString: database.url });
    await client.connect();
    await client.query('begin');
    await client.query('select 1 from people where id = 1 for update');
    return async () => {
      await client.query('rollback');
      await client.end();
    };
  };
  const waiting = async () =>
    Number(
      (
        await rows(
          "select count(*) as n from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()",
        )
      )[0]!.n,
    );

  test('between the mark and the change leaves neither, and another try does both', async () => {
    const letGo = await hold();
    const directory = openThrough();
    const lost = apply(directory).catch((error) => error);
    await expect.poll(waiting, { timeout: 10_000 }).toBe(1);
    line.cutAll();
    expect(await lost).toMatchObject({ code: 'legacy_unavailable' });
    await letGo();
    expect([await nick(), await marks()]).toEqual(['ann', []]);
    line.mode = 'open';
    expect(await apply(directory)).toBe('applied');
    expect(await nick()).toBe('new');
  });

  test('before it says that it is done has done it, and another try hears of it', async () => {
    // It waits in the midst of its commit, so that the answer can be lost.
    await rows(`create function stall() returns trigger language plpgsql as $$ begin
      perform pg_advisory_xact_lock(4711); return null; end $$;
      create constraint trigger stall after update on people deferrable initially deferred for each row execute function stall()`);
    const { default: pg } = await import('pg');
    const client = new pg.Client({ connectionString: database.url });
    await client.connect();
    await client.query('select pg_advisory_lock(4711)');
    const directory = openThrough();
    const lost = apply(directory).catch((error) => error);
    await expect.poll(waiting, { timeout: 10_000 }).toBe(1);
    line.mode = 'silent';
    await client.end();
    await expect.poll(nick, { timeout: 10_000 }).toBe('new');
    line.cutAll();
    expect(await lost).toMatchObject({ code: 'legacy_unavailable' });
    line.mode = 'open';
    await rows("drop trigger stall on people; update people set nick = 'later' where id = 1");
    expect(await apply(directory)).toBe('already');
    expect([await nick(), await marks()]).toEqual(['later', ['m1']]);
  });

  test('is unavailable and not wrong, and keeps nobody from logging in', async () => {
    const directory = openThrough(1_000);
    line.mode = 'silent';
    await expect(apply(directory)).rejects.toMatchObject({ code: 'legacy_unavailable' });
    expect(await directory.findByLogin('anna')).toBeDefined();
    line.mode = 'open';
    expect(await apply(directory)).toBe('applied');
  });

  test('waits for somebody else’s change, and sees it', async () => {
    const { default: pg } = await import('pg');
    const client = new pg.Client({ connectionString: database.url });
    await client.connect();
    await client.query("begin; update people set nick = 'quick' where id = 1");
    const slow = apply(open());
    await expect.poll(waiting, { timeout: 10_000 }).toBe(1);
    await client.query('commit');
    await client.end();
    expect(await slow).toBe('changed');
    expect([await nick(), await marks()]).toEqual(['quick', []]);
  });

  test('without the right to write says so, without a value', async () => {
    const role = `applier_${new URL(database.url).pathname.slice(1)}`;
    await rows(
      `create role ${role} login password 'right'; grant select on people to ${role}; grant select, insert, delete on footbridge_applied to ${role}`,
    );
    const connection = new URL(database.url);
    connection.username = role;
    connection.password = 'right';
    const directory = open({ ...sqlApply, connection: connection.href });
    const error = await apply(directory, { fields: { nickname: { before: 'ann', after: 'canary' } } }).catch(
      (thrown) => thrown,
    );
    expect(error).toMatchObject({ code: 'legacy_unavailable', detail: expect.stringContaining('people') });
    expect(JSON.stringify([error.message, error.detail, error.stack, error.cause])).not.toContain('canary');
    await directory.close();
    await rows(`drop owned by ${role}; drop role ${role}`);
  });

  test('that does not take a value says so, without it', async () => {
    const fields = { familyName: { before: 'Alt', after: 'canary'.repeat(50) } };
    const error = await apply(open(), { fields }).catch((thrown) => thrown);
    expect(error).toMatchObject({ code: 'bad_request', detail: expect.stringContaining('22001') });
    expect(JSON.stringify([error.message, error.detail, error.stack, error.cause])).not.toContain('canary');
    expect(await marks()).toEqual([]);
  });
});
