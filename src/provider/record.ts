/** What the provider remembers between requests, as rows: by the SHA-256 of an id that is nowhere in them. */
import { hash } from 'node:crypto';

export type Payload = Record<string, unknown>;

export interface StoredRecord {
  readonly id: Buffer;
  readonly kind: string;
  readonly grantKey: Buffer | null;
  readonly uid: Buffer | null;
  readonly payload: Payload;
  readonly consumedAt: Date | null;
  /** Of a pushed authorization request that was read: until its row goes. */
  readonly secondsLeft?: number | null;
}

export interface NewRecord {
  readonly id: Buffer;
  readonly kind: string;
  readonly grantKey: Buffer | null;
  readonly uid: Buffer | null;
  readonly payload: Payload;
  /** Undefined: does not expire. */
  readonly expiresInSeconds: number | undefined;
}

/** A session changed by this request: merged into the row, so that two tabs never lose each other's client. */
export interface SessionChange extends NewRecord {
  /** The row's id so far; another one than `id` when the session's id changes (at every login and return from a page). */
  readonly previousId: Buffer;
  /** Clients whose authorization this request took away. */
  readonly removedClients: readonly string[];
}

export const recordKey = (kind: string, id: string): Buffer => hash('sha256', `${kind}:${id}`, 'buffer');

/** A model's payload as a row. The id itself is cut from it: only its hash is kept. */
export function newRecord(
  kind: string,
  id: string,
  payload: Payload,
  expiresInSeconds: number | undefined,
): NewRecord {
  const { jti: _id, ...rest } = payload;
  const uid = kind === 'Session' ? payload.uid : payload.sessionUid;
  return {
    id: recordKey(kind, id),
    kind,
    grantKey: typeof payload.grantId === 'string' ? recordKey('Grant', payload.grantId) : null,
    uid: typeof uid === 'string' ? recordKey('uid', uid) : null,
    payload: rest,
    expiresInSeconds,
  };
}

/** Only what this request changed of a session, against what it read. */
function sessionChange(record: NewRecord, base: StoredRecord): SessionChange {
  const before = (base.payload.authorizations ?? {}) as Payload;
  const after = (record.payload.authorizations ?? {}) as Payload;
  const changed = Object.fromEntries(
    Object.entries(after).filter(
      ([client, value]) => JSON.stringify(value) !== JSON.stringify(before[client]),
    ),
  );
  return {
    ...record,
    previousId: base.id,
    payload: { ...record.payload, authorizations: changed },
    removedClients: Object.keys(before).filter((client) => !(client in after)),
  };
}

/**
 * Sessions that were there before: changed in place, or under a new id. A new id is a change of the old row, not a new
 * one: of two that rename at once one loses, and a session that ended meanwhile does not come back.
 */
export function changedSessions(
  saved: ReadonlyMap<string, NewRecord>,
  rows: { readonly read: ReadonlyMap<string, StoredRecord>; readonly destroyed: readonly string[] },
): SessionChange[] {
  return [...saved].flatMap(([name, record]) => {
    if (record.kind !== 'Session') return [];
    const renamed = rows.destroyed.map((old) => rows.read.get(old));
    const base =
      rows.read.get(name) ??
      renamed.find((row) => row?.kind === 'Session' && record.uid && row.uid?.equals(record.uid));
    return base ? [sessionChange(record, base)] : [];
  });
}

/** Rows by their ids, sessions by their uid, whatever id they have by now. */
export interface Keys {
  readonly ids: readonly Buffer[];
  readonly sessions: readonly Buffer[];
}

/** What has to be there for these rows to be good. */
export function keysOf(rows: readonly StoredRecord[]): Keys {
  const isSession = ({ kind }: StoredRecord) => kind === 'Session';
  return {
    ids: rows.filter((row) => !isSession(row)).map(({ id }) => id),
    sessions: rows.filter(isSession).flatMap(({ uid }) => uid ?? []),
  };
}
