/** What a campaign would do, without doing it: how many, how long, and one of the mails. */

import type { Letter } from '../../mail/letters.ts';
import { LINK_PLACEHOLDER } from '../../mail/letters.ts';
import { Secret } from '../../settings.ts';
import type { Addressee, MailingCount } from '../mailings/mailing.ts';
import { countKnown, countMailings } from '../mailings/mailings.ts';
import { hoursFor } from '../mailings/run.ts';
import { written } from '../mailings/sending.ts';
import type { CampaignDeps, CampaignRequest, OpenCampaign } from './campaign.ts';
import { addressees, openCampaign } from './campaign.ts';
import type { SkipCode } from './recipient.ts';
import { lookUp } from './recipient.ts';
import type { Way } from './sending.ts';

export interface Rehearsal {
  readonly campaign: string;
  readonly target: string;
  readonly way: Way;
  /** People of the batch whom it is for. */
  readonly meant: number;
  /** Of them, who is not in the campaign yet. */
  readonly fresh: number;
  /** Of earlier runs. */
  readonly counts: readonly MailingCount[];
  /** How long it takes for all who wait, if nobody is skipped. */
  readonly hours: number;
  readonly sample: Sample | undefined;
  /** People who were looked at for the sample and would be skipped. */
  readonly skipped: readonly { readonly sub: string; readonly code: SkipCode }[];
}

export interface Sample {
  readonly sub: string;
  readonly to: string;
  /** Absent where the target writes, and we do not. */
  readonly mail?: { readonly subject: string; readonly text: string; readonly html: string };
}

/** People looked at, at most, to find one who would get a mail. */
const MAX_LOOKS = 20;
const COUNTED_AT_ONCE = 1_000;

/** Throws as `openCampaign`, and legacy_unavailable, target_unavailable; writes nothing, and asks for no link. */
export async function rehearse(deps: CampaignDeps, request: CampaignRequest): Promise<Rehearsal> {
  const opened = await openCampaign(deps, request);
  const { campaign, target, way, intervalMs } = opened;
  const { meant, known, first } = await countAddressees(deps, opened, request);
  const counts = await countMailings(deps.db, campaign);
  const fresh = meant - known;
  const waiting = counts.reduce((sum, { state, users }) => sum + (state === 'waiting' ? users : 0), 0);
  const hours = hoursFor(fresh + waiting, intervalMs);
  const { sample, skipped } = await sampleOf(deps, { opened, request }, first);
  return { campaign, target, way, meant, fresh, counts, hours, sample, skipped };
}

async function countAddressees(deps: CampaignDeps, opened: OpenCampaign, request: CampaignRequest) {
  const first: Addressee[] = [];
  let [meant, known] = [0, 0];
  let people: Addressee[] = [];
  const count = async () => {
    if (people.length > 0) known += await countKnown(deps.db, opened.campaign, people);
    people = [];
  };
  for await (const person of addressees(deps, opened, request)) {
    meant += 1;
    if (first.length < MAX_LOOKS) first.push(person);
    people.push(person);
    if (people.length === COUNTED_AT_ONCE) await count();
  }
  await count();
  return { meant, known, first };
}

async function sampleOf(
  { db, directory, mailer }: CampaignDeps,
  { opened, request }: { readonly opened: OpenCampaign; readonly request: CampaignRequest },
  people: readonly Addressee[],
) {
  const { target, remedy, connection, way, to } = opened;
  const skipped: { sub: string; code: SkipCode }[] = [];
  for (const person of people) {
    const asked = { ...person, target, remedy, isByTarget: way === 'target' };
    const look = await lookUp({ db, directory, connection }, asked);
    if (look.kind === 'skip') skipped.push({ sub: person.sub, code: look.code });
    if (look.kind !== 'write') continue;
    const { recipient } = look;
    const letter = letterFor(opened, request);
    const sent = { target: to, language: request.language };
    const mail = letter && mailer ? { mail: written({ ...sent, mailer }, recipient, letter) } : {};
    return { sample: { sub: person.sub, to: recipient.to.address, ...mail }, skipped };
  }
  return { sample: undefined, skipped };
}

function letterFor({ way }: OpenCampaign, { announce }: CampaignRequest): Letter | undefined {
  const link = new Secret(LINK_PLACEHOLDER);
  if (way === 'link') return { letter: 'choose-password', link };
  if (way === 'login') return { letter: 'register-passkey', link };
  return announce ? { letter: 'password-reset-announced' } : undefined;
}
