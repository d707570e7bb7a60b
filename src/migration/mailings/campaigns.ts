/**
 * Campaigns as our database keeps them: when the last letter went out, over all nodes; and of those without a batch whom they
 * are for and how far the legacy store has been read. Who is found is written down in pages (`mailings.ts`); whoever is cut
 * off goes on after the last one.
 */
import type { Queryable } from '../../store/db.ts';
import { statement } from '../../store/db.ts';
import type { Part } from '../../store/statement.ts';

export interface Turn {
  readonly nowMs: number;
  /** Between two letters. */
  readonly intervalMs: number;
}

const OPEN = statement(
  'insert into mailing_campaigns (campaign, target) values ($1, $2) on conflict (campaign) do nothing',
);

/** Before its first letter: a turn is taken in its row. */
export const openCampaignRow = async (q: Queryable, campaign: string, target: string): Promise<void> => {
  await q.run(OPEN, [campaign, target]);
};

/**
 * A part named `mailing_turn`: a row for one node in each interval, as nodes wait for one another at the campaign's row.
 * What a clock ahead of ours has written does not count.
 */
export const turnPart = (campaign: string, { nowMs, intervalMs }: Turn): Part => ({
  name: 'mailing_turn',
  text: `update mailing_campaigns set started_at = $2::timestamptz where campaign = $1::text
    and (started_at is null or started_at <= $3::timestamptz or started_at > $2::timestamptz) returning 1`,
  values: [campaign, new Date(nowMs), new Date(nowMs - intervalMs)],
});

export interface Audience {
  readonly campaign: string;
  readonly target: string;
  /** Whom it is for, as plain JSON: asked for somebody else, the store is read from the start. */
  readonly plan: Readonly<Record<string, unknown>>;
}

export interface Reading {
  /** A subject; empty: nobody yet. */
  readonly readUpTo: string;
  /** Ages are counted from here. */
  readonly begunAt: Date;
  /** Everybody was looked at. */
  readonly isRead: boolean;
}

/** `$4`: whoever was read to the end is read once more. */
const GOES_ON = 'c.plan = excluded.plan and (c.read_at is null or not $4::boolean)';
const BEGIN =
  statement(`insert into mailing_campaigns as c (campaign, target, plan) values ($1::text, $2::text, $3::jsonb)
  on conflict (campaign) do update set plan = excluded.plan,
    begun_at = case when ${GOES_ON} then c.begun_at else now() end,
    read_up_to = case when ${GOES_ON} then c.read_up_to else '' end,
    read_at = case when ${GOES_ON} then c.read_at end
  returning read_up_to as "readUpTo", begun_at as "begunAt", read_at is not null as "isRead"`);

/** Goes on where the same was cut off. `again`: one that was read to the end begins anew, for whoever has come since. */
export async function beginReading(
  q: Queryable,
  { campaign, target, plan }: Audience,
  { again }: { readonly again: boolean },
): Promise<Reading> {
  const [row] = await q.run<Reading>(BEGIN, [campaign, target, JSON.stringify(plan), again]);
  return row!;
}

const UP_TO = statement('update mailing_campaigns set read_up_to = $2 where campaign = $1');
export const keepPlace = async (q: Queryable, campaign: string, sub: string): Promise<void> => {
  await q.run(UP_TO, [campaign, sub]);
};

const READ = statement('update mailing_campaigns set read_at = now() where campaign = $1');
export const endReading = async (q: Queryable, campaign: string): Promise<void> => {
  await q.run(READ, [campaign]);
};

const LIST =
  statement(`select campaign, target, begun_at as "begunAt", started_at as "lastSentAt", read_at as "readAt"
  from mailing_campaigns where $1::text is null or target = $1
  order by greatest(begun_at, started_at) desc, campaign limit $2`);

export interface ListedCampaign {
  readonly campaign: string;
  readonly target: string;
  readonly begunAt: Date;
  /** Of its letters; null: none went out yet. */
  readonly lastSentAt: Date | null;
  /** Everybody was looked at. */
  readonly readAt: Date | null;
}

/** Those in which something happened last first. */
export const listCampaigns = (
  q: Queryable,
  target: string | undefined,
  limit: number,
): Promise<ListedCampaign[]> => q.run<ListedCampaign>(LIST, [target ?? null, limit]);

const TAKE = statement(`insert into mailing_campaigns as c (campaign, target, plan, lease, leased_until)
    values ($1::text, $2::text, $3::jsonb, $4::text, now() + make_interval(secs => $5::float8))
  on conflict (campaign) do update set lease = excluded.lease, leased_until = excluded.leased_until
    where c.lease is null or c.lease = excluded.lease or c.leased_until < now()
  returning 1`);

/** False: another node has it. Taken again, it is kept for longer. */
export async function takeCampaign(
  q: Queryable,
  { campaign, target, plan }: Audience,
  { lease, seconds }: { readonly lease: string; readonly seconds: number },
): Promise<boolean> {
  return (await q.run(TAKE, [campaign, target, JSON.stringify(plan), lease, seconds])).length > 0;
}

const LEAVE = statement(`update mailing_campaigns
  set leased_until = now() + make_interval(secs => $3::float8) where campaign = $1 and lease = $2`);

/** Nobody takes it before so many seconds have gone by. */
export const leaveCampaign = async (
  q: Queryable,
  campaign: string,
  { lease, seconds }: { readonly lease: string; readonly seconds: number },
): Promise<void> => {
  await q.run(LEAVE, [campaign, lease, seconds]);
};

/** Longer than any campaign of ours can be due: forgotten earlier, its people would be read anew. */
export const SWEEP_CAMPAIGNS = statement(`with gone as (delete from mailing_campaigns where campaign in (
    select campaign from mailing_campaigns where begun_at < now() - interval '800 days' limit $1) returning 1)
  select count(*)::int as gone from gone`);
