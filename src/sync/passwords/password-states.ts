/** Where a person's password stands between the legacy store and a target: the table `sync_passwords`. */
import type { Queryable } from '../../store/db.ts';
import { statement } from '../../store/db.ts';
import type { Part } from '../../store/statement.ts';

export interface Owner {
  readonly target: string;
  readonly sub: string;
}

export interface PasswordState {
  readonly state: 'equal' | 'at-target' | 'waits';
  /** The fingerprint of the legacy password when both were last equal, or how it begins; null: not known. */
  readonly madeOf: string | null;
  readonly since: Date;
  /** Why it is not equal: a stable code. */
  readonly problem: string | null;
  readonly heardAt: Date | null;
  readonly writingAt: Date | null;
  readonly wroteAt: Date | null;
  /** Of what we were about to write to the legacy store the marks, newest first; of what waits there the fingerprint. */
  readonly intended: readonly string[] | null;
}

const COLUMNS = `state, made_of as "madeOf", since, problem, heard_at as "heardAt", writing_at as "writingAt",
  wrote_at as "wroteAt", intended`;
/** Moments are compared in JavaScript, which has milliseconds. */
const NOW = `date_trunc('milliseconds', now())`;

const READ = statement(`select ${COLUMNS} from sync_passwords where target = $1 and sub = $2`);
export async function passwordStateOf(
  q: Queryable,
  { target, sub }: Owner,
): Promise<PasswordState | undefined> {
  const [row] = await q.run<PasswordState>(READ, [target, sub]);
  return row;
}

const AT_TARGETS = statement(`select target, ${COLUMNS} from sync_passwords
  where sub = $1 and state = 'at-target' order by since desc`);
/** Targets that have a newer one than the legacy store, the newest first. */
export const atTargetsOf = (q: Queryable, sub: string) =>
  q.run<PasswordState & { readonly target: string }>(AT_TARGETS, [sub]);

export interface Equal {
  /** The fingerprint of the legacy password. */
  readonly madeOf: string | null;
  /** What was heard of the target, and is dealt with by this. */
  readonly heardAt?: Date | undefined;
  /** It was written at the target, and is there now. */
  readonly wrote?: true;
}

const EQUAL =
  statement(`insert into sync_passwords as p (target, sub, state, made_of, heard_at, wrote_at, since)
    values ($1, $2, 'equal', $3, $4, case when $5::boolean then ${NOW} end, ${NOW})
  on conflict (target, sub) do update set state = 'equal', made_of = excluded.made_of, problem = null, intended = null,
    since = case when p.state = 'equal' and p.made_of is not distinct from excluded.made_of then p.since else excluded.since end,
    heard_at = greatest(p.heard_at, excluded.heard_at), wrote_at = coalesce(excluded.wrote_at, p.wrote_at)`);
export async function noteEqual(q: Queryable, { target, sub }: Owner, equal: Equal): Promise<void> {
  await q.run(EQUAL, [target, sub, equal.madeOf, equal.heardAt ?? null, equal.wrote ?? false]);
}

const HEARD = statement(
  'update sync_passwords set heard_at = greatest(heard_at, $3) where target = $1 and sub = $2',
);
/** What was heard leads to nothing. */
export async function noteHeard(q: Queryable, { target, sub }: Owner, heardAt: Date): Promise<void> {
  await q.run(HEARD, [target, sub, heardAt]);
}

export interface Open {
  readonly state: 'at-target' | 'waits';
  readonly madeOf: string | null;
  readonly problem: string;
  readonly heardAt?: Date | undefined;
  /** Since when; what is there already, unless it was the same state before. */
  readonly since?: Date | undefined;
  /** With `waits`: the fingerprint of what waits. */
  readonly intended?: string | undefined;
}

const OPEN =
  statement(`insert into sync_passwords as p (target, sub, state, made_of, problem, heard_at, since, intended)
    values ($1, $2, $3, $4, $5, $6, coalesce($7, ${NOW}), case when $8::text is not null then array[$8::text] end)
  on conflict (target, sub) do update set state = excluded.state, made_of = excluded.made_of, problem = excluded.problem,
    intended = coalesce(excluded.intended, p.intended),
    since = case when p.state = excluded.state and $7::timestamptz is null then p.since else excluded.since end,
    heard_at = greatest(p.heard_at, excluded.heard_at),
    wrote_at = case when p.writing_at is null then null else coalesce(p.wrote_at, ${NOW}) end
  returning since`);
/** They are not equal, and why; since when. */
export async function noteOpen(q: Queryable, { target, sub }: Owner, open: Open): Promise<Date> {
  const { state, madeOf, problem, heardAt, since, intended } = open;
  const values = [target, sub, state, madeOf, problem, heardAt ?? null, since ?? null, intended ?? null];
  const [row] = await q.run<{ since: Date }>(OPEN, values);
  return row!.since;
}

const WRITING =
  statement(`insert into sync_passwords as p (target, sub, state, made_of, problem, writing_at, since)
    values ($1, $2, 'waits', $3, 'writing', ${NOW}, ${NOW})
  on conflict (target, sub) do update set writing_at = excluded.writing_at, wrote_at = null`);
/** The target is asked to take it from here on, until `noteEqual` says that it did. */
export async function noteWriting(
  q: Queryable,
  { target, sub }: Owner,
  madeOf: string | null,
): Promise<void> {
  await q.run(WRITING, [target, sub, madeOf]);
}

/** A write whose outcome nobody has heard may be done all the same, even after the next one was begun. */
const MARKS_KEPT = 8;
const INTEND = statement(`update sync_passwords set intended = (array[$3::text] || intended)[1:${MARKS_KEPT}]
  where target = $1 and sub = $2 and state = 'at-target' and since = $4 returning 1 as intended`);
/** What is about to be written to the legacy store. False: the target has yet another one by now. */
export async function intend(
  q: Queryable,
  { target, sub }: Owner,
  { mark, since }: { readonly mark: string; readonly since: Date },
): Promise<boolean> {
  return (await q.run(INTEND, [target, sub, mark, since])).length > 0;
}

const CAUGHT = statement(`update sync_passwords set made_of = $3, intended = null, since = ${NOW}, problem =
      case when since = $4 then null else 'caught_at_login' end,
    state = case when since = $4 then 'equal' else 'at-target' end
  where target = $1 and sub = $2`);
/**
 * The legacy store has what the target had. Where the target has had another one since, whatever it has now is asked of it again.
 */
export async function noteCaught(
  q: Queryable,
  { target, sub }: Owner,
  { madeOf, since }: { readonly madeOf: string | null; readonly since: Date },
): Promise<void> {
  await q.run(CAUGHT, [target, sub, madeOf, since]);
}

/** For the statement that captures a password: it is their turn, as soon as that is stored. */
export const duePart = ({ target, sub }: Owner): Part => ({
  name: 'password_due',
  text: 'update sync_passwords set due_at = clock_timestamp() where target = $1::text and sub = $2::text',
  values: [target, sub],
});

export interface Due extends Owner {
  /** Of this capture; opaque. */
  readonly dueAt: string;
}

const DUE = statement(`select target, sub, due_at::text as "dueAt" from sync_passwords
  where due_at is not null order by due_at limit $1`);
export const dueOnes = (q: Queryable, limit: number): Promise<Due[]> => q.run<Due>(DUE, [limit]);

const TOLD = statement(`update sync_passwords p set due_at = null
  from unnest($1::text[], $2::text[], $3::text[]) as d(target, sub, due_at)
  where p.target = d.target and p.sub = d.sub and p.due_at = d.due_at::timestamptz`);
/** Their turn is kept: another capture since then is another turn. */
export async function noteTold(q: Queryable, due: readonly Due[]): Promise<void> {
  const column = (of: (one: Due) => string) => due.map(of);
  await q.run(TOLD, [column(({ target }) => target), column(({ sub }) => sub), column(({ dueAt }) => dueAt)]);
}

const COUNTS = statement(`select target, state, coalesce(problem, '') as problem, count(*)::int as people
  from sync_passwords where state <> 'equal' group by 1, 2, 3 order by 1, 2, 3`);
/** Whose passwords are not equal, by target, state and reason. */
export const openPasswords = (
  q: Queryable,
): Promise<
  {
    readonly target: string;
    readonly state: 'at-target' | 'waits';
    readonly problem: string;
    readonly people: number;
  }[]
> => q.run(COUNTS);

const FORGET = statement('delete from sync_passwords where target = $1 and sub = $2');
/** Somebody is forgotten. */
export async function forgetPassword(q: Queryable, { target, sub }: Owner): Promise<void> {
  await q.run(FORGET, [target, sub]);
}
