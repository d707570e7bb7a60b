/**
 * What of each user was the same in the legacy store and at the target when both were last compared, or stored: the base
 * that tells which side has changed since.
 */
import type { Queryable } from '../../store/db.ts';
import { statement } from '../../store/db.ts';
import type { Part } from '../../store/statement.ts';
import type { Base } from './marks.ts';

export interface Compared {
  readonly sub: string;
  /** Fields that are not in it keep what they had, for the same user at the target. */
  readonly digests: Base;
}

/** Writes the bases of many, each once; with `after`, the name of an earlier part, only if that part returned a row. */
export function comparedManyPart(target: string, many: readonly Compared[], after?: string): Part {
  return {
    name: 'users_compared',
    text: `insert into compared_users as c (target, sub, digests)
      select $1::text, n.sub, n.digests::jsonb from unnest($2::text[], $3::text[]) as n(sub, digests)
      ${after ? `where exists (select from ${after})` : ''}
      on conflict (target, sub) do update set compared_at = now(), digests =
        case when c.digests->>'of' = excluded.digests->>'of' then c.digests else '{}' end || excluded.digests`,
    values: [target, many.map(({ sub }) => sub), many.map(({ digests }) => JSON.stringify(digests))],
  };
}

export function comparedPart(target: string, one: Compared, after?: string): Part {
  return comparedManyPart(target, [one], after);
}

const BASES = statement(
  'select sub, digests from compared_users where target = $1 and sub = any($2::text[])',
);

export async function basesOf(
  q: Queryable,
  target: string,
  subs: readonly string[],
): Promise<ReadonlyMap<string, Base>> {
  const rows = await q.run<Compared>(BASES, [target, subs]);
  return new Map(rows.map(({ sub, digests }) => [sub, digests]));
}

const FORGET = statement('delete from compared_users where target = $1 and sub = $2');
/** Somebody is forgotten: nothing of them is left to compare. */
export const forgetCompared = async (q: Queryable, target: string, sub: string): Promise<void> => {
  await q.run(FORGET, [target, sub]);
};
