/** What a reconciliation says in the end: counts and subjects as examples, nobody's values. To be signed and handed on. */
import type { AuditAnchor } from '../../store/audit-log.ts';
import type { Kind } from './classify.ts';
import { KINDS } from './classify.ts';
import type { ComparedField } from './marks.ts';
import { COMPARED_FIELDS } from './marks.ts';
import type { Coverage, Run } from './reconciliations.ts';
import type { Leads } from './repair-kinds.ts';
import type { Tally } from './tally.ts';
import { differencesIn } from './tally.ts';

export interface ReconciliationReport {
  readonly type: 'footbridge-reconciliation';
  /** Of this form. */
  readonly version: 1;
  readonly id: string;
  readonly target: string;
  readonly targetKind: string;
  readonly batch: string | null;
  readonly leads: Leads | null;
  /** ISO 8601. */
  readonly startedAt: string;
  readonly finishedAt: string;
  /** Of Footbridge. */
  readonly softwareVersion: string;
  readonly coverage: Coverage;
  readonly fields: {
    readonly compared: readonly ComparedField[];
    /** The target says nothing of them, or no user there has any. */
    readonly notCompared: readonly ComparedField[];
  };
  readonly people: Pick<
    Tally,
    'people' | 'equal' | 'differing' | 'notMoved' | 'settled' | 'unreadable' | 'foreign' | 'targetUsers'
  >;
  readonly differences: {
    readonly total: number;
    readonly byKind: Readonly<Record<Kind, number>>;
    readonly byField: Tally['byField'];
    readonly byRepair: Tally['byRepair'];
  };
  readonly examples: Tally['examples'];
  /** Over everybody who is equal: the same in two runs when the same people were, with the same values. */
  readonly checksum: string;
  /** Where the audit log stood; null: nothing is sealed yet. */
  readonly auditHead: AuditAnchor | null;
}

export interface ReportInput {
  readonly run: Run;
  readonly target: { readonly name: string; readonly kind: string };
  readonly batch: string | undefined;
  readonly leads: Leads | undefined;
  readonly compared: ReadonlySet<ComparedField>;
  readonly softwareVersion: string;
  readonly auditHead: AuditAnchor | undefined;
}

export function reportOf(input: ReportInput): ReconciliationReport {
  const { run, target, batch, leads, compared, softwareVersion, auditHead } = input;
  const { tally, coverage } = run.position;
  const { people, equal, differing, notMoved, settled, unreadable, foreign, targetUsers } = tally;
  return {
    type: 'footbridge-reconciliation',
    version: 1,
    id: run.id,
    target: target.name,
    targetKind: target.kind,
    batch: batch ?? null,
    leads: leads ?? null,
    startedAt: run.startedAt.toISOString(),
    finishedAt: new Date().toISOString(),
    softwareVersion,
    coverage,
    fields: {
      compared: COMPARED_FIELDS.filter((field) => compared.has(field)),
      notCompared: COMPARED_FIELDS.filter((field) => !compared.has(field)),
    },
    people: { people, equal, differing, notMoved, settled, unreadable, foreign, targetUsers },
    differences: {
      total: differencesIn(tally),
      byKind: Object.fromEntries(KINDS.map((kind) => [kind, tally.byKind[kind] ?? 0])) as Record<
        Kind,
        number
      >,
      byField: tally.byField,
      byRepair: tally.byRepair,
    },
    examples: tally.examples,
    checksum: tally.checksum,
    auditHead: auditHead ?? null,
  };
}

/** Whether something is to be looked at. */
export const isWrong = ({ differences, people }: ReconciliationReport): boolean =>
  differences.total > 0 || people.unreadable > 0;
