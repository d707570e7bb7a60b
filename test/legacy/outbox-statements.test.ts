/** What is written after the documentation of servers that are not here: read here as text. */
import knex from 'knex';
import { describe, expect, test } from 'vitest';
import { outboxPiece, outboxSettings } from '../../src/legacy/connectors/sql/changes/outbox.ts';
import { deletion, rowsIn } from '../../src/legacy/connectors/sql/changes/outbox-rows.ts';
import type { SetupStep } from '../../src/legacy/connectors/sql/setup-piece.ts';

const sqlOf = (step: SetupStep) => (typeof step === 'string' ? step : step.sql);
const piece = (changes: Record<string, unknown>) =>
  outboxPiece(
    { engine: 'mssql', table: 'dbo.People', id: 'Id' },
    outboxSettings.parse({ by: 'outbox', table: 'dbo.footbridge_changes', ...changes }),
  );

describe('the outbox of SQL Server', () => {
  const { install, remove, check, rights } = piece({
    columns: ['Email', 'E]mail'],
    tables: [
      { table: 'dbo.Roles', user: 'PersonId', columns: ['Name'] },
      { table: 'x.Profile', user: 'Person' },
    ],
  });
  const marked = install.map((step) => sqlOf(step).replaceAll(/footbridge:[0-9a-f]{10}/g, 'footbridge:…'));

  test('is a table with numbers that @@identity does not see', () => {
    expect(marked.slice(0, 3)).toEqual([
      "insert into [dbo].[footbridge_changes] (user_id, kind) values ('', 'lost')",
      'create sequence [dbo].[footbridge_changes_ids] as bigint start with 1',
      'create table [dbo].[footbridge_changes] (id bigint not null primary key default (next value for [dbo].[footbridge_changes_ids]), user_id nvarchar(255) not null, kind varchar(16) not null, at datetime2(3) not null default sysutcdatetime(), origin nvarchar(64))',
    ]);
  });

  test('is filled by one trigger on the users, which compares bytes', () => {
    expect(marked[3]).toBe('drop trigger if exists [dbo].[footbridge_changes_People_changes]');
    expect(marked[4]).toBe(
      [
        'create trigger [dbo].[footbridge_changes_People_changes] on [dbo].[People] after insert, update, delete as begin /* footbridge:… */',
        'set nocount on;',
        'if not exists (select 1 from inserted) and not exists (select 1 from deleted) return;',
        'declare @told table (user_id varbinary(510) not null, kind varchar(16) not null);',
        "insert into @told (user_id, kind) select coalesce(n.user_id, o.user_id), case when n.user_id is null then 'deleted' else 'changed' end",
        'from (select convert(varbinary(510), convert(nvarchar(255), [Id])) as user_id, convert(varbinary(max), [Email]) as v0, convert(varbinary(max), [E]]mail]) as v1 from deleted where [Id] is not null) o',
        'full join (select convert(varbinary(510), convert(nvarchar(255), [Id])) as user_id, convert(varbinary(max), [Email]) as v0, convert(varbinary(max), [E]]mail]) as v1 from inserted where [Id] is not null) n on n.user_id = o.user_id',
        'where n.user_id is null or o.user_id is null or exists (select o.v0, o.v1 except select n.v0, n.v1);',
        "insert into [dbo].[footbridge_changes] (user_id, kind, origin) select convert(nvarchar(255), user_id), kind, convert(nvarchar(64), session_context(N'footbridge.origin')) from @told;",
        'end',
      ].join(' '),
    );
  });

  test('is filled by one trigger on each further table', () => {
    const before =
      'select convert(varbinary(510), convert(nvarchar(255), [PersonId])) as user_id, convert(varbinary(max), [Name]) as v0 from deleted where [PersonId] is not null';
    const after = before.replace('deleted', 'inserted');
    expect(marked[6]).toContain(
      `insert into @told (user_id, kind) select distinct user_id, 'changed' from ((${before} except ${after}) union (${after} except ${before})) rows_of_users;`,
    );
    expect(marked[8]).toContain('create trigger [x].[footbridge_changes_Profile_changes] on [x].[Profile]');
    expect(marked[8]).toContain('from deleted where [Person] is not null union select');
  });

  test('leaves out what is there, is taken away whole, and says whose rights', () => {
    expect(install.slice(1).every((step) => typeof step !== 'string' && step.unless !== '')).toBe(true);
    expect(remove.map(sqlOf)).toEqual([
      'drop trigger if exists [dbo].[footbridge_changes_People_changes]',
      'drop trigger if exists [dbo].[footbridge_changes_Roles_changes]',
      'drop trigger if exists [x].[footbridge_changes_Profile_changes]',
      'drop table if exists [dbo].[footbridge_changes]',
      'drop sequence if exists [dbo].[footbridge_changes_ids]',
    ]);
    expect(check[2]?.sql.replace(/footbridge:[0-9a-f]{10}/, 'footbridge:…')).toBe(
      "select 1 as one from sys.triggers t join sys.sql_modules m on m.object_id = t.object_id where t.object_id = object_id(N'[dbo].[footbridge_changes_People_changes]', 'TR') and t.is_disabled = 0 and m.definition like '%footbridge:…%'",
    );
    expect(rights).toContain('GRANT ALTER ON [x].[Profile] TO it');
  });

  test('is read and deleted past what the app has not committed', () => {
    const db = knex({ client: 'mssql' });
    const rows = rowsIn('mssql', 'dbo.footbridge_changes')(db).select('*').orderBy('id');
    expect(rows.limit(3, { skipBinding: true }).toSQL().sql).toBe(
      'select top (3) * from [dbo].[footbridge_changes] with (readpast) order by [id] asc',
    );
    expect(deletion('mssql', 'dbo.footbridge_changes', [1n, 2n])).toBe(
      'delete from [dbo].[footbridge_changes] with (readpast) where id in (1, 2) and at <= ?',
    );
  });

  test('has no bind in any statement, whatever the names', () => {
    const odd = piece({ columns: ["a'b", 'c"d', 'e`f', ':g', '[h]'] });
    for (const step of odd.install) expect(sqlOf(step)).not.toContain('?');
    expect(sqlOf(odd.install[4] as SetupStep)).toContain('[a\'b]) as v0, convert(varbinary(max), [c"d])');
  });
});

describe('names', () => {
  test.each(['a?', 'a\\b', 'a\nb', 'a\0', 'a$$b', '.a', 'a..b', ' ', 'x'.repeat(129)])(
    'are refused where they cannot be quoted everywhere: %j',
    (name) => {
      const parsed = outboxSettings.safeParse({ by: 'outbox', columns: [name] });
      expect(parsed.success).toBe(false);
    },
  );

  test('that are too long are cut, and still differ', () => {
    const long = (last: string) => `dbo.${'Länge'.repeat(20)}${last}`;
    const names = ['a', 'b'].map((last) => {
      const { remove } = outboxPiece(
        { engine: 'mssql', table: long(last), id: 'id' },
        outboxSettings.parse({ by: 'outbox' }),
      );
      return /\[dbo\]\.\[(.*)\]$/.exec(sqlOf(remove[0] as SetupStep))?.[1] ?? '';
    });
    expect(new Set(names).size).toBe(2);
    for (const name of names) expect(Buffer.byteLength(name)).toBeLessThanOrEqual(60);
  });
});
