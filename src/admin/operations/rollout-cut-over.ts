import { z } from 'zod';
import { FootbridgeError } from '../../errors.ts';
import { cutOver } from '../../migration/phases/cutting-over.ts';
import { openPhase } from '../../migration/phases/phase.ts';
import { planName } from '../../rollout/plan.ts';
import { appendAudit } from '../../store/audit-log.ts';
import { sectionsText } from '../batch/sections.ts';
import { count } from '../batch/status-text.ts';
import { defineOperation } from '../operation.ts';
import { targetOf, whichTarget } from '../rollout/rollout-desk.ts';
import { cutOverDepsOf, limited, rolloutOf } from '../rollout-people/people-desk.ts';

const MAX_DAYS = 3_650;
const DAYS = 30;

export const rolloutCutOver = defineOperation({
  name: 'rollout cut-over',
  summary:
    'Ends the old login of people of a phase who have been at the target for so long: from then on only the target lets them in. The way back is rollout return, or user rollback for one.',
  input: z.strictObject({
    phase: planName.describe('The phase’s name.'),
    target: whichTarget,
    migratedDays: z.coerce
      .number()
      .int()
      .min(0)
      .max(MAX_DAYS)
      .default(DAYS)
      .describe('Only people who have had everything at the target for so many days.'),
  }),
  positional: ['phase'],
  changes: true,
  role: 'admin',
  danger: true,
  interruptible: true,
  async run(desk, { phase, target: named, migratedDays }, options) {
    const target = await targetOf(desk, named);
    const { standing } = await openPhase(rolloutOf(desk), { target, phase });
    if (standing.state === 'planned' || standing.state === 'rolled-back')
      throw new FootbridgeError('phase_state', { detail: `The phase ${phase} is ${standing.state}.` });
    const { db, actor } = desk;
    const detail = { target, phase, migratedDays };
    // Who began it is recorded before the first of them is cut over.
    if (options.execute) await appendAudit(db, { actor, action: 'rollout.cut-over', detail });
    const { execute } = options;
    const tally = await cutOver(
      await cutOverDepsOf(desk, target),
      { target, phase, migratedDays, actor },
      { execute, signal: limited(options) },
    );
    return { executed: execute, ...detail, ...tally };
  },
  print: ({ executed, phase, target, migratedDays, isInterrupted, examples, ...tally }) => {
    const rows = [
      [tally.cut, executed ? 'were cut over' : 'would be cut over', examples.join(' · ')],
      [tally.tooNew, `have not been there for ${migratedDays} days yet`, ''],
      [tally.passwordWaits, 'have a newer password here than there: it goes there when they next log in', ''],
      [tally.notThere, 'are not, or not wholly, at the target', ''],
      [tally.already, 'were cut over before', ''],
    ] as const;
    return sectionsText([
      {
        title: `Phase ${phase} at ${target}: ${count(tally.people)} people`,
        table: {
          head: ['people', '', 'for example'],
          rows: rows.filter(([people]) => people > 0).map(([people, ...words]) => [count(people), ...words]),
        },
      },
      {
        title: 'Next',
        text: executed
          ? [
              isInterrupted
                ? 'It was cut off: say it again, and it goes on where it was.'
                : 'Their old password opens nothing any more; the old login sends them to the target.',
            ]
          : [
              'From then on only the target lets them in: the old login sends them there. The way back: rollout return, or user rollback for one.',
              'Nothing was changed: add --execute.',
            ],
      },
    ]);
  },
  foundWrong: ({ isInterrupted }) => isInterrupted,
});
