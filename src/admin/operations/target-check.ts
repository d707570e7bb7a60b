import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { FootbridgeError } from '../../errors.ts';
import { Secret } from '../../settings.ts';
import { runChecks, runSteps } from '../../targets/run-setup.ts';
import type { Hop } from '../../targets/setup.ts';
import { defineOperation } from '../operation.ts';
import { clientStep } from '../target-setup/client-step.ts';
import type { OpenedSetup } from '../target-setup/open-setup.ts';
import { withSetup } from '../target-setup/open-setup.ts';
import { checkLines, hopLines, stepLines } from '../target-setup/setup-text.ts';

const STDIN = 0;

export const targetCheck = defineOperation({
  name: 'target check',
  summary:
    'Looks whether Footbridge and a target fit together: reachability both ways, permissions, clocks, policies, and what setup made. Can try a login from end to end.',
  input: z.strictObject({
    target: z.string().min(1).describe('The target’s name.'),
    login: z
      .string()
      .min(1)
      .optional()
      .describe(
        'Tries a real login of this person, who is then logged in like anybody: take a test account.',
      ),
    passwordFile: z.string().min(1).optional().describe('Where the password stands; - reads stdin.'),
    proveHashes: z
      .boolean()
      .default(false)
      .describe('When executed: makes a user per kind of hash there, logs in with each, removes them.'),
  }),
  positional: ['target'],
  changes: true,
  run: (desk, input, { execute }) =>
    withSetup(desk, input.target, async (opened) => {
      const password = passwordFor(opened, input);
      const { setup } = opened;
      const proofs = input.proveHashes && execute ? (setup.hashProofs?.() ?? []) : [];
      const checks = await runChecks([...setup.checks(), ...proofs]);
      const isReached = !checks.some(({ id, verdict }) => id === 'api' && verdict === 'wrong');
      const steps = isReached ? await runSteps(await stepsOf(opened), { execute: false }) : [];
      const hops: readonly Hop[] =
        isReached && input.login && password && setup.tryLogin
          ? await setup.tryLogin({ username: input.login, password })
          : [];
      return { target: input.target, checks, steps, hops, isUnproved: input.proveHashes && !execute };
    }),
  print: ({ target, checks, steps, hops, isUnproved }) =>
    [
      `How things are between us and ${target}:`,
      ...checkLines(checks),
      ...(isUnproved ? ['  Hashes are proved with --execute only: users are made for it, and removed.'] : []),
      'What has to be there:',
      ...stepLines(steps),
      ...(hops.length > 0 ? ['The login:', ...hopLines(hops)] : []),
    ].join('\n'),
  foundWrong: ({ checks, steps, hops }) =>
    checks.some(({ verdict }) => verdict === 'wrong') ||
    steps.some(({ outcome }) => outcome !== 'there') ||
    hops.some(({ isGood }) => !isGood),
});

async function stepsOf({ setup, client }: OpenedSetup) {
  const steps = await setup.steps();
  return client ? [clientStep({ client, uris: await setup.redirectUris() }), ...steps] : steps;
}

/** Never from the command line itself, where everybody on the machine could read it. */
function passwordFor(
  { desk }: OpenedSetup,
  { login, passwordFile }: { login?: string | undefined; passwordFile?: string | undefined },
): Secret | undefined {
  if (login === undefined && passwordFile === undefined) return undefined;
  const fail = (detail: string) => new FootbridgeError('bad_request', { detail });
  if (login === undefined || passwordFile === undefined)
    throw fail('A login needs both --login and --password-file.');
  if (desk.configFile === undefined) throw fail('Only the command line tries a login.');
  try {
    const text = readFileSync(passwordFile === '-' ? STDIN : passwordFile, 'utf8');
    return new Secret(text.replace(/\r?\n$/, ''));
  } catch (error) {
    throw fail(`${passwordFile} cannot be read (${(error as NodeJS.ErrnoException).code}).`);
  }
}
