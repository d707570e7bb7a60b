/** How much people asked the support for, as operators report it: the table `rollout_support`. */
import type { Queryable } from '../store/db.ts';
import { statement } from '../store/db.ts';

export interface SupportReport {
  readonly target: string;
  /** Undefined: for all phases together. */
  readonly phase?: string | undefined;
  readonly requests: number;
  readonly actor: string;
  readonly at: Date;
}

const NOTE = statement(
  'insert into rollout_support (target, phase, requests, actor, at) values ($1, $2, $3, $4, $5)',
);
export async function noteSupport(
  q: Queryable,
  { target, phase = '', requests, actor, at }: SupportReport,
): Promise<void> {
  await q.run(NOTE, [target, phase, requests, actor, at]);
}

const SINCE = statement(`select p.phase, coalesce(sum(requests) filter (where s.phase <> ''), 0)::int as own,
    coalesce(sum(requests) filter (where s.phase = ''), 0)::int as shared
  from unnest($2::text[], $3::timestamptz[]) as p(phase, since)
  join rollout_support s on s.phase in (p.phase, '') and s.at >= p.since and s.at <= $4 and s.target = $1 group by 1`);

export interface SupportRequests {
  readonly own: number;
  /** Reported for all phases together. */
  readonly shared: number;
}

/** Of each phase since its moment; a phase without any is left out. */
export async function supportSince(
  q: Queryable,
  {
    target,
    phases,
    to,
  }: {
    readonly target: string;
    readonly phases: readonly { readonly phase: string; readonly since: Date }[];
    readonly to: Date;
  },
): Promise<ReadonlyMap<string, SupportRequests>> {
  const values = [target, phases.map(({ phase }) => phase), phases.map(({ since }) => since), to];
  const rows = await q.run<SupportRequests & { phase: string }>(SINCE, values);
  return new Map(rows.map(({ phase, own, shared }) => [phase, { own, shared }]));
}

/** As long as the counts that they are read beside. */
const KEEP_DAYS = 400;
export const SWEEP_SUPPORT = statement(`with gone as (delete from rollout_support where id in (
    select id from rollout_support where at < now() - interval '${KEEP_DAYS} days' limit $1) returning 1)
  select count(*)::int as gone from gone`);
