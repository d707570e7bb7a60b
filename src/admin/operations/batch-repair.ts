import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { z } from 'zod';
import { FootbridgeError } from '../../errors.ts';
import type { RepairDeps } from '../../migration/reconcile/act.ts';
import { comparingWith } from '../../migration/reconcile/deps.ts';
import type { PlanLine } from '../../migration/reconcile/plan.ts';
import { parseLine } from '../../migration/reconcile/plan.ts';
import type { DoneRun } from '../../migration/reconcile/reconciliations.ts';
import { doneRun } from '../../migration/reconcile/reconciliations.ts';
import type { LineOutcome } from '../../migration/reconcile/repair.ts';
import { repairLine } from '../../migration/reconcile/repair.ts';
import { checkFiles, reconcileDeps } from '../batch/reconcile-desk.ts';
import { outcomesText } from '../batch/reconcile-text.ts';
import type { Desk } from '../operation.ts';
import { defineOperation } from '../operation.ts';

/** Outcomes in the answer; the audit log and our database have all. */
const SHOWN = 1_000;
/** A target that does not answer so often in a row is down: the same plan goes on later. */
const MAX_UNAVAILABLE = 10;

type Counts = Record<LineOutcome['result'], number>;

interface Output {
  readonly executed: boolean;
  readonly counts: Counts;
  /** The first thousand. */
  readonly lines: readonly LineOutcome[];
}

export const batchRepair = defineOperation({
  name: 'batch repair',
  summary:
    'Does what a reviewed plan of `batch verify` says, line by line, each checked again right before. Doing it again repairs what is left.',
  input: z.strictObject({
    plan: z
      .string()
      .min(1)
      .describe('The file: one JSON object per line, as `batch verify --plan` wrote it.'),
  }),
  changes: true,
  async run(desk: Desk, { plan }, { execute, onProgress }): Promise<Output> {
    checkFiles(desk, plan);
    const counts: Counts = { planned: 0, repaired: 0, skipped: 0, failed: 0 };
    const lines: LineOutcome[] = [];
    const repair = repairerOf(desk, execute);
    const startedMs = performance.now();
    for await (const line of linesOf(plan)) {
      const outcome = await repair(line);
      counts[outcome.result] += 1;
      if (lines.length < SHOWN) lines.push(outcome);
      const users = Object.values(counts).reduce((sum, n) => sum + n, 0);
      const perSecond = Math.round(users / Math.max((performance.now() - startedMs) / 1_000, 0.001));
      onProgress?.({ users, total: undefined, continuedFrom: 0, perSecond });
    }
    return { executed: execute, counts, lines };
  },
  print: ({ executed, counts, lines }) => outcomesText(counts, { shown: lines, executed }),
  foundWrong: ({ counts }) => counts.failed > 0,
});

/** Throws bad_request with the number of the first line that is none. */
async function* linesOf(file: string): AsyncGenerator<PlanLine> {
  const stream = createReadStream(file, 'utf8');
  let number = 0;
  try {
    for await (const text of createInterface({ input: stream, crlfDelay: Number.POSITIVE_INFINITY })) {
      number += 1;
      if (text.trim() === '') continue;
      const line = parseLine(text);
      if (!line)
        throw new FootbridgeError('bad_request', { detail: `Line ${number} is no line of a repair plan.` });
      yield line;
    }
  } catch (error) {
    if (error instanceof FootbridgeError || !(error as NodeJS.ErrnoException).path) throw error;
    throw new FootbridgeError('bad_request', { detail: `The plan cannot be read: ${file}.` });
  } finally {
    stream.destroy();
  }
}

interface Opened {
  readonly run: DoneRun;
  readonly deps: RepairDeps;
}

/** Lines of one verification come together: it is looked up once. Throws target_unavailable when the target is down. */
function repairerOf(desk: Desk, execute: boolean) {
  let opened: Opened | undefined;
  let unavailable = 0;
  return async (line: PlanLine): Promise<LineOutcome> => {
    if (opened?.run.id !== line.reconciliation) opened = await openFor(desk, line.reconciliation);
    const outcome = await repairLine(opened.deps, opened.run, { line, execute });
    unavailable = outcome.reason === 'target_unavailable' ? unavailable + 1 : 0;
    if (unavailable < MAX_UNAVAILABLE) return outcome;
    throw new FootbridgeError('target_unavailable', { detail: 'Go on with the same plan later.' });
  };
}

async function openFor(desk: Desk, id: string): Promise<Opened> {
  const { db, mover, passwords, audit, actor, endings } = desk;
  const run = await doneRun(db, id);
  const { leads, batch } = run.report;
  const deps = reconcileDeps(desk, run.target);
  const comparing = await comparingWith(deps, { leads: leads ?? undefined, batch: batch ?? undefined });
  const onShutOut = async (sub: string) => {
    const selection = { by: 'person', sub } as const;
    await endings.end({ selection, cause: 'deactivated', actor, everything: true });
  };
  return { run, deps: { comparing, mover, passwords, pseudonym: audit.pseudonym, onShutOut, actor } };
}
