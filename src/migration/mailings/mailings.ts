/**
 * Who of a campaign was written to. A row is there before anybody is, says `sending` before a mail goes out, and is told
 * how that ended; so nobody gets two, whatever dies when. SMTP and targets give no receipt that survives a crash: a row
 * that is found in `sending` may have been sent, is `unsure`, and is not repeated unless somebody says so.
 */
import { randomUUID } from 'node:crypto';
import { FootbridgeError } from '../../errors.ts';
import { auditPart } from '../../store/audit-log.ts';
import type { Queryable } from '../../store/db.ts';
import { statement } from '../../store/db.ts';
import type { Part } from '../../store/statement.ts';
import type { Turn } from './campaigns.ts';
import { turnPart } from './campaigns.ts';
import type {
  Addressee,
  Campaign,
  Mailing,
  MailingCount,
  MailingDay,
  MailingEnd,
  MailingProblem,
  Times,
} from './mailing.ts';

/** Longer than one mail can take: looking somebody up on both sides, a link, and the mail itself are each bounded. */
export const LEASE_SECONDS = 600;

const COLUMNS = `m.campaign, m.target, m.remedy, m.sub, m.organization, m.code, m.batched_at as "batchedAt", m.attempts,
  m.announced_at as "announcedAt", m.lease`;

const OTHER = statement(
  'select target, remedy from mailings where campaign = $1 and (target <> $2 or remedy <> $3) limit 1',
);
const ENROL = statement(`with enrolled as (
    insert into mailings (campaign, target, remedy, batch, sub, organization, code, batched_at, state, due_at)
    select $1, $2, $3, $4, u.sub, u.organization, u.code, u.batched_at, 'waiting', $5::timestamptz
    from unnest($6::text[], $7::text[], $8::text[], $9::timestamptz[]) u(sub, organization, code, batched_at)
    on conflict (campaign, sub, organization) do nothing returning 1)
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
  {
    campaign,
    target,
    remedy,
    batch,
    nowMs,
  }: Campaign & { readonly batch?: string | undefined; readonly nowMs: number },
  people: readonly Addressee[],
): Promise<number> {
  const [row] = await q.run<{ users: number }>(ENROL, [
    ...[campaign, target, remedy, batch ?? null, new Date(nowMs)],
    people.map(({ sub }) => sub),
    people.map(({ organization = '' }) => organization),
    people.map(({ code }) => code),
    people.map(({ batchedAt }) => batchedAt),
  ]);
  return row?.users ?? 0;
}

const KNOWN = statement(`select count(*)::int as users from mailings
  where campaign = $1 and (sub, organization) in (select sub, organization from unnest($2::text[], $3::text[]) u(sub, organization))`);

/** How many of these are in the campaign already. */
export async function countKnown(
  q: Queryable,
  campaign: string,
  people: readonly Pick<Addressee, 'sub' | 'organization'>[],
): Promise<number> {
  const [row] = await q.run<{ users: number }>(KNOWN, [
    campaign,
    people.map(({ sub }) => sub),
    people.map(({ organization = '' }) => organization),
  ]);
  return row?.users ?? 0;
}

const UNSURE =
  statement(`update mailings set state = 'unsure', lease = null, leased_until = null, ended_at = now(),
    problem = '{"code": "process_ended"}'
  where campaign = $1 and state = 'sending' and leased_until < now()`);

/** Those that were being sent when whoever sent them died. */
export async function markUnsure(q: Queryable, campaign: string): Promise<void> {
  await q.run(UNSURE, [campaign]);
}

const REPEAT = statement(`with again as (
    update mailings set state = 'waiting', due_at = $3, attempts = 0, problem = null, ended_at = null
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
    select campaign, sub, organization from mailings where campaign = $1 and state = 'waiting' and due_at <= $2::timestamptz
      and (leased_until is null or leased_until < now()) and not exists (select from mailings
        where campaign = $1 and started_at > $3::timestamptz and started_at <= $2::timestamptz)
    order by due_at, sub, organization limit 1 for update skip locked)
  update mailings m set lease = $4, leased_until = now() + interval '${LEASE_SECONDS} seconds' from due
  where m.campaign = due.campaign and m.sub = due.sub and m.organization = due.organization returning ${COLUMNS}`);

/** The next one that is due and that nobody works on; none while it is nobody's turn. */
export async function claim(
  q: Queryable,
  campaign: string,
  { nowMs, intervalMs }: Turn,
): Promise<Mailing | undefined> {
  const [now, last] = [new Date(nowMs), new Date(nowMs - intervalMs)];
  const [mailing] = await q.run<Mailing>(CLAIM, [campaign, now, last, randomUUID()]);
  return mailing;
}

const TIMES = statement(`select
    (select extract(epoch from max(started_at)) * 1000 from mailings
      where campaign = $1 and started_at <= $2::timestamptz)::float8 as "startedMs",
    (select extract(epoch from min(due_at)) * 1000 from mailings where campaign = $1 and state = 'waiting'
      and (leased_until is null or leased_until < now()))::float8 as "dueMs"`);

export async function timesOf(q: Queryable, campaign: string, nowMs: number): Promise<Times> {
  const [times] = await q.run<Times>(TIMES, [campaign, new Date(nowMs)]);
  return times ?? { startedMs: null, dueMs: null };
}

/** What is written together with that it may go out, and the name of a part whose row is wanted. */
export interface Beginning {
  readonly parts: readonly Part[];
  readonly row: string;
}

/** Behind this name an errand's parts write only if the letter may go out. */
export const BEGUN = 'mailing_begun';
const NOTHING: Beginning = { parts: [], row: BEGUN };

/**
 * From here on it may go out; all that is written with it is one statement. Undefined: it is not our turn yet, or the lease
 * has run out, and nothing was written.
 */
export async function begin(
  q: Queryable,
  { campaign, sub, lease }: Mailing,
  turn: Turn,
  { parts, row }: Beginning = NOTHING,
): Promise<{ readonly row: unknown } | undefined> {
  const begun: Part = {
    name: BEGUN,
    text: `update mailings set state = 'sending', started_at = $4::timestamptz
      where campaign = $1::text and sub = $2::text and lease = $3::text and state = 'waiting' and leased_until > now()
        and exists (select from mailing_turn) returning 1`,
    values: [campaign, sub, lease, new Date(turn.nowMs)],
  };
  const final = `select (select to_jsonb(r) from ${row} r) as row from ${BEGUN}`;
  const [answer] = await q.runParts<{ row: unknown }>([turnPart(campaign, turn), begun, ...parts], final);
  return answer;
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

/** How it ended, with its audit record and what else is noted of it, or nothing. */
export async function finish(
  q: Queryable,
  mailing: Mailing,
  end: MailingEnd,
  more: readonly Part[] = [],
): Promise<void> {
  const { campaign, target, remedy, sub, organization, lease } = mailing;
  const { state, problem, nowMs, actor, subject } = end;
  const finished: Part = {
    name: 'mailing_finished',
    text: `update mailings set state = $4::text, problem = $5::jsonb, lease = null, leased_until = null,
        ended_at = $6::timestamptz, sent_at = case when $4::text = 'sent' then $6::timestamptz end
      where campaign = $1::text and sub = $2::text and lease = $3::text returning 1`,
    values: [campaign, sub, lease, state, problem ? JSON.stringify(problem) : null, new Date(nowMs)],
  };
  const about = organization ? { organization } : {};
  const detail = { campaign, target, remedy, ...about, ...(problem ? { code: problem.code } : {}) };
  const record = auditPart({ actor, action: `mail.${state}`, subject, detail }, 'mailing_finished');
  await q.runParts([finished, ...(state === 'skipped' ? [] : [record]), ...more], 'select 1');
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

export function countMailings(q: Queryable, campaign: string): Promise<MailingCount[]> {
  return q.run<MailingCount>(COUNTS, [campaign]);
}

const UNDELIVERED =
  statement(`select campaign, target, remedy, state, problem->>'code' as code, count(*)::int as users,
    (array_agg(sub order by sub))[1:5] as examples, min(batch) as batch
  from mailings where state in ('failed', 'unsure') group by 1, 2, 3, 4, 5 order by users desc, campaign limit $1`);
/** Of all campaigns, batches' too: what was not sent, or nobody knows whether it was. */
export const undelivered = (
  q: Queryable,
  limit: number,
): Promise<
  (MailingCount & Pick<Mailing, 'campaign' | 'target' | 'remedy'> & { readonly batch: string | null })[]
> => q.run(UNDELIVERED, [limit]);

const BY_DAY = statement(`with told as (
    select 'enrolled' as what, enrolled_at as at from mailings
      where target = $1 and batch is null and ($2::text is null or campaign = $2) and enrolled_at > now() - make_interval(days => $3)
    union all select state, ended_at from mailings
      where target = $1 and batch is null and ($2::text is null or campaign = $2) and ended_at > now() - make_interval(days => $3))
  select to_char(date_trunc('day', at at time zone 'UTC'), 'YYYY-MM-DD') as day,
    ${['enrolled', 'sent', 'failed', 'skipped', 'unsure'].map((what) => `count(*) filter (where what = '${what}')::int as ${what}`).join(', ')}
  from told group by 1 order by 1`);

/** What became of the letters of campaigns without a batch, of one or of all of a target. */
export const campaignCounts = (
  q: Queryable,
  {
    target,
    campaign,
    days,
  }: { readonly target: string; readonly campaign?: string | undefined; readonly days: number },
): Promise<MailingDay[]> => q.run<MailingDay>(BY_DAY, [target, campaign ?? null, days]);

const OPEN = statement(`select campaign, count(*)::int as letters from mailings
  where target = $1 and state in ('waiting', 'sending') group by campaign order by campaign`);

/** Letters that are still to be sent, by campaign. */
export const openMailings = (
  q: Queryable,
  target: string,
): Promise<{ readonly campaign: string; readonly letters: number }[]> => q.run(OPEN, [target]);

/** After a year nobody asks who got which mail. Campaigns that are still under way are left alone. */
export const SWEEP_MAILINGS =
  statement(`with gone as (delete from mailings where (campaign, sub, organization) in (
    select campaign, sub, organization from mailings where state not in ('waiting', 'sending') and due_at < now() - interval '365 days'
    limit $1) returning 1) select count(*)::int as gone from gone`);

const FORGET = statement('delete from mailings where target = $1 and sub = $2');
/** Somebody is forgotten, and which letters they got with them. */
export const forgetMailings = async (q: Queryable, target: string, sub: string): Promise<void> => {
  await q.run(FORGET, [target, sub]);
};
