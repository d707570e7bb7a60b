/** The desk, with what asking people by mail needs besides. */
import type { Mailer } from '../../mail/mailer.ts';
import type { CampaignDeps } from '../../migration/remedies/campaign.ts';
import type { Desk } from '../operation.ts';

export interface RemediesDesk extends Desk {
  /** Where the settings say how mail is sent. */
  readonly mailer?: Mailer | undefined;
}

export function campaignDepsOf({
  db,
  directory,
  targets,
  batches,
  mailer,
  audit,
}: RemediesDesk): CampaignDeps {
  return { db, directory, targets, batches, mailer, pseudonym: audit.pseudonym };
}
