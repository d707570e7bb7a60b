/** A verification's report, and what became of a plan, for a terminal. */
import { styleText } from 'node:util';
import { KINDS } from '../../migration/reconcile/classify.ts';
import type { LineOutcome } from '../../migration/reconcile/repair.ts';
import type { ReconciliationReport } from '../../migration/reconcile/report.ts';
import { isWrong } from '../../migration/reconcile/report.ts';

const count = (value: number) => value.toLocaleString('en');

function rows(pairs: readonly (readonly [string, number, string?])[]): string[] {
  const shown = pairs.map(([name, value, more]) => [name, count(value), more ?? ''] as const);
  const [names, values] = [0, 1].map((column) => Math.max(0, ...shown.map((row) => row[column]!.length)));
  return shown.map(([name, value, more]) =>
    `  ${name.padEnd(names!)}  ${value.padStart(values!)}  ${more}`.trimEnd(),
  );
}

const MEANINGS: Readonly<Record<(typeof KINDS)[number], string>> = {
  missing: 'should be at the target, and nobody is',
  extra: 'is at the target as one of ours, and the legacy store knows nobody',
  'changed-left': 'the legacy store has changed since both were the same, or the target never got it',
  'changed-right': 'the target has changed since both were the same',
  conflict: 'both have changed, or nobody knows which',
  resurrected: 'was removed, and is there again',
  unrecorded: 'is at the target, and the ledger says otherwise',
  doubled: 'has two users at the target',
};

const COVERAGES = {
  'all-users': 'all users of the target',
  ledger: 'whom the ledger knows there: the target does not list its users',
  members: 'each of the batch’s people by themselves',
} as const;

export function reportText(report: ReconciliationReport): string {
  const { people, differences, fields, coverage } = report;
  const of = report.batch === null ? '' : `, batch ${report.batch}`;
  return [
    styleText('bold', `${report.target}${of}: ${count(people.people)} people looked at`),
    `  read: ${COVERAGES[coverage]}`,
    ...rows([
      ['equal', people.equal, 'the same in every field'],
      ['different', people.differing],
      ['not moved', people.notMoved, 'only in the legacy store, where they belong'],
      ['settled', people.settled, 'not to log in at the target, and cannot'],
      ['unreadable', people.unreadable, 'the legacy record cannot be mapped'],
      ...(coverage === 'all-users' && report.batch === null
        ? [['foreign', people.foreign, 'at the target, and none of ours'] as const]
        : []),
    ]),
    ...differencesText(report),
    '',
    `  compared      ${fields.compared.join(', ')}`,
    ...(fields.notCompared.length > 0 ? [`  not compared  ${fields.notCompared.join(', ')}`] : []),
    `  checksum      ${report.checksum} over everybody who is equal`,
    `  reconciliation ${report.id}`,
    isWrong(report)
      ? `${count(differences.total)} differences. Write them as a plan with --plan FILE, look it through, and repair.`
      : 'Nothing is missing, and nothing is different.',
  ].join('\n');
}

function differencesText({ differences, examples }: ReconciliationReport): string[] {
  const found = KINDS.filter((kind) => differences.byKind[kind] > 0);
  if (found.length === 0) return [];
  const fields = Object.entries(differences.byField).map(
    ([field, kinds]) =>
      [
        field,
        Object.values(kinds).reduce((sum, n) => sum + n, 0),
        Object.entries(kinds)
          .map(([kind, n]) => `${kind} ${count(n)}`)
          .join(', '),
      ] as const,
  );
  return [
    '',
    styleText('bold', 'Differences'),
    ...found.flatMap((kind) => [
      ...rows([[kind, differences.byKind[kind], MEANINGS[kind]]]),
      styleText('dim', `      ${(examples[kind] ?? []).join(' · ')}`),
    ]),
    ...(fields.length > 0 ? ['', styleText('bold', 'By field'), ...rows(fields)] : []),
    '',
    styleText('bold', 'What would mend them'),
    ...rows(Object.entries(differences.byRepair)),
  ];
}

export function outcomeText({ sub, kind, fields, repair, result, reason, sentence }: LineOutcome): string {
  const what = fields.length > 0 ? `${kind} (${fields.join(', ')})` : kind;
  const why = reason ? `  ${reason}: ${sentence ?? ''}` : '';
  return `  ${result.padEnd(8)}  ${sub}  ${what} → ${repair}${why}`;
}

export function outcomesText(
  counts: Readonly<Record<LineOutcome['result'], number>>,
  { shown, executed }: { readonly shown: readonly LineOutcome[]; readonly executed: boolean },
): string {
  const all = Object.values(counts).reduce((sum, n) => sum + n, 0);
  const kinds = Object.entries(counts).filter(([, n]) => n > 0);
  return [
    ...shown.map(outcomeText),
    ...(shown.length < all ? [`  … and ${count(all - shown.length)} more; the audit log has each.`] : []),
    kinds.length > 0 ? kinds.map(([result, n]) => `${count(n)} ${result}`).join(', ') : 'The plan is empty.',
    ...(executed ? ['Verify again to see that both sides are the same.'] : []),
    ...(executed ? [] : ['Nothing was changed: add --execute.']),
  ].join('\n');
}
