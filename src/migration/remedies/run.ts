/** A campaign that runs: whose turn it is, when, and what became of them. */
import type { CampaignDeps, CampaignRequest, OpenCampaign } from './campaign.ts';
import { enrolAll, openCampaign } from './campaign.ts';
import type { Health, Stop } from './health.ts';
import { LIMIT, openHealth } from './health.ts';
import type { Mailing, MailingCount, MailingEnd, MailingProblem } from './mailings.ts';
import {
  announced,
  begin,
  claim,
  countMailings,
  finish,
  markUnsure,
  postpone,
  repeat,
  timesOf,
} from './mailings.ts';
import { lookUp } from './recipient.ts';
import type { Prepared, SendingDeps, Sent, Way } from './sending.ts';
import { prepare, send, targetFailure } from './sending.ts';

export interface RunContext {
  /** For the audit records. */
  readonly actor: string;
  readonly onProgress?:
    | ((progress: {
        readonly users: number;
        readonly total: number;
        readonly continuedFrom: number;
        readonly perSecond: number;
      }) => void)
    | undefined;
}

export interface CampaignReport {
  readonly campaign: string;
  readonly target: string;
  readonly way: Way;
  /** Of all runs. */
  readonly counts: readonly MailingCount[];
  /** Sent by this run. */
  readonly sent: number;
  /** Why it ended before everybody was asked. */
  readonly stopped: Stop | undefined;
}

/** A mailbox that is full for a day is full for good. */
const MAX_ATTEMPTS = 6;
const FIRST_DELAY_MS = 5 * 60_000;
const MAX_DELAY_MS = 60 * 60_000;

interface Run extends OpenCampaign, RunContext {
  readonly deps: CampaignDeps;
  readonly sending: SendingDeps;
  readonly health: Health;
  readonly limit: number;
  sent: number;
  /** May have been sent. */
  unsure: number;
  done: number;
  notBeforeMs: number;
}

/** Throws what `openCampaign` throws, and storage_unavailable; the same request goes on where this one ended. */
export async function runCampaign(
  deps: CampaignDeps,
  request: CampaignRequest,
  context: RunContext,
): Promise<CampaignReport> {
  const opened = await openCampaign(deps, request);
  const { campaign, target, way, clock } = opened;
  const { db } = deps;
  await enrolAll(deps, opened, request);
  await markUnsure(db, campaign);
  const again = { unsure: request.repeatUnsure, failed: request.repeatFailed };
  for (const state of ['unsure', 'failed'] as const)
    if (again[state]) await repeat(db, { campaign, state, nowMs: clock.nowMs() });
  const run = runOf(deps, { opened, request, context });
  const told = await progressOf(run);
  const stopped = await everybody(run, told);
  return { campaign, target, way, counts: await countMailings(db, campaign), sent: run.sent, stopped };
}

function runOf(
  deps: CampaignDeps,
  {
    opened,
    request,
    context,
  }: { readonly opened: OpenCampaign; readonly request: CampaignRequest; readonly context: RunContext },
): Run {
  const { to: target, connection, way } = opened;
  const { language, limit = Number.POSITIVE_INFINITY, announce: announces } = request;
  const sending = { target, connection, mailer: deps.mailer, way, language, announces };
  const health = openHealth();
  return { ...opened, ...context, deps, sending, health, limit, sent: 0, unsure: 0, done: 0, notBeforeMs: 0 };
}

async function progressOf({ deps, campaign, clock, onProgress }: Run) {
  const counts = await countMailings(deps.db, campaign);
  const sum = (some: readonly MailingCount[]) => some.reduce((all, { users }) => all + users, 0);
  const total = sum(counts);
  const continuedFrom = sum(counts.filter(({ state }) => state !== 'waiting' && state !== 'sending'));
  const startMs = clock.nowMs();
  return (done: number) => {
    const seconds = Math.max((clock.nowMs() - startMs) / 1_000, 0.001);
    // Campaigns are slow: a whole number would be 0.
    const perSecond = Math.round((done / seconds) * 1_000) / 1_000;
    onProgress?.({ users: continuedFrom + done, total, continuedFrom, perSecond });
  };
}

async function everybody(run: Run, told: (done: number) => void): Promise<Stop | undefined> {
  const { deps, campaign, clock } = run;
  for (;;) {
    const stop = run.health.stop() ?? (run.sent + run.unsure >= run.limit ? LIMIT : undefined);
    const waitMs = await waitFor(run);
    if (waitMs === undefined || stop) return waitMs === undefined ? undefined : stop;
    if (waitMs > 0) await clock.sleep(waitMs);
    const mailing = await claim(deps.db, { campaign, nowMs: clock.nowMs() });
    if (mailing) await one(run, mailing);
    told(run.done);
  }
}

/** Until the next one may be written to; undefined: nobody is left. */
async function waitFor({ deps, campaign, clock, intervalMs, notBeforeMs }: Run): Promise<number | undefined> {
  const nowMs = clock.nowMs();
  const { startedMs, dueMs } = await timesOf(deps.db, campaign, nowMs);
  if (dueMs === null) return undefined;
  const turnMs = startedMs === null ? nowMs : startedMs + intervalMs;
  return Math.max(dueMs, turnMs, notBeforeMs) - nowMs;
}

async function one(run: Run, mailing: Mailing): Promise<void> {
  const { deps, clock, intervalMs } = run;
  const prepared = await ready(run, mailing);
  if (!prepared) return;
  const nowMs = clock.nowMs();
  // Another node has taken this turn.
  if (!(await begin(deps.db, mailing, { nowMs, intervalMs })))
    return postpone(deps.db, mailing, { dueMs: nowMs, counts: false });
  const sent = await send(run.sending, prepared, {
    isOut: mailing.announcedAt !== null,
    onAnnounced: () => announced(deps.db, mailing, clock.nowMs()),
  });
  await settle(run, mailing, sent);
}

/** Looked up on all sides, and ready to go out; undefined: that has settled it. */
async function ready(run: Run, mailing: Mailing): Promise<Prepared | undefined> {
  const { deps, connection, way } = run;
  try {
    const look = await lookUp({ ...deps, connection }, { ...mailing, isByTarget: way === 'target' });
    if (look.kind === 'write') return await prepare(run.sending, look.recipient);
    if (look.kind === 'skip') await end(run, mailing, { state: 'skipped', problem: { code: look.code } });
    else await settle(run, mailing, { kind: 'failed', problem: { code: look.code } });
  } catch (error) {
    await settle(run, mailing, targetFailure(error));
  }
  return undefined;
}

async function settle(run: Run, mailing: Mailing, sent: Sent): Promise<void> {
  const { deps, clock, health } = run;
  switch (sent.kind) {
    case 'sent':
      run.sent += 1;
      health.reached();
      return end(run, mailing, { state: 'sent' });
    case 'failed':
      health.failed();
      return end(run, mailing, { state: 'failed', problem: sent.problem });
    case 'unsure':
      run.unsure += 1;
      run.notBeforeMs = clock.nowMs() + health.away();
      return end(run, mailing, { state: 'unsure', problem: sent.problem });
    case 'later':
      return later(run, mailing, sent.problem);
    default: {
      const nowMs = clock.nowMs();
      run.notBeforeMs = nowMs + health.away(sent.retryAfterSeconds);
      return postpone(deps.db, mailing, { dueMs: nowMs, counts: false, problem: sent.problem });
    }
  }
}

async function later(run: Run, mailing: Mailing, problem: MailingProblem): Promise<void> {
  const { attempts } = mailing;
  if (attempts + 1 >= MAX_ATTEMPTS) return settle(run, mailing, { kind: 'failed', problem });
  const dueMs = run.clock.nowMs() + Math.min(FIRST_DELAY_MS * 2 ** attempts, MAX_DELAY_MS);
  await postpone(run.deps.db, mailing, { dueMs, counts: true, problem });
}

async function end(run: Run, mailing: Mailing, how: Pick<MailingEnd, 'state' | 'problem'>): Promise<void> {
  const { deps, clock, actor } = run;
  await finish(deps.db, mailing, {
    ...how,
    ...{ nowMs: clock.nowMs(), actor, subject: deps.pseudonym(mailing.sub) },
  });
  run.done += 1;
}
