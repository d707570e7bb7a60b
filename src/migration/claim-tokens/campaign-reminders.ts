/**
 * Reminders that the old login ends. Each is a campaign of its own, named for its rule and day: the legacy store is read once
 * for it, and one node at a time sends it, for about half a minute before it looks again at what operators have said.
 */
import { randomUUID } from 'node:crypto';
import type { Selection } from '../batch/selection.ts';
import { planOf } from '../batch/selection.ts';
import type { Audience } from '../mailings/campaigns.ts';
import { leaveCampaign, takeCampaign } from '../mailings/campaigns.ts';
import type { Stop } from '../mailings/health.ts';
import { INTERRUPTED } from '../mailings/health.ts';
import { timesOf } from '../mailings/mailings.ts';
import { runMailings } from '../mailings/run.ts';
import type { ClaimCampaignDeps, NotWrittenTo, OpenClaimCampaign } from './campaign.ts';
import { openClaimCampaign } from './campaign.ts';
import { enrolClaimants } from './campaign-enrolment.ts';
import type { DueReminder } from './campaign-reminder-days.ts';
import { dueReminder, reminderName } from './campaign-reminder-days.ts';
import { claimErrand } from './campaign-sending.ts';
import type { ClaimTokenSettings, EnforcementRule } from './claim-settings.ts';
import { ruleFor } from './enforcement.ts';
import { exceptedAmong } from './exceptions.ts';
import type { Claimant } from './issuing.ts';
import { isPaused } from './rules.ts';

export interface RemindersDeps extends ClaimCampaignDeps {
  /** Told of what kept a reminder from going on; the next round tries again. */
  readonly onError?: ((error: unknown) => void) | undefined;
  /** Told when a reminder does no good at the moment, and is left alone for a while. */
  readonly onStopped?: ((campaign: string, stop: Stop) => void) | undefined;
}

export interface Reminders {
  /** Sends what is due, for about half a minute. Never throws. */
  round(): Promise<void>;
  /** No more begin; waits for the letters that are under way. */
  close(): Promise<void>;
}

/** For the audit log. */
const ACTOR = 'footbridge';
const ROUND_MS = 30_000;
/** A node that has died is waited for so long. Longer than a page of the legacy store takes, and than a round. */
const LEASE_SECONDS = 180;
/** What is wrong with everybody's letters is for an operator; what does not answer comes back by itself. */
const REST_SECONDS = { too_many_failures: 3_600, unavailable: 300, limit: 0, interrupted: 0 } as const;
const AWAY: Stop = { code: 'unavailable', sentence: 'The mail server takes no mail from us at the moment.' };
/** Reminders that one node sends at once: each has a pace of its own. */
const AT_ONCE = 4;

/** Without a mail server nobody is reminded. */
export function openReminders(deps: RemindersDeps): Reminders {
  const closing = new AbortController();
  const told = (error: unknown) => deps.onError?.(error);
  let underWay: Promise<void> = Promise.resolve();
  const round = async () => {
    const due = deps.mailer ? dueIn(deps) : [];
    for (let at = 0; at < due.length && !closing.signal.aborted; at += AT_ONCE) {
      const some = due.slice(at, at + AT_ONCE);
      await Promise.all(some.map((one) => remind(deps, one, closing.signal).catch(told)));
    }
  };
  return {
    round() {
      underWay = underWay.then(round).catch(told);
      return underWay;
    },
    async close() {
      closing.abort();
      await underWay;
    },
  };
}

interface Reminder extends DueReminder {
  readonly settings: ClaimTokenSettings;
  readonly rule: EnforcementRule;
  readonly campaign: string;
}

const nowOf = ({ clock }: ClaimCampaignDeps) => clock?.nowMs() ?? Date.now();

function dueIn(deps: RemindersDeps): Reminder[] {
  const nowMs = nowOf(deps);
  return deps.claimTokens.flatMap((settings) =>
    settings.enforcement.flatMap((rule) => {
      const due = dueReminder(rule, nowMs);
      const campaign = due && reminderName(settings.target, rule.name, due.day);
      return due && campaign ? [{ ...due, settings, rule, campaign }] : [];
    }),
  );
}

async function remind(deps: RemindersDeps, reminder: Reminder, signal: AbortSignal): Promise<void> {
  const { settings, rule, campaign, until } = reminder;
  const { target } = settings;
  if (await isPaused(deps.db, target, rule.name)) return;
  const selection: Selection = { ...rule.who, target, states: ['active'], order: 'id' };
  const audience = { campaign, target, plan: planOf(selection) };
  const lease = randomUUID();
  if (!(await takeCampaign(deps.db, audience, { lease, seconds: LEASE_SECONDS }))) return;
  let rest = 0;
  try {
    const asked = { campaign, target, until, organizations: false, perHour: settings.remindersPerHour };
    const opened = await openClaimCampaign(deps, { ...asked, language: undefined });
    const taken = { lease, audience, selection, opened, signal };
    const stop = await written(deps, reminder, taken);
    if (stop) rest = REST_SECONDS[stop.code];
    if (stop && rest > 0) deps.onStopped?.(campaign, stop);
  } finally {
    await leaveCampaign(deps.db, campaign, { lease, seconds: rest }).catch(() => undefined);
  }
}

interface Taken {
  readonly lease: string;
  readonly audience: Audience;
  readonly selection: Selection;
  readonly opened: OpenClaimCampaign;
  readonly signal: AbortSignal;
}

/** Everybody is written down, and then written to. */
async function written(deps: RemindersDeps, reminder: Reminder, taken: Taken): Promise<Stop | undefined> {
  const { db } = deps;
  const { settings, rule, campaign } = reminder;
  const { lease, audience, selection, opened, signal } = taken;
  const fits = ({ entry }: Pick<Claimant, 'entry'>) => ruleFor(settings, entry)?.name === rule.name;
  const enrolment = await enrolClaimants(deps, opened, {
    ...{ selection, organizations: false, plan: audience.plan, again: false },
    isMeant: (entry) => fits({ entry }),
    excepted: (subs) => exceptedAmong(db, settings.target, subs),
    stops: () => (signal.aborted ? INTERRUPTED : undefined),
    onPage: async () =>
      (await takeCampaign(db, audience, { lease, seconds: LEASE_SECONDS })) &&
      !(await isOver(deps, reminder)),
  });
  if (!enrolment.isRead) return enrolment.stopped;
  const untilMs = Math.min(nowOf(deps) + ROUND_MS, reminder.until.getTime());
  const { dueMs } = await timesOf(db, campaign, nowOf(deps));
  if (dueMs === null || dueMs > untilMs) return undefined;
  // Each try would make a link, and take it back.
  if ((await opened.mailer.check()).kind !== 'sent') return AWAY;
  let isPausedNow = false;
  const stops = () => (isPausedNow || signal.aborted || nowOf(deps) > untilMs ? INTERRUPTED : undefined);
  const look = async (claimant: Claimant): Promise<NotWrittenTo | 'stop' | undefined> => {
    isPausedNow = await isOver(deps, reminder);
    if (isPausedNow) return 'stop';
    if (!fits(claimant)) return 'not_asked';
    const { sub } = claimant.entry.user;
    return (await exceptedAmong(db, settings.target, [sub])).has(sub) ? 'excepted' : undefined;
  };
  const run = { ...deps, clock: opened.clock, actor: ACTOR, stops };
  const { intervalMs } = opened;
  const request = { campaign, target: settings.target, intervalMs, repeatUnsure: false, repeatFailed: false };
  return (await runMailings(run, request, claimErrand(deps, opened, { actor: ACTOR, look }))).stopped;
}

/** An operator has stopped the rule, or the old login has ended meanwhile. */
const isOver = async (deps: RemindersDeps, { settings, rule, until }: Reminder): Promise<boolean> =>
  nowOf(deps) > until.getTime() || isPaused(deps.db, settings.target, rule.name);
