import { z } from 'zod';
import { FootbridgeError } from '../../errors.ts';
import { plannedTargets } from '../../rollout/phases.ts';
import { sectionsPage, sectionsText } from '../batch/sections.ts';
import type { Desk } from '../operation.ts';
import { defineOperation } from '../operation.ts';
import type { PlanOverview } from '../rollout/overview.ts';
import { overviewOf } from '../rollout/overview.ts';
import { overviewSections } from '../rollout/overview-text.ts';
import type { Explained } from '../rollout/person.ts';
import { explain, personNamed } from '../rollout/person.ts';
import { personSections } from '../rollout/person-text.ts';
import { standingOf } from '../rollout/rollout-desk.ts';

interface Output {
  readonly plans: readonly PlanOverview[];
  /** With --user: one for each target with a plan. */
  readonly people: readonly Explained[];
}

export const rolloutShow = defineOperation({
  name: 'rollout show',
  summary:
    'Shows where a rollout plan stands: phases, who is assigned and who has arrived, gates, switches, freezes, and what happens next; of a user why this person goes where they go. Exits with 1 where nothing is planned.',
  input: z.strictObject({
    target: z.string().min(1).optional().describe('Only this target; else all that have a plan.'),
    user: z
      .string()
      .min(1)
      .optional()
      .describe('Explains one person: by what they type to log in, or by the sub.'),
    app: z
      .string()
      .min(1)
      .optional()
      .describe('With a user: at this app of the plan, client, or legacy app; else at any.'),
  }),
  changes: false,
  async run(desk, { target, user, app }): Promise<Output> {
    if (app !== undefined && user === undefined)
      throw new FootbridgeError('bad_request', { detail: '--app goes with --user.' });
    const planned = await plannedTargets(desk.db);
    const targets = target === undefined ? planned : planned.filter((one) => one === target);
    if (user !== undefined) return { plans: [], people: await explained(desk, targets, { user, app }) };
    const now = new Date();
    return { plans: await Promise.all(targets.map((one) => overviewOf(desk, one, now))), people: [] };
  },
  print: (output) =>
    isNothing(output)
      ? 'Nothing is planned: everything is as the settings say. footbridge rollout set FILE says what a plan would do.'
      : sectionsText(sectionsOf(output)),
  page: (output) => sectionsPage('Rollout', sectionsOf(output)),
  foundWrong: (output) => isNothing(output),
});

const isNothing = ({ plans, people }: Output) => plans.length + people.length === 0;
const sectionsOf = ({ plans, people }: Output) => [
  ...plans.flatMap(overviewSections),
  ...people.flatMap(personSections),
];

async function explained(
  desk: Desk,
  targets: readonly string[],
  { user, app }: { readonly user: string; readonly app: string | undefined },
): Promise<Explained[]> {
  if (targets.length === 0) return [];
  const person = await personNamed(desk, user);
  const nowMs = Date.now();
  return Promise.all(
    targets.map(async (target) => explain(desk, await standingOf(desk, target), { person, app, nowMs })),
  );
}
