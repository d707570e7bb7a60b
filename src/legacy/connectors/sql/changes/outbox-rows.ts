/** Rows of an outbox: what they tell, which of them are new, and how many fit into a page. */
import type { Knex } from 'knex';
import { FootbridgeError } from '../../../../errors.ts';
import type { LegacyChange } from '../../../feed.ts';
import { momentOf } from '../../../values.ts';
import { ORIGIN } from '../apply-marks.ts';
import type { EngineName } from './names.ts';
import { quoteTable } from './names.ts';
import { KINDS } from './outbox-plan.ts';
import type { OutboxPlace } from './outbox-position.ts';
import { writePlace } from './outbox-position.ts';

export interface OutboxRow {
  readonly id: bigint;
  readonly user: string;
  readonly kind: string;
  /** As the database writes it: later ones sort behind. */
  readonly at: string;
  readonly origin: unknown;
}

export const rowOf = (row: Readonly<Record<string, unknown>>): OutboxRow => ({
  id: BigInt(String(row.id)),
  user: String(row.user_id),
  kind: String(row.kind),
  at: String(row.at),
  origin: row.origin,
});

export const latest = (rows: readonly OutboxRow[]): string =>
  rows.reduce((last, { at }) => (at > last ? at : last), '');

/** Not so where a row stands for more than can be told. */
export const isToldOf = ({ kind }: OutboxRow): boolean => kind === KINDS.changed || kind === KINDS.deleted;

/** What was not read up to that place, and what was and is still there. `isFull`: there are more rows than these. */
export function apart(rows: readonly OutboxRow[], known: OutboxPlace, isFull: boolean) {
  const ids = new Set(known.ids);
  const wasRead = ({ id, at }: OutboxRow) => ids.has(id) && at <= known.at;
  const last = rows.at(-1)?.id ?? 0n;
  return {
    fresh: rows.filter((row) => !wasRead(row)),
    left: [
      ...rows.filter(wasRead).map(({ id }) => id),
      ...(isFull ? known.ids.filter((id) => id > last) : []),
    ],
  };
}

/**
 * As many of the rows as their numbers fit into a position, beside those that were read before and not forgotten. Throws
 * legacy_unavailable where nothing of what was read could be forgotten for too long.
 */
export function pageOf(rows: readonly OutboxRow[], left: readonly bigint[], leftAt: string) {
  for (let size = rows.length; size > 0; size = Math.floor(size / 2)) {
    const taken = rows.slice(0, size);
    const ids = [...left, ...taken.map(({ id }) => id)].sort((a, b) => (a < b ? -1 : 1));
    const at = [latest(taken), left.length > 0 ? leftAt : ''].sort().at(-1) as string;
    const position = writePlace({ ids, at });
    if (position !== undefined) return { changes: taken.map(changeOf), position };
  }
  throw new FootbridgeError('legacy_unavailable', { detail: 'sql.changes: what was read is not confirmed' });
}

/** A number may be given again, in a table that was made anew: not at the same moment. */
function changeOf({ id, user, kind, at, origin }: OutboxRow): LegacyChange {
  const ms = momentOf(at);
  return {
    id: `${id}@${at}`,
    legacyId: user,
    kind: kind === KINDS.deleted ? 'deleted' : 'changed',
    ...(ms !== undefined && Number.isFinite(ms) ? { at: new Date(ms) } : {}),
    ...(origin === ORIGIN ? { isOurs: true as const } : {}),
  };
}

/** These rows and no other; only digits are in it. */
export const conditionOf = (ids: readonly bigint[]): string => `id in (${ids.join(', ')})`;

/** SQL Server would wait for them where it reads, too: what is not committed yet is passed over, and read when it is. */
const READPAST = ' with (readpast)';

export const rowsIn =
  (engine: EngineName, table: string) =>
  (db: Knex): Knex.QueryBuilder =>
    engine === 'mssql' ? db.from(db.raw(quoteTable(engine, table) + READPAST)) : db(table);

/**
 * Of these rows, as long as they are not younger than what is bound. InnoDB waits for every row that it looks at, also of the
 * app's transactions that are still open: so it must not look at others, as it would in a range, or where it takes the whole of a
 * small table for the shorter way.
 */
export function deletion(engine: EngineName, table: string, ids: readonly bigint[]): string {
  const quoted = quoteTable(engine, table);
  const from =
    engine === 'mysql'
      ? `delete o from ${quoted} as o force index (primary)`
      : `delete from ${quoted}${engine === 'mssql' ? READPAST : ''}`;
  return `${from} where ${conditionOf(ids)} and at <= ?`;
}
