/**
 * How many secrets one caller may have: a bucket of requests per second, whatever becomes of them, so that nobody can
 * try ids; and a number of releases per day. Counted in the database, because several nodes count together.
 */
import { statement } from '../store/db.ts';
import type { Part } from '../store/statement.ts';

export interface VolumeLimits {
  readonly perSecond: number;
  readonly perDay: number;
}

/** A quiet caller may come with this many seconds' worth at once: logins come in waves. */
const BURST_SECONDS = 3;

/** A row named `request_admitted` unless the caller's bucket is empty. */
export function admitPart(caller: string, { perSecond }: VolumeLimits): Part {
  const refilled = `least($3::int, r.tokens + greatest(0, extract(epoch from now() - r.refilled_at)) * $2::int)`;
  return {
    name: 'request_admitted',
    text: `insert into release_rate as r (caller, tokens, refilled_at) values ($1::text, $3::int - 1, now())
      on conflict (caller) do update set tokens = ${refilled} - 1, refilled_at = greatest(r.refilled_at, now())
      where ${refilled} >= 1 returning r.caller`,
    values: [caller, perSecond, perSecond * BURST_SECONDS],
  };
}

/** A row named `release_counted` unless the caller has had its day's releases. Days are UTC. */
export function countPart(caller: string, { perDay }: VolumeLimits, after: string): Part {
  return {
    name: 'release_counted',
    text: `insert into release_volume as v (caller, day, releases)
      select $1::text, (now() at time zone 'utc')::date, 1 from ${after}
      on conflict (caller, day) do update set releases = v.releases + 1 where v.releases < $2::int
      returning v.caller`,
    values: [caller, perDay],
  };
}

/** An SQL expression: seconds until the day's count starts again. */
export const SECONDS_TO_NEXT_DAY = `ceil(extract(epoch from
  date_trunc('day', now() at time zone 'utc') + interval '1 day' - (now() at time zone 'utc')))::int`;

export const SWEEP_RATE = statement(`with gone as (delete from release_rate where caller in (
    select caller from release_rate where refilled_at < now() - interval '1 day' limit $1) returning 1)
  select count(*)::int as gone from gone`);

/** A month of daily counts tells the operator what a normal day is. */
export const SWEEP_VOLUME = statement(`with gone as (delete from release_volume where (caller, day) in (
    select caller, day from release_volume where day < current_date - 31 limit $1) returning 1)
  select count(*)::int as gone from gone`);
