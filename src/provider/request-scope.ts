/**
 * One HTTP request's unit of work. oidc-provider asks its adapter for one thing at a time and saves one thing at a
 * time; here reads are answered from what one statement already brought, and all writes wait until the response is
 * complete, then go out as one statement and one durable commit, before the first byte is sent. So a code is consumed
 * and its tokens are written together or not at all, and nothing is ever promised that was not stored.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import type { Context } from 'koa';
import type { Db } from '../store/db.ts';
import { sqlStateOf, UNIQUE_VIOLATION } from '../store/db.ts';
import type { Part } from '../store/statement.ts';
import type { NewRecord, Payload, SessionChange, StoredRecord } from './records.ts';
import { changeParts, findRecords, findSessionByUid, recordKey, revokeGrants } from './records.ts';

/** Why a request's writes were refused although the database is well. */
export class RaceLost extends Error {
  readonly reason: 'consumed' | 'session_ended' | 'repeated';
  constructor(reason: RaceLost['reason']) {
    super(`the request lost a race: ${reason}`);
    this.name = 'RaceLost';
    this.reason = reason;
  }
}

const hex = (key: Buffer) => key.toString('hex');

export class RequestScope {
  readonly ctx: Context;
  readonly #db: Db;
  /** Everything read or written so far, by key; undefined: known not to be there. */
  readonly #known = new Map<string, StoredRecord | undefined>();
  /** Rows as they were read, whatever became of them since. */
  readonly #read = new Map<string, StoredRecord>();
  readonly #sessionsByUid = new Map<string, StoredRecord>();
  readonly #saved = new Map<string, NewRecord>();
  readonly #once = new Map<string, NewRecord>();
  readonly #consumed = new Map<string, Buffer>();
  readonly #destroyed = new Map<string, Buffer>();
  readonly #revoked = new Map<string, Buffer>();
  readonly #extra: Part[] = [];
  readonly #asked: (() => Promise<readonly Part[]>)[] = [];
  readonly #onCommit: (() => void)[] = [];
  #batch: Map<string, Buffer> | undefined;
  #batchDone: Promise<void> | undefined;

  constructor(ctx: Context, db: Db) {
    this.ctx = ctx;
    this.#db = db;
  }

  /** Reads asked for in the same turn travel together. */
  async find(kind: string, id: string): Promise<StoredRecord | undefined> {
    const key = recordKey(kind, id);
    if (!this.#known.has(hex(key))) await this.#load(key);
    const record = this.#known.get(hex(key));
    return record && this.#isRevoked(record) ? undefined : record;
  }

  async findSession(uid: string): Promise<StoredRecord | undefined> {
    const key = recordKey('uid', uid);
    const known = this.#sessionsByUid.get(hex(key));
    if (known) return known;
    const found = await findSessionByUid(this.#db, key);
    if (found) this.#remember([found]);
    return found;
  }

  save(record: NewRecord): void {
    const name = hex(record.id);
    const base = this.#known.get(name);
    this.#destroyed.delete(name);
    this.#saved.set(name, record);
    const stored = { ...record, consumedAt: base?.consumedAt ?? null };
    this.#known.set(name, stored);
    if (record.kind === 'Session' && record.uid) this.#sessionsByUid.set(hex(record.uid), stored);
    if (base && record.kind === 'Session' && !this.#sessionBases.has(name))
      this.#sessionBases.set(name, base);
  }
  readonly #sessionBases = new Map<string, StoredRecord>();

  /** Written once or never: the whole request fails when the same id was written before. */
  saveOnce(record: NewRecord): void {
    this.#once.set(hex(record.id), record);
    this.#known.set(hex(record.id), { ...record, consumedAt: null });
  }

  consume(kind: string, id: string): void {
    const key = recordKey(kind, id);
    this.#consumed.set(hex(key), key);
  }

  destroy(kind: string, id: string): void {
    this.destroyRecord(recordKey(kind, id));
  }

  /** `row`, where it did not come from this scope's own reading. */
  destroyRecord(key: Buffer, row?: StoredRecord): void {
    if (row) this.#read.set(hex(key), row);
    this.#saved.delete(hex(key));
    this.#destroyed.set(hex(key), key);
    this.#known.set(hex(key), undefined);
  }

  /** Another room's part of the same statement takes this row away. */
  leaveToOthers(kind: string, id: string): void {
    this.#destroyed.delete(hex(recordKey(kind, id)));
  }

  revokeGrant(grantId: string): void {
    const key = recordKey('Grant', grantId);
    this.#revoked.set(hex(key), key);
    this.#known.set(hex(key), undefined);
    for (const [name, record] of this.#saved) if (record.grantKey?.equals(key)) this.#saved.delete(name);
  }

  /** Lets another room write in the same statement. */
  also(...parts: Part[]): void {
    this.#extra.push(...parts);
  }

  /** The same for what has still to be found out: it is asked when the answer is complete. */
  alsoOnce(parts: () => Promise<readonly Part[]>): void {
    this.#asked.push(parts);
  }

  /** Runs once everything is stored; never when it is not. */
  onCommit(work: () => void): void {
    this.#onCommit.push(work);
  }

  get isDirty(): boolean {
    return (
      [this.#saved, this.#once, this.#consumed, this.#destroyed, this.#revoked].some((m) => m.size > 0) ||
      this.#extra.length > 0
    );
  }

  /** Writes everything. Throws RaceLost, or storage_unavailable; in both cases nothing was promised. */
  async flush(): Promise<void> {
    for (const ask of this.#asked.splice(0)) this.also(...(await ask()));
    if (this.isDirty) await this.#write();
    for (const work of this.#onCommit.splice(0)) work();
  }

  async #write(): Promise<void> {
    const sessions = this.#changedSessions();
    const changed = new Set(sessions.map(({ id }) => hex(id)));
    const renamed = new Set(sessions.map(({ previousId }) => hex(previousId)));
    const destroyed = [...this.#destroyed].filter(([name]) => !renamed.has(name));
    const parts = changeParts({
      consumed: [...this.#consumed.values()],
      sessions,
      saved: [...this.#saved].filter(([name]) => !changed.has(name)).map(([, record]) => record),
      once: [...this.#once.values()],
      destroyed: destroyed.map(([, key]) => key),
      endedSessions: destroyed
        .map(([name]) => this.#read.get(name))
        .flatMap((row) => (row?.kind === 'Session' && row.uid ? [row.uid] : [])),
      revokedGrants: [...this.#revoked.values()],
    });
    const [row] = await this.#db
      .runParts<{ open: boolean }>([...parts, ...this.#extra], 'select open from gate')
      .catch((error) => {
        throw sqlStateOf(error) === UNIQUE_VIOLATION ? new RaceLost('repeated') : error;
      });
    if (!row?.open) await this.#lose();
  }

  /**
   * Sessions that were there before: changed in place, or under a new id. A new id is a change of the old row, not a new
   * one: of two that rename at once one loses, and a session that ended meanwhile does not come back.
   */
  #changedSessions(): SessionChange[] {
    return [...this.#saved].flatMap(([name, record]) => {
      if (record.kind !== 'Session') return [];
      const renamed = [...this.#destroyed.keys()].map((old) => this.#read.get(old));
      const base =
        this.#read.get(name) ??
        renamed.find((row) => row?.kind === 'Session' && record.uid && row.uid?.equals(record.uid));
      return base ? [sessionChange(record, base)] : [];
    });
  }

  /** A code that somebody else consumed first takes its whole family down, the winner's tokens too. */
  async #lose(): Promise<never> {
    const families = [...this.#consumed.keys()]
      .map((name) => this.#known.get(name)?.grantKey)
      .filter((key) => !!key);
    if (families.length) await revokeGrants(this.#db, families as Buffer[]);
    throw new RaceLost(this.#consumed.size ? 'consumed' : 'session_ended');
  }

  #load(key: Buffer): Promise<void> {
    if (!this.#batch) {
      const batch = new Map<string, Buffer>();
      this.#batch = batch;
      this.#batchDone = Promise.resolve().then(async () => {
        this.#batch = undefined;
        const clientId = this.ctx.query?.client_id;
        const rows = await findRecords(
          this.#db,
          [...batch.values()],
          typeof clientId === 'string' ? clientId : null,
        );
        for (const name of batch.keys()) this.#known.set(name, undefined);
        this.#remember(rows);
      });
    }
    this.#batch.set(hex(key), key);
    return this.#batchDone!;
  }

  #remember(rows: readonly StoredRecord[]): void {
    for (const row of rows) {
      const name = hex(row.id);
      if (this.#saved.has(name) || this.#destroyed.has(name)) continue;
      this.#known.set(name, row);
      this.#read.set(name, row);
      if (row.kind === 'Session' && row.uid) this.#sessionsByUid.set(hex(row.uid), row);
    }
    // What was looked for along the way and is not there need not be asked for again.
    for (const row of rows) {
      if (row.grantKey && !this.#known.has(hex(row.grantKey))) this.#known.set(hex(row.grantKey), undefined);
    }
  }

  #isRevoked(record: StoredRecord): boolean {
    return record.grantKey !== null && this.#revoked.has(hex(record.grantKey));
  }
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

export type Scopes = AsyncLocalStorage<RequestScope>;
export const openScopes = (): Scopes => new AsyncLocalStorage<RequestScope>();

/** The scope of the request being served; its absence is a bug. */
export function currentScope(scopes: Scopes): RequestScope {
  const scope = scopes.getStore();
  if (!scope) throw new Error('the provider was used outside of a request');
  return scope;
}
