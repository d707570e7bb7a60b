import { availableParallelism } from 'node:os';
import { z } from 'zod';
import type { Belonging, LeftOut } from '../../migration/phases/belonging.ts';
import { gather, MAX_PER_BATCH } from '../../migration/phases/gathering.ts';
import { openPhase, whyClosed } from '../../migration/phases/phase.ts';
import { planName } from '../../rollout/plan.ts';
import type { LegacyEntry } from '../../user.ts';
import { countPerson } from '../batch/counting.ts';
import { checkSize, MAX_PER_SECOND, MAX_WORKERS, paceFor, reachable } from '../batch/making.ts';
import { planDepsFor, REHASHES_PER_CORE } from '../batch/plan-desk.ts';
import { planReport } from '../batch/plan-report.ts';
import { emptyPlanTally } from '../batch/plan-tally.ts';
import { sectionsPage, sectionsText } from '../batch/sections.ts';
import type { Desk, RunOptions } from '../operation.ts';
import { defineOperation } from '../operation.ts';
import { targetOf, whichTarget } from '../rollout/rollout-desk.ts';
import type { PhaseBatchOutput } from '../rollout-people/batch-text.ts';
import { phaseBatchSections } from '../rollout-people/batch-text.ts';
import { gatherDepsOf, rolloutOf } from '../rollout-people/people-desk.ts';
import type { Cases } from '../survey/tally.ts';
import { addCase } from '../survey/tally.ts';

const whole = (from: number, to: number) => z.coerce.number().int().min(from).max(to);

export const rolloutBatch = defineOperation({
  name: 'rollout batch',
  summary:
    'Reads the legacy store and says who belongs to a phase, what becomes of their passwords and how long moving them takes; when executed it assigns them and writes them down in batches. batch run then moves them.',
  input: z.strictObject({
    phase: planName.describe(
      'The phase’s name. Also one that moves people at their login: for those who never come.',
    ),
    target: whichTarget,
    size: z.coerce
      .number()
      .int()
      .min(1)
      .optional()
      .describe('Users per call; what suits the target when absent.'),
    perSecond: whole(0, MAX_PER_SECOND)
      .optional()
      .describe('Users per second over all servers; 0 or absent: what the target takes.'),
    workers: whole(1, MAX_WORKERS).optional().describe('Calls at once, per server.'),
    perBatch: whole(1, MAX_PER_BATCH)
      .default(MAX_PER_BATCH)
      .describe('People in one batch at most: what is paused and taken back together.'),
  }),
  positional: ['phase'],
  changes: true,
  interruptible: true,
  async run(desk, { phase, target: named, perBatch, ...given }, options): Promise<PhaseBatchOutput> {
    const target = await targetOf(desk, named);
    const { capabilities } = reachable(desk.targets, target);
    const pace = paceFor(given, capabilities);
    checkSize(pace.size, capabilities, target);
    const closed = whyClosed(await openPhase(rolloutOf(desk), { target, phase }), Date.now());
    const foreseen = await openForeseeing(desk, target, options);
    const gathered = await gather(
      gatherDepsOf(desk),
      { target, phase, perBatch, pace, actor: desk.actor },
      { execute: options.execute, signal: options.signal, onPage: foreseen.onPage },
    );
    return {
      ...{ executed: options.execute, target, phase, closed, pace, ...gathered, ...foreseen.told() },
      report: foreseen.report({
        size: pace.size,
        perSecond: pace.perSecond,
        targetUsersPerSecond: capabilities.batch.usersPerSecond,
        callsPerSecond: desk.targets.byName(target)?.api?.perSecond ?? 1,
        rehashesPerSecond: REHASHES_PER_CORE * availableParallelism(),
      }),
    };
  },
  print: (output) => sectionsText(phaseBatchSections(output)),
  page: (output) => sectionsPage(`Phase ${output.phase} by batches`, phaseBatchSections(output)),
  foundWrong: ({ closed, report, isInterrupted }) =>
    closed.length > 0 || isInterrupted || report.refused.length > 0,
});

/** Counts whoever is read, and of those who are to be moved what a plan of a batch counts. */
async function openForeseeing(desk: Desk, target: string, { onProgress }: RunOptions) {
  const deps = await planDepsFor(desk, target, Date.now() / 1_000);
  const total = await desk.directory.count?.().catch(() => undefined);
  const tally = emptyPlanTally(target);
  const leftOut: Partial<Record<LeftOut, Cases>> = {};
  const startedMs = performance.now();
  return {
    async onPage(page: readonly Belonging[]): Promise<void> {
      const moving = page.flatMap(({ entry, why }): LegacyEntry[] =>
        why === undefined && !entry.error ? [entry] : [],
      );
      const captured = await deps.captured(moving);
      for (const entry of moving)
        await countPerson(deps, tally, { entry, captured: captured.get(entry.user.sub) });
      for (const { entry, why } of page) if (why) addCase(leftOut, why, entry.sub);
      tally.read += page.length;
      const seconds = Math.max((performance.now() - startedMs) / 1_000, 0.001);
      const perSecond = Math.round(tally.read / seconds);
      onProgress?.({ users: tally.read, total, continuedFrom: 0, perSecond });
    },
    told: () => ({ read: tally.read, people: tally.people.users, leftOut }),
    report: (pace: Parameters<typeof planReport>[2]) => planReport(tally, target, pace),
  };
}
