/** A campaign that runs: whose turn it is, when, and what became of them. */
import type { Clock } from '../../mail/pace.ts';
import type { Queryable } from '../../store/db.ts';
import type { Part } from '../../store/statement.ts';
import { openCampaignRow } from './campaigns.ts';
import type { Health, Stop } from './health.ts';
import { LIMIT, openHealth } from './health.ts';
import type { Mailing, MailingCount, MailingEnd, MailingProblem } from './mailing.ts';
import type { Beginning } from './mailings.ts';
import {
  announced,
  BEGUN,
  begin,
  claim,
  countMailings,
  finish,
  markUnsure,
  postpone,
  repeat,
  timesOf,
} from './mailings.ts';
import type { Sent } from './sending.ts';
import { failureOf } from './sending.ts';

export interface RunContext {
  /** For the audit records. */
  readonly actor: string;
  readonly onProgress?:
    | ((progress: {
        readonly users: number;
        readonly total: number | undefined;
        readonly continuedFrom: number;
        readonly perSecond: number;
        readonly note?: { readonly code: string; readonly sentence: string };
      }) => void)
    | undefined;
  /** Asked before each letter, and about once a second while it is waited for: why no more are to go out. */
  readonly stops?: (() => Stop | undefined) | undefined;
}

export type Readiness<Ready> =
  | { readonly kind: 'write'; readonly ready: Ready }
  | { readonly kind: 'skip'; readonly code: string }
  /** Nobody is to be written to any more: `stops` says why from now on. */
  | { readonly kind: 'stop' }
  /** Their record cannot be read as it is. */
  | { readonly kind: 'failed'; readonly code: string };

/** What is done for one person of a campaign. */
export interface Errand<Ready, Begun> {
  /** Looked up on all sides, and all that can be asked beforehand. Throws what `failureOf` knows, and storage_unavailable. */
  prepare(mailing: Mailing): Promise<Readiness<Ready>>;
  /** What is written together with that it may go out from now on; `begun` gets the row that was asked for. */
  begin(ready: Ready, mailing: Mailing): Partial<Beginning> & { readonly begun: (row: unknown) => Begun };
  /** Never throws for what the other side does. */
  send(begun: Begun, mailing: Mailing, onAnnounced: () => Promise<void>): Promise<Sent>;
}

export interface RunDeps {
  readonly db: Queryable;
  readonly clock: Clock;
  /** The audit log's pseudonym of a sub. */
  readonly pseudonym: (sub: string) => Buffer;
}

export interface RunRequest {
  readonly campaign: string;
  readonly target: string;
  /** Between two people. */
  readonly intervalMs: number;
  /** At most so many in this run. */
  readonly limit?: number | undefined;
  readonly repeatUnsure: boolean;
  readonly repeatFailed: boolean;
}

export interface RunReport {
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
const HOUR_MS = 3_600_000;
const MINUTE_MS = 60_000;
/** Between two looks at `stops`. */
const LOOK_MS = 1_000;

/** Between two people: as slow as the slower one wants it. Whole milliseconds, as our database's times are read. */
export const intervalOf = (perHour: number, mailsPerMinute: number | undefined): number =>
  Math.ceil(Math.max(HOUR_MS / perHour, mailsPerMinute === undefined ? 0 : MINUTE_MS / mailsPerMinute));

/** How long it takes for so many, in hours. */
export const hoursFor = (people: number, intervalMs: number): number => (people * intervalMs) / HOUR_MS;

interface Run<Ready, Begun> extends RunDeps, RunRequest, RunContext {
  readonly errand: Errand<Ready, Begun>;
  readonly health: Health;
  sent: number;
  /** May have been sent. */
  unsure: number;
  done: number;
  notBeforeMs: number;
}

/** Writes to everybody who was written down. Throws storage_unavailable; the same request goes on where this one ended. */
export async function runMailings<Ready, Begun>(
  deps: RunDeps & RunContext,
  request: RunRequest,
  errand: Errand<Ready, Begun>,
): Promise<RunReport> {
  const { db, clock } = deps;
  const { campaign, target, repeatUnsure, repeatFailed } = request;
  await openCampaignRow(db, campaign, target);
  await markUnsure(db, campaign);
  const nowMs = clock.nowMs();
  if (repeatUnsure) await repeat(db, { campaign, state: 'unsure', nowMs });
  if (repeatFailed) await repeat(db, { campaign, state: 'failed', nowMs });
  const run = {
    ...deps,
    ...request,
    errand,
    health: openHealth(),
    sent: 0,
    unsure: 0,
    done: 0,
    notBeforeMs: 0,
  };
  const told = await progressOf(run);
  const stopped = await everybody(run, told);
  return { counts: await countMailings(db, campaign), sent: run.sent, stopped };
}

async function progressOf({
  db,
  campaign,
  clock,
  onProgress,
}: Pick<RunDeps & RunRequest & RunContext, 'db' | 'campaign' | 'clock' | 'onProgress'>) {
  if (!onProgress) return () => undefined;
  const counts = await countMailings(db, campaign);
  const sum = (some: readonly MailingCount[]) => some.reduce((all, { users }) => all + users, 0);
  const total = sum(counts);
  const continuedFrom = sum(counts.filter(({ state }) => state !== 'waiting' && state !== 'sending'));
  const startMs = clock.nowMs();
  return (done: number) => {
    const seconds = Math.max((clock.nowMs() - startMs) / 1_000, 0.001);
    // Campaigns are slow: a whole number would be 0.
    const perSecond = Math.round((done / seconds) * 1_000) / 1_000;
    onProgress({ users: continuedFrom + done, total, continuedFrom, perSecond });
  };
}

async function everybody<Ready, Begun>(
  run: Run<Ready, Begun>,
  told: (done: number) => void,
): Promise<Stop | undefined> {
  const { db, campaign, clock, intervalMs, limit = Number.POSITIVE_INFINITY } = run;
  for (;;) {
    const stop = run.health.stop() ?? (run.sent + run.unsure >= limit ? LIMIT : run.stops?.());
    const nowMs = clock.nowMs();
    const isHeldUp = stop !== undefined || nowMs < run.notBeforeMs;
    const mailing = isHeldUp ? undefined : await claim(db, campaign, { nowMs, intervalMs });
    if (mailing) {
      await one(run, mailing);
      told(run.done);
      continue;
    }
    const waitMs = await waitFor(run);
    if (waitMs === undefined || stop) return waitMs === undefined ? undefined : stop;
    if (waitMs > 0) await waited(run, waitMs);
  }
}

/** Until the next one may be written to; undefined: nobody is left. */
async function waitFor({
  db,
  campaign,
  clock,
  intervalMs,
  notBeforeMs,
}: Pick<Run<unknown, unknown>, 'db' | 'campaign' | 'clock' | 'intervalMs' | 'notBeforeMs'>) {
  const nowMs = clock.nowMs();
  const { startedMs, dueMs } = await timesOf(db, campaign, nowMs);
  if (dueMs === null) return undefined;
  const turnMs = startedMs === null ? nowMs : startedMs + intervalMs;
  return Math.max(dueMs, turnMs, notBeforeMs) - nowMs;
}

async function waited({ clock, stops }: Pick<RunDeps & RunContext, 'clock' | 'stops'>, waitMs: number) {
  if (!stops) return clock.sleep(waitMs);
  for (let leftMs = waitMs; leftMs > 0 && !stops(); leftMs -= LOOK_MS)
    await clock.sleep(Math.min(leftMs, LOOK_MS));
}

async function one<Ready, Begun>(run: Run<Ready, Begun>, mailing: Mailing): Promise<void> {
  const { db, clock, intervalMs, errand } = run;
  const prepared = await prepare(run, mailing);
  if (!prepared) return;
  const { ready } = prepared;
  const nowMs = clock.nowMs();
  const { parts = [], row = BEGUN, begun } = errand.begin(ready, mailing);
  const began = await begin(db, mailing, { nowMs, intervalMs }, { parts, row });
  // Another node has taken this turn.
  if (!began) return postpone(db, mailing, { dueMs: nowMs, counts: false });
  const onAnnounced = () => announced(db, mailing, clock.nowMs());
  await settle(run, mailing, await errand.send(begun(began.row), mailing, onAnnounced));
}

/** Undefined: that has settled it. */
async function prepare<Ready, Begun>(
  run: Run<Ready, Begun>,
  mailing: Mailing,
): Promise<{ readonly ready: Ready } | undefined> {
  try {
    const look = await run.errand.prepare(mailing);
    if (look.kind === 'write') return look;
    if (look.kind === 'stop') await postpone(run.db, mailing, { dueMs: run.clock.nowMs(), counts: false });
    else if (look.kind === 'skip')
      await end(run, mailing, { state: 'skipped', problem: { code: look.code } });
    else await settle(run, mailing, { kind: 'failed', problem: { code: look.code } });
  } catch (error) {
    await settle(run, mailing, failureOf(error));
  }
  return undefined;
}

async function settle<Ready, Begun>(run: Run<Ready, Begun>, mailing: Mailing, sent: Sent): Promise<void> {
  const { db, clock, health } = run;
  switch (sent.kind) {
    case 'sent':
      run.sent += 1;
      health.reached();
      return end(run, mailing, { state: 'sent' }, sent.parts);
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
      return postpone(db, mailing, { dueMs: nowMs, counts: false, problem: sent.problem });
    }
  }
}

async function later<Ready, Begun>(
  run: Run<Ready, Begun>,
  mailing: Mailing,
  problem: MailingProblem,
): Promise<void> {
  const { attempts } = mailing;
  if (attempts + 1 >= MAX_ATTEMPTS) return settle(run, mailing, { kind: 'failed', problem });
  const dueMs = run.clock.nowMs() + Math.min(FIRST_DELAY_MS * 2 ** attempts, MAX_DELAY_MS);
  await postpone(run.db, mailing, { dueMs, counts: true, problem });
}

async function end<Ready, Begun>(
  run: Run<Ready, Begun>,
  mailing: Mailing,
  how: Pick<MailingEnd, 'state' | 'problem'>,
  parts?: readonly Part[],
): Promise<void> {
  const { db, clock, actor, pseudonym } = run;
  const told = { ...how, nowMs: clock.nowMs(), actor, subject: pseudonym(mailing.sub) };
  await finish(db, mailing, told, parts);
  run.done += 1;
}
