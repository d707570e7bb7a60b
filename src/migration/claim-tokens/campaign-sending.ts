/**
 * One letter with a link. The person is looked up again right before; the link is made in the very statement from which on
 * the letter may go out, is held only until it has, and is taken back when it cannot.
 */
import { isFootbridgeError } from '../../errors.ts';
import type { Letter } from '../../mail/letters.ts';
import type { Mailing } from '../mailings/mailing.ts';
import { BEGUN } from '../mailings/mailings.ts';
import type { Recipient } from '../mailings/recipient.ts';
import { recipientOf } from '../mailings/recipient.ts';
import type { Errand, Readiness } from '../mailings/run.ts';
import { mail, sentBy } from '../mailings/sending.ts';
import type { ClaimCampaignDeps, NotWrittenTo, OpenClaimCampaign } from './campaign.ts';
import { claimLink } from './claim-token.ts';
import type { NewClaimToken } from './claim-tokens.ts';
import { issueParts, revokeClaimTokens, sentPart } from './claim-tokens.ts';
import type { Claimant } from './issuing.ts';
import { claimantOf } from './issuing.ts';

export interface ReadyClaimant extends Claimant {
  readonly recipient: Recipient;
}

export interface ClaimLetter {
  readonly recipient: Recipient;
  readonly letter: Letter;
  /** The token's. */
  readonly id: string;
}

export interface SendingOptions {
  /** For the audit records. */
  readonly actor: string;
  /** What else keeps somebody from being written to, asked last. */
  readonly look?: ((claimant: Claimant) => Promise<NotWrittenTo | 'stop' | undefined>) | undefined;
}

/** What `claimantOf` refuses. */
const SKIPS: Readonly<Record<string, NotWrittenTo>> = {
  user_not_found: 'gone',
  user_disabled: 'disabled',
  user_excluded: 'excluded',
  user_linked: 'linked',
  organization_not_found: 'not_owner',
  owner_needed: 'not_owner',
  person_first: 'person_first',
  organization_linked: 'organization_linked',
};
const UNREADABLE = new Set(['mapping_failed', 'user_ambiguous']);

export function claimErrand(
  deps: ClaimCampaignDeps,
  opened: OpenClaimCampaign,
  { actor, look }: SendingOptions,
): Errand<ReadyClaimant, ClaimLetter> {
  const { campaign, target, settings, to, mailer, language } = opened;
  return {
    prepare: (mailing) => prepare(deps, mailing, look),
    begin({ recipient, purpose, organization }, { sub }) {
      const token: NewClaimToken = {
        ...{ target, purpose, sub, organization: organization?.key, origin: 'campaign', campaign, actor },
        ttlSeconds: settings.ttlHours * 3_600,
        subject: deps.pseudonym(sub),
      };
      const { parts, text } = issueParts(token, BEGUN);
      const begun = (row: unknown) => {
        const { id, expiresAt } = row as { readonly id: string; readonly expiresAt: string };
        const link = { link: claimLink(deps.issuer, text), expiresAt: new Date(expiresAt) };
        return { recipient, id, letter: opened.letter({ ...link, organization: organization?.name }) };
      };
      return { parts, row: 'claim_issued', begun };
    },
    async send({ recipient, letter, id }) {
      const { contact } = settings;
      const outcome = await mail({ target: to, mailer, language, contact }, recipient, letter);
      if (outcome.kind === 'sent') return { kind: 'sent', parts: [sentPart(id)] };
      // It has certainly reached nobody. That it would stay open for three days is no reason to hold up the others.
      if (outcome.kind !== 'unsure') await revokeClaimTokens(deps.db, { id }).catch(() => undefined);
      return sentBy(outcome);
    },
  };
}

async function prepare(
  deps: ClaimCampaignDeps,
  { target, sub, organization }: Mailing,
  look: SendingOptions['look'],
): Promise<Readiness<ReadyClaimant>> {
  const wish = { target, sub, ...(organization ? { organization } : {}) };
  const claimant = await claimantOf(deps, wish).catch(refusalOf);
  if (typeof claimant === 'string') {
    const code = SKIPS[claimant];
    return code ? { kind: 'skip', code } : { kind: 'failed', code: claimant };
  }
  const recipient = recipientOf(claimant.entry.user);
  if (!recipient) return { kind: 'skip', code: 'no_verified_address' };
  const not = await look?.(claimant);
  if (not === 'stop') return { kind: 'stop' };
  return not ? { kind: 'skip', code: not } : { kind: 'write', ready: { ...claimant, recipient } };
}

function refusalOf(error: unknown): string {
  if (isFootbridgeError(error) && (Object.hasOwn(SKIPS, error.code) || UNREADABLE.has(error.code)))
    return error.code;
  throw error;
}
