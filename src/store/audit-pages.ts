/**
 * Pages of the audit log for people who look through it, newest first and both ways. A login writes a record, so the log has
 * no index for every question: what is asked of one person goes by theirs, and everything else looks at a bounded stretch
 * and says how far it has come.
 */
import type { AuditEntry } from './audit-log.ts';
import { readAudit } from './audit-log.ts';
import type { Queryable } from './db.ts';
import { statement } from './db.ts';
import type { Keyring } from './encryption.ts';

export interface AuditQuestion {
  readonly actor?: string | undefined;
  /** One action, or with a full stop at its end all that begin so: `ledger.` */
  readonly action?: string | undefined;
  readonly sub?: string | undefined;
  readonly from?: Date | undefined;
  readonly to?: Date | undefined;
  /** Only records with a smaller id: older ones. */
  readonly before?: string | undefined;
  /** Only records with a larger id, the closest ones: newer ones. */
  readonly after?: string | undefined;
  readonly limit: number;
}

export interface AuditPage {
  /** Newest first. */
  readonly entries: readonly AuditEntry[];
  /** For the page after it, and the one before: as `before`, and as `after`. */
  readonly older?: string;
  readonly newer?: string;
  /** Not everything was looked at: so many records were. */
  readonly looked?: number;
}

/** Some 30 ms of looking; who asks for something rare goes on from there. */
export const STRETCH_RECORDS = 20_000;
/** A record has the time at which its transaction began, and its number when it was written: no transaction of ours lasts as long. */
const DISORDER_SECONDS = 60;

const COLUMNS = 'l.id, l.at, l.actor, l.action, l.subject, l.detail';
const SHOWN = 'id::text, at, actor, action, subject, detail';
/** Always two bounds: a plan for all values then goes by the key from the first. */
const WITHIN = 'l.id < $1::bigint and l.id > $2::bigint';
const HIGHEST = String(2n ** 63n - 1n);
const LOWEST = '0';
const FITS = (row: string) => `($3::text is null or ${row}.actor = $3)
  and ($4::text is null or ${row}.action = $4 or (right($4, 1) = '.' and starts_with(${row}.action, $4)))
  and ($5::timestamptz is null or ${row}.at >= $5) and ($6::timestamptz is null or ${row}.at < $6)`;

const stretch = (order: 'asc' | 'desc') =>
  statement(`select ${SHOWN} from (${readAudit(COLUMNS, `where ${WITHIN} order by l.id ${order} limit $8`)}) r
    where ${FITS('r')} order by r.id ${order} limit $7`);
const STRETCHES = { asc: stretch('asc'), desc: stretch('desc') };
/** The last record of a stretch; none where it ends before. */
const edge = (order: 'asc' | 'desc') =>
  statement(readAudit('l.id::text', `where ${WITHIN} order by l.id ${order} offset $3 limit 1`));
const EDGES = { asc: edge('asc'), desc: edge('desc') };

const ofPerson = (order: 'asc' | 'desc') =>
  statement(
    `select ${SHOWN} from (${readAudit(COLUMNS, `where l.subject = any($8::bytea[]) and ${WITHIN} and ${FITS('l')} order by l.id ${order} limit $7`)}) r
    order by r.id ${order}`,
  );
const OF_PERSON = { asc: ofPerson('asc'), desc: ofPerson('desc') };

/** The first id that was written at $1 or later, found by halving: one look-up by key for each step. */
const ID_AT = statement(`with recursive half(low, high) as (
    select (${readAudit('min(l.id)', '')}), (${readAudit('max(l.id)', '')}) + 1
    union all
    select case when m.at < $1::timestamptz then (h.low + h.high) / 2 + 1 else h.low end,
      case when m.at < $1::timestamptz then h.high else (h.low + h.high) / 2 end
    from half h cross join lateral (${readAudit('l.at', 'where l.id >= (h.low + h.high) / 2 order by l.id limit 1')}) m
    where h.low < h.high)
  select low::text as id from half where low = high`);

/** Throws storage_unavailable. */
export async function auditPage(
  { db, keyring }: { readonly db: Queryable; readonly keyring: Pick<Keyring, 'macs'> },
  asked: AuditQuestion,
): Promise<AuditPage> {
  const order = asked.after === undefined ? 'desc' : 'asc';
  const [before, after] = await boundsOf(db, asked);
  const { actor = null, action = null, from = null, to = null, sub, limit } = asked;
  // One more than is shown tells whether there are more.
  const values = [before, after, actor, action, from, to, limit + 1];
  const rows =
    sub === undefined
      ? await db.run<Row>(STRETCHES[order], [...values, STRETCH_RECORDS])
      : await db.run<Row>(OF_PERSON[order], [...values, keyring.macs('audit-subject', sub)]);
  const found = rows.slice(0, limit).map(({ subject, ...row }) => (subject ? { ...row, subject } : row));
  const hasMore = rows.length > limit;
  const reached = hasMore || sub !== undefined ? undefined : await edgeOf(db, { order, before, after });
  const onward = hasMore ? found.at(-1)?.id : reached;
  const entries = order === 'asc' ? found.toReversed() : found;
  const looked = reached === undefined ? {} : { looked: STRETCH_RECORDS };
  if (order === 'asc') {
    // The page that was left: whatever lies at or below `after`.
    const older = entries.at(-1)?.id ?? next(asked.after!);
    return { entries, older, ...(onward === undefined ? {} : { newer: onward }), ...looked };
  }
  const newer = asked.before === undefined ? undefined : (entries[0]?.id ?? previous(asked.before));
  return {
    entries,
    ...(onward === undefined ? {} : { older: onward }),
    ...(newer === undefined ? {} : { newer }),
    ...looked,
  };
}

type Row = Omit<AuditEntry, 'subject'> & { readonly subject: Buffer | null };

const next = (id: string) => String(BigInt(id) + 1n);
const previous = (id: string) => String(BigInt(id) - 1n);

/** As `before` and `after`, with what the moments that are asked for leave of them. */
async function boundsOf(
  db: Queryable,
  { before, after, from, to }: AuditQuestion,
): Promise<readonly [string, string]> {
  const [first, last] = await Promise.all([
    from && idAt(db, new Date(from.getTime() - DISORDER_SECONDS * 1_000)),
    to && idAt(db, new Date(to.getTime() + DISORDER_SECONDS * 1_000)),
  ]);
  return [smallest(HIGHEST, before, last), largest(LOWEST, after, first && previous(first))];
}

async function idAt(db: Queryable, at: Date): Promise<string | undefined> {
  return (await db.run<{ id: string }>(ID_AT, [at]))[0]?.id;
}

async function edgeOf(
  db: Queryable,
  {
    order,
    before,
    after,
  }: { readonly order: 'asc' | 'desc'; readonly before: string; readonly after: string },
): Promise<string | undefined> {
  const [row] = await db.run<{ id: string }>(EDGES[order], [before, after, STRETCH_RECORDS - 1]);
  return row?.id;
}

type Ids = readonly (string | undefined)[];
const known = (ids: Ids) => ids.filter((id) => id !== undefined).map(BigInt);
const smallest = (...ids: Ids) => String(known(ids).reduce((a, b) => (a < b ? a : b)));
const largest = (...ids: Ids) => String(known(ids).reduce((a, b) => (a > b ? a : b)));
