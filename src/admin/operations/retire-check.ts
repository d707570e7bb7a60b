import { z } from 'zod';
import { sectionsPage, sectionsText } from '../batch/sections.ts';
import { defineOperation } from '../operation.ts';
import { checkSections } from '../retire/check-text.ts';
import { checkAll, missing } from '../retire/criteria.ts';
import { lookAll } from '../retire/looking.ts';
import { targetAt, targetName, termsOf, termsShape } from '../retire/retire-desk.ts';

export const retireCheck = defineOperation({
  name: 'retire check',
  summary:
    'Says what still holds up the end of the legacy store for a target: reads the store from end to end and measures each criterion. Changes nothing.',
  input: z.strictObject({ target: targetName, ...termsShape }),
  changes: false,
  interruptible: true,
  async run(desk, { target, ...asked }, { onProgress, signal }) {
    const terms = termsOf(asked);
    const { name } = targetAt(desk, target);
    const facts = await lookAll(desk, name, { terms, nowMs: Date.now(), onProgress, signal });
    return { target: name, criteria: checkAll(facts, terms) };
  },
  print: (output) => sectionsText(checkSections(output)),
  page: (output) => sectionsPage(`The end of the legacy store: ${output.target}`, checkSections(output)),
  foundWrong: ({ criteria }) => missing(criteria).length > 0,
});
