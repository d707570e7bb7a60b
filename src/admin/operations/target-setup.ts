import { z } from 'zod';
import { FootbridgeError } from '../../errors.ts';
import { appendAudit } from '../../store/audit-log.ts';
import type { StepResult } from '../../targets/run-setup.ts';
import { runChecks, runSteps } from '../../targets/run-setup.ts';
import type { Desk } from '../operation.ts';
import { defineOperation } from '../operation.ts';
import { clientStep } from '../target-setup/client-step.ts';
import type { OpenedSetup } from '../target-setup/open-setup.ts';
import { withSetup } from '../target-setup/open-setup.ts';
import { checkLines, stepLines, UNCHANGED } from '../target-setup/setup-text.ts';

/** Calls signed with the old key may be under way, and nodes may keep keys for a moment. */
const KEEP_PREVIOUS_SECONDS = 600;

const isWrong = ({ outcome }: StepResult) => ['failed', 'by-hand', 'waits'].includes(outcome);

export const targetSetup = defineOperation({
  name: 'target setup',
  summary:
    'Sets Footbridge up at a target: provider, login page, hooks, keys. Says what is there and what is missing; makes it when executed. Doing it again changes nothing.',
  input: z.strictObject({
    target: z.string().min(1).describe('The target’s name.'),
    write: z
      .boolean()
      .default(false)
      .describe('Also puts missing redirect URIs into the configuration file; its comments stay.'),
    rotateKeys: z
      .boolean()
      .default(false)
      .describe('Replaces the keys that the target’s calls are signed with and encrypted to.'),
  }),
  positional: ['target'],
  changes: true,
  run: (desk, input, { execute }) =>
    withSetup(desk, input.target, async (opened) => {
      const checks = await runChecks(opened.setup.checks());
      const isReached = !checks.some(({ id, verdict }) => id === 'api' && verdict === 'wrong');
      const steps = isReached ? await runSteps(await stepsOf(opened, input.write), { execute }) : [];
      const rotated =
        execute && isReached && input.rotateKeys
          ? await opened.setup.rotateKeys({ keepPreviousSeconds: KEEP_PREVIOUS_SECONDS })
          : [];
      if (execute) await audit(desk, input.target, { steps, rotated });
      return {
        executed: execute,
        target: input.target,
        checks,
        steps,
        rotated,
        isToRotate: input.rotateKeys,
      };
    }),
  print: ({ executed, target, checks, steps, rotated, isToRotate }) =>
    [
      `How things are between us and ${target}:`,
      ...checkLines(checks),
      ...(steps.length > 0 ? ['What has to be there:', ...stepLines(steps)] : []),
      ...(isToRotate && !executed ? ['The keys of all hooks would be replaced.'] : []),
      ...(rotated.length > 0 ? [`The keys of these hooks are new: ${rotated.join(', ')}.`] : []),
      steps.length > 0 && steps.every(({ outcome }) => outcome === 'there')
        ? 'Everything is there.'
        : executed
          ? endOf(steps)
          : UNCHANGED,
    ].join('\n'),
  foundWrong: ({ checks, steps }) => checks.some(({ verdict }) => verdict === 'wrong') || steps.some(isWrong),
});

/** Nothing is called done that was not. */
const endOf = (steps: readonly { readonly outcome: string }[]) =>
  steps.length > 0 && steps.every(({ outcome }) => outcome === 'done' || outcome === 'there')
    ? 'Done; run it again to see that everything is there.'
    : 'Not all of it is done. What is done stays; mend what is named above, and run it again.';

async function stepsOf({ setup, client, desk }: OpenedSetup, isToWrite: boolean) {
  const steps = await setup.steps();
  if (!client) return steps;
  if (isToWrite && desk.configFile === undefined)
    throw new FootbridgeError('bad_request', {
      detail: 'Only the command line writes into the configuration.',
    });
  const uris = await setup.redirectUris();
  return [clientStep({ client, uris, writeTo: isToWrite ? desk.configFile : undefined }), ...steps];
}

interface Happened {
  readonly steps: readonly StepResult[];
  readonly rotated: readonly string[];
}

async function audit({ db, actor }: Desk, target: string, { steps, rotated }: Happened): Promise<void> {
  const of = (wanted: StepResult['outcome']) =>
    steps.filter(({ outcome }) => outcome === wanted).map(({ id }) => id);
  const detail = { target, done: of('done'), failed: of('failed'), rotated: [...rotated] };
  await appendAudit(db, { actor, action: 'target.set-up', detail });
}
