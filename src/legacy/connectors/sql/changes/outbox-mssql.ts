/**
 * The outbox in SQL Server (2016 SP1 or newer): one trigger for each table, which sees all rows of a statement. Written after
 * its documentation: no server was there to test on. It needs no rights of who writes to the app's tables, as long as the
 * outbox has the same owner (ownership chaining).
 */
import { ORIGIN_SETTING } from '../apply-marks.ts';
import { literal, nameBeside, quote, quoteTable } from './names.ts';
import type { Made, OutboxEngine, OutboxPlan, Watched } from './outbox-plan.ts';
import { KINDS, MAX_ID_LENGTH, named } from './outbox-plan.ts';

const column = (name: string) => quote('mssql', name);
const tableOf = (name: string) => quoteTable('mssql', name);
const idOf = (name: string, type: string) => `object_id(N${literal(tableOf(name))}, '${type}')`;
const isObject = (name: string, type: string) => `select 1 as one where ${idOf(name, type)} is not null`;

export function mssqlOutbox(plan: OutboxPlan): OutboxEngine {
  const outbox = tableOf(plan.table);
  const numbers = nameBeside(plan.table, plan.table, 'ids');
  return {
    // What a statement of this driver sets is gone with it: the request's own limit has to do.
    patience: [],
    table: {
      isThere: isObject(plan.table, 'U'),
      create: [
        // An identity column would change what @@identity says to the app that has just inserted a user.
        {
          sql: `create sequence ${tableOf(numbers)} as bigint start with 1`,
          unless: isObject(numbers, 'SO'),
        },
        {
          sql: `create table ${outbox} (id bigint not null primary key default (next value for ${tableOf(numbers)}), user_id nvarchar(${MAX_ID_LENGTH}) not null, kind varchar(16) not null, at datetime2(3) not null default sysutcdatetime(), origin nvarchar(64))`,
          unless: isObject(plan.table, 'U'),
        },
      ],
      drop: [`drop table if exists ${outbox}`, `drop sequence if exists ${tableOf(numbers)}`],
    },
    lost: `insert into ${outbox} (user_id, kind) values ('', '${KINDS.lost}')`,
    triggers: plan.watched.map((watched) => triggerOn(plan, watched)),
    rights: {
      setup: `GRANT CREATE TABLE TO its user; GRANT ALTER, CREATE SEQUENCE ON SCHEMA::… TO it, for the schema of ${outbox}${plan.watched.map(({ table }) => `; GRANT ALTER ON ${tableOf(table)} TO it`).join('')}.`,
      reader: `GRANT SELECT, DELETE ON ${outbox} TO its user.`,
    },
  };
}

function triggerOn(plan: OutboxPlan, watched: Watched): Made & { readonly on: string } {
  const { name, mark } = named(plan, watched, 'changes');
  const table = tableOf(watched.table);
  return {
    on: table,
    isThere: `select 1 as one from sys.triggers t join sys.sql_modules m on m.object_id = t.object_id where t.object_id = ${idOf(name, 'TR')} and t.is_disabled = 0 and m.definition like '%${mark}%'`,
    drop: [`drop trigger if exists ${tableOf(name)}`],
    create: [
      `create trigger ${tableOf(name)} on ${table} after insert, update, delete as begin /* ${mark} */ ${body(plan.table, watched)} end`,
    ],
  };
}

/** By their bytes: to the collation, Anna and anna may be one. */
const bytes = (value: string) => `convert(varbinary(max), ${value})`;
/** Of a size that can be joined. */
const ID_BYTES = `varbinary(${MAX_ID_LENGTH * 2})`;
const idIn = ({ user }: Watched) =>
  `convert(${ID_BYTES}, convert(nvarchar(${MAX_ID_LENGTH}), ${column(user)})) as user_id`;
const rowsOf = (watched: Watched, rows: string) => {
  const compared = (watched.columns ?? []).map((name, index) => `${bytes(column(name))} as v${index}`);
  return `select ${[idIn(watched), ...compared].join(', ')} from ${rows} where ${column(watched.user)} is not null`;
};

/** Who is told of goes through a variable, as a default of a sequence's does not go with `union` and `except`. */
const body = (outbox: string, watched: Watched) =>
  [
    'set nocount on;',
    'if not exists (select 1 from inserted) and not exists (select 1 from deleted) return;',
    `declare @told table (user_id ${ID_BYTES} not null, kind varchar(16) not null);`,
    `insert into @told (user_id, kind) ${watched.isUsers ? people(watched) : belongings(watched)};`,
    `insert into ${tableOf(outbox)} (user_id, kind, origin) select convert(nvarchar(${MAX_ID_LENGTH}), user_id), kind, convert(nvarchar(64), session_context(N'${ORIGIN_SETTING}')) from @told;`,
  ].join(' ');

function people(watched: Watched): string {
  const all = (side: string) => (watched.columns ?? []).map((_name, index) => `${side}.v${index}`).join(', ');
  const differs = watched.columns ? `exists (select ${all('o')} except select ${all('n')})` : '1 = 1';
  return [
    `select coalesce(n.user_id, o.user_id), case when n.user_id is null then '${KINDS.deleted}' else '${KINDS.changed}' end`,
    `from (${rowsOf(watched, 'deleted')}) o full join (${rowsOf(watched, 'inserted')}) n on n.user_id = o.user_id`,
    `where n.user_id is null or o.user_id is null or ${differs}`,
  ].join(' ');
}

function belongings(watched: Watched): string {
  const [before, after] = ['deleted', 'inserted'].map((rows) => rowsOf(watched, rows));
  const rows = watched.columns
    ? `(${before} except ${after}) union (${after} except ${before})`
    : `${before} union ${after}`;
  return `select distinct user_id, '${KINDS.changed}' from (${rows}) rows_of_users`;
}
