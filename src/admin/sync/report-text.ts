/** An equality report, for a terminal. */
import { styleText } from 'node:util';
import type { EqualityReport } from '../../sync/reports.ts';
import { reportText } from '../batch/reconcile-text.ts';
import { seen } from '../batch/sections.ts';
import { count } from '../batch/status-text.ts';
import { minute } from '../claim-tokens/claim-desk.ts';

export function equalityText(report: EqualityReport): string {
  const { target, at, actor, softwareVersion, ledger, conflicts, passwords, accepted, feeds } = report;
  const standing = Object.entries(ledger).map(([state, users]) => `${count(users)} ${state}`);
  return [
    styleText('bold', seen(`${target}: sync ended ${minute(new Date(at))} UTC by ${actor}`)),
    `  report        ${report.id}, Footbridge ${softwareVersion}`,
    `  checksum      ${report.checksum}`,
    `  ledger        ${standing.join(', ') || 'nobody'}`,
    `  conflicts     ${count(conflicts.byRule)} decided by a rule, ${count(conflicts.byPeople)} by people, ${count(conflicts.byThemselves)} over by themselves, in 90 days`,
    ...passwords.map(
      ({ state, problem, people }) =>
        `  passwords     ${count(people)} ${state} (${problem || 'no reason noted'})`,
    ),
    ...feeds.map(({ store, feed, changes, readAt }) =>
      seen(
        `  feed          ${store} ${feed}: ${count(Number(changes))} changes, last read ${readAt ?? 'never'}`,
      ),
    ),
    `  audit log     ${report.auditHead ? `sealed up to record ${report.auditHead.seq}` : 'nothing was sealed yet'}`,
    ...(accepted.length > 0 ? [`  accepted      ${accepted.join(', ')}`] : []),
    '',
    reportText(report.reconciliation),
  ].join('\n');
}
