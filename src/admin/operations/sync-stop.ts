import { writeFileSync } from 'node:fs';
import { z } from 'zod';
import { appendAudit } from '../../store/audit-log.ts';
import { setPair } from '../../sync/pairs.ts';
import { keepReport } from '../../sync/reports.ts';
import { checkFiles, partsOf } from '../batch/reconcile-desk.ts';
import { reportText } from '../batch/reconcile-text.ts';
import { NOTHING_CHANGED } from '../claim-tokens/claim-desk.ts';
import type { Desk, RunOptions } from '../operation.ts';
import { defineOperation } from '../operation.ts';
import { equalityText } from '../sync/report-text.ts';
import type { Compared } from '../sync/stopping.ts';
import { compareAll, differing, equalityReport, isAcceptable, lookAtPair, undone } from '../sync/stopping.ts';
import { checkWay, pairAt, pairOf, whichTarget } from '../sync/sync-desk.ts';

const OWNER_ONLY = 0o600;

const input = z.strictObject({
  target: whichTarget,
  accept: z
    .string()
    .transform((text) => [...new Set(text.split(',').map((word) => word.trim()))].filter(Boolean))
    .refine((words) => words.every(isAcceptable), {
      error:
        'expected kinds of differences with commas between, as footbridge batch verify names them (changed-right, or changed-right:username for one field), unreadable or passwords',
    })
    .optional()
    .describe(
      'Differences that are taken as they are, with commas between: a kind (extra), a kind of one field (changed-right:username), unreadable, passwords. They stand in the report.',
    ),
  out: z
    .string()
    .min(1)
    .optional()
    .describe('Writes the signed report (JWS) to this file; /jwks has the key.'),
});

export const syncStop = defineOperation({
  name: 'sync stop',
  summary:
    'Ends sync with proof: only when nothing waits, nothing is undecided, and a comparison of everybody made now finds both sides equal; signs a report of it. Not executed, it compares as well, and says what is missing.',
  input,
  changes: true,
  danger: true,
  async run(desk, { target: named, accept = [], out }, options) {
    const { target } = pairAt(desk, named);
    checkFiles(desk, out);
    checkWay(await pairOf(desk, target), 'stopped');
    const before = undone(await lookAtPair(desk, target), accept);
    if (before.length > 0)
      return { executed: false, target, missing: before, reconciliation: null, report: null };
    const reconciliation = await compareAll(desk, target, toldTo(options));
    // Whatever was heard while everybody was compared.
    const looked = await lookAtPair(desk, target);
    const missing = [...undone(looked, accept), ...differing(reconciliation, accept)];
    if (missing.length > 0 || !options.execute)
      return { executed: false, target, missing, reconciliation, report: null };
    const { report, jws } = await end(desk, { ...looked, reconciliation, accepted: accept });
    if (out !== undefined) writeFileSync(out, `${jws}\n`, { mode: OWNER_ONLY });
    return { executed: true, target, missing, reconciliation, report };
  },
  print: ({ executed, target, missing, reconciliation, report }) => {
    if (executed && report)
      return [
        equalityText(report),
        '',
        `${target} is stopped. The report is kept: footbridge sync report prints it.`,
        'Take away what was made at the store, or it goes on collecting changes: footbridge sync uninstall',
      ].join('\n');
    return [
      ...(reconciliation ? [reportText(reconciliation), ''] : []),
      missing.length === 0
        ? `Both sides are equal: ${target} can be stopped. ${NOTHING_CHANGED}`
        : `${target} cannot be stopped yet:`,
      ...missing.map((sentence) => `  ${sentence}`),
      ...(missing.length > 0 && reconciliation
        ? [
            `Or let sync make it equal: footbridge sync resume, then footbridge sync reconcile, and drain it again.`,
          ]
        : []),
      ...(missing.length > 0 && !reconciliation
        ? ['Both sides are compared when nothing of this is left.']
        : []),
    ].join('\n');
  },
  foundWrong: ({ missing }) => missing.length > 0,
});

/** Signed first: what cannot be signed does not end. */
async function end(desk: Desk, compared: Compared) {
  const { db, actor } = desk;
  const report = await equalityReport(desk, compared);
  const jws = await partsOf(desk).signReport(report);
  await db.transaction(async (tx) => {
    await setPair(tx, { target: report.target, state: 'stopped', actor });
    await keepReport(tx, report, jws);
    const { id, target, checksum, accepted } = report;
    const detail = { target, report: id, checksum, accepted: [...accepted] };
    await appendAudit(tx, { actor, action: 'sync.stopped', detail });
  });
  return { report, jws };
}

function toldTo({ onProgress }: RunOptions): Parameters<typeof compareAll>[2] {
  const startedMs = performance.now();
  return ({ position: { tally }, continuedFrom }) => {
    const users = tally.targetUsers + tally.people;
    const seconds = Math.max((performance.now() - startedMs) / 1_000, 0.001);
    onProgress?.({ users, total: undefined, continuedFrom, perSecond: Math.round(users / seconds) });
  };
}
