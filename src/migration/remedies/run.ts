/** A campaign for people of a batch, from writing them down to the last letter. */
import type { Errand, RunContext, RunReport } from '../mailings/run.ts';
import { runMailings } from '../mailings/run.ts';
import type { CampaignDeps, CampaignRequest, OpenCampaign } from './campaign.ts';
import { enrolAll, openCampaign } from './campaign.ts';
import { lookUp } from './recipient.ts';
import type { Prepared, Way } from './sending.ts';
import { prepare, send } from './sending.ts';

export type { RunContext } from '../mailings/run.ts';

export interface CampaignReport extends RunReport {
  readonly campaign: string;
  readonly target: string;
  readonly way: Way;
}

/** Throws what `openCampaign` throws, and storage_unavailable; the same request goes on where this one ended. */
export async function runCampaign(
  deps: CampaignDeps,
  request: CampaignRequest,
  context: RunContext,
): Promise<CampaignReport> {
  const opened = await openCampaign(deps, request);
  const { campaign, target, way, clock } = opened;
  const { db, pseudonym } = deps;
  await enrolAll(deps, opened, request);
  const report = await runMailings(
    { db, pseudonym, clock, ...context },
    { ...request, target, intervalMs: opened.intervalMs },
    errandOf(deps, opened, request),
  );
  return { campaign, target, way, ...report };
}

function errandOf(
  deps: CampaignDeps,
  { to, connection, way }: OpenCampaign,
  { language, announce: announces }: CampaignRequest,
): Errand<Prepared, Prepared> {
  const sending = { target: to, connection, mailer: deps.mailer, way, language, announces };
  return {
    async prepare(mailing) {
      const look = await lookUp({ ...deps, connection }, { ...mailing, isByTarget: way === 'target' });
      if (look.kind !== 'write') return look;
      return { kind: 'write', ready: await prepare(sending, look.recipient) };
    },
    begin: (prepared) => ({ begun: () => prepared }),
    send: (prepared, { announcedAt }, onAnnounced) =>
      send(sending, prepared, { isOut: announcedAt !== null, onAnnounced }),
  };
}
