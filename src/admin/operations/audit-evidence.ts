import { resolve } from 'node:path';
import { z } from 'zod';
import { noteRetirement } from '../../migration/retiring/retirements.ts';
import { appendAudit } from '../../store/audit-log.ts';
import { checkFiles } from '../batch/reconcile-desk.ts';
import { count } from '../claim-tokens/claim-desk.ts';
import { writePack } from '../evidence/packing.ts';
import { defineOperation } from '../operation.ts';
import { targetAt, targetName } from '../retire/retire-desk.ts';
import type { EvidenceNote } from '../retire/status.ts';

export const auditEvidence = defineOperation({
  name: 'audit evidence',
  summary:
    'Writes the evidence of a move as a folder that can be checked without us: the ledger, coverage, comparison, access to secrets, deletions, the rollout’s decisions and the audit log, bound by a signed manifest.',
  input: z.strictObject({
    target: targetName,
    output: z.string().min(1).max(4_096).describe('The folder; it must not be there yet.'),
    names: z
      .boolean()
      .default(false)
      .describe('Says in the ledger who is behind each pseudonym. Without it no person is named.'),
  }),
  changes: false,
  // Everybody’s whole way is in it.
  role: 'admin',
  async run(desk, { target: named, output, names }, { onProgress }) {
    checkFiles(desk, output);
    const { db, actor } = desk;
    const target = targetAt(desk, named);
    const startedMs = performance.now();
    const at = new Date();
    const { folder, manifest, sha256, thumbprint } = await writePack(desk, {
      ...{ target, names, at, folder: resolve(output) },
      onPeople: (users) => {
        const seconds = Math.max((performance.now() - startedMs) / 1_000, 0.001);
        onProgress?.({ users, total: undefined, continuedFrom: 0, perSecond: Math.round(users / seconds) });
      },
    });
    const note: EvidenceNote = { at: at.toISOString(), sha256, thumbprint };
    await noteRetirement(db, target.name, { evidence: { ...note } });
    const detail = { target: target.name, names, sha256, thumbprint };
    await appendAudit(db, { actor, action: 'evidence.written', detail });
    return { folder, manifest, sha256, thumbprint };
  },
  print: ({ folder, manifest: { sections, names, audit }, sha256, thumbprint }) =>
    [
      `${folder} is written${names ? '; people are named in it' : ''}.`,
      ...sections.map(({ name, rows, bytes }) => `  ${name}: ${count(rows)} rows, ${count(bytes)} bytes`),
      `Manifest: ${sha256}`,
      `Signed with the key ${thumbprint}`,
      'Tell whoever gets it this line by another way: without it anybody could make a pack with a key of their own.',
      ...(audit.ok ? [] : [`The audit log is not whole: ${audit.problem}`]),
    ].join('\n'),
  foundWrong: ({ manifest }) => !manifest.audit.ok,
});
