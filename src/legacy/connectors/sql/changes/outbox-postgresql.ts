/**
 * The outbox in PostgreSQL (10 or newer): one trigger for each statement and kind, which sees all of its rows, so that an
 * update of a million rows costs one insert. The function runs as its owner: who writes to the app's tables needs no right to
 * the outbox.
 */
import { ORIGIN_SETTING } from '../apply-marks.ts';
import { digestOf, literal, nameBeside, quote, quoteTable } from './names.ts';
import type { Made, OutboxEngine, OutboxPlan, Watched } from './outbox-plan.ts';
import { KINDS, MAX_ID_LENGTH, named } from './outbox-plan.ts';

const column = (name: string) => quote('postgresql', name);
const tableOf = (name: string) => quoteTable('postgresql', name);
const relation = (name: string) => `to_regclass(${literal(tableOf(name))})`;

const ORIGIN = `nullif(current_setting('${ORIGIN_SETTING}', true), '')`;
const EVENTS = {
  insert: 'referencing new table as new_rows',
  update: 'referencing old table as old_rows new table as new_rows',
  delete: 'referencing old table as old_rows',
  truncate: '',
};

/**
 * No sequence: it would change what `lastval()` says to the app that has just inserted a user. A row's number is made of its
 * transaction's, which no other has, and of a count in it (16 million rows of one transaction).
 */
const COUNTED_BITS = 24;

export function postgresqlOutbox(plan: OutboxPlan): OutboxEngine {
  const outbox = tableOf(plan.table);
  return {
    patience: [`set local lock_timeout = '3s'`],
    table: {
      isThere: `select 1 as one where ${relation(plan.table)} is not null`,
      create: [
        `create table if not exists ${outbox} (id bigint primary key, user_id text not null, kind text not null, at timestamptz not null default clock_timestamp(), origin text)`,
      ],
      drop: [`drop table if exists ${outbox}`],
    },
    lost: `insert into ${outbox} (id, user_id, kind) values (txid_current() << ${COUNTED_BITS}, '', '${KINDS.lost}')`,
    triggers: plan.watched.map((watched) => triggersOn(plan, watched)),
    rights: {
      setup: `GRANT CREATE ON SCHEMA … TO its role, for the schema of ${outbox}${plan.watched.map(({ table }) => `; GRANT TRIGGER ON ${tableOf(table)} TO its role`).join('')}.`,
      reader: `GRANT SELECT, DELETE ON ${outbox} TO its role.`,
    },
  };
}

function triggersOn(plan: OutboxPlan, watched: Watched): Made & { readonly on: string } {
  const { mark } = named(plan, watched, '');
  const table = tableOf(watched.table);
  const called = nameBeside(plan.table, plan.table, watched.table.replaceAll('.', '_'));
  const name = called.slice(called.lastIndexOf('.') + 1);
  const routine = tableOf(called);
  const trigger = (event: string) => column(nameBeside('', name, event));
  const events = Object.entries(EVENTS);
  return {
    on: table,
    isThere: `select 1 as one from pg_trigger t join pg_proc p on p.oid = t.tgfoid where t.tgrelid = ${relation(watched.table)} and t.tgenabled in ('O', 'A') and p.prosrc like '%${mark}%' having count(*) = ${events.length}`,
    drop: [
      ...events.map(([event]) => `drop trigger if exists ${trigger(event)} on ${table}`),
      `drop function if exists ${routine}()`,
    ],
    create: [
      `create function ${routine}() returns trigger language plpgsql security definer as ${dollars(body(plan, watched, mark))}`,
      pinned(routine, plan.table),
      `revoke all on function ${routine}() from public`,
      ...events.map(
        ([event, rows]) =>
          `create trigger ${trigger(event)} after ${event} on ${table} ${rows} for each statement execute procedure ${routine}()`,
      ),
    ],
  };
}

/** Nobody’s own table or operator can take the place of ours, wherever the outbox is. */
const pinned = (routine: string, outbox: string) =>
  `do ${dollars(`begin execute format('alter function %s() set search_path to pg_catalog, %I, pg_temp', ${literal(routine)}, (select n.nspname from pg_class c join pg_namespace n on n.oid = c.relnamespace where c.oid = ${relation(outbox)})); end`)}`;

const dollars = (text: string) => {
  const tag = `$f${digestOf(text)}$`;
  return `${tag}${text}${tag}`;
};

function body(plan: OutboxPlan, watched: Watched, mark: string): string {
  const { deletes, inserts, updates } = watched.isUsers ? people(watched) : belongings(watched);
  const noted = (rows: string) => note(plan.table, rows);
  return `
-- ${mark}
declare
  first bigint := txid_current() << ${COUNTED_BITS};
  last bigint;
begin
  select max(id) into last from ${tableOf(plan.table)} where id >= first and id < first + (1 << ${COUNTED_BITS});
  last := coalesce(last, first);
  if tg_op = 'INSERT' then
    ${noted(inserts)};
  elsif tg_op = 'UPDATE' then
    ${noted(updates)};
  elsif tg_op = 'DELETE' then
    ${noted(deletes)};
  else
    ${noted(`select '' as user_id, '${KINDS.lost}' as kind`)};
  end if;
  return null;
end
`;
}

const note = (outbox: string, rows: string) =>
  `insert into ${tableOf(outbox)} (id, user_id, kind, origin) select last + row_number() over (), left(told.user_id, ${MAX_ID_LENGTH}), told.kind, ${ORIGIN} from (${rows}) told`;

/** `concat` gives a value as drivers get it: with the blanks of a char(n), say. */
const idIn = ({ user }: Watched) => `concat(${column(user)}) as user_id`;
/** As text, as some types (json) cannot be compared. */
const valuesIn = ({ columns = [] }: Watched) =>
  columns.map((name, index) => `${column(name)}::text as v${index}`);
const rowsOf = (watched: Watched, rows: string) =>
  `select ${[idIn(watched), ...valuesIn(watched)].join(', ')} from ${rows} where ${column(watched.user)} is not null`;
const only = (watched: Watched, rows: string, kind: string) =>
  `select ${idIn(watched)}, '${kind}' as kind from ${rows} where ${column(watched.user)} is not null`;

function people(watched: Watched) {
  const all = (side: string) => (watched.columns ?? []).map((_name, index) => `${side}.v${index}`).join(', ');
  const differs = watched.columns ? `row(${all('o')}) is distinct from row(${all('n')})` : 'true';
  return {
    inserts: only(watched, 'new_rows', KINDS.changed),
    deletes: only(watched, 'old_rows', KINDS.deleted),
    updates: [
      `select coalesce(n.user_id, o.user_id) as user_id, case when n.user_id is null then '${KINDS.deleted}' else '${KINDS.changed}' end as kind`,
      `from (${rowsOf(watched, 'old_rows')}) o full join (${rowsOf(watched, 'new_rows')}) n on n.user_id = o.user_id`,
      `where n.user_id is null or o.user_id is null or ${differs}`,
    ].join(' '),
  };
}

/** Rows that belong to a user: whoever has other ones than before. */
function belongings(watched: Watched) {
  const [before, after] = ['old_rows', 'new_rows'].map((rows) => rowsOf(watched, rows)) as [string, string];
  const changed = (rows: string) =>
    `select distinct user_id, '${KINDS.changed}' as kind from (${rows}) rows_of_users`;
  return {
    inserts: changed(rowsOf(watched, 'new_rows')),
    deletes: changed(rowsOf(watched, 'old_rows')),
    updates: changed(
      watched.columns
        ? `(${before} except all ${after}) union all (${after} except all ${before})`
        : `${before} union all ${after}`,
    ),
  };
}
