import { z } from 'zod';
import { checkTurn, retirementOf, turnRetirement } from '../../migration/retiring/retirements.ts';
import { sectionsText } from '../batch/sections.ts';
import { NOTHING_CHANGED } from '../claim-tokens/claim-desk.ts';
import { defineOperation } from '../operation.ts';
import { checkSections } from '../retire/check-text.ts';
import type { Checked } from '../retire/criteria.ts';
import { checkAll, missing } from '../retire/criteria.ts';
import { lookAll } from '../retire/looking.ts';
import { targetAt, targetName, termsOf, termsShape } from '../retire/retire-desk.ts';

interface Output {
  readonly executed: boolean;
  readonly target: string;
  readonly undo: boolean;
  readonly criteria: readonly Checked[];
}

const jsonOf = ({ code, isMet, found }: Checked) => ({ code, isMet, found });

export const retireRedirect = defineOperation({
  name: 'retire redirect',
  summary:
    'Ends the old login for a target’s people: all nodes send everybody on to the target, and ask the legacy store for nothing. Only when nothing holds it up; undo takes it back.',
  input: z.strictObject({
    target: targetName,
    ...termsShape,
    undo: z.boolean().default(false).describe('The old login is as it was before, on every node.'),
  }),
  changes: true,
  role: 'admin',
  // Bringing a login back takes nothing from anybody.
  danger: ({ undo }) => !undo,
  interruptible: true,
  async run(desk, { target, undo, ...asked }, { execute, onProgress, signal }): Promise<Output> {
    const { db, actor } = desk;
    const terms = termsOf(asked);
    const { name } = targetAt(desk, target);
    checkTurn(await retirementOf(db, name), undo ? 'open' : 'redirecting');
    if (undo) {
      if (execute) await turnRetirement(db, { target: name, to: 'open', actor });
      return { executed: execute, target: name, undo, criteria: [] };
    }
    const facts = await lookAll(desk, name, { terms, nowMs: Date.now(), onProgress, signal });
    const criteria = checkAll(facts, terms);
    const executed = execute && missing(criteria).length === 0;
    if (executed) {
      const { acceptLeft = null } = terms;
      const detail = { acceptLeft, quietDays: terms.quietDays, reportDays: terms.reportDays };
      await turnRetirement(db, {
        ...{ target: name, to: 'redirecting', actor },
        ...{ criteria: criteria.map(jsonOf), detail },
      });
    }
    return { executed, target: name, undo, criteria };
  },
  print: ({ executed, target, undo, criteria }) => {
    if (undo)
      return executed
        ? `The old login for ${target} is back; every node follows within seconds.`
        : `Would bring the old login for ${target} back. ${NOTHING_CHANGED}`;
    const told = sectionsText(checkSections({ target, criteria }));
    if (executed)
      return `${told}\n\nEverybody is sent on to ${target}; every node follows within seconds. footbridge retire redirect --undo takes it back.`;
    return missing(criteria).length > 0
      ? `${told}\n\nNothing was changed.`
      : `${told}\n\nWould send everybody on to ${target}: nobody logs in here any more, hooks and calls of apps are answered 410, claim links too. ${NOTHING_CHANGED}`;
  },
  foundWrong: ({ criteria }) => missing(criteria).length > 0,
});
