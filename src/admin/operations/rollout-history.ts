import { z } from 'zod';
import { FootbridgeError } from '../../errors.ts';
import { planVersions } from '../../rollout/phases.ts';
import { sectionsPage, sectionsText } from '../batch/sections.ts';
import { defineOperation } from '../operation.ts';
import type { HistoryOutput } from '../rollout/history.ts';
import { happened, historySections } from '../rollout/history.ts';
import { targetOf, whichTarget } from '../rollout/rollout-desk.ts';

export const rolloutHistory = defineOperation({
  name: 'rollout history',
  summary:
    'Tells what became of a rollout plan: its versions, and every step, switch and pause with who and why; of one version the plan as it was written.',
  input: z.strictObject({
    target: whichTarget,
    version: z.coerce.number().int().min(1).optional().describe('Shows the text of this version.'),
    limit: z.coerce
      .number()
      .int()
      .min(1)
      .max(1_000)
      .default(50)
      .describe('So many of each, the newest first.'),
  }),
  changes: false,
  async run(desk, { target: named, version, limit }): Promise<HistoryOutput> {
    const target = await targetOf(desk, named);
    const rows = await planVersions(desk.db, target, { version: version ?? null, limit });
    if (version !== undefined && rows.length === 0)
      throw new FootbridgeError('plan_not_found', { detail: `${target}, version ${version}` });
    const versions = rows.map(({ plan: _, source: __, ...row }) => row);
    if (version !== undefined) return { target, versions, source: rows[0]!.source, steps: [] };
    return { target, versions, source: null, steps: await happened(desk, target, limit) };
  },
  print: (output) => output.source ?? sectionsText(historySections(output)),
  page: (output) => sectionsPage(`Rollout to ${output.target}`, historySections(output)),
});
