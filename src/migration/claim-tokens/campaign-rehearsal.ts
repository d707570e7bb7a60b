/** What a campaign of claim tokens would do, without doing it: who, why others not, how long, and one of the letters. */
import { LINK_PLACEHOLDER } from '../../mail/letters.ts';
import { Secret } from '../../settings.ts';
import type { Addressee, MailingCount } from '../mailings/mailing.ts';
import { countKnown, countMailings } from '../mailings/mailings.ts';
import { recipientOf } from '../mailings/recipient.ts';
import type { RunContext } from '../mailings/run.ts';
import { hoursFor } from '../mailings/run.ts';
import { written } from '../mailings/sending.ts';
import { hasSecondFactor } from '../moving/target-user.ts';
import type { ClaimCampaignDeps, ClaimCampaignRequest, NotWrittenTo, OpenClaimCampaign } from './campaign.ts';
import { openClaimCampaign } from './campaign.ts';
import { progressOf } from './campaign-enrolment.ts';
import type { Judged } from './campaign-people.ts';
import { judgedPages } from './campaign-people.ts';

export interface ClaimRehearsal {
  readonly campaign: string;
  readonly target: string;
  readonly organizations: boolean;
  /** People who were looked at. */
  readonly read: number;
  /** Letters that there are reasons for; one for each organization. */
  readonly meant: number;
  /** Of them, those that are not in the campaign yet. */
  readonly fresh: number;
  readonly leftOut: readonly {
    readonly reason: NotWrittenTo;
    readonly users: number;
    readonly examples: readonly string[];
  }[];
  /** Organizations beyond what one owner is written to about. */
  readonly beyond: number;
  /** Of those who would be written to: who has to log in here as well before the link is followed. */
  readonly logIn: { readonly users: number; readonly rule: 'always' | 'second-factor' | 'never' };
  /** Of earlier runs. */
  readonly counts: readonly MailingCount[];
  /** How long it takes for all who wait, if nobody is skipped. */
  readonly hours: number;
  readonly sample: ClaimSample | undefined;
}

export interface ClaimSample {
  readonly sub: string;
  readonly to: string;
  readonly mail: { readonly subject: string; readonly text: string; readonly html: string };
}

/** Throws as `openClaimCampaign` and `judgedPages`; writes nothing, and issues no link. */
export async function rehearseClaims(
  deps: ClaimCampaignDeps,
  request: ClaimCampaignRequest,
  context: Pick<RunContext, 'onProgress'> = {},
): Promise<ClaimRehearsal> {
  const { selection, organizations } = request;
  const opened = await openClaimCampaign(deps, { ...request, target: selection.target });
  const { campaign, target, clock, intervalMs, settings } = opened;
  const told = await progressOf(deps, context);
  const tally = emptyTally();
  const since = { after: '', nowSeconds: clock.nowMs() / 1_000 };
  for await (const { people } of judgedPages(deps, { selection, organizations, target }, since)) {
    for (const one of people) count(tally, one);
    const letters = people.flatMap((one) => one.letters);
    if (letters.length > 0) tally.known += await knownOf(deps, campaign, letters);
    told(people.length);
  }
  const counts = await countMailings(deps.db, campaign);
  const { read, meant, known, beyond, withFactor, first } = tally;
  const waiting = counts.reduce((sum, { state, users }) => sum + (state === 'waiting' ? users : 0), 0);
  const rule = settings.legacyLogin;
  const loggingIn = { always: tally.people, 'second-factor': withFactor, never: 0 };
  return {
    ...{ campaign, target, organizations, read, meant, fresh: meant - known, beyond, counts },
    leftOut: leftOutOf(tally),
    logIn: { users: loggingIn[rule], rule },
    hours: hoursFor(meant - known + waiting, intervalMs),
    sample: first && sampleOf(deps, opened, first),
  };
}

/** Letters per statement. */
const COUNTED_AT_ONCE = 1_000;

async function knownOf({ db }: ClaimCampaignDeps, campaign: string, letters: readonly Addressee[]) {
  let known = 0;
  for (let at = 0; at < letters.length; at += COUNTED_AT_ONCE)
    known += await countKnown(db, campaign, letters.slice(at, at + COUNTED_AT_ONCE));
  return known;
}

interface Tally {
  read: number;
  /** Who would be written to. */
  people: number;
  meant: number;
  known: number;
  beyond: number;
  withFactor: number;
  readonly leftOut: Map<NotWrittenTo, { users: number; readonly examples: string[] }>;
  first: Judged | undefined;
}

const emptyTally = (): Tally => ({
  ...{ read: 0, people: 0, meant: 0, known: 0, beyond: 0, withFactor: 0, first: undefined },
  leftOut: new Map(),
});

/** Never more than an operator looks up by hand. */
const MAX_EXAMPLES = 5;

function count(tally: Tally, judged: Judged): void {
  const { sub, entry, reason, letters, beyond } = judged;
  tally.read += 1;
  tally.beyond += beyond;
  if (reason) {
    const left = tally.leftOut.get(reason) ?? { users: 0, examples: [] };
    tally.leftOut.set(reason, left);
    left.users += 1;
    if (left.examples.length < MAX_EXAMPLES) left.examples.push(sub);
    return;
  }
  tally.people += 1;
  tally.meant += letters.length;
  tally.withFactor += Number(entry !== undefined && hasSecondFactor(entry.credentials));
  tally.first ??= judged;
}

const leftOutOf = ({ leftOut }: Tally): ClaimRehearsal['leftOut'] =>
  [...leftOut].map(([reason, left]) => ({ reason, ...left })).sort((a, b) => b.users - a.users);

function sampleOf(
  { directory }: ClaimCampaignDeps,
  opened: OpenClaimCampaign,
  { sub, entry, letters }: Judged,
): ClaimSample | undefined {
  const recipient = entry && recipientOf(entry.user);
  if (!entry || !recipient) return undefined;
  const { settings, clock, to, mailer, language } = opened;
  const key = letters[0]?.organization;
  const about = entry.user.organizations?.find(({ id }) => key && directory.organizationKey(sub, id) === key);
  const letter = opened.letter({
    link: new Secret(LINK_PLACEHOLDER),
    expiresAt: new Date(clock.nowMs() + settings.ttlHours * 3_600_000),
    organization: about?.name,
  });
  const { contact } = settings;
  const { subject, text, html } = written({ target: to, mailer, language, contact }, recipient, letter);
  return { sub, to: recipient.to.address, mail: { subject, text, html } };
}
