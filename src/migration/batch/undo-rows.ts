/**
 * The rows of a batch while people are taken back: marked first, then leased a few at a time, until each says what became
 * of them. A lease is anything in `lease` until `due_at`; whoever has none is free at once.
 */
import type { Queryable } from '../../store/db.ts';
import { statement } from '../../store/db.ts';
import type { Part } from '../../store/statement.ts';
import { rowsPart } from '../../store/statement.ts';
import type { UserProblem } from './batch.ts';
import type { Place } from './batch-users.ts';
import { readUsers, writeUsers } from './batch-users.ts';
import type { UndoAsked } from './undo-asked.ts';
import { isWhole } from './undo-asked.ts';

/**
 * Still to be taken back: `asked`; `unsure`: the batch has tried them, and has nothing told of them. The others have been
 * begun with, and say what is being done.
 */
export const UNDO_MARKS = ['asked', 'unsure', 'removing', 'unlinking', 'reverting'] as const;
export type UndoMark = (typeof UNDO_MARKS)[number];
/** What was done in the end; `nothing`: nobody was there any more, or somebody whom this batch has not brought. */
export const UNDONE = ['removed', 'unlinked', 'nothing', 'failed'] as const;
export type Undone = (typeof UNDONE)[number];

/** Before everybody. */
export const NO_PLACE: Place = { rank: String(-(2n ** 63n)), sub: '' };
/** A dead process's people are taken over after this; a living one renews three times in between. */
export const UNDO_LEASE_SECONDS = 5;

/** Why somebody could not be taken back; beside what the batch says of them. */
export interface UndoProblem extends UserProblem {
  /** Tries that failed while the target was well. */
  readonly attempts: number;
}

export interface UndoMember extends Place {
  readonly legacyId: string | null;
  readonly outcome: 'created' | 'migrated' | null;
  readonly undone: UndoMark | 'failed' | null;
  readonly targetUserId: string | null;
  /** When the batch was done with them; null: it never was. */
  readonly finishedAt: Date | null;
  readonly attempts: number;
}

/** Columns of an `UndoMember`. */
export const MEMBER = `b.rank::text, b.sub, b.legacy_id as "legacyId", b.outcome, b.undone, b.target_user_id as "targetUserId",
  b.finished_at as "finishedAt", coalesce((b.problem->'undo'->>'attempts')::int, 0) as attempts`;
const list = (values: readonly string[]) => `(${values.map((value) => `'${value}'`).join(', ')})`;
/**
 * `coalesce` makes the planner take it for half of all rows, whatever it knows: it then reads a few in the batch's order,
 * where it would else sort everybody who is left, each time.
 */
const OPEN = `batch = $1::text and coalesce(undone in ${list(UNDO_MARKS)}, false)`;
/** For `valuesOf`: whoever was brought; of the whole batch also those of whom only the target knows whether they were. */
export const CANDIDATES = `batch = $1::text and (undone is null or undone = 'failed') and (
  outcome in ('created', 'migrated') and ($2::text is null or outcome = $2) and ($3::text is null or problem->>'code' = $3)
    and ($4::text is null or sub = $4)
  or $5::boolean and outcome is null and (lease is not null or problem is not null))`;
/** Somebody who has wholly arrived had no problem before. */
const WITHOUT_PROBLEM = `case when b.outcome = 'migrated' then null else b.problem - 'undo' end`;
const WITH_PROBLEM = `coalesce(b.problem, t.problem) || jsonb_build_object('undo', t.problem)`;
const FROM_HERE = 'and (rank, sub) >= ($2::bigint, $3::text) order by b.rank, b.sub';
const LEASED = `now() + interval '${UNDO_LEASE_SECONDS} seconds'`;

export const valuesOf = (batch: string, asked: UndoAsked) => [
  batch,
  asked.outcome ?? null,
  asked.code ?? null,
  asked.user ?? null,
  isWhole(asked),
];

const PAGE = statement(
  readUsers(
    'rank::text, sub',
    `where ${CANDIDATES} and (rank, sub) > ($6::bigint, $7::text) order by b.rank, b.sub limit $8`,
  ),
);
export const pageOfCandidates = (
  q: Queryable,
  batch: string,
  { asked, after, limit }: { readonly asked: UndoAsked; readonly after: Place; readonly limit: number },
): Promise<Place[]> => q.run<Place>(PAGE, [...valuesOf(batch, asked), after.rank, after.sub, limit]);

const MARK = statement(
  writeUsers(
    `undone = case when outcome is null and lease is null then 'unsure' else 'asked' end, problem = ${WITHOUT_PROBLEM}`,
    `where batch = $1 and sub = any($2::text[]) and (undone is null or undone = 'failed')`,
  ),
);
export const markPeople = (q: Queryable, batch: string, subs: readonly string[]) =>
  q.run(MARK, [batch, subs]);

const UNMARK = statement(
  writeUsers(
    `undone = null, problem = ${WITHOUT_PROBLEM}`,
    `where batch = $1 and sub in (${readUsers(
      'sub',
      `where batch = $1 and (undone in ('asked', 'unsure', 'failed') or outcome is null and undone in ${list(UNDONE)}) limit $2`,
    )}) returning 1`,
  ),
);
/** Lets go of people who were not begun with, and of those who are still to be sent. How many, `limit` at most. */
export const unmarkPeople = async (q: Queryable, batch: string, limit: number): Promise<number> =>
  (await q.run(UNMARK, [batch, limit])).length;

const SENDING = statement(
  readUsers(
    '1',
    'where batch = $1 and outcome is null and undone is null and lease is not null and due_at > now() limit 1',
  ),
);
/** Whether somebody still sends a chunk of it. */
export const isSending = async (q: Queryable, batch: string): Promise<boolean> =>
  (await q.run(SENDING, [batch])).length > 0;

const FIRST = statement(readUsers('rank::text, sub', `where ${OPEN} ${FROM_HERE} limit 1`));
/** The first from here on who is still to be taken back; undefined: nobody. */
export async function firstOpen(q: Queryable, batch: string, from: Place): Promise<Place | undefined> {
  const [first] = await q.run<Place>(FIRST, [batch, from.rank, from.sub]);
  return first;
}

/** The next people, in the batch's order from here on, under this lease; of a `size` that is no parameter the planner knows that it is small. */
export function takeMembers(
  q: Queryable,
  batch: string,
  { lease, from, size }: { readonly lease: string; readonly from: Place; readonly size: number },
): Promise<UndoMember[]> {
  const due = `where ${OPEN} and (rank, sub) >= ($2::bigint, $3::text) and (lease is null or due_at <= now())
    order by b.rank, b.sub limit ${Math.trunc(size)} for update skip locked`;
  const taken = `from undo_due d where b.batch = $1::text and b.rank = d.rank and b.sub = d.sub returning ${MEMBER}`;
  return q.runParts<UndoMember>(
    [
      { name: 'undo_due', text: readUsers('rank, sub', due), values: [batch, from.rank, from.sub] },
      {
        name: 'undo_taken',
        text: writeUsers(`lease = $2::text, due_at = ${LEASED}`, taken),
        values: [batch, lease],
      },
    ],
    'select * from undo_taken',
  );
}

const RENEW = statement(
  writeUsers(`due_at = ${LEASED}`, 'where batch = $1 and sub = any($2::text[]) and lease = $3'),
);
export const renewMembers = (q: Queryable, batch: string, { lease, subs }: Leased) =>
  q.run(RENEW, [batch, subs, lease]);

interface Leased {
  readonly lease: string;
  readonly subs: readonly string[];
}

const INTEND = statement(
  writeUsers(
    'undone = $4, kept = coalesce($5, kept)',
    'where batch = $1 and sub = $2 and lease = $3 returning 1',
  ),
);
/** What is about to be done with somebody, with what it takes away, sealed. False: they are under another lease by now. */
export async function intend(
  q: Queryable,
  batch: string,
  {
    sub,
    lease,
    mark,
    kept,
  }: {
    readonly sub: string;
    readonly lease: string;
    readonly mark: UndoMark;
    readonly kept: string | undefined;
  },
): Promise<boolean> {
  return (await q.run(INTEND, [batch, sub, lease, mark, kept ?? null])).length > 0;
}

export interface UndoTold {
  readonly sub: string;
  readonly undone: Undone;
  readonly problem?: UndoProblem;
}

/** Somebody who is tried again. */
export interface UndoPostponed {
  readonly sub: string;
  readonly seconds: number;
  readonly problem?: UndoProblem;
}

const json = (value: object | undefined) => (value === undefined ? null : JSON.stringify(value));
const OURS = 'where b.batch = $1::text and b.sub = t.sub and b.lease = $2::text';
/** Of whom nothing was told a lease says that somebody has died over them: see `Taken.isInFlight`. */
const TELL = writeUsers(
  `undone = t.undone, lease = case when b.outcome is null then b.lease end,
   problem = case when t.problem is null then ${WITHOUT_PROBLEM} else ${WITH_PROBLEM} end`,
  `from told t ${OURS} returning b.sub`,
);
const POSTPONE = writeUsers(
  `lease = 'undo-later', due_at = now() + make_interval(secs => t.seconds),
   problem = case when t.problem is null then b.problem else ${WITH_PROBLEM} end`,
  `from postponed t ${OURS} returning b.sub`,
);

/** What became of people under this lease, in one statement. */
export async function settleMembers(
  q: Queryable,
  batch: string,
  {
    lease,
    told,
    postponed,
  }: {
    readonly lease: string;
    readonly told: readonly UndoTold[];
    readonly postponed: readonly UndoPostponed[];
  },
): Promise<void> {
  const rows: Part[] = [
    rowsPart('told', {
      sub: ['text', told.map(({ sub }) => sub)],
      undone: ['text', told.map(({ undone }) => undone)],
      problem: ['jsonb', told.map(({ problem }) => json(problem))],
    }),
    rowsPart('postponed', {
      sub: ['text', postponed.map(({ sub }) => sub)],
      seconds: ['float8', postponed.map(({ seconds }) => seconds)],
      problem: ['jsonb', postponed.map(({ problem }) => json(problem))],
    }),
  ];
  const values = [batch, lease];
  await q.runParts(
    [...rows, { name: 'undo_told', text: TELL, values }, { name: 'undo_postponed', text: POSTPONE, values }],
    'select 1',
  );
}

const NEXT = statement(
  `select extract(epoch from min(due) - now())::float8 as seconds from (${readUsers(
    'case when lease is null then now() else due_at end as due',
    `where ${OPEN} ${FROM_HERE} limit 1000`,
  )}) b`,
);
/** Seconds until somebody from here on is free again, looking at the first thousand; undefined: nobody is left. */
export async function secondsToNextOpen(
  q: Queryable,
  batch: string,
  from: Place,
): Promise<number | undefined> {
  const [next] = await q.run<{ seconds: number | null }>(NEXT, [batch, from.rank, from.sub]);
  return next?.seconds ?? undefined;
}
