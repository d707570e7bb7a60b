import { z } from 'zod';
import type { Retirement } from '../../migration/retiring/retirements.ts';
import { checkTurn, retirementOf, turnRetirement } from '../../migration/retiring/retirements.ts';
import type { WipeRun, WipeTally } from '../../migration/retiring/wiping.ts';
import { wipeAll } from '../../migration/retiring/wiping.ts';
import type { Target } from '../../targets/target.ts';
import { sectionsPage, sectionsText } from '../batch/sections.ts';
import type { Desk, Progress, RunOptions } from '../operation.ts';
import { defineOperation } from '../operation.ts';
import { ourIdpsAt, secretsAt, targetAt, targetName } from '../retire/retire-desk.ts';
import { retirementStatus } from '../retire/status.ts';
import type { WipeOutput } from '../retire/wipe-text.ts';
import { wipeSections } from '../retire/wipe-text.ts';

/** Over the API one call does what it can do in this time; saying it again goes on. */
const API_SECONDS = 20;

export const retireWipe = defineOperation({
  name: 'retire wipe',
  summary:
    'Turns links to us into local accounts where people can log in at the target by themselves, retires them in the ledger, wipes what is secret of them and reads again that nothing is left. Cut off at any moment, it goes on.',
  input: z.strictObject({
    target: targetName,
    again: z.boolean().default(false).describe('Looks at everybody again, also at whoever was wiped before.'),
  }),
  changes: true,
  role: 'admin',
  danger: true,
  interruptible: true,
  async run(desk, { target: named, again }, options): Promise<WipeOutput> {
    const target = targetAt(desk, named);
    const retirement = await retirementOf(desk.db, target.name);
    checkTurn(retirement, 'wiping');
    const run = options.execute ? await wipe(desk, { target, retirement, again }, options) : null;
    return { executed: options.execute, run, status: await retirementStatus(desk, target) };
  },
  print: (output) => sectionsText(wipeSections(output)),
  page: (output) => sectionsPage(`Wiping ${output.status.target}`, wipeSections(output)),
  foundWrong: ({ run }) => run !== null && (run.failed > 0 || run.stoppedBy === 'outage'),
});

async function wipe(
  desk: Desk,
  {
    target,
    retirement,
    again,
  }: { readonly target: Target; readonly retirement: Retirement; readonly again: boolean },
  options: RunOptions,
): Promise<WipeRun> {
  const { db, actor, audit, targets } = desk;
  if (retirement.state !== 'wiping') await turnRetirement(db, { target: target.name, to: 'wiping', actor });
  const { users } = await retirementStatus(desk, target);
  const { signal, onPage } = limitsOf(options, users);
  return wipeAll(
    {
      ...{ db, actor, target: target.name, pseudonym: audit.pseudonym },
      connection: targets.connection(target.name),
      ourIdps: await ourIdpsAt(db, target),
      secrets: secretsAt(desk, target.name),
    },
    { again, signal, onPage },
  );
}

/** Somebody waits on the command line; over the API nobody does for long. */
function limitsOf({ signal, onProgress }: RunOptions, total: number) {
  if (onProgress) return { signal, onPage: progressOf(onProgress, total) };
  const time = AbortSignal.timeout(API_SECONDS * 1_000);
  return { signal: signal ? AbortSignal.any([signal, time]) : time, onPage: undefined };
}

function progressOf(onProgress: (progress: Progress) => void, total: number) {
  const startedMs = performance.now();
  return ({ people, before, failed }: WipeTally) => {
    const seconds = Math.max((performance.now() - startedMs) / 1_000, 0.001);
    const perSecond = Math.round(people / seconds);
    onProgress({ users: people + before, total, failed, continuedFrom: before, perSecond });
  };
}
