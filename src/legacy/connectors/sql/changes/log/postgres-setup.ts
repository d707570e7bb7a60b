/** What PostgreSQL needs for its log to be read: a publication of the tables, and a slot that keeps the log until it was read. */
import type { SetupCheck, SetupPiece, SetupStep } from '../../setup-piece.ts';
import { literal, quote, quoteTable } from '../names.ts';
import type { LogPlace, WatchedTable } from './log-source.ts';

const quoted = (name: string) => quote('postgresql', name);
const quotedTable = (table: string) => quoteTable('postgresql', table);
/** A publication of the operator's own is never taken away. */
const MARK = 'made by footbridge';

/**
 * A table without a replica identity must not get into a publication: the app's own updates and deletions of it would be
 * refused from then on.
 */
const HAS_IDENTITY = `(c.relreplident = 'f' or exists (select from pg_index i where i.indrelid = c.oid
    and case c.relreplident when 'd' then i.indisprimary when 'i' then i.indisreplident else false end))`;

/** A row where deleted rows tell whose they were. */
const identityOf = ({ table, user }: WatchedTable) => `select 1 from pg_class c
  join pg_attribute a on a.attrelid = c.oid and a.attname = ${literal(user)} and not a.attisdropped
  where c.oid = to_regclass(${literal(quotedTable(table))})
    and (c.relreplident = 'f' or exists (select from pg_index i where i.indrelid = c.oid
      and case c.relreplident when 'd' then i.indisprimary when 'i' then i.indisreplident else false end
      and a.attnum = any (i.indkey)))`;

const published = (publication: string, { table }: WatchedTable) => `select 1 from pg_publication p
  left join pg_publication_rel r on r.prpubid = p.oid
  where p.pubname = ${literal(publication)}
    and (p.puballtables or r.prrelid = to_regclass(${literal(quotedTable(table))}))`;

function publish(publication: string, watched: WatchedTable): SetupStep {
  const table = quotedTable(watched.table);
  const refusal = `${watched.table} has neither a primary key nor another replica identity`;
  return {
    sql: `do $footbridge_step$ begin
  if not exists (select from pg_class c where c.oid = ${literal(table)}::regclass and ${HAS_IDENTITY}) then
    raise exception using errcode = '42P16', message = ${literal(refusal)};
  end if;
  alter publication ${quoted(publication)} add table ${table};
end $footbridge_step$`,
    unless: published(publication, watched),
  };
}

const publicationOf = (publication: string): SetupStep => ({
  // A partitioned table is published as one from 13 on.
  sql: `do $footbridge_step$ begin
  execute ${literal(`create publication ${quoted(publication)}`)} || case
    when current_setting('server_version_num')::int >= 130000 then ' with (publish_via_partition_root = true)' else '' end;
  comment on publication ${quoted(publication)} is ${literal(MARK)};
end $footbridge_step$`,
  unless: `select 1 from pg_publication where pubname = ${literal(publication)}`,
});

/** A reader that has just gone is noticed by the server within a moment. */
const dropSlot = (slot: string) => `do $footbridge_step$ begin
  for waits in 1..50 loop
    exit when not exists (select from pg_replication_slots where slot_name = ${literal(slot)} and active);
    perform pg_sleep(0.1);
  end loop;
  perform pg_drop_replication_slot(slot_name) from pg_replication_slots where slot_name = ${literal(slot)};
end $footbridge_step$`;

export function postgresPiece(place: LogPlace): Omit<SetupPiece, 'connection'> {
  const { publication, slot, users, tables } = place;
  const all = [users, ...tables];
  return {
    name: 'sql.changes',
    isApart: true,
    install: [
      publicationOf(publication),
      ...all.map((watched) => publish(publication, watched)),
      // Behind the publication: the log from before it could not be read.
      {
        sql: `select pg_create_logical_replication_slot(${literal(slot)}, 'pgoutput')`,
        unless: `select 1 from pg_replication_slots where slot_name = ${literal(slot)}`,
      },
    ],
    remove: [
      dropSlot(slot),
      {
        sql: `drop publication if exists ${quoted(publication)}`,
        unless: `select 1 from pg_publication where pubname = ${literal(publication)}
  and obj_description(oid, 'pg_publication') is distinct from ${literal(MARK)}`,
      },
    ],
    check: [...serverChecks(place), ...all.flatMap((watched) => tableChecks(place, watched))],
    rights:
      'The role needs REPLICATION for the slot (alter role … replication), CREATE on the database and ownership of the tables for the publication (grant create on database … to …).',
  };
}

function serverChecks({ publication, slot, connection }: LogPlace): readonly SetupCheck[] {
  return [
    {
      sql: "select 1 where current_setting('wal_level') = 'logical'",
      expect: 'row',
      problem: 'wal_level of the server is not logical: set it, and restart the server.',
    },
    {
      sql: `select 1 from pg_roles me where me.rolname = current_user and (me.rolreplication or me.rolsuper
  or exists (select from pg_roles r where r.rolname = 'rds_replication' and pg_has_role(me.oid, r.oid, 'member')))`,
      expect: 'row',
      problem: 'The role of `connection` may not read the log: alter role … replication.',
      connection,
    },
    {
      sql: `select 1 from pg_publication where pubname = ${literal(publication)}`,
      expect: 'row',
      problem: `There is no publication ${publication}.`,
    },
    {
      sql: `select 1 from pg_replication_slots s where slot_name = ${literal(slot)} and plugin = 'pgoutput'
  and database = current_database()`,
      expect: 'row',
      problem: `There is no replication slot ${slot} of pgoutput in this database.`,
    },
    {
      sql: `select 1 where not exists (select from pg_replication_slots s where slot_name = ${literal(slot)}
  and to_jsonb(s) ->> 'wal_status' = 'lost')`,
      expect: 'row',
      problem: `The replication slot ${slot} has lost its log: remove and install it, and compare both sides anew.`,
    },
  ];
}

function tableChecks({ publication }: LogPlace, watched: WatchedTable): readonly SetupCheck[] {
  const { table, user } = watched;
  return [
    {
      sql: published(publication, watched),
      expect: 'row',
      problem: `The table ${table} is not in the publication ${publication}.`,
    },
    {
      sql: identityOf(watched),
      expect: 'row',
      problem: `Rows that are deleted from ${table} do not tell their ${user}, so nobody hears of them: make ${user} a part of its replica identity, or alter table ${table} replica identity full.`,
    },
  ];
}
