import { z } from 'zod';
import { sectionsText } from '../batch/sections.ts';
import { defineOperation } from '../operation.ts';
import { needsSomebody, syncFigures } from '../sync/figures.ts';
import { statusPage } from '../sync/status-page.ts';
import { statusSections } from '../sync/status-text.ts';

export const syncStatus = defineOperation({
  name: 'sync status',
  summary:
    'Shows how keeping the legacy store and a target equal comes along: its state, how far both sides are read, who waits for how long, feeds, conflicts, dead letters, passwords. Exits with 1 while somebody has to see to something.',
  input: z.strictObject({
    target: z.string().min(1).optional().describe('Only this target; else all that are kept equal.'),
  }),
  changes: false,
  run: async (desk, { target }) => ({ pairs: await syncFigures(desk, target) }),
  print: ({ pairs }) => pairs.map((one) => sectionsText(statusSections(one))).join('\n\n'),
  page: ({ pairs }) => statusPage(pairs),
  foundWrong: ({ pairs }) => pairs.some(needsSomebody),
});
