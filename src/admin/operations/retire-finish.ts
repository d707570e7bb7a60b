import { z } from 'zod';
import { checkTurn, retirementOf, turnRetirement } from '../../migration/retiring/retirements.ts';
import { sectionsText } from '../batch/sections.ts';
import { count, NOTHING_CHANGED } from '../claim-tokens/claim-desk.ts';
import { defineOperation } from '../operation.ts';
import { targetAt, targetName } from '../retire/retire-desk.ts';
import { retirementStatus, statusSections } from '../retire/status.ts';
import { unfinished } from '../retire/unfinished.ts';

const MAX_PEOPLE = 1_000_000_000;

export const retireFinish = defineOperation({
  name: 'retire finish',
  summary:
    'Ends it: only when everybody is wiped, nothing secret is left, nobody’s link is kept, and the evidence is written. Afterwards the server runs without the legacy store.',
  input: z.strictObject({
    target: targetName,
    acceptKept: z.coerce
      .number()
      .int()
      .min(0)
      .max(MAX_PEOPLE)
      .default(0)
      .describe('So many people may be left who could log in at the target only through us.'),
  }),
  changes: true,
  role: 'admin',
  danger: true,
  async run(desk, { target: named, acceptKept }, { execute }) {
    const { db, actor } = desk;
    const target = targetAt(desk, named);
    checkTurn(await retirementOf(db, target.name), 'retired');
    const missing = await unfinished(desk, target, { acceptKept });
    const executed = execute && missing.length === 0;
    if (executed)
      await turnRetirement(db, { target: target.name, to: 'retired', actor, detail: { acceptKept } });
    return { executed, missing, status: await retirementStatus(desk, target) };
  },
  print: ({ executed, missing, status }) =>
    [
      sectionsText(statusSections(status)),
      '',
      ...(missing.length > 0
        ? [`It cannot be finished: ${count(missing.length)} missing.`, ...missing.map((one) => `  ${one}`)]
        : executed
          ? ['It is over. The legacy store may be switched off.']
          : [`Would end it for good. ${NOTHING_CHANGED}`]),
    ].join('\n'),
  foundWrong: ({ missing }) => missing.length > 0,
});
