/**
 * Reads of `oidc_records` for all requests of a node. Those that come while others are under way travel together, in one
 * statement: each still reads after it was asked, so nobody ever sees what was before.
 *
 * What this node has written or read in the last minute it keeps (`Recent`), so that only whether it is still there has
 * to be asked: by a read (`confirm`), or, where the request writes in the end, by that very statement (`gatePart`). Nothing
 * goes by what is kept without one of the two.
 */
import type { Db } from '../store/db.ts';
import type { Keys, NewRecord, StoredRecord } from './record.ts';
import { confirmRecords, findRecords, insertRecords } from './records.ts';
import { Together } from './together.ts';

interface Wanted {
  readonly ids: readonly Buffer[];
  readonly clientId: string | null;
}

export class RecordReader {
  readonly recent = new Recent();
  readonly #finding: Together<Wanted, StoredRecord[]>;
  readonly #confirming: Together<Keys, ReadonlySet<string>>;
  readonly #inserting: Together<NewRecord, void>;

  constructor(db: Db) {
    this.#finding = new Together((group) =>
      findRecords(
        db,
        group.flatMap(({ ids, clientId }) => ids.map((id) => ({ id, clientId }))),
      ),
    );
    this.#inserting = new Together((group) => insertRecords(db, group));
    this.#confirming = new Together((group) =>
      confirmRecords(db, {
        ids: group.flatMap(({ ids }) => ids),
        sessions: group.flatMap(({ sessions }) => sessions),
      }),
    );
  }

  /** A record that hangs on nothing; on disk when this resolves. Throws storage_unavailable. */
  insert(record: NewRecord): Promise<void> {
    return this.#inserting.ask(record);
  }

  /** These records and what follows from them; there may be others among them. Throws storage_unavailable. */
  find(ids: readonly Buffer[], clientId: string | null): Promise<readonly StoredRecord[]> {
    return this.#finding.ask({ ids, clientId });
  }

  /** Whether all of them are there, alive and not consumed. Throws storage_unavailable. */
  async confirm(keys: Keys): Promise<boolean> {
    const there = await this.#confirming.ask(keys);
    return [...keys.ids, ...keys.sessions].every((key) => there.has(key.toString('hex')));
  }
}

/** What is asked for again within moments; nothing else is kept. */
const KEPT_KINDS = new Set([
  'AuthorizationCode',
  'RefreshToken',
  'AccessToken',
  'ClientCredentials',
  'Grant',
  'Session',
]);
/** A grant may get more scopes at another node; for so long it may be seen without them. */
const KEPT_MS = 60_000;
/** Some 10 MB; the oldest go first. */
const MOST = 8_000;

interface Kept {
  readonly record: StoredRecord;
  readonly atMs: number;
}

export class Recent {
  readonly #byId = new Map<string, Kept>();
  readonly #sessions = new Map<string, string>();

  keep(record: StoredRecord): void {
    if (!KEPT_KINDS.has(record.kind) || record.consumedAt) return;
    const name = record.id.toString('hex');
    const merged = record.kind === 'Session' ? this.#merged(record) : record;
    this.drop(name);
    this.#byId.set(name, { record: merged, atMs: performance.now() });
    if (merged.kind === 'Session' && merged.uid) this.#sessions.set(merged.uid.toString('hex'), name);
    for (const [oldest, { atMs }] of this.#byId) {
      if (this.#byId.size <= MOST && performance.now() - atMs < KEPT_MS) break;
      this.drop(oldest);
    }
  }

  /** Two tabs that write one session each know their own client only; the row has both (`sessions` of `changeParts`). */
  #merged(record: StoredRecord): StoredRecord {
    const before = record.uid && this.session(record.uid);
    if (!before || before.payload.accountId !== record.payload.accountId) return record;
    const authorizations = Object.assign({}, before.payload.authorizations, record.payload.authorizations);
    return { ...record, payload: { ...record.payload, authorizations } };
  }

  /** By the id of its row, in hex. */
  drop(name: string): void {
    const uid = this.#byId.get(name)?.record.uid?.toString('hex');
    this.#byId.delete(name);
    if (uid !== undefined && this.#sessions.get(uid) === name) this.#sessions.delete(uid);
  }

  /**
   * A record with its grant and its session; undefined unless all of it is kept. Never a session for its own sake: it is
   * prolonged and merged by others, and whoever opens it needs it as it is.
   */
  family(id: Buffer): readonly StoredRecord[] | undefined {
    const record = this.#get(id.toString('hex'));
    if (!record || record.kind === 'Session') return undefined;
    const grant = record.grantKey && this.#get(record.grantKey.toString('hex'));
    // What is to outlive its session does not need it.
    const uid = record.payload.expiresWithSession ? record.uid : null;
    const session = uid && this.session(uid);
    if ((record.grantKey && !grant) || (uid && !session)) return undefined;
    return [record, grant, session].filter((one) => !!one);
  }

  session(uid: Buffer): StoredRecord | undefined {
    const name = this.#sessions.get(uid.toString('hex'));
    return name === undefined ? undefined : this.#get(name);
  }

  #get(name: string): StoredRecord | undefined {
    const kept = this.#byId.get(name);
    return kept && performance.now() - kept.atMs < KEPT_MS ? kept.record : undefined;
  }
}
