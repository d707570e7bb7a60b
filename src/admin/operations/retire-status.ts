import { z } from 'zod';
import { sectionsPage, sectionsText } from '../batch/sections.ts';
import { defineOperation } from '../operation.ts';
import { targetAt, targetName } from '../retire/retire-desk.ts';
import { retirementStatus, statusSections } from '../retire/status.ts';

export const retireStatus = defineOperation({
  name: 'retire status',
  summary: 'Says how far the end of the legacy store has come for a target, and what comes next.',
  input: z.strictObject({ target: targetName }),
  changes: false,
  run: (desk, { target }) => retirementStatus(desk, targetAt(desk, target)),
  print: (status) => sectionsText(statusSections(status)),
  page: (status) => sectionsPage(`The end of the legacy store: ${status.target}`, statusSections(status)),
});
