/**
 * A database's log as its readers see it: committed rows in the order of their commits, and places between transactions.
 * A place is text that the engine compares: PostgreSQL's LSN, MySQL's file and offset.
 */
import { FootbridgeError } from '../../../../../errors.ts';
import type { FeedLag, LegacyChange } from '../../../../feed.ts';
import type { ServerSettings } from '../../engine.ts';
import type { Pool } from '../../pool.ts';

export interface RowChange extends Pick<LegacyChange, 'legacyId' | 'kind' | 'at'> {
  /** The same at every reading of the log, and another one for each transaction. */
  readonly transaction: string;
}

/** What a stream tells, in the log's order. */
export interface Sink {
  changed(change: RowChange): void;
  /** Everything before this place was told, and reading can begin here. */
  reached(place: string): void;
  /** The stream has ended by itself. */
  failed(error: unknown): void;
}

export interface LogStream {
  /** Little may still come after it. */
  pause(): void;
  resume(): void;
  /** Asks the server how far the log is read; `reached` is the answer, where it has to be asked for. */
  ask(): void;
  /** The server may forget what is before this place. */
  forget(place: string): void;
  /** Nothing is told any more. */
  close(): Promise<void>;
}

export interface LogSource {
  /** Throws feed_lost where the log does not reach back to this place, config_invalid, legacy_unavailable. */
  open(place: string, sink: Sink): Promise<LogStream>;
  /** Where the log ends now: what is committed from now on comes after it. */
  end(): Promise<string>;
  /** Less than 0: the first is before the second. Throws bad_request for what is no place. */
  compare(one: string, other: string): number;
  lag(place: string | undefined): Promise<FeedLag>;
  close(): Promise<void>;
}

export const feedLost = (detail: string) =>
  new FootbridgeError('feed_lost', { detail: `sql.changes: ${detail}` });
export const unfit = (detail: string) =>
  new FootbridgeError('config_invalid', { detail: `sql.changes: ${detail}` });
export const outage = (detail: string) =>
  new FootbridgeError('legacy_unavailable', {
    detail: `log of the database: ${detail}`,
    retryAfterSeconds: 2,
  });

/** The connection for questions beside the log. */
export type Asking = Pick<Pool, 'rows' | 'close'>;

/** A table whose rows belong to users. */
export interface WatchedTable {
  /** schema.table, or table. */
  readonly table: string;
  /** Its column with the user's id. */
  readonly user: string;
}

/** Which log is read, and what of it. */
export interface LogPlace {
  readonly engine: 'postgresql' | 'mysql';
  readonly connection: ServerSettings;
  readonly users: WatchedTable;
  readonly tables: readonly WatchedTable[];
  readonly slot: string;
  readonly publication: string;
  readonly serverId: number | undefined;
  readonly timeoutMs: number;
}
