import { z } from 'zod';
import { sectionsText } from '../batch/sections.ts';
import { claimSettingsAt } from '../claim-tokens/claim-desk.ts';
import { claimFigures } from '../claim-tokens/figures.ts';
import { statusPage } from '../claim-tokens/status-page.ts';
import { statusSections } from '../claim-tokens/status-text.ts';
import { defineOperation } from '../operation.ts';

export const claimStatus = defineOperation({
  name: 'claim status',
  summary:
    'Shows how people come along with linking their own accounts: links by day that were made, sent, opened, claimed, that expired or failed; and how many are linked of those who have to.',
  input: z.strictObject({
    target: z.string().min(1).optional().describe('The target’s name, where several have claim tokens.'),
    campaign: z.string().min(1).optional().describe('Only links of this campaign.'),
    days: z.coerce
      .number()
      .int()
      .min(1)
      .max(366)
      .default(30)
      .describe('Links that were made within so many days.'),
  }),
  changes: false,
  run: (desk, { target, ...asked }) => claimFigures(desk, claimSettingsAt(desk, target), asked),
  print: (figures) => sectionsText(statusSections(figures)),
  page: statusPage,
});
