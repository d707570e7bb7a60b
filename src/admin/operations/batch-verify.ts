import { once } from 'node:events';
import { createWriteStream, writeFileSync } from 'node:fs';
import { z } from 'zod';
import { FootbridgeError } from '../../errors.ts';
import type { ReconcileDeps } from '../../migration/reconcile/deps.ts';
import { comparingWith } from '../../migration/reconcile/deps.ts';
import { planOf } from '../../migration/reconcile/plan.ts';
import { reconcile } from '../../migration/reconcile/reconcile.ts';
import type { Run } from '../../migration/reconcile/reconciliations.ts';
import { LEADERS } from '../../migration/reconcile/repair-kinds.ts';
import type { ReconciliationReport } from '../../migration/reconcile/report.ts';
import { isWrong } from '../../migration/reconcile/report.ts';
import { checkFiles, partsOf, reconcileDeps } from '../batch/reconcile-desk.ts';
import { reportText } from '../batch/reconcile-text.ts';
import type { Desk, RunOptions } from '../operation.ts';
import { defineOperation } from '../operation.ts';

/** Subjects and marks are personal data, and with --show-values the plan holds names and addresses. */
const OWNER_ONLY = 0o600;

const input = z.strictObject({
  target: z.string().min(1).optional().describe('All of this target, or:'),
  batch: z.string().min(1).optional().describe('Only the people of this batch.'),
  leads: z
    .enum(LEADERS)
    .optional()
    .describe(
      'Which side is right where they differ: legacy, or target; by default target for people who were cut over, legacy for the others.',
    ),
  plan: z
    .string()
    .min(1)
    .optional()
    .describe('Writes what would mend each difference to this file, one JSON object per line.'),
  showValues: z
    .boolean()
    .default(false)
    .describe('Writes the values of both sides into the plan, read once more for each: keep that file safe.'),
  report: z
    .string()
    .min(1)
    .optional()
    .describe('Writes the signed report (JWS) to this file; /jwks has the key.'),
  restart: z
    .boolean()
    .default(false)
    .describe('Begins afresh instead of going on with one that was cut off.'),
});
type Input = z.output<typeof input>;

interface Output {
  readonly report: ReconciliationReport;
  /** The same, as a compact JWS. */
  readonly jws: string;
  /** Lines of the plan that was written. */
  readonly lines?: number;
}

export const batchVerify = defineOperation({
  name: 'batch verify',
  summary:
    'Compares the legacy store with a target, person by person and field by field, and reports what is missing, extra or different, signed. Read-only on both sides; goes on where it was cut off.',
  input,
  changes: false,
  // It reads a whole store.
  role: 'operator',
  async run(desk: Desk, given: Input, options): Promise<Output> {
    const { leads, batch, restart, plan, showValues } = given;
    checkFiles(desk, plan, given.report);
    const deps = reconcileDeps(desk, await targetOf(desk, given));
    const { signReport } = partsOf(desk);
    const told = await progressOf(deps, options);
    const { actor } = desk;
    const report = await reconcile(deps, { batch, leads, restart, actor, onPage: told });
    const jws = await signReport(report);
    if (given.report) writeFileSync(given.report, `${jws}\n`, { mode: OWNER_ONLY });
    const lines = plan && (await writePlan(deps, given, report.id));
    return { report, jws, ...(typeof lines === 'number' ? { lines } : {}) };

    async function writePlan(of: ReconcileDeps, { leads: by, plan: file }: Input, id: string) {
      const comparing = await comparingWith(of, { leads: by, batch });
      return writeLines(file!, planOf(comparing, id, { showValues }));
    }
  },
  print: ({ report, lines }) =>
    [
      reportText(report),
      ...(lines === undefined ? [] : [`The plan has ${lines.toLocaleString('en')} lines.`]),
    ].join('\n'),
  foundWrong: ({ report }) => isWrong(report),
});

/** Throws bad_request unless one of the two is named. */
async function targetOf(desk: Desk, { target, batch }: Input): Promise<string> {
  if ((target === undefined) === (batch === undefined))
    throw new FootbridgeError('bad_request', { detail: 'Name either a target or a batch.' });
  return target ?? partsOf(desk).targetOf(batch!);
}

/** The target's users count as well: both sides are read once. */
async function progressOf({ directory }: ReconcileDeps, { onProgress }: RunOptions) {
  if (!onProgress) return () => undefined;
  const people = await directory.count?.().catch(() => undefined);
  const startedMs = performance.now();
  let first: number | undefined;
  return ({ position: { phase, tally }, continuedFrom }: Run) => {
    const users = tally.targetUsers + tally.people;
    first ??= users;
    const seconds = Math.max((performance.now() - startedMs) / 1_000, 0.001);
    const total = phase === 'target' || people === undefined ? undefined : tally.targetUsers + people;
    onProgress({ users, total, continuedFrom, perSecond: Math.round((users - first) / seconds) });
  };
}

/** As they come: a plan of a million lines is never in memory. How many there were. */
async function writeLines(file: string, lines: AsyncIterable<object>): Promise<number> {
  const stream = createWriteStream(file, { mode: OWNER_ONLY });
  const failed = once(stream, 'error').then(([error]) => Promise.reject(error));
  failed.catch(() => undefined);
  let count = 0;
  for await (const line of lines) {
    count += 1;
    if (!stream.write(`${JSON.stringify(line)}\n`)) await Promise.race([once(stream, 'drain'), failed]);
  }
  await Promise.race([new Promise<void>((resolve) => stream.end(resolve)), failed]);
  return count;
}
