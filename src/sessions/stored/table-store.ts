/** An app's sessions in a table. Frameworks write the same columns; what they leave to the database is left to it here. */
import type { Row } from '../../legacy/connector.ts';
import type { DatabaseSettings } from '../../legacy/connectors/sql/sql-settings.ts';
import type { Table, Values } from '../../legacy/connectors/sql/table.ts';
import { openTable } from '../../legacy/connectors/sql/table.ts';
import { textOf } from '../../legacy/values.ts';
import type { TableLayout } from '../session-format.ts';
import { columnOf, secondsIn } from './column-moments.ts';
import type { SessionStore, SessionToStore, StoredSession } from './session-store.ts';
import type { TimeZone } from './time-zone.ts';

interface TableStoreOptions {
  readonly timeoutMs: number;
  readonly writable: boolean;
  /** How long a session is good after its use, where the table only says when that was. */
  readonly idleSeconds?: number;
  /** Of timestamps that do not say theirs; UTC by default. */
  readonly zone?: TimeZone;
}

/** A table, with what its columns leave open. */
interface Reading {
  readonly layout: TableLayout;
  readonly idleSeconds: number;
  readonly zone: TimeZone | undefined;
}

export function openTableStore(
  database: DatabaseSettings,
  layout: TableLayout,
  { timeoutMs, writable, idleSeconds = Number.POSITIVE_INFINITY, zone }: TableStoreOptions,
): SessionStore {
  const table = openTable(database, { name: layout.table, timeoutMs, writable });
  const { key, person } = layout;
  const reading: Reading = { layout, idleSeconds, zone };
  return {
    async read(wanted) {
      const row = await rowOf(table, layout, wanted);
      return row && sessionIn(row, reading);
    },
    insert: (session) => table.insert(valuesOf(session, reading)),
    extend: (wanted, until, now) => extend(table, reading, { wanted, until, now }),
    remove: async (wanted) => {
      await table.remove({ [key]: wanted });
    },
    ...(person
      ? {
          removeAllOf: async (wanted: string) => {
            await table.remove({ [person]: wanted });
          },
        }
      : {}),
    close: () => table.close(),
  };
}

/** Databases find `abc` by `ABC`, or by what is padded with blanks: only the very same key is the session's. */
async function rowOf(table: Table, layout: TableLayout, wanted: string): Promise<Row | undefined> {
  const { key, data, time, person, created } = layout;
  const columns = new Set(
    [key, data, time?.column, person, created?.column].filter((name) => name !== undefined),
  );
  const rows = await table.find({ [key]: wanted }, [...columns], 2);
  const same = rows.filter((row) => textOf(row[key])?.trimEnd() === wanted);
  return same.length === 1 ? same[0] : undefined;
}

/** Undefined: its time cannot be read, or there is nothing in it. */
function sessionIn(row: Row, reading: Reading): StoredSession | undefined {
  const { layout, zone } = reading;
  const data = bytesOf(row[layout.data]);
  const times = timesIn(row, reading);
  if (!data || !times) return undefined;
  const person = layout.person && textOf(row[layout.person]);
  const createdAt = layout.created && secondsIn(row[layout.created.column], layout.created.unit, zone);
  return {
    data,
    ...times,
    ...(person ? { person } : {}),
    ...(createdAt === undefined || !Number.isFinite(createdAt) ? {} : { createdAt }),
  };
}

function timesIn(
  row: Row,
  { layout: { time }, idleSeconds, zone }: Reading,
): Pick<StoredSession, 'expiresAt' | 'lastUsedAt'> | undefined {
  if (!time) return {};
  const seconds = secondsIn(row[time.column], time.unit, zone);
  if (seconds === undefined) return undefined;
  const expiresAt = time.means === 'expires' ? seconds : seconds + idleSeconds;
  return {
    ...(expiresAt === Number.POSITIVE_INFINITY ? {} : { expiresAt }),
    ...(time.means === 'last-used' && Number.isFinite(seconds) ? { lastUsedAt: seconds } : {}),
  };
}

function bytesOf(column: unknown): Uint8Array | undefined {
  if (column instanceof Uint8Array) return column;
  return typeof column === 'string' ? Buffer.from(column, 'utf8') : undefined;
}

function valuesOf(
  { key, data, person, authTime, now, expiresAt }: SessionToStore,
  { layout, zone }: Reading,
): Values {
  const { time, created } = layout;
  const bytes = Buffer.from(data);
  return {
    [layout.key]: key,
    [layout.data]: layout.dataIs === 'bytes' ? bytes : bytes.toString('utf8'),
    ...(layout.person ? { [layout.person]: person } : {}),
    // When the person logged in: who reads it takes it for that, and it must never be later.
    ...(created ? { [created.column]: columnOf(authTime, created.unit, zone) } : {}),
    ...(time ? { [time.column]: columnOf(time.means === 'expires' ? expiresAt : now, time.unit, zone) } : {}),
  };
}

/** Only where the row is still as it was read: what the app writes meanwhile is the truth. */
async function extend(
  table: Table,
  { layout, idleSeconds, zone }: Reading,
  { wanted, until, now }: { wanted: string; until: number; now: number },
): Promise<void> {
  const { time, key } = layout;
  const row = time && (await rowOf(table, layout, wanted));
  const before = row && secondsIn(row[time.column], time.unit, zone);
  if (before === undefined || !Number.isFinite(before)) return;
  const isExpiry = time!.means === 'expires';
  if ((isExpiry ? before : before + idleSeconds) <= now) return;
  // A use in the future is none.
  const after = isExpiry ? until : Math.min(until - idleSeconds, now);
  if (after <= before) return;
  const asRead = row![time!.column] as string | number | bigint;
  await table.update(
    { [time!.column]: columnOf(after, time!.unit, zone) },
    { [key]: wanted, [time!.column]: asRead },
  );
}
