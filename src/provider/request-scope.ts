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
import { RaceLost } from './race-lost.ts';
import type { Keys, NewRecord, StoredRecord } from './record.ts';
import { changedSessions, keysOf, recordKey } from './record.ts';
import type { RecordReader } from './record-reader.ts';
import { changeParts, findSessionByUid, revokeGrants } from './records.ts';

const hex = (key: Buffer) => key.toString('hex');

interface Asked {
  readonly key: Buffer;
  /** As the library has it. */
  readonly id: string;
}

export class RequestScope {
  readonly ctx: Context;
  readonly #db: Db;
  readonly #reader: RecordReader;
  /** Rows this request goes by without having read them, by key; its own write asks whether they are still there. */
  readonly #trusted = new Map<string, StoredRecord>();
  readonly #mayTrust: boolean;
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
  #batch: Map<string, Asked> | undefined;
  #batchDone: Promise<void> | undefined;

  constructor(ctx: Context, { db, reader }: { readonly db: Db; readonly reader: RecordReader }) {
    this.ctx = ctx;
    this.#db = db;
    this.#reader = reader;
    // Whatever this endpoint grants, it writes.
    this.#mayTrust = ctx.method === 'POST' && ctx.path === '/token';
  }

  /** Reads asked for in the same turn travel together. */
  async find(kind: string, id: string): Promise<StoredRecord | undefined> {
    const key = recordKey(kind, id);
    if (!this.#known.has(hex(key))) await this.#load(key, id);
    const record = this.#known.get(hex(key));
    return record && this.#isRevoked(record) ? undefined : record;
  }

  async findSession(uid: string): Promise<StoredRecord | undefined> {
    const key = recordKey('uid', uid);
    const known = this.#sessionsByUid.get(hex(key));
    if (known) return known;
    const kept = this.#mayTrust ? this.#reader.recent.session(key) : undefined;
    if (kept) return this.#goBy([kept]) && kept;
    const found = await findSessionByUid(this.#db, key);
    if (found) this.#remember([found]);
    return found;
  }

  /**
   * What this node has seen a moment ago, with all that it hangs on; false: it has to be read. An id is of one kind only:
   * whoever asks for every kind it may be of has asked enough once one is there.
   */
  async #kept(asked: readonly Asked[]): Promise<boolean> {
    const { recent } = this.#reader;
    const families = asked.map(({ key, id }) => ({ id, rows: recent.family(key) }));
    const kept = new Set(families.flatMap(({ id, rows }) => (rows ? [id] : [])));
    if (!asked.every(({ id }) => kept.has(id))) return false;
    const rows = families.flatMap((family) => family.rows ?? []);
    if (this.#mayTrust) return this.#goBy(rows);
    const isThere = await this.#reader.confirm(keysOf(rows));
    if (isThere) this.#remember(rows);
    else for (const row of rows) recent.drop(hex(row.id));
    return isThere;
  }

  /** Whose grant in a session it is about. */
  get #clientId(): string | null {
    const clientId = this.ctx.query?.client_id;
    return typeof clientId === 'string' ? clientId : null;
  }

  #goBy(rows: readonly StoredRecord[]): true {
    for (const row of rows) this.#trusted.set(hex(row.id), row);
    this.#remember(rows);
    return true;
  }

  save(record: NewRecord): void {
    const name = hex(record.id);
    const base = this.#known.get(name);
    this.#destroyed.delete(name);
    this.#saved.set(name, record);
    const stored = { ...record, consumedAt: base?.consumedAt ?? null };
    this.#known.set(name, stored);
    if (record.kind === 'Session' && record.uid) this.#sessionsByUid.set(hex(record.uid), stored);
  }

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
    if (this.isDirty) {
      await this.#write();
      this.#keep();
    }
    for (const work of this.#onCommit.splice(0)) work();
  }

  /** For whoever redeems what was just given. */
  #keep(): void {
    const { recent } = this.#reader;
    for (const name of [...this.#consumed.keys(), ...this.#destroyed.keys(), ...this.#revoked.keys()])
      recent.drop(name);
    for (const name of this.#saved.keys()) {
      const record = this.#known.get(name);
      if (record) recent.keep(record);
    }
  }

  async #write(): Promise<void> {
    const alone = this.#alone();
    if (alone) return this.#reader.insert(alone);
    const sessions = changedSessions(this.#saved, {
      read: this.#read,
      destroyed: [...this.#destroyed.keys()],
    });
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
      trusted: this.#trustedKeys(),
    });
    const [row] = await this.#db
      .runParts<{ open: boolean }>([...parts, ...this.#extra], 'select open from gate')
      .catch((error) => {
        throw sqlStateOf(error) === UNIQUE_VIOLATION ? new RaceLost('repeated') : error;
      });
    if (!row?.open) await this.#lose();
  }

  /** The one token that is all this request writes, and that goes by nothing else. */
  #alone(): NewRecord | undefined {
    const others = [this.#once, this.#consumed, this.#destroyed, this.#revoked, this.#trusted];
    if (this.#saved.size !== 1 || this.#extra.length > 0 || others.some(({ size }) => size > 0))
      return undefined;
    const [record] = this.#saved.values();
    return record?.kind === 'ClientCredentials' ? record : undefined;
  }

  #trustedKeys(): Keys {
    return keysOf([...this.#trusted].filter(([name]) => !this.#consumed.has(name)).map(([, row]) => row));
  }

  /** A code that somebody else consumed first takes its whole family down, the winner's tokens too. */
  async #lose(): Promise<never> {
    for (const name of this.#trusted.keys()) this.#reader.recent.drop(name);
    const families = [...this.#consumed.keys()]
      .map((name) => this.#known.get(name)?.grantKey)
      .filter((key) => !!key);
    if (families.length) await revokeGrants(this.#db, families as Buffer[]);
    throw new RaceLost(this.#consumed.size ? 'consumed' : 'session_ended');
  }

  #load(key: Buffer, id: string): Promise<void> {
    if (!this.#batch) {
      const batch = new Map<string, Asked>();
      this.#batch = batch;
      this.#batchDone = Promise.resolve().then(async () => {
        this.#batch = undefined;
        const asked = [...batch.values()];
        if (!(await this.#kept(asked))) await this.#fetch(asked);
        for (const name of batch.keys()) if (!this.#known.has(name)) this.#known.set(name, undefined);
      });
    }
    this.#batch.set(hex(key), { key, id });
    return this.#batchDone!;
  }

  async #fetch(asked: readonly Asked[]): Promise<void> {
    const rows = await this.#reader.find(
      asked.map(({ key }) => key),
      this.#clientId,
    );
    this.#remember(rows);
    for (const row of rows) this.#reader.recent.keep(row);
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

export type Scopes = AsyncLocalStorage<RequestScope>;
export const openScopes = (): Scopes => new AsyncLocalStorage<RequestScope>();

/** The scope of the request being served; its absence is a bug. */
export function currentScope(scopes: Scopes): RequestScope {
  const scope = scopes.getStore();
  if (!scope) throw new Error('the provider was used outside of a request');
  return scope;
}
