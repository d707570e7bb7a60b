/** The end of it: who does not come by themselves, what writing to them costs, and the day on which the legacy store can go. */
import type { CensusTally } from './census-tally.ts';
import { BARRED, LONGER, NEVER } from './census-tally.ts';

/** Letters to those who are left: they set a password at the target, or do not answer. Money is in the operator's currency. */
export interface Campaign {
  readonly costPerMail: number;
  /** Of those who are written to: who asks the support. */
  readonly supportShare: number;
  readonly costPerRequest: number;
  /** Who does what the letter asks for. */
  readonly answerShare: number;
  /** So long people have, reminders included. */
  readonly days: number;
}

export interface Tail {
  /** Not at the target at the end of what was looked at. */
  readonly people: number;
  /** Of everybody in the legacy store, and somebody may be in several of these. */
  readonly neverLoggedIn: number;
  readonly longAgo: number;
  /** Disabled, or no user by the mapping. */
  readonly barred: number;
  readonly inNoPhase: number;
}

export interface CampaignPlan {
  /** Days from today. */
  readonly begins: number;
  readonly mails: number;
  readonly answers: number;
  readonly requests: number;
  readonly cost: number;
}

export interface End {
  /** Days from today: enough people are there, and the campaign is over. */
  readonly day: number;
  readonly coverage: number;
  readonly campaign: CampaignPlan;
  /** Who is left then: for a batch, or not missed. */
  readonly left: number;
}

export function tailOf({ all, cells }: CensusTally, arrived: number): Tail {
  return {
    people: Math.max(0, all.people - arrived),
    neverLoggedIn: all.ages[NEVER] ?? 0,
    longAgo: all.ages[LONGER] ?? 0,
    barred: all.ages[BARRED] ?? 0,
    inNoPhase: Object.values(cells).reduce((sum, { fits, people }) => sum + (fits.length ? 0 : people), 0),
  };
}

export interface EndAsked {
  /** People who are there, by day from today. */
  readonly arrived: Float64Array;
  readonly people: number;
  readonly barred: number;
  readonly goal: number;
  readonly campaign: Campaign;
  /** The last phase has begun: before it nobody can be told to go. Null: it does not begin in this time. */
  readonly ready: number | null;
}

/** The first day on which a campaign that begins reaches the goal; undefined: none does in this time. */
export function endOf({ arrived, people, barred, goal, campaign, ready }: EndAsked): End | undefined {
  if (people === 0 || ready === null) return undefined;
  for (let begins = Math.ceil(ready); begins + campaign.days < arrived.length; begins += 1) {
    const day = begins + campaign.days;
    // Nobody who is barred is written to.
    const left = (at: number) => Math.max(0, people - barred - arrived[at]!);
    const answers = left(day) * campaign.answerShare;
    const there = arrived[day]! + answers;
    if (there / people < goal) continue;
    const [mails, requests] = [left(begins), left(begins) * campaign.supportShare];
    return {
      ...{ day, coverage: there / people, left: people - there },
      campaign: {
        ...{ begins, mails, answers, requests },
        cost: mails * campaign.costPerMail + requests * campaign.costPerRequest,
      },
    };
  }
  return undefined;
}
