import { z } from 'zod';
import { MAIL_LOCALES } from '../../mail/letters.ts';
import { CAMPAIGN_REMEDIES } from '../../migration/remedies/campaign.ts';
import type { Rehearsal } from '../../migration/remedies/rehearsal.ts';
import { rehearse } from '../../migration/remedies/rehearsal.ts';
import type { CampaignReport } from '../../migration/remedies/run.ts';
import { runCampaign } from '../../migration/remedies/run.ts';
import type { RemediesDesk } from '../batch/remedies-desk.ts';
import { campaignDepsOf } from '../batch/remedies-desk.ts';
import { rehearsalText, reportText } from '../batch/remedies-text.ts';
import { defineOperation } from '../operation.ts';

type Output =
  | { readonly executed: false; readonly rehearsal: Rehearsal }
  | { readonly executed: true; readonly report: CampaignReport };

const flag = (text: string) => z.boolean().default(false).describe(text);
const number = (max: number) => z.coerce.number().int().min(1).max(max);

export const batchRemind = defineOperation({
  name: 'batch remind',
  summary:
    'Asks people of a batch by mail to do what only they can: choose a password, register a passkey again. Slowly, nobody twice, and goes on where it was cut off. Not executed, it says how many, how long, and shows one of the mails.',
  input: z.strictObject({
    id: z.string().min(1).describe('The batch.'),
    remedy: z
      .enum(CAMPAIGN_REMEDIES)
      .default('reset')
      .describe('What they are asked to do: `reset` their password or register a `passkey`.'),
    perHour: number(36_000).default(200).describe('People per hour, over all nodes.'),
    campaign: z
      .string()
      .regex(/^[\w.:-]{1,100}$/)
      .optional()
      .describe('Its name: nobody gets two mails of one name. The batch and the remedy when absent.'),
    limit: number(10_000_000).optional().describe('At most so many in this run.'),
    language: z.enum(MAIL_LOCALES).optional().describe('For everybody, whatever their records say.'),
    announce: flag('Where the target writes: we tell them beforehand to expect it.'),
    alsoCapturable: flag('Also people who need only log in once: for when they no longer can here.'),
    repeatUnsure: flag('Once more to those who may have got it: it was being sent when the process died.'),
    repeatFailed: flag('Once more to those who failed.'),
  }),
  positional: ['id'],
  changes: true,
  async run(desk: RemediesDesk, { id: batch, campaign, ...input }, { execute, onProgress }): Promise<Output> {
    const request = { ...input, batch, campaign: campaign ?? `${batch}-${input.remedy}` };
    const deps = campaignDepsOf(desk);
    if (!execute) return { executed: false, rehearsal: await rehearse(deps, request) };
    const report = await runCampaign(deps, request, { actor: desk.actor, onProgress });
    return { executed: true, report };
  },
  print: (output) => (output.executed ? reportText(output.report) : rehearsalText(output.rehearsal)),
  foundWrong: (output) =>
    output.executed &&
    ((output.report.stopped !== undefined && output.report.stopped.code !== 'limit') ||
      output.report.counts.some(({ state }) => state === 'failed' || state === 'unsure')),
});
