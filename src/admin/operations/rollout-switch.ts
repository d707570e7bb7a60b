import { z } from 'zod';
import { FootbridgeError } from '../../errors.ts';
import type { SwitchKind } from '../../rollout/deciding.ts';
import { switchKey } from '../../rollout/deciding.ts';
import { NOTHING_CHANGED } from '../claim-tokens/claim-desk.ts';
import { defineOperation } from '../operation.ts';
import { namedIn } from '../rollout/rolling-back.ts';
import { reasonText, standingOf, whichTarget } from '../rollout/rollout-desk.ts';
import { setSwitch } from '../rollout/switching.ts';

export const rolloutSwitch = defineOperation({
  name: 'rollout switch',
  summary:
    'Kill switches: off keeps an app, a segment, a phase or everything at the old login, whatever the plan says, from the next decision on, on every server; on takes that back.',
  input: z.strictObject({
    app: z.string().min(1).optional().describe('This app of the plan.'),
    segment: z.string().min(1).optional().describe('Or whoever is assigned by this segment.'),
    phase: z.string().min(1).optional().describe('Or the people of this phase.'),
    everything: z.boolean().default(false).describe('Or all of the plan.'),
    off: z.boolean().default(false).describe('To the old login.'),
    on: z.boolean().default(false).describe('Back to what the plan says.'),
    target: whichTarget,
    reason: reasonText.optional().describe('Why: switching off needs it.'),
  }),
  changes: true,
  async run(desk, { target: named, reason, on, off, everything, ...given }, { execute }) {
    if (on === off) throw bad('Say --off or --on.');
    if (off && reason === undefined) throw bad('Say why, with --reason: everybody who asks is told.');
    const standing = await standingOf(desk, named);
    const isNamed = Object.values(given).some((name) => name !== undefined);
    if (everything && isNamed) throw bad('--everything goes alone.');
    const { kind, name }: { kind: SwitchKind; name: string } = everything
      ? { kind: 'everything', name: '' }
      : namedIn(standing, given);
    const { target, snapshot } = standing;
    const isSo = snapshot.switches.has(switchKey(kind, name)) === off;
    const executed =
      execute && !isSo && (await setSwitch(desk, { target, kind, name, off, reason: reason ?? '' }));
    return { executed, target, kind, name, off, isSo };
  },
  print: ({ executed, target, kind, name, off, isSo }) => {
    const what = kind === 'everything' ? `Everything for ${target}` : `The ${kind} ${name} for ${target}`;
    const where = off ? 'at the old login, whatever the plan says' : 'as the plan says';
    if (isSo) return `${what} is ${where} already: there is nothing to do.`;
    return [
      `${what} ${executed ? 'is' : 'would be'} ${where}, from the next decision on; logins that are under way finish.`,
      ...(off ? ['  Accounts at the target stay as they are, and nobody gets two.'] : []),
      ...(executed ? [] : [NOTHING_CHANGED]),
    ].join('\n');
  },
});

const bad = (detail: string) => new FootbridgeError('bad_request', { detail });
