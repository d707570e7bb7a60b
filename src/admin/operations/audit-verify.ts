import { z } from 'zod';
import type { AuditVerdict } from '../../store/audit-log.ts';
import { checkFiles } from '../batch/reconcile-desk.ts';
import { verdictText } from '../evidence/verdict-text.ts';
import type { PackVerdict } from '../evidence/verifying.ts';
import { verifyPack } from '../evidence/verifying.ts';
import { defineOperation } from '../operation.ts';

const input = z
  .strictObject({
    pack: z
      .string()
      .min(1)
      .max(4_096)
      .optional()
      .describe('A folder of evidence: looks at that instead, without settings and database.'),
    key: z
      .string()
      .regex(/^[\w-]{43}$/, { error: 'expected the thumbprint that audit evidence has printed' })
      .optional()
      .describe('The thumbprint of the key that has to have signed the folder.'),
  })
  .refine(({ pack, key }) => pack !== undefined || key === undefined, {
    error: 'goes with --pack',
    path: ['key'],
  });

type Output = AuditVerdict | PackVerdict;

const isPack = (result: Output): result is PackVerdict => 'signature' in result;

export const auditVerify = defineOperation({
  name: 'audit verify',
  summary:
    'Recomputes the hash chain of the audit log and says whether anything was changed or removed; given a pack, whether a folder of evidence is as it was signed.',
  input,
  changes: false,
  offline: ({ pack }) => pack !== undefined,
  runOffline: ({ pack, key }): Promise<Output> => verifyPack(pack!, key),
  async run(desk, { pack, key }): Promise<Output> {
    if (pack === undefined) return desk.audit.verify();
    checkFiles(desk, pack);
    return verifyPack(pack, key);
  },
  print: (result) => {
    if (isPack(result)) return verdictText(result);
    return result.ok
      ? `The audit log is whole: ${result.sealed} records sealed, ${result.unsealed} not yet.`
      : `The audit log was tampered with: ${result.problem}`;
  },
  foundWrong: (result) => !result.ok,
});
