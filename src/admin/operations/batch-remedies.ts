import { z } from 'zod';
import { FootbridgeError } from '../../errors.ts';
import type { PatientPage } from '../../migration/remedies/listing.ts';
import { countRemedies, pageOfPatients } from '../../migration/remedies/listing.ts';
import { REMEDIES, remedySentence, waysOf } from '../../migration/remedies/remedies.ts';
import type { RemedyLine } from '../batch/remedies-text.ts';
import { peopleText, remediesText } from '../batch/remedies-text.ts';
import { defineOperation } from '../operation.ts';

interface Output {
  readonly batch: string;
  readonly target: string;
  readonly remedies?: readonly RemedyLine[];
  readonly page?: PatientPage;
}

export const batchRemedies = defineOperation({
  name: 'batch remedies',
  summary:
    'What could not be carried in a batch, and what to do about it: how many people need which remedy, or, of one remedy, who.',
  input: z.strictObject({
    id: z.string().min(1).describe('The batch.'),
    remedy: z.enum(REMEDIES).optional().describe('Lists the people who need this one.'),
    after: z.string().min(1).max(1_000).optional().describe('The `next` of the page before.'),
    limit: z.coerce.number().int().min(1).max(1_000).default(100).describe('People per page.'),
  }),
  positional: ['id'],
  changes: false,
  async run({ batches, targets }, { id, remedy, after, limit }, { onProgress }): Promise<Output> {
    const { target: name } = await batches.status(id);
    const target = targets.byName(name);
    if (!target)
      throw new FootbridgeError('target_without_api', { detail: `the settings know no target ${name}` });
    const ways = waysOf(target, targets.connection(name));
    const answer = { batch: id, target: name };
    if (remedy || after)
      return { ...answer, page: await pageOfPatients(batches, { batch: id, ways, remedy, after, limit }) };
    const startedMs = performance.now();
    const onUser = (users: number) => {
      const seconds = Math.max((performance.now() - startedMs) / 1_000, 0.001);
      onProgress?.({ users, total: undefined, continuedFrom: 0, perSecond: Math.round(users / seconds) });
    };
    const counts = await countRemedies(batches, { batch: id, ways, onUser });
    const told = (count: (typeof counts)[number]) => ({
      ...count,
      sentence: remedySentence(count.remedy, target.displayName),
    });
    return { ...answer, remedies: counts.map(told) };
  },
  print: ({ target, remedies, page }) => (page ? peopleText(page) : remediesText(target, remedies ?? [])),
  foundWrong: ({ remedies = [] }) =>
    remedies.some(({ remedy }) => remedy === 'mend-record' || remedy === 'ask-operator'),
});
