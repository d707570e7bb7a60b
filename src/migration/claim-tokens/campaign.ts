/**
 * A campaign of claim tokens: people, or the owners of organizations, are mailed a link each. Nobody has a link before their
 * letter is about to go out, so none is ever kept; and nobody gets two letters, whatever dies when (`mailings/`).
 */
import { FootbridgeError } from '../../errors.ts';
import type { Directory } from '../../legacy/directory.ts';
import type { Letter, MailLocale } from '../../mail/letters.ts';
import type { Mailer } from '../../mail/mailer.ts';
import type { Clock } from '../../mail/pace.ts';
import { systemClock } from '../../mail/pace.ts';
import type { Secret } from '../../settings.ts';
import type { Db } from '../../store/db.ts';
import type { Target, Targets } from '../../targets/target.ts';
import type { Selection } from '../batch/selection.ts';
import type { Campaign } from '../mailings/mailing.ts';
import { checkCampaign } from '../mailings/mailings.ts';
import { intervalOf } from '../mailings/run.ts';
import type { ClaimTokenSettings } from './claim-settings.ts';
import type { IssuingDeps } from './issuing.ts';
import { claimSettingsOf } from './issuing.ts';

export interface ClaimCampaignDeps extends IssuingDeps {
  readonly db: Db;
  readonly directory: Pick<
    Directory,
    'findBySub' | 'findBySubs' | 'entries' | 'count' | 'legacyIdOf' | 'organizationKey'
  >;
  readonly targets: Pick<Targets, 'byName'>;
  /** Where the settings say how mail is sent. */
  readonly mailer?: Mailer | undefined;
  readonly clock?: Clock | undefined;
}

export interface ClaimCampaignRequest {
  /** Its name; nobody gets two letters of one name. */
  readonly campaign: string;
  /** Whom it is for. */
  readonly selection: Selection;
  /** Owners, who have linked their own account, get a link for each of their organizations. */
  readonly organizations: boolean;
  /** Letters per hour, over all nodes. */
  readonly perHour: number;
  /** At most so many letters in this run. */
  readonly limit?: number | undefined;
  readonly language?: MailLocale | undefined;
  readonly repeatUnsure: boolean;
  readonly repeatFailed: boolean;
}

/** What is in every letter with a link. */
export interface LinkToSay {
  readonly link: Secret;
  readonly expiresAt: Date;
  /** The name of the organization that it is for. */
  readonly organization?: string | undefined;
}

/** A campaign whose ends are there. */
export interface OpenClaimCampaign extends Campaign<'claim' | 'claim-reminder'> {
  readonly settings: ClaimTokenSettings;
  readonly to: Target;
  readonly mailer: Mailer;
  readonly language: MailLocale | undefined;
  readonly clock: Clock;
  /** Between two letters. */
  readonly intervalMs: number;
  readonly letter: (said: LinkToSay) => Letter;
}

/** Throws not_found, bad_request; config_invalid without a mail server. */
export async function openClaimCampaign(
  deps: ClaimCampaignDeps,
  request: Pick<ClaimCampaignRequest, 'campaign' | 'organizations' | 'perHour' | 'language'> & {
    readonly target: string;
    /** Of a reminder: the last moment of the old login. */
    readonly until?: Date;
  },
): Promise<OpenClaimCampaign> {
  const { campaign, target, until, language } = request;
  const settings = claimSettingsOf(deps, target);
  const to = deps.targets.byName(target);
  if (!to) throw new FootbridgeError('not_found', { detail: `there is no target ${target}` });
  const { mailer } = deps;
  if (!mailer)
    throw new FootbridgeError('config_invalid', {
      detail: 'links are sent by mail, and the settings have no `mail`',
    });
  if (request.organizations && !settings.organizations)
    throw new FootbridgeError('bad_request', {
      detail: `\`claimTokens\` says nothing of organizations at ${target}`,
    });
  const remedy = until ? 'claim-reminder' : 'claim';
  await checkCampaign(deps.db, { campaign, target, remedy });
  return {
    ...{ campaign, target, remedy, settings, to, mailer, language },
    clock: deps.clock ?? systemClock,
    intervalMs: intervalOf(request.perHour, mailer.perMinute),
    letter: ({ link, expiresAt, organization }) =>
      until
        ? { letter: 'claim-reminder', link, expiresAt, until }
        : { letter: 'claim-account', link, expiresAt, ...(organization ? { organization } : {}) },
  };
}

/** Why nobody writes to somebody, now or when their turn has come. */
export const NOT_WRITTEN_TO = {
  not_asked: 'Not asked for: the filters do not fit them.',
  disabled: 'They are disabled in the legacy store.',
  locked: 'They are locked in the legacy store.',
  gone: 'The legacy store has them no more.',
  cannot_be_mapped: 'Their record cannot be read: look at the mapping.',
  excluded: 'They are excluded from the migration.',
  deleted: 'They were deleted.',
  linked: 'Their account is linked.',
  excepted: 'Their old login goes on: they are an exception.',
  no_verified_address: 'No email address of theirs was verified: mail could reach somebody else.',
  no_organization: 'They own no organization.',
  person_first: 'They have to link their own account first.',
  organization_linked: 'Their organization is linked.',
  not_owner: 'The organization is theirs no more.',
} as const satisfies Record<string, string>;
export type NotWrittenTo = keyof typeof NOT_WRITTEN_TO;
