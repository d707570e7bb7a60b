/** A campaign of claim tokens from writing people down to the last letter. */

import { planOf } from '../batch/selection.ts';
import type { Stop } from '../mailings/health.ts';
import { countMailings } from '../mailings/mailings.ts';
import type { RunContext, RunReport } from '../mailings/run.ts';
import { runMailings } from '../mailings/run.ts';
import type { ClaimCampaignDeps, ClaimCampaignRequest } from './campaign.ts';
import { openClaimCampaign } from './campaign.ts';
import { enrolClaimants } from './campaign-enrolment.ts';
import { claimErrand } from './campaign-sending.ts';

export interface ClaimCampaignReport extends RunReport {
  readonly campaign: string;
  readonly target: string;
  readonly organizations: boolean;
  /** New in the campaign by this run. */
  readonly enrolled: number;
}

/**
 * Throws what `openClaimCampaign` and `judgedPages` throw, and storage_unavailable; the same request goes on where this one
 * ended.
 */
export async function runClaimCampaign(
  deps: ClaimCampaignDeps,
  request: ClaimCampaignRequest,
  context: RunContext,
): Promise<ClaimCampaignReport> {
  const { selection, organizations } = request;
  const opened = await openClaimCampaign(deps, { ...request, target: selection.target });
  const { campaign, target, clock, intervalMs } = opened;
  const enrolment = await enrolClaimants(deps, opened, {
    ...{ selection, organizations, again: true, ...context },
    plan: { ...planOf(selection), organizations },
  });
  const told = { campaign, target, organizations, enrolled: enrolment.added };
  if (enrolment.stopped) return { ...told, ...(await unsent(deps, campaign, enrolment.stopped)) };
  const report = await runMailings(
    { ...deps, clock, ...context },
    { ...request, target, intervalMs },
    claimErrand(deps, opened, context),
  );
  return { ...told, ...report };
}

const unsent = async ({ db }: ClaimCampaignDeps, campaign: string, stopped: Stop): Promise<RunReport> => ({
  counts: await countMailings(db, campaign),
  sent: 0,
  stopped,
});
