import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { z } from 'zod';
import { FootbridgeError } from '../../errors.ts';
import type { Selection } from '../../migration/batch/selection.ts';
import { batchName, planOf, selectionSchema, selectionShape } from '../../migration/batch/selection.ts';
import { selectionWords } from '../../migration/batch/selection-words.ts';
import { connectionOf } from '../../migration/moving/back.ts';
import { appendAudit } from '../../store/audit-log.ts';
import type { AskedPace } from '../batch/making.ts';
import { checkSize, MAX_PER_SECOND, MAX_WORKERS, nameFor, paceFor, reachable } from '../batch/making.ts';
import { linesOf, prefixesOf, subjectsOf } from '../batch/people-list.ts';
import type { PlanDeps, Planned } from '../batch/plan.ts';
import { readPlan } from '../batch/plan.ts';
import { planDepsFor, REHASHES_PER_CORE } from '../batch/plan-desk.ts';
import { planReport } from '../batch/plan-report.ts';
import type { PlanOutput } from '../batch/plan-sections.ts';
import { planSections } from '../batch/plan-sections.ts';
import { sampleOf } from '../batch/sample.ts';
import { sectionsPage, sectionsText } from '../batch/sections.ts';
import type { Desk, RunOptions } from '../operation.ts';
import { defineOperation } from '../operation.ts';

/** More people than anybody reads the payload of. */
const MAX_SAMPLE = 20;
const WORD_LENGTH = 255;

export const batchPlan = defineOperation({
  name: 'batch plan',
  summary:
    'Reads the legacy store and says who would be moved to a target, what becomes of their passwords, how long it takes, and what would be sent; when executed it also writes the people down as a batch. Nobody is moved.',
  input: z.strictObject({
    ...selectionShape,
    list: z
      .string()
      .min(1)
      .optional()
      .describe('On the command line: a file with one subject, or id of the legacy store, per line.'),
    name: batchName.optional().describe('The batch’s name; <target>-<date>-<number> when absent.'),
    size: z.coerce
      .number()
      .int()
      .min(1)
      .optional()
      .describe('Users per call; what suits the target when absent.'),
    perSecond: z.coerce
      .number()
      .int()
      .min(0)
      .max(MAX_PER_SECOND)
      .optional()
      .describe('Users per second over all servers; 0 or absent: what the target takes.'),
    workers: z.coerce
      .number()
      .int()
      .min(1)
      .max(MAX_WORKERS)
      .optional()
      .describe('Calls at once, per server.'),
    sample: z.coerce
      .number()
      .int()
      .min(0)
      .max(MAX_SAMPLE)
      .default(3)
      .describe('Of how many of the first the exact payload is shown, without secrets.'),
  }),
  changes: true,
  async run(desk, { list, name, size, perSecond, workers, sample, ...asked }, options): Promise<PlanOutput> {
    const found = selectionSchema.safeParse({ ...asked, ...listed(desk, list, asked.subs) });
    if (!found.success) throw bad(found.error.issues.map(({ message }) => message).join('; '));
    return plan(desk, { selection: found.data, name, pace: { size, perSecond, workers }, sample }, options);
  },
  print: (output) => sectionsText(planSections(output)),
  page: (output) => sectionsPage(`Plan of ${output.id}`, planSections(output)),
  foundWrong: ({ report }) => report.refused.length > 0 || report.unmappable.length > 0,
});

const bad = (detail: string) => new FootbridgeError('bad_request', { detail });

interface Asked {
  readonly selection: Selection;
  readonly name: string | undefined;
  readonly pace: AskedPace;
  readonly sample: number;
}

async function plan(
  desk: Desk,
  { selection, name, pace: given, sample }: Asked,
  options: RunOptions,
): Promise<PlanOutput> {
  const { target, capabilities } = reachable(desk.targets, selection.target);
  const pace = paceFor(given, capabilities);
  checkSize(pace.size, capabilities, target.name);
  const kept = planOf(selection);
  const now = new Date();
  const id = name ?? (await nameFor(desk.batches, { target: target.name, plan: kept, now }));
  const begun = options.execute
    ? await desk.batches.begin({ id, target: target.name, plan: kept, actor: desk.actor, ...pace })
    : undefined;
  // Gone on with, `90d` is ninety days before the plan was begun, for everybody alike.
  const since = begun ? (await desk.batches.status(id)).plannedAt : now;
  const deps = await planDepsFor(desk, selection.target, since.getTime() / 1_000);
  const planned = await readPlan(deps, selection, {
    sample,
    onProgress: options.onProgress,
    ...(begun ? { onMembers: (members, after) => desk.batches.add(id, members, after) } : {}),
  });
  const report = planReport(planned.tally, target.name, {
    size: pace.size,
    perSecond: pace.perSecond,
    targetUsersPerSecond: capabilities.batch.usersPerSecond,
    callsPerSecond: target.api?.perSecond ?? 1,
    rehashesPerSecond: REHASHES_PER_CORE * availableParallelism(),
  });
  const members = begun ? await finish(desk, id, report) : 0;
  return {
    executed: members > 0,
    ...{ id, target: target.name, who: selectionWords(kept), pace, report, members },
    sample: await sampleFor(desk, deps, planned),
    continuedFrom: begun?.members ?? 0,
  };
}

/** Everybody is written down; a batch of nobody is none. How many there are. */
async function finish(
  { batches, db, actor }: Desk,
  id: string,
  report: PlanOutput['report'],
): Promise<number> {
  const { counts } = await batches.status(id);
  if (counts.users === 0) {
    await batches.drop(id);
    return 0;
  }
  await batches.planned(id, report);
  const detail = { batch: id, target: report.target, users: counts.users };
  await appendAudit(db, { actor, action: 'batch.planned', detail });
  return counts.users;
}

const sampleFor = ({ db, keyring, targets }: Desk, deps: PlanDeps, { sample }: Planned) =>
  sampleOf({ ...deps, db, keyring, connection: connectionOf({ targets }, deps.target.name) }, sample);

/** Subjects of whoever is listed, in a file or as such. */
function listed(
  desk: Desk,
  file: string | undefined,
  subs: readonly string[] | undefined,
): { subs?: string[] } {
  if (file !== undefined && subs) throw bad('Give --list or --subs, not both.');
  const lines =
    file === undefined ? subs?.map((text) => ({ label: text, text })) : linesOf(readList(desk, file));
  if (!lines) return {};
  return { subs: subjectsOf(lines, desk.directory, prefixesOf(desk.legacySettings)) };
}

function readList({ setup }: Desk, file: string): string {
  if (setup?.configFile === undefined) throw bad('Only the command line reads a list: give `subs`.');
  try {
    return readFileSync(file === '-' ? 0 : file, 'utf8');
  } catch (error) {
    throw bad(`${file.slice(0, WORD_LENGTH)} cannot be read (${(error as NodeJS.ErrnoException).code}).`);
  }
}
