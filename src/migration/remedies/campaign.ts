/**
 * A campaign: people of a batch are asked, one after the other, to do what only they can. It is as slow as it was told to
 * be, goes on after any kill, asks nobody twice, and stops when something is wrong with all of them.
 */
import { FootbridgeError } from '../../errors.ts';
import type { Directory } from '../../legacy/directory.ts';
import type { MailLocale } from '../../mail/letters.ts';
import type { Mailer } from '../../mail/mailer.ts';
import type { Clock } from '../../mail/pace.ts';
import { systemClock } from '../../mail/pace.ts';
import type { Db } from '../../store/db.ts';
import type { TargetConnection } from '../../targets/connection.ts';
import type { Target, Targets } from '../../targets/target.ts';
import type { BatchState } from '../batch/batch.ts';
import type { Batches } from '../batch/batches.ts';
import type { Addressee, Campaign, MailingRemedy } from '../mailings/mailing.ts';
import { checkCampaign, enrol } from '../mailings/mailings.ts';
import { intervalOf } from '../mailings/run.ts';
import type { Patient } from './listing.ts';
import { patients } from './listing.ts';
import type { Remedy, Ways } from './remedies.ts';
import { resetOf, waysOf } from './remedies.ts';
import type { Way } from './sending.ts';

/** What people are asked to do: choose a password, or register a passkey again. */
export const CAMPAIGN_REMEDIES = ['reset', 'passkey'] as const satisfies readonly MailingRemedy[];
export type CampaignRemedy = (typeof CAMPAIGN_REMEDIES)[number];

export interface CampaignDeps {
  readonly db: Db;
  readonly directory: Pick<Directory, 'findBySub'>;
  readonly targets: Pick<Targets, 'byName' | 'connection'>;
  readonly batches: Pick<Batches, 'status' | 'users'>;
  /** Where the settings say how mail is sent. */
  readonly mailer?: Mailer | undefined;
  /** The audit log's pseudonym of a sub. */
  readonly pseudonym: (sub: string) => Buffer;
  readonly clock?: Clock | undefined;
}

export interface CampaignRequest {
  readonly batch: string;
  readonly remedy: CampaignRemedy;
  /** Its name; nobody gets two mails of one name. */
  readonly campaign: string;
  /** People per hour, over all nodes. */
  readonly perHour: number;
  /** At most so many in this run. */
  readonly limit?: number | undefined;
  readonly language?: MailLocale | undefined;
  /** Also those for whom it would be enough to log in once. */
  readonly alsoCapturable: boolean;
  readonly announce: boolean;
  readonly repeatUnsure: boolean;
  readonly repeatFailed: boolean;
}

/** A campaign whose ends are there. */
export interface OpenCampaign extends Campaign<CampaignRemedy> {
  readonly batch: string;
  readonly to: Target;
  readonly connection: TargetConnection;
  readonly way: Way;
  readonly ways: Ways;
  readonly clock: Clock;
  /** Between two people. */
  readonly intervalMs: number;
}

/** Before, nobody is at the target; after, nobody is any more. */
const SENT_STATES: readonly BatchState[] = ['running', 'paused', 'done'];

/**
 * Throws batch_not_found, batch_state, target_without_api; bad_request where the target knows no such way or the name is
 * another campaign's; config_invalid without a mail server where we are to write.
 */
export async function openCampaign(deps: CampaignDeps, request: CampaignRequest): Promise<OpenCampaign> {
  const { campaign, remedy, batch } = request;
  const { target, state } = await deps.batches.status(batch);
  if (!SENT_STATES.includes(state))
    throw new FootbridgeError('batch_state', { detail: `Nobody of a batch that is ${state} is written to.` });
  const [to, connection] = [deps.targets.byName(target), deps.targets.connection(target)];
  if (!to || !connection) throw new FootbridgeError('target_without_api');
  const ways = waysOf(to, connection);
  const way = wayFor(remedy, to, ways);
  const isOurs = way !== 'target' || request.announce;
  if (isOurs && !deps.mailer)
    throw new FootbridgeError('config_invalid', {
      detail: 'we are to send mail, and the settings have no `mail`',
    });
  await checkCampaign(deps.db, { campaign, target, remedy });
  return {
    ...{ campaign, target, remedy, batch, to, connection, way, ways },
    clock: deps.clock ?? systemClock,
    intervalMs: intervalOf(request.perHour, isOurs ? deps.mailer?.perMinute : undefined),
  };
}

function wayFor(remedy: CampaignRemedy, { displayName }: Target, ways: Ways): Way {
  if (remedy === 'passkey') return 'login';
  const reset = resetOf(ways);
  if (reset) return reset === 'reset-by-target' ? 'target' : 'link';
  const detail = `${displayName} neither mails people a way to a new password nor gives us a link to one`;
  throw new FootbridgeError('bad_request', { detail });
}

/** Whom a campaign is for, by what they need. */
const NEEDS: Readonly<Record<CampaignRemedy, readonly Remedy[]>> = {
  reset: ['reset-by-target', 'reset-by-us'],
  passkey: ['re-enrol-passkey'],
};

/** The people of the batch whom this campaign is for. */
export async function* addressees(
  { batches }: Pick<CampaignDeps, 'batches'>,
  { batch, ways, remedy }: Pick<OpenCampaign, 'batch' | 'ways' | 'remedy'>,
  { alsoCapturable }: Pick<CampaignRequest, 'alsoCapturable'>,
): AsyncGenerator<Addressee> {
  const isMeant = (needed: Remedy) =>
    NEEDS[remedy].includes(needed) || (alsoCapturable && remedy === 'reset' && needed === 'capture-at-login');
  for await (const { patient } of patients(batches, { batch, ways })) {
    const reason = reasonFor(patient, isMeant);
    if (reason) yield { sub: patient.sub, code: reason, batchedAt: patient.finishedAt };
  }
}

/** Why they are written to. Whoever is not there at all has nothing to choose a password for. */
function reasonFor(
  { prescriptions, outcome }: Patient,
  isMeant: (remedy: Remedy) => boolean,
): string | undefined {
  return outcome === 'created' ? prescriptions.find(({ remedy }) => isMeant(remedy))?.code : undefined;
}

/** People per statement. */
const ENROLLED_AT_ONCE = 1_000;

/** Writes everybody down before anybody is written to. How many are new. */
export async function enrolAll(
  deps: CampaignDeps,
  campaign: OpenCampaign,
  request: CampaignRequest,
): Promise<number> {
  let added = 0;
  let people: Addressee[] = [];
  const keep = async () => {
    if (people.length > 0)
      added += await enrol(deps.db, { ...campaign, nowMs: campaign.clock.nowMs() }, people);
    people = [];
  };
  for await (const person of addressees(deps, campaign, request)) {
    people.push(person);
    if (people.length === ENROLLED_AT_ONCE) await keep();
  }
  await keep();
  return added;
}
