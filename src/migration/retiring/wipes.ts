/**
 * Whose secrets were wiped, in our database. A row is there only once it was read again that nothing is left; whoever has
 * one is not begun with again.
 */
import type { Queryable } from '../../store/db.ts';
import { statement } from '../../store/db.ts';

/** `local`: they log in at the target by themselves; `kept`: the link to us is all they have there; `none`: they have no user there. */
export const LINKS = ['local', 'kept', 'none'] as const;
export type Link = (typeof LINKS)[number];

export interface Wipe {
  readonly sub: string;
  readonly link: Link;
  /** Rows by place. */
  readonly wiped: Readonly<Record<string, number>>;
  readonly at: Date;
}

const KEEP = statement(`insert into wipes as w (target, sub, link, wiped) values ($1, $2, $3, $4::jsonb)
  on conflict (target, sub) do update set link = excluded.link, at = now(),
    wiped = (select coalesce(jsonb_object_agg(place, rows), '{}') from (
      select key as place, sum(value::int) as rows
      from (select * from jsonb_each_text(w.wiped) union all select * from jsonb_each_text(excluded.wiped)) both_times
      group by key) summed)`);

/** Again of somebody whose link was kept: what was wiped before stays counted. */
export async function keepWipe(q: Queryable, target: string, wipe: Omit<Wipe, 'at'>): Promise<void> {
  await q.run(KEEP, [target, wipe.sub, wipe.link, JSON.stringify(wipe.wiped)]);
}

const AMONG = statement('select sub, link from wipes where target = $1 and sub = any($2::text[])');
export async function wipedAmong(
  q: Queryable,
  target: string,
  subs: readonly string[],
): Promise<ReadonlyMap<string, Link>> {
  const rows = await q.run<{ sub: string; link: Link }>(AMONG, [target, subs]);
  return new Map(rows.map(({ sub, link }) => [sub, link]));
}

export interface WipeCount {
  readonly link: Link;
  readonly people: number;
  /** Subjects, at most five. */
  readonly examples: readonly string[];
  readonly lastAt: Date;
}

const COUNTS = statement(`select link, count(*)::int as people, max(at) as "lastAt",
    (array_agg(sub order by sub))[1:5] as examples from wipes where target = $1 group by link order by link`);
export const countWipes = (q: Queryable, target: string): Promise<WipeCount[]> =>
  q.run<WipeCount>(COUNTS, [target]);

const PAGE = statement(
  'select sub, link, wiped, at from wipes where target = $1 and sub > $2 order by sub limit $3',
);
/** In the order of the subjects, after this one. */
export const wipesPage = (q: Queryable, target: string, after: string, limit: number): Promise<Wipe[]> =>
  q.run<Wipe>(PAGE, [target, after, limit]);
