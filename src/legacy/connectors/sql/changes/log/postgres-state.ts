/** What PostgreSQL says of the slot and of its log. */
import type { FeedLag } from '../../../../feed.ts';
import { quoteTable } from '../names.ts';
import type { Asking, LogPlace, WatchedTable } from './log-source.ts';
import { feedLost, unfit } from './log-source.ts';
import { lsnFrom } from './lsn.ts';

/** A row of pg_replication_slots; older servers have fewer columns. */
interface Slot {
  readonly slot_type: string;
  readonly plugin: string | null;
  readonly database: string | null;
  readonly active_pid: number | null;
  readonly restart_lsn: string | null;
  readonly confirmed_flush_lsn: string | null;
  /** From 13. */
  readonly wal_status?: string | null;
  readonly safe_wal_size?: number | null;
}

export interface LogState {
  /** Everything before it is on the server's disk. */
  readonly end: bigint;
  /** What is written, but may not be on the disk yet, ends here. */
  readonly written: bigint;
  readonly database: string;
  readonly hasPublication: boolean;
  /** Megabytes that a slot may keep; below 0: any number. Undefined before 13. */
  readonly mostKept: number | undefined;
  readonly slot: Slot | undefined;
}

const STATE = `select pg_current_wal_flush_lsn()::text as "end", pg_current_wal_insert_lsn()::text as written,
  current_database()::text as database,
  exists (select from pg_publication where pubname = ?) as publication,
  (select setting from pg_settings where name = 'max_slot_wal_keep_size') as most,
  (select to_jsonb(slot)::text from pg_replication_slots slot where slot_name = ?) as slot`;

export async function stateOf(pool: Asking, { publication, slot }: LogPlace): Promise<LogState> {
  const [row] = await pool.rows((db) => db.raw(STATE, [publication, slot]));
  return {
    end: lsnFrom(String(row?.end)),
    written: lsnFrom(String(row?.written)),
    database: String(row?.database),
    hasPublication: row?.publication === true,
    mostKept: row?.most === null || row?.most === undefined ? undefined : Number(row.most),
    slot: typeof row?.slot === 'string' ? JSON.parse(row.slot) : undefined,
  };
}

/** Where the slot begins. Throws feed_lost where that is behind what was asked for, config_invalid for a slot of another kind. */
export function slotStart(state: LogState, from: bigint, place: LogPlace): bigint {
  const { slot, database, written, hasPublication } = state;
  const name = `replication slot ${place.slot}`;
  if (!slot) throw feedLost(`there is no ${name}: install what the store needs`);
  if (slot.slot_type !== 'logical' || slot.plugin !== 'pgoutput')
    throw unfit(`${name} is not one of pgoutput: name another`);
  if (slot.database !== database) throw unfit(`${name} belongs to another database: name another`);
  if (slot.wal_status === 'lost' || !slot.confirmed_flush_lsn)
    throw feedLost(`${name} has lost its log: remove and install what the store needs`);
  if (!hasPublication)
    throw unfit(`there is no publication ${place.publication}: install what the store needs`);
  const start = lsnFrom(slot.confirmed_flush_lsn);
  if (from < start) throw feedLost(`${name} no longer has what was to be read next`);
  if (from > written)
    throw feedLost('the log ends before what was read last: it is another server, or an old copy');
  return start;
}

export interface Watched extends WatchedTable {
  /** Rows are people, and not only belong to them. */
  readonly isUsers: boolean;
}

/** By the id of the table. Throws config_invalid for one that is not there. */
export async function watchedTables(
  pool: Asking,
  { users, tables }: LogPlace,
): Promise<ReadonlyMap<number, Watched>> {
  const all: readonly Watched[] = [
    { ...users, isUsers: true },
    ...tables.map((one) => ({ ...one, isUsers: false })),
  ];
  const byId = new Map<number, Watched>();
  for (const watched of all) {
    const [row] = await pool.rows((db) =>
      db.raw('select to_regclass(?)::oid::text as id', [quoteTable('postgresql', watched.table)]),
    );
    if (typeof row?.id !== 'string') throw unfit(`there is no table ${watched.table}`);
    byId.set(Number(row.id), watched);
  }
  return byId;
}

const GIB = 1_073_741_824;
const MIB = 1_048_576;

/** `from`: what was kept last; by default what the server knows of it. */
export function lagOf(state: LogState, from: bigint | undefined, place: LogPlace): FeedLag {
  const { slot, end } = state;
  if (!slot) return { problem: `There is no replication slot ${place.slot}: install what the store needs.` };
  const start = from ?? (slot.confirmed_flush_lsn ? lsnFrom(slot.confirmed_flush_lsn) : end);
  const problem = problemOf(state, slot, place);
  return { bytes: Math.max(0, Number(end - start)), ...(problem === undefined ? {} : { problem }) };
}

function problemOf({ end, mostKept }: LogState, slot: Slot, place: LogPlace): string | undefined {
  const name = `The replication slot ${place.slot}`;
  if (slot.wal_status === 'lost')
    return `${name} has lost its log: remove and install what the store needs, and compare both sides anew.`;
  if (slot.wal_status === 'unreserved')
    return `${name} is about to lose its log: the next checkpoint of the server deletes it. Read on at once.`;
  const safe = slot.safe_wal_size;
  if (typeof safe === 'number' && safe < (mostKept ?? 0) * MIB * SAFE_SHARE)
    return `${name} may fall behind by ${Math.floor(safe / MIB)} MiB more, then the server deletes its log (max_slot_wal_keep_size).`;
  const kept = slot.restart_lsn ? Number(end - lsnFrom(slot.restart_lsn)) : 0;
  if (kept > GIB && (mostKept === undefined || mostKept < 0))
    return `${name} keeps ${(kept / GIB).toFixed(1)} GiB of log on the server’s disk, and max_slot_wal_keep_size sets no limit.`;
  return undefined;
}
const SAFE_SHARE = 0.25;
