/**
 * Who did what to whom. A record is one plain insert in the transaction of what it tells about; logins never wait
 * for one another. A sealer chains the records afterwards, about every second (audit-chain.ts).
 */
import type { RecordText, Seal } from './audit-chain.ts';
import { checkRecords, checkSeal, makeSeal } from './audit-chain.ts';
import type { AuditRecord, Json } from './audit-record.ts';
import { clean, recordValues, storable } from './audit-record.ts';
import type { Db, Queryable } from './db.ts';
import { statement } from './db.ts';
import type { Keyring } from './encryption.ts';
import type { Part } from './statement.ts';

export type { AuditRecord, Json } from './audit-record.ts';

export interface AuditEntry extends AuditRecord {
  /** A bigint, as text. */
  readonly id: string;
  readonly at: Date;
  readonly detail: Readonly<Record<string, Json>>;
}

export interface AuditFilter {
  readonly actor?: string;
  readonly action?: string;
  /** The sub; found under the pseudonyms of older master keys too. */
  readonly sub?: string;
  readonly from?: Date;
  readonly to?: Date;
  /** Only records with a larger id: the page after this one. */
  readonly after?: string;
  /** Only records with a smaller id: the page before, with `newestFirst`. */
  readonly before?: string;
  readonly newestFirst?: boolean;
  /** Default 100, at most 1,000. */
  readonly limit?: number;
}

/** A point of the chain, to be kept where the database's administrators cannot write. */
export interface AuditAnchor {
  readonly seq: string;
  /** base64url */
  readonly hash: string;
}

export interface AuditVerdict {
  readonly ok: boolean;
  readonly sealed: number;
  /** Written within the last moments, and waiting for the sealer. */
  readonly unsealed: number;
  /** The newest seal. Given to a later `verify`, it proves that the end was not cut off. */
  readonly head?: AuditAnchor;
  /** What was found, with ids. */
  readonly problem?: string;
}

export interface AuditLog {
  /** Seals what is final and returns how many records; 0 when another node is at it. */
  seal(): Promise<number>;
  verify(options?: { readonly anchor?: AuditAnchor }): Promise<AuditVerdict>;
  records(filter?: AuditFilter): Promise<AuditEntry[]>;
  pseudonym(sub: string): Buffer;
  /** Seals every `sealEveryMs` until stopped. */
  start(): void;
  /** Waits for a seal under way. */
  stop(): Promise<void>;
}

export interface AuditLogOptions {
  readonly db: Db;
  readonly keyring: Keyring;
  readonly sealEveryMs?: number;
  readonly onError?: (error: unknown) => void;
}

/** Records per seal: one holds its transaction for some 20 ms. */
const BLOCK_RECORDS = 1_000;
const PAGE_RECORDS = 1_000;
const DEFAULT_PAGE_RECORDS = 100;
/** A verdict names this many problems; an auditor looks into the first anyway. */
const MAX_PROBLEMS = 20;
const LOCK_KEY = '7310294488120156';

const INSERT = 'insert into audit_log (actor, action, subject, detail)';
const APPEND = statement(`${INSERT} values ($1, $2, $3, $4)`);

export async function appendAudit(q: Queryable, record: AuditRecord): Promise<void> {
  await q.run(APPEND, recordValues(record));
}

/**
 * The record as a part of a larger statement. With `after`, the name of an earlier part, one is written per row that
 * part returned, and none if it returned none.
 */
export function auditPart(record: AuditRecord, after?: string): Part {
  const text = `${INSERT} select $1::text, $2::text, $3::bytea, $4::jsonb${after ? ` from ${after}` : ''}`;
  return { name: after ? `audit_${after}` : 'audit', text, values: recordValues(record) };
}

/** One record per row of the earlier part, which has the columns subject and detail (as `auditDetail` writes it). */
export const auditEachPart = (
  { actor, action }: Pick<AuditRecord, 'actor' | 'action'>,
  after: string,
): Part => ({
  name: `audit_${after}`,
  text: `${INSERT} select $1::text, $2::text, subject, detail from ${after}`,
  values: [clean(actor), clean(action)],
});

export { storable as auditDetail };

export function openAuditLog({ db, keyring, sealEveryMs = 1_000, onError }: AuditLogOptions): AuditLog {
  let timer: NodeJS.Timeout | undefined;
  let underWay: Promise<unknown> = Promise.resolve();
  let stopped = true;

  const sealAll = async () => {
    let total = 0;
    for (let count = BLOCK_RECORDS; count === BLOCK_RECORDS; total += count) {
      count = await db.transaction((tx) => sealBlock(tx, keyring));
    }
    return total;
  };
  const schedule = () => {
    if (stopped) return;
    timer = setTimeout(() => {
      underWay = sealAll()
        .catch((error) => onError?.(error))
        .then(schedule);
    }, sealEveryMs);
    timer.unref();
  };

  return {
    seal: sealAll,
    verify: (options) => db.transaction((tx) => verify(tx, keyring, options?.anchor)),
    records: (filter = {}) => readRecords(db, keyring, filter),
    pseudonym: (sub) => keyring.mac('audit-subject', sub),
    start() {
      if (!stopped) return;
      stopped = false;
      schedule();
    },
    async stop() {
      stopped = true;
      clearTimeout(timer);
      await underWay;
    },
  };
}

const TRY_LOCK = statement(`select pg_try_advisory_xact_lock(${LOCK_KEY}) as mine`);
const LAST_SEAL = statement(`
  select *, last_tx >= pg_snapshot_xmax(pg_current_snapshot()) as server_replaced
  from audit_seals order by seq desc limit 1`);
const HIGHEST_SEALED_ID = statement('select max(id) as id from audit_seals, unnest(ids) id');
/** Of `readAudit`: as digests take it. */
export const RECORD_TEXT = `tx::text, id::text, (extract(epoch from at) * 1000000)::bigint::text as micros, actor, action,
  encode(subject, 'hex') as subject, detail::text`;
/** Below the oldest transaction under way nothing can appear any more: the order (tx, id) is final there. */
const FINAL = statement(`
  select ${RECORD_TEXT} from audit_log
  where (tx, id) > ($1::xid8, $2::bigint) and id > $3::bigint and tx < pg_snapshot_xmin(pg_current_snapshot())
  order by audit_log.tx, audit_log.id limit ${BLOCK_RECORDS}`);
const LEFT_BY_SERVER_BEFORE = statement(`
  select ${RECORD_TEXT} from audit_log
  where (tx, id) > ($1::xid8, $2::bigint) and id > $3::bigint and tx >= pg_snapshot_xmax(pg_current_snapshot())
  order by audit_log.tx, audit_log.id limit ${BLOCK_RECORDS}`);
const INSERT_SEAL = statement(`
  insert into audit_seals (seq, last_tx, last_id, floor_id, ids, digests, previous, hash)
  values ($1, $2, $3, $4, $5, $6, $7, $8)`);

type LastSeal = Seal & { readonly server_replaced: boolean };

async function sealBlock(tx: Queryable, keyring: Keyring): Promise<number> {
  const [lock] = await tx.run<{ mine: boolean }>(TRY_LOCK);
  if (!lock?.mine) return 0;
  const [previous] = await tx.run<LastSeal>(LAST_SEAL);
  const { floor, records } = await unsealedRecords(tx, previous);
  if (records.length === 0) return 0;
  const made = makeSeal(keyring, { previous, floor, records });
  const { seq, last_tx, last_id, floor_id, ids, digests, hash } = made;
  await tx.run(INSERT_SEAL, [seq, last_tx, last_id, floor_id, ids, digests, made.previous, hash]);
  return records.length;
}

/**
 * The next records to seal. Transaction ids start again when a dump is restored into a new server: what the server
 * before had left unsealed comes first, and then everything above the highest id there was.
 */
async function unsealedRecords(tx: Queryable, last: LastSeal | undefined) {
  const floor = last?.floor_id ?? '0';
  const place = [last?.last_tx ?? '0', last?.last_id ?? '0', floor];
  if (!last?.server_replaced) return { floor, records: await tx.run<RecordText>(FINAL, place) };
  const left = await tx.run<RecordText>(LEFT_BY_SERVER_BEFORE, place);
  if (left.length > 0) return { floor, records: left };
  const [highest] = await tx.run<{ id: string }>(HIGHEST_SEALED_ID);
  const newFloor = highest?.id ?? '0';
  return { floor: newFloor, records: await tx.run<RecordText>(FINAL, ['0', '0', newFloor]) };
}

const ONE_SNAPSHOT = statement('set transaction isolation level repeatable read, read only');
/** An auditor has time; each of the statements may run through the whole log. */
const NO_TIMEOUT = statement('set local statement_timeout = 0');
export const SEALS_AFTER = statement(
  'select * from audit_seals where seq > $1::bigint order by seq limit 10',
);
const RECORDS_BY_ID = statement(`select ${RECORD_TEXT} from audit_log where id = any($1::bigint[])`);
const UNSEALED = statement(`
  select (tx, id) > ($1::xid8, $2::bigint) and id > $3::bigint as waiting, count(*)::int as count,
    (array_agg(id order by id))[1:${MAX_PROBLEMS}] as ids
  from audit_log l
  where not exists (select from audit_seals s, unnest(s.ids) sealed where sealed = l.id)
  group by 1`);

async function verify(tx: Queryable, keyring: Keyring, anchor?: AuditAnchor): Promise<AuditVerdict> {
  await tx.run(ONE_SNAPSHOT);
  await tx.run(NO_TIMEOUT);
  const problems: string[] = [];
  let [previous, sealed, anchorFound]: [Seal | undefined, number, boolean] = [undefined, 0, !anchor];
  for (;;) {
    const seals: Seal[] = await tx.run<LastSeal>(SEALS_AFTER, [previous?.seq ?? '0']);
    if (seals.length === 0) break;
    for (const seal of seals) {
      const records = await tx.run<RecordText>(RECORDS_BY_ID, [seal.ids]);
      problems.push(...checkSeal(keyring, seal, previous), ...checkRecords(seal, records));
      anchorFound ||= seal.seq === anchor?.seq && seal.hash.toString('base64url') === anchor.hash;
      sealed += records.length;
      previous = seal;
    }
  }
  if (!anchorFound) problems.push(`seal ${anchor?.seq} of the anchor is missing or another`);
  const { waiting, smuggled } = await unsealedIds(tx);
  problems.push(...smuggled.map((id) => `record ${id} was added behind the seals`));
  return {
    ok: problems.length === 0,
    sealed,
    unsealed: waiting,
    ...(previous && { head: { seq: previous.seq, hash: previous.hash.toString('base64url') } }),
    ...(problems.length > 0 && { problem: summary(problems) }),
  };
}

/** Records without a seal: those that wait for the sealer, and those at a place it has already passed. */
async function unsealedIds(tx: Queryable): Promise<{ waiting: number; smuggled: string[] }> {
  const [last] = await tx.run<LastSeal>(LAST_SEAL);
  const place = [last?.last_tx ?? '0', last?.last_id ?? '0', last?.floor_id ?? '0'];
  const groups = await tx.run<{ waiting: boolean; count: number; ids: string[] }>(UNSEALED, place);
  // After a move to a new server the sealer's place means nothing until it has run once.
  const waits = groups.filter((group) => group.waiting || last?.server_replaced);
  const passed = groups.filter((group) => !waits.includes(group));
  return {
    waiting: waits.reduce((sum, { count }) => sum + count, 0),
    smuggled: passed.flatMap(({ ids }) => ids),
  };
}

function summary(problems: readonly string[]): string {
  const named = problems.slice(0, MAX_PROBLEMS).join('; ');
  return problems.length > MAX_PROBLEMS ? `${named}; and ${problems.length - MAX_PROBLEMS} more` : named;
}

/** For `audit-pages.ts`: SQL that reads records as `l`. */
export const readAudit = (columns: string, rest: string): string =>
  `select ${columns} from audit_log l ${rest}`;

/** How far the seals have come, for `audit-lag.ts`. */
export const SEALED_UP_TO = 'select last_tx, last_id, floor_id from audit_seals order by seq desc limit 1';

const PAGE = `
  select id::text, at, actor, action, subject, detail from audit_log
  where ($1::text is null or actor = $1) and ($2::text is null or action = $2)
    and ($3::bytea[] is null or subject = any($3)) and ($4::timestamptz is null or at >= $4)
    and ($5::timestamptz is null or at < $5) and ($6::bigint is null or id > $6) and ($7::bigint is null or id < $7)`;
const OLDEST_FIRST = statement(`${PAGE} order by audit_log.id limit $8`);
const NEWEST_FIRST = statement(`${PAGE} order by audit_log.id desc limit $8`);

async function readRecords(q: Queryable, keyring: Keyring, filter: AuditFilter): Promise<AuditEntry[]> {
  const { actor, action, sub, from, to, after, before, newestFirst = false } = filter;
  const subjects = sub === undefined ? undefined : keyring.macs('audit-subject', sub);
  const limit = Math.min(filter.limit ?? DEFAULT_PAGE_RECORDS, PAGE_RECORDS);
  const values = [actor, action, subjects, from, to, after, before, limit].map((value) => value ?? null);
  const rows = await q.run<AuditEntry & { subject: Buffer | null }>(
    newestFirst ? NEWEST_FIRST : OLDEST_FIRST,
    values,
  );
  return rows.map(({ subject, ...entry }) => (subject ? { ...entry, subject } : entry));
}

const NEWEST = statement(`select encode(subject, 'hex') as subject, max(at) as at from audit_log
  where subject = any($2::bytea[]) and action = $1 and detail->>'target' = $3 group by subject`);
/** When something happened last to each of these subjects at a target; by subject in hex, without those it never happened to. */
export async function newestOf(
  q: Queryable,
  { action, target }: { readonly action: string; readonly target: string },
  subjects: readonly Buffer[],
): Promise<ReadonlyMap<string, Date>> {
  const rows = await q.run<{ subject: string; at: Date }>(NEWEST, [action, subjects, target]);
  return new Map(rows.map(({ subject, at }) => [subject, at]));
}
