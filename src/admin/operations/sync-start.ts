import { z } from 'zod';
import { counts } from '../../migration/ledger.ts';
import { count } from '../batch/status-text.ts';
import { NOTHING_CHANGED } from '../claim-tokens/claim-desk.ts';
import { defineOperation } from '../operation.ts';
import { atTarget } from '../sync/figures.ts';
import { startChecks, startNotes } from '../sync/starting.ts';
import { changeState, checkWay, pairAt, pairOf, whichTarget } from '../sync/sync-desk.ts';

export const syncStart = defineOperation({
  name: 'sync start',
  summary:
    'Begins to keep the legacy store and a target equal, after a look whether everything it needs is there: changes are followed from then on, and everybody at the target is compared once.',
  input: z.strictObject({ target: whichTarget }),
  changes: true,
  async run(desk, { target: named }, { execute }) {
    const settings = pairAt(desk, named);
    const { target } = settings;
    checkWay(await pairOf(desk, target), 'aligning');
    const checks = await startChecks(desk, settings);
    const isReady = checks.every(({ problems }) => problems.length === 0);
    const ledger = (await counts(desk.db)).filter((one) => one.target === target);
    if (execute && isReady) await changeState(desk, { target, state: 'aligning', action: 'sync.started' });
    return {
      executed: execute && isReady,
      target,
      isReady,
      checks,
      atTarget: atTarget(ledger),
      notes: startNotes(desk, settings),
    };
  },
  print: ({ executed, target, isReady, checks, atTarget: people, notes }) =>
    [
      ...checks.flatMap(({ what, problems }) => [
        `  ${problems.length === 0 ? 'good ' : 'wrong'}  ${what}`,
        ...problems.map((problem) => `         ${problem}`),
      ]),
      `${executed ? 'Started' : 'Would start'}: ${count(people)} ${people === 1 ? 'person' : 'people'} at ${target} ${executed ? 'are' : 'would be'} compared field by field, and made equal by the rules of \`sync.pairs\`; changes are followed from now on.`,
      ...notes.map((note) => `  ${note}`),
      executed
        ? 'Every server that runs takes it up; footbridge sync status shows how far it is.'
        : isReady
          ? NOTHING_CHANGED
          : 'Nothing was changed: mend what is wrong first.',
    ].join('\n'),
  foundWrong: ({ isReady }) => !isReady,
});
