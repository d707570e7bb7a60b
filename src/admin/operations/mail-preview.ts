import { z } from 'zod';
import { MAIL_LOCALES } from '../../mail/letters.ts';
import { SAMPLE_NAMES } from '../../mail/samples.ts';
import { sampleOf } from '../mail/sample.ts';
import { defineOperation } from '../operation.ts';

export const mailPreview = defineOperation({
  name: 'mail preview',
  summary:
    'Shows a letter as people get it, with your theme and brand, to somebody who is made up and without its link. Sends nothing.',
  input: z.strictObject({
    letter: z
      .enum(SAMPLE_NAMES)
      .default('claim-account')
      .describe(`One of ${SAMPLE_NAMES.join(', ')}.`),
    language: z.enum(MAIL_LOCALES).optional().describe('`mail.language` when absent.'),
    target: z.string().min(1).optional().describe('The target’s name; the first one when absent.'),
  }),
  changes: false,
  run: async (desk, input) => sampleOf(desk, input),
  print: ({ subject, text }) => `Subject: ${subject}\n\n${text.trimEnd()}`,
  page: ({ html }) => html,
});
