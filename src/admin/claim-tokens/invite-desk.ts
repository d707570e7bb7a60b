/** What a campaign of claim tokens needs of the desk, and whom an operator means. */
import { FootbridgeError } from '../../errors.ts';
import type { Selection } from '../../migration/batch/selection.ts';
import { selectionSchema } from '../../migration/batch/selection.ts';
import type { ClaimCampaignDeps } from '../../migration/claim-tokens/campaign.ts';
import { prefixesOf, subjectsOf } from '../batch/people-list.ts';
import type { Desk } from '../operation.ts';

export type InviteDesk = Pick<
  Desk,
  'db' | 'directory' | 'targets' | 'mailer' | 'claimTokens' | 'issuer' | 'audit' | 'actor' | 'legacySettings'
>;

export const inviteDepsOf = ({
  db,
  directory,
  targets,
  mailer,
  claimTokens,
  issuer,
  audit,
}: InviteDesk): ClaimCampaignDeps => ({
  ...{ db, directory, targets, mailer, claimTokens, issuer },
  pseudonym: audit.pseudonym,
});

/** Of active people; throws bad_request where what is asked for does not go together. */
export function inviteSelection(
  { directory, legacySettings }: Pick<InviteDesk, 'directory' | 'legacySettings'>,
  asked: Partial<Omit<Selection, 'states' | 'order' | 'limit'>>,
): Selection {
  const lines = asked.subs?.map((text) => ({ label: text, text }));
  const subs = lines ? { subs: subjectsOf(lines, directory, prefixesOf(legacySettings)) } : {};
  const found = selectionSchema.safeParse({ ...asked, ...subs, order: 'id' });
  if (found.success) return found.data;
  throw new FootbridgeError('bad_request', {
    detail: found.error.issues.map(({ message }) => message).join('; '),
  });
}
