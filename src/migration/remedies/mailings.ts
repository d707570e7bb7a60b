/**
 * Who of a campaign was written to. A row is there before anybody is, says `sending` before a mail goes out, and is told
 * how that ended; so nobody gets two, whatever dies when. SMTP and targets give no receipt that survives a crash: a row
 * that is found in `sending` may have been sent, is `unsure`, and is not repeated unless somebody says so.
 */
import { randomUUID } from 'node:crypto';
import { FootbridgeError } from '../../errors.ts';
import { auditPart } from '../../store/audit-log.ts';
import type { Db, Queryable } from '../../store/db.ts';
import { statement } from '../../store/db.ts';
import type { Part } from '../../store/statement.ts';

export const MAILING_STATES = ['waiting', 'sending', 'sent', 'failed', 'skipped', 'unsure'] as const;
export type MailingState = (typeof MAILING_STATES)[number];

/** What people are asked to do: choose a password, or register a passkey again. */
export const CAMPAIGN_REMEDIES = ['reset', 'passkey'] as const;
export type CampaignRemedy = (typeof CAMPAIGN_REMEDIES)[number];

export interface Campaign {
  readonly campaign: string;
  readonly target: string;
  readonly remedy: CampaignRemedy;
}

export interface Addressee {
  readonly sub: string;
  /** Why it did not come along. */
  readonly code: string;
  /** When the batch was done with them. */
  readonly batchedAt: Date | null;
}

/** One that we have the lease of. */
export interface Mailing extends Campaign {
  readonly sub: string;
  readonly code: string | null;
  readonly batchedAt: Date | null;
  /** Tries that the recipient's side put off. */
  readonly attempts: number;
  readonly announcedAt: Date | null;
  readonly lease: string;
}

/** Longer than one mail can take: looking somebody up on both sides, a link, and the mail itself are each bounded. */
export const LEASE_SECONDS = 600;

const COLUMNS = `m.campaign, m.target, m.remedy, m.sub, m.code, m.batched_at as "batchedAt", m.attempts,
  m.announced_at as "announcedAt", m.lease`;

const OTHER = statement(
  'select target, remedy from mailings where campaign = $1 and (target <> $2 or remedy <> $3) limit 1',
);
const ENROL = statement(`with enrolled as (
    insert into mailings (campaign, target, remedy, batch, sub, code, batched_at, state, due_at)
    select $1, $2, $3, $4, u.sub, u.code, u.batched_at, 'waiting', $5::timestamptz
    from unnest($6::text[], $7::text[], $8::timestamptz[]) u(sub, code, batched_at)
    on conflict (campaign, sub) do nothing returning 1)
  select count(*)::int as users from enrolled`);

/** Throws bad_request where the name is another campaign's. */
export async function checkCampaign(q: Queryable, { campaign, target, remedy }: Campaign): Promise<void> {
  const [other] = await q.run<Campaign>(OTHER, [campaign, target, remedy]);
  if (!other) return;
  const detail = `${campaign} is a campaign for ${other.remedy} at ${other.target}: choose another name with --campaign`;
  throw new FootbridgeError('bad_request', { detail });
}

/** Whoever is in the campaign already stays once, in whatever state. How many are new. */
export async function enrol(
  q: Queryable,
  { campaign, target, remedy, batch, nowMs }: Campaign & { readonly batch: string; readonly nowMs: number },
  people: readonly Addressee[],
): Promise<number> {
  const [row] = await q.run<{ users: number }>(ENROL, [
    ...[campaign, target, remedy, batch, new Date(nowMs)],
    people.map(({ sub }) => sub),
    people.map(({ code }) => code),
    people.map(({ batchedAt }) => batchedAt),
  ]);
  return row?.users ?? 0;
}

const KNOWN = statement(
  'select count(*)::int as users from mailings where campaign = $1 and sub = any($2::text[])',
);

/** How many of these are in the campaign already. */
export async function countKnown(q: Queryable, campaign: string, subs: readonly string[]): Promise<number> {
  const [row] = await q.run<{ users: number }>(KNOWN, [campaign, subs]);
  return row?.users ?? 0;
}

const UNSURE = statement(`update mailings set state = 'unsure', lease = null, leased_until = null,
    problem = '{"code": "process_ended"}'
  where campaign = $1 and state = 'sending' and leased_until < now()`);

/** Those that were being sent when whoever sent them died. */
export async function markUnsure(q: Queryable, campaign: string): Promise<void> {
  await q.run(UNSURE, [campaign]);
}

const REPEAT = statement(`with again as (
    update mailings set state = 'waiting', due_at = $3, attempts = 0, problem = null
    where campaign = $1 and state = $2 returning 1)
  select count(*)::int as users from again`);

/** Once more to those who failed, or who may have got it already. How many. */
export async function repeat(
  q: Queryable,
  {
    campaign,
    state,
    nowMs,
  }: { readonly campaign: string; readonly state: 'failed' | 'unsure'; readonly nowMs: number },
): Promise<number> {
  const [row] = await q.run<{ users: number }>(REPEAT, [campaign, state, new Date(nowMs)]);
  return row?.users ?? 0;
}

const CLAIM = statement(`with due as materialized (
    select campaign, sub from mailings where campaign = $1 and state = 'waiting' and due_at <= $2::timestamptz
      and (leased_until is null or leased_until < now())
    order by due_at, sub limit 1 for update skip locked)
  update mailings m set lease = $3, leased_until = now() + interval '${LEASE_SECONDS} seconds' from due
  where m.campaign = due.campaign and m.sub = due.sub returning ${COLUMNS}`);

/** The next one that is due and that nobody works on. */
export async function claim(
  q: Queryable,
  { campaign, nowMs }: { readonly campaign: string; readonly nowMs: number },
): Promise<Mailing | undefined> {
  const [mailing] = await q.run<Mailing>(CLAIM, [campaign, new Date(nowMs), randomUUID()]);
  return mailing;
}

const TIMES = statement(`select
    (select extract(epoch from max(started_at)) * 1000 from mailings
      where campaign = $1 and started_at <= $2::timestamptz)::float8 as "startedMs",
    (select extract(epoch from min(due_at)) * 1000 from mailings where campaign = $1 and state = 'waiting'
      and (leased_until is null or leased_until < now()))::float8 as "dueMs"`);

export interface Times {
  /** When the last one went out; those that a clock ahead of ours has written do not count. */
  readonly startedMs: number | null;
  /** When the next one is due; null: none is left, but for those that others work on. */
  readonly dueMs: number | null;
}

export async function timesOf(q: Queryable, campaign: string, nowMs: number): Promise<Times> {
  const [times] = await q.run<Times>(TIMES, [campaign, new Date(nowMs)]);
  return times ?? { startedMs: null, dueMs: null };
}

/** Keeps two nodes from taking one turn. */
const LOCK = statement('select pg_advisory_xact_lock(hashtextextended($1, 1868522081))');
const BEGIN = statement(`update mailings m set state = 'sending', started_at = $4
  where campaign = $1 and sub = $2 and lease = $3 and state = 'waiting' and leased_until > now() and not exists (
    select from mailings where campaign = $1 and started_at > $5::timestamptz and started_at <= $4::timestamptz)
  returning 1`);

/** From here on it may go out. False: it is not our turn yet, or the lease has run out; nothing has changed. */
export function begin(
  db: Db,
  { campaign, sub, lease }: Mailing,
  { nowMs, intervalMs }: { readonly nowMs: number; readonly intervalMs: number },
): Promise<boolean> {
  return db.transaction(async (tx) => {
    await tx.run(LOCK, [campaign]);
    const [now, last] = [new Date(nowMs), new Date(nowMs - intervalMs)];
    return (await tx.run(BEGIN, [campaign, sub, lease, now, last])).length > 0;
  });
}

const ANNOUNCED = statement(
  'update mailings set announced_at = $4 where campaign = $1 and sub = $2 and lease = $3',
);

export async function announced(
  q: Queryable,
  { campaign, sub, lease }: Mailing,
  nowMs: number,
): Promise<void> {
  await q.run(ANNOUNCED, [campaign, sub, lease, new Date(nowMs)]);
}

/** Why somebody got none; no secrets, and no words of other systems. */
export interface MailingProblem {
  readonly code: string;
  readonly detail?: string;
}

export interface MailingEnd {
  readonly state: Extract<MailingState, 'sent' | 'failed' | 'skipped' | 'unsure'>;
  readonly problem?: MailingProblem | undefined;
  readonly nowMs: number;
  /** For the audit record, which is written of all but who was skipped. */
  readonly actor: string;
  readonly subject: Buffer;
}

/** How it ended, with its audit record, or neither. */
export async function finish(q: Queryable, mailing: Mailing, end: MailingEnd): Promise<void> {
  const { campaign, target, remedy, sub, lease } = mailing;
  const { state, problem, nowMs, actor, subject } = end;
  const finished: Part = {
    name: 'mailing_finished',
    text: `update mailings set state = $4::text, problem = $5::jsonb, lease = null, leased_until = null,
        sent_at = case when $4::text = 'sent' then $6::timestamptz end
      where campaign = $1::text and sub = $2::text and lease = $3::text returning 1`,
    values: [campaign, sub, lease, state, problem ? JSON.stringify(problem) : null, new Date(nowMs)],
  };
  const detail = { campaign, target, remedy, ...(problem ? { code: problem.code } : {}) };
  const record = auditPart({ actor, action: `mail.${state}`, subject, detail }, 'mailing_finished');
  await q.runParts([finished, ...(state === 'skipped' ? [] : [record])], 'select 1');
}

const POSTPONE = statement(`update mailings set state = 'waiting', lease = null, leased_until = null,
    attempts = attempts + $4, due_at = $5, problem = $6
  where campaign = $1 and sub = $2 and lease = $3`);

/** Nothing went out: again after `dueMs`. `counts`: it was this recipient's side that put it off. */
export async function postpone(
  q: Queryable,
  { campaign, sub, lease }: Mailing,
  later: { readonly dueMs: number; readonly counts: boolean; readonly problem?: MailingProblem },
): Promise<void> {
  const { dueMs, counts, problem } = later;
  const told = problem ? JSON.stringify(problem) : null;
  await q.run(POSTPONE, [campaign, sub, lease, counts ? 1 : 0, new Date(dueMs), told]);
}

const COUNTS =
  statement(`select state, problem->>'code' as code, count(*)::int as users, (array_agg(sub order by sub))[1:5] as examples
  from mailings where campaign = $1 group by state, problem->>'code' order by state, users desc`);

export interface MailingCount {
  readonly state: MailingState;
  readonly code: string | null;
  readonly users: number;
  readonly examples: readonly string[];
}

export function countMailings(q: Queryable, campaign: string): Promise<MailingCount[]> {
  return q.run<MailingCount>(COUNTS, [campaign]);
}

/** After a year nobody asks who got which mail. Campaigns that are still under way are left alone. */
export const SWEEP_MAILINGS = statement(`with gone as (delete from mailings where (campaign, sub) in (
    select campaign, sub from mailings where state not in ('waiting', 'sending') and due_at < now() - interval '365 days'
    limit $1) returning 1) select count(*)::int as gone from gone`);

const FORGET = statement('delete from mailings where target = $1 and sub = $2');
/** Somebody is forgotten, and which letters they got with them. */
export const forgetMailings = async (q: Queryable, target: string, sub: string): Promise<void> => {
  await q.run(FORGET, [target, sub]);
};
