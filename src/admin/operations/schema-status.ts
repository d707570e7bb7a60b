import { z } from 'zod';
import { defineOperation } from '../operation.ts';

export const schemaShow = defineOperation({
  name: 'schema status',
  summary: 'Lists the schema steps of our own database: which are applied, which are not.',
  input: z.strictObject({}),
  changes: false,
  run: ({ schema }) => schema(),
  print: ({ applied, pending, changed, newer }) =>
    [
      ...applied.map((step) => `applied  ${step.name}  ${step.appliedAt.toISOString()}`),
      ...pending.map((name) => `pending  ${name}`),
      ...changed.map((name) => `CHANGED  ${name}  (its file is not the one that was applied)`),
      ...newer.map((name) => `NEWER    ${name}  (applied by a newer version)`),
    ].join('\n'),
  foundWrong: ({ changed }) => changed.length > 0,
});
