/**
 * A database that has come out of a backup has forgotten what was used and what ended since. Every room lists what of it may not
 * be believed any more (`stale.ts`), so that one command takes all of it back and forgets none.
 */
import { auditPart } from './audit-log.ts';
import type { Queryable } from './db.ts';
import { statement } from './db.ts';

export interface Stale {
  /** The table. */
  readonly place: string;
  /** What is taken back, in words for operators: several of them. */
  readonly holds: string;
  /** The condition of rows that may have been used, or ended, since. False of them once they are taken back. */
  readonly where: string;
  /** Its columns are written over and the row stays; absent: it goes. */
  readonly set?: string;
}

export interface StaleCount {
  readonly holds: string;
  readonly rows: number;
}

/** SQL: whatever was issued before this moment may have been used already. */
export const RESTORED_AT = `(select coalesce(max(at), '-infinity') from restorations)`;

const NOTED = 'insert into restorations (actor) values ($1::text) returning 1';

/** From here on nothing that was issued before counts for which `RESTORED_AT` is asked. */
export async function noteRestoration(q: Queryable, actor: string, detail: Readonly<Record<string, string>>) {
  const parts = [
    { name: 'restored', text: NOTED, values: [actor] },
    auditPart({ actor, action: 'storage.restored', detail }, 'restored'),
  ];
  await q.runParts(parts, 'select from restored');
}

/** In one statement: it finishes well within the statement timeout, and nobody waits for all of it. */
const ROWS = 5_000;

/** Of each place in its order. */
export async function countStale(q: Queryable, stale: readonly Stale[]): Promise<StaleCount[]> {
  const counts: StaleCount[] = [];
  for (const { place, holds, where } of stale) {
    const count = statement(`select count(*)::int as rows from ${place} where ${where}`);
    counts.push({ holds, rows: (await q.run<{ rows: number }>(count))[0]?.rows ?? 0 });
  }
  return counts;
}

/** Doing it again finishes what was left. */
export async function voidStale(q: Queryable, stale: readonly Stale[]): Promise<StaleCount[]> {
  const counts: StaleCount[] = [];
  for (const one of stale) {
    const taking = statement(`with taken as (${takingBack(one)} returning 1)
      select count(*)::int as rows from taken`);
    let rows = 0;
    for (let taken = ROWS; taken === ROWS; rows += taken)
      taken = (await q.run<{ rows: number }>(taking, [ROWS]))[0]?.rows ?? 0;
    counts.push({ holds: one.holds, rows });
  }
  return counts;
}

function takingBack({ place, where, set }: Stale): string {
  const rows = `ctid = any(array(select ctid from ${place} where ${where} limit $1::int))`;
  return set === undefined
    ? `delete from ${place} where ${rows}`
    : `update ${place} set ${set} where ${rows}`;
}
