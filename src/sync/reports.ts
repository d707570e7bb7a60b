/**
 * That both sides were equal when sync ended: a report to be signed and handed on, in counts and digests, with nobody's values.
 * The table `sync_reports` keeps each with its signature, for longer than the key that has made it.
 */
import { createHash } from 'node:crypto';
import type { StateCount } from '../migration/ledger.ts';
import type { ReconciliationReport } from '../migration/reconcile/report.ts';
import type { AuditAnchor } from '../store/audit-log.ts';
import type { Queryable } from '../store/db.ts';
import { statement } from '../store/db.ts';
import type { PairOverview } from './overview.ts';
import type { QueueStats } from './queue/change-queue.ts';

export interface EqualityReport {
  readonly type: 'footbridge-sync-equality';
  /** Of this form. */
  readonly version: 1;
  readonly id: string;
  readonly target: string;
  readonly targetKind: string;
  /** ISO 8601. */
  readonly at: string;
  /** Who has ended it. */
  readonly actor: string;
  /** Of Footbridge. */
  readonly softwareVersion: string;
  /** How many people stand where, by the ledger. */
  readonly ledger: Readonly<Partial<Record<StateCount['state'], number>>>;
  /** At that moment, after both sides were compared. */
  readonly queue: Omit<QueueStats, 'target'>;
  /** Of the last quarter: none is open. */
  readonly conflicts: PairOverview['decided'];
  /** Whose password one side did not have. */
  readonly passwords: PairOverview['passwords'];
  /** Differences that the operator has taken as they are. */
  readonly accepted: readonly string[];
  readonly reconciliation: ReconciliationReport;
  /** How far what the stores tell of their changes was read. */
  readonly feeds: readonly {
    readonly store: string;
    readonly feed: string;
    readonly position: string | null;
    readonly changes: string;
    readonly readAt: string | null;
  }[];
  /** Where the audit log stood; null: nothing is sealed yet. */
  readonly auditHead: AuditAnchor | null;
  /** SHA-256 over all the rest, hexadecimal: the same for the same report, however it was written down. */
  readonly checksum: string;
}

export function sealedReport(report: Omit<EqualityReport, 'checksum'>): EqualityReport {
  return { ...report, checksum: checksumOf(report) };
}

/** `checksum` itself does not count. */
export function checksumOf(report: object): string {
  const { checksum: _, ...rest } = report as { readonly checksum?: unknown };
  return createHash('sha256').update(canonical(rest)).digest('hex');
}

/** JSON with members in the order of their names, without blanks; what is undefined is not there. */
function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map((one) => canonical(one ?? null)).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const members = Object.entries(value)
    .filter(([, one]) => one !== undefined)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, one]) => `${JSON.stringify(name)}:${canonical(one)}`);
  return `{${members.join(',')}}`;
}

export interface KeptReport {
  readonly id: string;
  readonly target: string;
  readonly at: Date;
  readonly report: EqualityReport;
  /** A compact JWS (RFC 7515) over the report. */
  readonly signed: string;
}

const KEEP = statement(
  'insert into sync_reports (id, target, at, report, signed) values ($1, $2, $3, $4::jsonb, $5)',
);
export async function keepReport(q: Queryable, report: EqualityReport, signed: string): Promise<void> {
  const { id, target, at } = report;
  await q.run(KEEP, [id, target, at, JSON.stringify(report), signed]);
}

const COLUMNS = 'id, target, at, report, signed';
const LAST = statement(`select ${COLUMNS} from sync_reports where target = $1 order by at desc limit 1`);
export async function lastReport(q: Queryable, target: string): Promise<KeptReport | undefined> {
  return (await q.run<KeptReport>(LAST, [target]))[0];
}

const BY_ID = statement(`select ${COLUMNS} from sync_reports where id = $1`);
export async function reportById(q: Queryable, id: string): Promise<KeptReport | undefined> {
  return (await q.run<KeptReport>(BY_ID, [id]))[0];
}
