/**
 * The table of marks in the operator's own database: one row per write that was done, made in its transaction, so that a write
 * that is asked for again is done once. And the mark of origin, which triggers can read: this change is ours.
 */
import type { Knex } from 'knex';
import type { Failure } from './engine.ts';
import type { SetupPiece, SetupStep } from './setup-piece.ts';
import type { SqlSettings } from './sql-settings.ts';

/** Longer than sync keeps anything that it might try again. */
const KEPT_DAYS = 100;
/** Deleted at one time. */
const PRUNED_ROWS = 10_000;

/** What triggers and readers of logs know our own changes by. */
export const ORIGIN = 'sync';
/** PostgreSQL: `current_setting('footbridge.origin', true)`; SQL Server: `session_context(N'footbridge.origin')`. */
export const ORIGIN_SETTING = 'footbridge.origin';
/** MySQL and MariaDB. */
export const ORIGIN_VARIABLE = '@footbridge_origin';

interface Dialect {
  /** Makes the table where there is none. */
  create(table: string): readonly SetupStep[];
  drop(table: string): SetupStep;
  prune(table: string): string;
  isMissing(failure: Failure): boolean;
  /** Marks the origin of what follows, in the statement that notes the write, or in one before it. */
  readonly noting?: string;
  readonly begin?: string;
  /** Takes it back, where it would outlive the transaction. */
  readonly end?: string;
}

const indexOf = (table: string) => `${table.split('.').at(-1)}_at`;
const plainDrop = (table: string) => `drop table if exists ${table}`;

const DIALECTS: Readonly<Record<SqlSettings['engine'], Dialect>> = {
  postgresql: {
    create: (table) => [
      `create table if not exists ${table} (mark varchar(64) primary key, person varchar(255) not null, applied_at timestamptz not null default now())`,
      `create index if not exists ${indexOf(table)} on ${table} (applied_at)`,
    ],
    drop: plainDrop,
    prune: (table) =>
      `delete from ${table} where mark in (select mark from ${table} where applied_at < now() - interval '${KEPT_DAYS} days' limit ${PRUNED_ROWS})`,
    isMissing: ({ code }) => code === '42P01',
    // For this transaction only.
    noting: `select ?, ? from set_config('${ORIGIN_SETTING}', '${ORIGIN}', true)`,
  },
  mysql: {
    create: (table) => [
      `create table if not exists ${table} (mark varchar(64) character set ascii collate ascii_bin primary key, person varchar(255) not null, applied_at timestamp not null default current_timestamp, index ${indexOf(table)} (applied_at)) engine = InnoDB default character set utf8mb4`,
    ],
    drop: plainDrop,
    prune: (table) =>
      `delete from ${table} where applied_at < now() - interval ${KEPT_DAYS} day limit ${PRUNED_ROWS}`,
    isMissing: ({ errno }) => errno === 1146,
    begin: `set ${ORIGIN_VARIABLE} = '${ORIGIN}'`,
    end: `set ${ORIGIN_VARIABLE} = null`,
  },
  sqlite: {
    create: (table) => [
      `create table if not exists ${table} (mark text primary key, person text not null, applied_at text not null default (datetime('now'))) without rowid`,
      `create index if not exists ${indexOf(table)} on ${table} (applied_at)`,
    ],
    drop: plainDrop,
    prune: (table) =>
      `delete from ${table} where mark in (select mark from ${table} where applied_at < datetime('now', '-${KEPT_DAYS} days') limit ${PRUNED_ROWS})`,
    isMissing: ({ errcode, message = '' }) => errcode === 1 && /no such table/.test(message),
  },
  mssql: {
    create: (table) => [
      `if object_id(N'${table}') is null create table ${table} (mark varchar(64) collate Latin1_General_BIN2 primary key, person nvarchar(255) not null, applied_at datetime2 not null default sysutcdatetime(), index ${indexOf(table)} (applied_at))`,
    ],
    drop: plainDrop,
    prune: (table) =>
      `delete top (${PRUNED_ROWS}) from ${table} where applied_at < dateadd(day, -${KEPT_DAYS}, sysutcdatetime())`,
    isMissing: ({ number }) => number === 208,
    begin: `exec sp_set_session_context N'${ORIGIN_SETTING}', N'${ORIGIN}'`,
    end: `exec sp_set_session_context N'${ORIGIN_SETTING}', null`,
  },
  oracle: {
    create: (table) => [
      {
        sql: `create table ${table} (mark varchar2(64) primary key, person varchar2(255 char) not null, applied_at timestamp default systimestamp not null)`,
        unless: oracleHas('user_tables where table_name', table),
      },
      {
        sql: `create index ${indexOf(table)} on ${table} (applied_at)`,
        unless: oracleHas('user_indexes where index_name', indexOf(table)),
      },
    ],
    drop: (table) => ({
      sql: `drop table ${table}`,
      unless: `select 1 from dual where not exists (${oracleHas('user_tables where table_name', table)})`,
    }),
    prune: (table) =>
      `delete from ${table} where applied_at < systimestamp - interval '${KEPT_DAYS}' day(3) and rownum <= ${PRUNED_ROWS}`,
    isMissing: ({ errorNum }) => errorNum === 942,
  },
};

/** Names that are not quoted are kept in capitals. */
function oracleHas(where: string, name: string): string {
  return `select 1 from ${where} = '${name.split('.').at(-1)?.toUpperCase()}'`;
}

/** What `apply` needs at the database; undefined where nothing is applied. */
export function marksPiece({ engine, apply }: SqlSettings): SetupPiece | undefined {
  if (!apply) return undefined;
  const { marks, setup, connection } = apply;
  const { create, drop } = DIALECTS[engine];
  const place = setup ?? connection;
  return {
    name: 'sql.apply',
    ...(place === undefined ? {} : { connection: place }),
    install: create(marks),
    remove: [drop(marks)],
    check: [
      {
        sql: `select mark from ${marks} where 1 = 0`,
        expect: 'runs',
        problem: missingMarks(marks),
        ...(connection === undefined ? {} : { connection }),
      },
    ],
    rights: `The role of \`sql.apply.setup\` has to be allowed to make the table ${marks}, and the role that writes to use it: GRANT SELECT, INSERT, DELETE ON ${marks} TO <role>.`,
  };
}

export const missingMarks = (table: string) =>
  `the table ${table} is missing, or may not be used: run \`footbridge sync install\``;

export interface Marks {
  /** Says in this session whose changes these are. */
  begin(transaction: Knex.Transaction): Knex.Raw | undefined;
  end(transaction: Knex.Transaction): Knex.Raw | undefined;
  /** Fails as a value that is taken where it was done before. */
  note(transaction: Knex.Transaction, mark: string, person: string): Knex.Raw;
  find(transaction: Knex.Transaction, mark: string): Knex.Raw;
  prune(transaction: Knex.Transaction): Knex.Raw;
  isMissing(failure: Failure): boolean;
}

export function marksIn(engine: SqlSettings['engine'], table: string): Marks {
  const { begin, noting = 'values (?, ?)', end, prune, isMissing } = DIALECTS[engine];
  return {
    begin: (transaction) => (begin === undefined ? undefined : transaction.raw(begin)),
    end: (transaction) => (end === undefined ? undefined : transaction.raw(end)),
    note: (transaction, mark, person) =>
      transaction.raw(`insert into ${table} (mark, person) ${noting}`, [mark, person]),
    find: (transaction, mark) => transaction.raw(`select mark from ${table} where mark = ?`, [mark]),
    prune: (transaction) => transaction.raw(prune(table)),
    isMissing,
  };
}

/** Marks are pruned after so many writes, or so long, whichever is first: one statement deletes more than were made. */
const PRUNE_AFTER_WRITES = 5_000;
const PRUNE_AFTER_MS = 3_600_000;

/** To be called after each write. Nobody waits for it, and it may fail: the next one deletes what is left. */
export function pruning(
  prune: () => Promise<void>,
  afterWrites = PRUNE_AFTER_WRITES,
  elapsed = () => performance.now(),
): () => void {
  let writes = 0;
  let lastMs = elapsed();
  return () => {
    writes += 1;
    if (writes < afterWrites && elapsed() - lastMs < PRUNE_AFTER_MS) return;
    writes = 0;
    lastMs = elapsed();
    prune().catch(() => undefined);
  };
}
