import { z } from 'zod';
import { MAIL_LOCALES } from '../../mail/letters.ts';
import { selectionShape } from '../../migration/batch/selection.ts';
import type { ClaimRehearsal } from '../../migration/claim-tokens/campaign-rehearsal.ts';
import { rehearseClaims } from '../../migration/claim-tokens/campaign-rehearsal.ts';
import { REMINDERS } from '../../migration/claim-tokens/campaign-reminder-days.ts';
import type { ClaimCampaignReport } from '../../migration/claim-tokens/campaign-run.ts';
import { runClaimCampaign } from '../../migration/claim-tokens/campaign-run.ts';
import { INTERRUPTED } from '../../migration/mailings/health.ts';
import { inviteDepsOf, inviteSelection } from '../claim-tokens/invite-desk.ts';
import { inviteRehearsalText, inviteReportText } from '../claim-tokens/invite-text.ts';
import { defineOperation } from '../operation.ts';

type Output =
  | { readonly executed: false; readonly rehearsal: ClaimRehearsal }
  | { readonly executed: true; readonly report: ClaimCampaignReport };

const flag = (text: string) => z.boolean().default(false).describe(text);
const number = (max: number) => z.coerce.number().int().min(1).max(max);

/** As many as one mail server takes, in letters after one another. */
const MAX_PER_HOUR = 3_600_000;
const { roles, groups, emailDomains, subs, metadata } = selectionShape;
const { lastLoginAfter, lastLoginBefore, neverLoggedIn } = selectionShape;

export const claimInvite = defineOperation({
  name: 'claim invite',
  summary:
    'Mails people a link by which they link their own account at a target, or owners one for each of their organizations. Slowly, nobody twice, and goes on where it was cut off. Not executed, it says how many, why others not, how long, and shows one of the letters.',
  input: z.strictObject({
    target: selectionShape.target,
    ...{ roles, groups, emailDomains, subs, metadata, lastLoginAfter, lastLoginBefore, neverLoggedIn },
    organizations: flag(
      'Owners who have linked their own account get a link for each organization of theirs.',
    ),
    campaign: z
      .string()
      .regex(/^[\w.:-]{1,100}$/)
      .refine((name) => !name.startsWith(REMINDERS), { error: `${REMINDERS}… is the name of a reminder` })
      .describe('Its name: nobody gets two letters of one name.'),
    perHour: number(MAX_PER_HOUR).default(200).describe('Letters per hour, over all nodes.'),
    limit: number(10_000_000).optional().describe('At most so many letters in this run.'),
    language: z.enum(MAIL_LOCALES).optional().describe('For everybody, whatever their records say.'),
    repeatUnsure: flag('Once more to those who may have got it: it was being sent when the process died.'),
    repeatFailed: flag('Once more to those who failed.'),
  }),
  changes: true,
  interruptible: true,
  async run(desk, input, { execute, onProgress, signal }): Promise<Output> {
    const { organizations, campaign, perHour, limit, language, repeatUnsure, repeatFailed, ...asked } = input;
    const selection = inviteSelection(desk, asked);
    const how = { organizations, campaign, perHour, limit, language, repeatUnsure, repeatFailed };
    const deps = inviteDepsOf(desk);
    if (!execute)
      return {
        executed: false,
        rehearsal: await rehearseClaims(deps, { ...how, selection }, { onProgress }),
      };
    const stops = signal && (() => (signal.aborted ? INTERRUPTED : undefined));
    const context = { actor: desk.actor, onProgress, stops };
    return { executed: true, report: await runClaimCampaign(deps, { ...how, selection }, context) };
  },
  print: (output) =>
    output.executed ? inviteReportText(output.report) : inviteRehearsalText(output.rehearsal),
  foundWrong: (output) =>
    output.executed &&
    ((output.report.stopped !== undefined && output.report.stopped.code !== 'limit') ||
      output.report.counts.some(({ state }) => state === 'failed' || state === 'unsure')),
});
