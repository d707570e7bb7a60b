import { z } from 'zod';
import { FootbridgeError } from '../../errors.ts';
import { planOf } from '../../migration/phases/phase.ts';
import type { ReturnAsked } from '../../migration/phases/return-asked.ts';
import { scopeOf, whyNotYet } from '../../migration/phases/return-asked.ts';
import { foreseeReturn } from '../../migration/phases/return-foresight.ts';
import { returnProblems } from '../../migration/phases/return-tally.ts';
import type { ReturnProgress } from '../../migration/phases/returning.ts';
import { returnPeople } from '../../migration/phases/returning.ts';
import { sectionsPage, sectionsText } from '../batch/sections.ts';
import type { Progress, RunOptions } from '../operation.ts';
import { defineOperation } from '../operation.ts';
import { targetOf, whichTarget } from '../rollout/rollout-desk.ts';
import { batchesInTheWay, limited, returningDepsOf, rolloutOf } from '../rollout-people/people-desk.ts';
import type { ReturnOutput } from '../rollout-people/return-text.ts';
import { returnSections } from '../rollout-people/return-text.ts';

const SHOWN_PROBLEMS = 20;
const name = z.string().min(1).max(255).optional();

export const rolloutReturn = defineOperation({
  name: 'rollout return',
  summary:
    'The deep way back: takes people whom a phase has brought back from the target, with what they changed there where the legacy store takes it. Says before what would be lost, removes whom we have made there, unlinks whom it had before.',
  input: z.strictObject({
    phase: name.describe('Everybody of this phase. It has to be rolled back before.'),
    segment: name.describe('Or whoever is assigned by this segment. It has to be switched off before.'),
    app: name.describe('Or everybody of the phases that are for this app alone.'),
    user: name.describe('Only this person, by the sub; alone, or with one of the others.'),
    target: whichTarget,
    losePasswords: z
      .boolean()
      .default(false)
      .describe('Also people whose newest password is only at the target: it is lost.'),
  }),
  changes: true,
  role: 'admin',
  danger: true,
  interruptible: true,
  async run(desk, { target: named, losePasswords, ...given }, options): Promise<ReturnOutput> {
    const target = await targetOf(desk, named);
    const asked = { target, ...given };
    const snapshot = await planOf(rolloutOf(desk), target);
    const scope = await scopeOf(desk.db, snapshot, asked);
    const first = [...whyNotYet(snapshot, scope, given.app), ...(await batchesInTheWay(desk, scope))];
    const deps = await returningDepsOf(desk, target);
    const common = { target, who: whoWords(asked), phases: scope.phases, first, losePasswords };
    if (!options.execute) {
      const foresight = await foreseeReturn(deps, { scope, snapshot }, options);
      return { executed: false, ...common, foresight, problems: [], isInterrupted: false };
    }
    if (first.length > 0) throw new FootbridgeError('phase_state', { detail: first.join(' ') });
    const done = await returnPeople(
      deps,
      { scope, actor: desk.actor, losePasswords },
      { signal: limited(options), onProgress: progressOf(options.onProgress) },
    );
    const problems = await returnProblems(desk.db, scope, SHOWN_PROBLEMS);
    return { executed: true, ...common, done, problems, isInterrupted: done.open > 0 };
  },
  print: (output) => sectionsText(returnSections(output)),
  page: (output) => sectionsPage(`Back from ${output.target}`, returnSections(output)),
  foundWrong: ({ done, foresight, first }) =>
    first.length > 0 ||
    (done ? done.failed + done.refused + done.open > 0 : (foresight?.will.refused.people ?? 0) > 0),
});

function whoWords({ phase, segment, app, user }: ReturnAsked): string {
  const whole = [
    ...(phase === undefined ? [] : [`the people of the phase ${phase}`]),
    ...(segment === undefined ? [] : [`the people of the segment ${segment}`]),
    ...(app === undefined ? [] : [`the people of the phases of ${app}`]),
  ];
  return [...(user === undefined ? [] : [user]), ...whole].join(', of ');
}

function progressOf(onProgress: RunOptions['onProgress']): ((progress: ReturnProgress) => void) | undefined {
  if (!onProgress) return undefined;
  const startedMs = performance.now();
  return ({ done, total, failed, note }: ReturnProgress) => {
    const seconds = Math.max((performance.now() - startedMs) / 1_000, 0.001);
    const progress: Progress = {
      ...{ users: done, total, failed, continuedFrom: 0, perSecond: Math.round(done / seconds) },
      ...(note ? { note } : {}),
    };
    onProgress(progress);
  };
}
