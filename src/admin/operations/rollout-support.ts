import { z } from 'zod';
import { noteStep } from '../../rollout/steps.ts';
import { noteSupport } from '../../rollout/support.ts';
import { count, NOTHING_CHANGED } from '../claim-tokens/claim-desk.ts';
import { defineOperation } from '../operation.ts';
import { phaseOf, standingOf, whichTarget } from '../rollout/rollout-desk.ts';

/** More than any support counts in one report: a slip of the finger. */
const MAX_REQUESTS = 1_000_000;

export const rolloutSupport = defineOperation({
  name: 'rollout support',
  summary:
    'Notes how many requests the support had because of the rollout since the last note: gates look at those of the last seven days.',
  input: z.strictObject({
    requests: z.coerce.number().int().min(0).max(MAX_REQUESTS).describe('How many.'),
    phase: z
      .string()
      .min(1)
      .optional()
      .describe('By people of this phase; absent: of all of them, who share it by their number.'),
    target: whichTarget,
  }),
  changes: true,
  async run(desk, { requests, phase: named, target: asked }, { execute }) {
    const standing = await standingOf(desk, asked);
    const { target } = standing;
    const phase = named === undefined ? undefined : phaseOf(standing, named).phase.name;
    const { db, actor } = desk;
    if (execute)
      await db.transaction(async (tx) => {
        const at = new Date();
        await noteSupport(tx, { target, phase, requests, actor, at });
        const detail = { requests, ...(phase ? { phase } : {}) };
        await noteStep(tx, { target, actor, action: 'rollout.support', at, detail });
      });
    return { executed: execute, target, phase: phase ?? null, requests };
  },
  print: ({ executed, target, phase, requests }) =>
    [
      `${executed ? 'Noted' : 'Would note'}: ${count(requests)} ${requests === 1 ? 'request' : 'requests'} to the support by ${phase ? `people of ${phase}` : 'people of all phases'} for ${target}.`,
      executed
        ? 'Gates look at it within five minutes: footbridge rollout show says what they make of it.'
        : NOTHING_CHANGED,
    ].join('\n'),
});
