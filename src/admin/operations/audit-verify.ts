import { z } from 'zod';
import { defineOperation } from '../operation.ts';

export const auditVerify = defineOperation({
  name: 'audit verify',
  summary: 'Recomputes the hash chain of the audit log and says whether anything was changed or removed.',
  input: z.strictObject({}),
  changes: false,
  run: ({ audit }) => audit.verify(),
  print: (result) =>
    result.ok
      ? `The audit log is whole: ${result.sealed} records sealed, ${result.unsealed} not yet.`
      : `The audit log was tampered with: ${result.problem}`,
  foundWrong: (result) => !result.ok,
});
