/**
 * Shadow verification's memory: a rewritten hash that did not open with the password that opened the original proves
 * that this way of rewriting is wrong. From then on nothing is rewritten so for that target, until an operator who has
 * looked into it says otherwise; people's passwords are captured at their logins instead.
 */
import type { Queryable } from '../store/db.ts';
import { statement } from '../store/db.ts';
import type { Part } from '../store/statement.ts';

/** From a legacy format into what a target reads. */
export interface Rewrite {
  readonly target: string;
  readonly format: string;
  /** The accepted format's `write`. */
  readonly write: string;
}

export interface BlockedRewrite extends Rewrite {
  readonly failures: number;
  readonly failedAt: Date;
}

export function blockPart({ target, format, write }: Rewrite): Part {
  return {
    name: 'rewrite_blocked',
    text: `insert into blocked_rewrites as b (target, format, write) values ($1::text, $2::text, $3::text)
      on conflict (target, format, write) do update set failures = b.failures + 1, failed_at = now()`,
    values: [target, format, write],
  };
}

/** The scalar `blocked` in a query that has the target as $1: a JSON list of `[format, write]`, or null. */
export const BLOCKED_OF = `(select json_agg(json_build_array(format, write)) from blocked_rewrites b where b.target = $1::text)`;

/** A part named `rewrites_blocked` with one column of that name: a JSON list of `[format, write]`. */
export function blockedPart(target: string): Part {
  return {
    name: 'rewrites_blocked',
    text: `select coalesce(${BLOCKED_OF}, '[]') as blocked`,
    values: [target],
  };
}

const LIST = statement(
  `select target, format, write, failures::int, failed_at as "failedAt" from blocked_rewrites order by target, format, write`,
);
export function blockedRewrites(q: Queryable): Promise<BlockedRewrite[]> {
  return q.run<BlockedRewrite>(LIST);
}

const UNBLOCK = statement(
  'delete from blocked_rewrites where target = $1 and format = $2 returning target, format, write',
);
/** Allows the rewrites of a format again; those that were blocked. */
export function unblockRewrites(q: Queryable, target: string, format: string): Promise<Rewrite[]> {
  return q.run<Rewrite>(UNBLOCK, [target, format]);
}
