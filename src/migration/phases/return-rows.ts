/**
 * The rows of people on their way back: asked first, then leased a few at a time, until each says what became of them. A lease is
 * good until `back_due_at`; whoever is due is free.
 */
import { readAssigned, writeAssigned } from '../../rollout/assignments.ts';
import type { Queryable } from '../../store/db.ts';
import { statement } from '../../store/db.ts';
import { rowsPart } from '../../store/statement.ts';
import type { UserProblem } from '../batch/batch.ts';
import type { UndoMark } from '../batch/undo-rows.ts';

/** All that are given have to fit. */
export interface ReturnScope {
  readonly target: string;
  readonly phases: readonly string[];
  readonly segment: string | null;
  readonly user: string | null;
}

/** How it ended: `kept`: they were at the target before this phase, or are not ours to take back, and stay as they are. */
export const BACKS = ['returned', 'kept', 'refused', 'failed'] as const;
export type Back = (typeof BACKS)[number];

/** Names only; values of a person are in `kept`, sealed. */
export interface BackDetail {
  /** What is being done at the target. */
  readonly mark?: UndoMark;
  /** Fields that were to be written to the legacy store, and that were. */
  readonly bringing?: readonly string[];
  readonly brought?: readonly string[];
  /** Fields that are only in `kept`; why each was not brought back, where the store said so. */
  readonly fields?: readonly string[];
  readonly notBrought?: Readonly<Record<string, string>>;
  readonly kept?: string | null;
  /** What nobody can keep: `password`, `secondFactor`, `passkeys`. */
  readonly lost?: readonly string[];
  readonly problem?: UserProblem;
  /** Tries that failed while the target was well. */
  readonly attempts?: number;
}

export interface ReturnMember {
  readonly sub: string;
  readonly phase: string;
  /** When they first fitted the phase. */
  readonly firstAt: Date;
  readonly detail: BackDetail;
}

/** A dead process's people are taken over after this; a living one renews three times in between. */
export const RETURN_LEASE_SECONDS = 5;
const LEASED = `now() + interval '${RETURN_LEASE_SECONDS} seconds'`;
const MEMBER = `a.sub, a.phase, a.first_at as "firstAt", coalesce(a.back_detail, '{}') as detail`;
const SCOPE = `a.target = $1::text and a.phase = any($2::text[]) and ($3::text is null or a.segment = $3::text)
  and ($4::text is null or a.sub = $4::text)`;
const OPEN = `(a.back is null or a.back in ('refused', 'failed'))`;
const MINE = `a.target = $1::text and a.sub = $2::text and a.phase = $3::text and a.back_lease = $4::text`;

const valuesOf = ({ target, phases, segment, user }: ReturnScope) => [target, phases, segment, user];

/** What was kept of an earlier way back stays until somebody has written it out. */
const FRESH = `coalesce(a.back_detail, '{}') - '{mark,problem,attempts,bringing,brought,notBrought,lost}'::text[]`;
const ASK = writeAssigned(
  `back = 'asked', back_at = now(), back_due_at = null, back_lease = null, back_detail = ${FRESH}`,
  `from (${readAssigned(
    'a.sub, a.phase',
    `where ${SCOPE} and ${OPEN} and (a.phase, a.sub) > ($5::text, $6::text) order by a.phase, a.sub limit $7::int`,
  )}) n where a.target = $1::text and a.sub = n.sub and a.phase = n.phase and ${OPEN} returning a.sub, a.phase`,
);
const ASKED_AT_ONCE = 1_000;

/** Everybody in it who is not back, nor on the way; how many. Whoever could not go back is asked again. */
export async function askBack(q: Queryable, scope: ReturnScope): Promise<number> {
  let total = 0;
  let last: Place = { phase: '', sub: '' };
  for (;;) {
    const values = [...valuesOf(scope), last.phase, last.sub, ASKED_AT_ONCE];
    const rows = await q.runParts<Place>(
      [{ name: 'back_asked', text: ASK, values }],
      'select phase, sub from back_asked order by phase, sub',
    );
    total += rows.length;
    if (rows.length < ASKED_AT_ONCE) return total;
    last = rows.at(-1)!;
  }
}

type Place = Pick<ReturnMember, 'phase' | 'sub'>;

/** The next people under this lease; a `size` that is no parameter the planner knows to be small. */
export function takeReturning(
  q: Queryable,
  scope: ReturnScope,
  { lease, size }: { readonly lease: string; readonly size: number },
): Promise<ReturnMember[]> {
  const due = `where ${SCOPE} and a.back = 'asked' and (a.back_due_at is null or a.back_due_at <= now())
    order by a.phase, a.sub limit ${Math.trunc(size)} for update skip locked`;
  return q.runParts<ReturnMember>(
    [
      { name: 'back_due', text: readAssigned('a.sub, a.phase', due), values: valuesOf(scope) },
      {
        name: 'back_taken',
        text: writeAssigned(
          `back_lease = $2::text, back_due_at = ${LEASED}`,
          `from back_due d where a.target = $1::text and a.sub = d.sub and a.phase = d.phase returning ${MEMBER}`,
        ),
        values: [scope.target, lease],
      },
    ],
    'select * from back_taken',
  );
}

const RENEW = statement(
  writeAssigned(
    `back_due_at = ${LEASED}`,
    `where a.target = $1 and a.sub = any($2::text[]) and a.back = 'asked' and a.back_lease = $3`,
  ),
);
export const renewReturning = (q: Queryable, target: string, lease: string, subs: readonly string[]) =>
  q.run(RENEW, [target, subs, lease]);

const NOTE = statement(
  writeAssigned(
    `back_detail = coalesce(a.back_detail, '{}') || $5::jsonb`,
    `where ${MINE} and a.back = 'asked' returning 1`,
  ),
);
export interface Noting extends Place {
  readonly target: string;
  readonly lease: string;
}
/** What is about to be done with somebody, or was. False: they are under another lease by now. */
export async function noteBack(
  q: Queryable,
  { target, sub, phase, lease }: Noting,
  detail: BackDetail,
): Promise<boolean> {
  return (await q.run(NOTE, [target, sub, phase, lease, JSON.stringify(detail)])).length > 0;
}

export interface ReturnTold extends Place {
  readonly back: Back;
  readonly problem?: UserProblem | undefined;
}
/** Somebody who is tried again. */
export interface ReturnLater extends Place {
  readonly seconds: number;
  readonly problem?: UserProblem | undefined;
  readonly attempts?: number;
}

const json = (value: object) => JSON.stringify(value);
const OURS = 'where a.target = $1::text and a.sub = t.sub and a.phase = t.phase and a.back_lease = $2::text';

/** What became of people under this lease, in one statement. */
export async function settleReturning(
  q: Queryable,
  { target, lease }: { readonly target: string; readonly lease: string },
  { told, later }: { readonly told: readonly ReturnTold[]; readonly later: readonly ReturnLater[] },
): Promise<void> {
  const values = [target, lease];
  await q.runParts(
    [
      rowsPart('told', {
        sub: ['text', told.map(({ sub }) => sub)],
        phase: ['text', told.map(({ phase }) => phase)],
        back: ['text', told.map(({ back }) => back)],
        detail: ['jsonb', told.map(({ problem }) => json(problem ? { problem } : {}))],
      }),
      rowsPart('postponed', {
        sub: ['text', later.map(({ sub }) => sub)],
        phase: ['text', later.map(({ phase }) => phase)],
        seconds: ['float8', later.map(({ seconds }) => seconds)],
        detail: [
          'jsonb',
          later.map(({ problem, attempts }) =>
            json({ ...(problem ? { problem } : {}), ...(attempts === undefined ? {} : { attempts }) }),
          ),
        ],
      }),
      {
        name: 'back_told',
        text: writeAssigned(
          `back = t.back, back_at = now(), back_lease = null, back_due_at = null,
           back_detail = (coalesce(a.back_detail, '{}') - 'problem') || t.detail`,
          `from told t ${OURS} and a.back = 'asked' returning a.sub`,
        ),
        values,
      },
      {
        name: 'back_later',
        text: writeAssigned(
          `back_lease = null, back_due_at = now() + make_interval(secs => t.seconds),
           back_detail = coalesce(a.back_detail, '{}') || t.detail`,
          `from postponed t ${OURS} and a.back = 'asked' returning a.sub`,
        ),
        values,
      },
    ],
    'select 1',
  );
}

const NEXT = statement(
  `select extract(epoch from min(due) - now())::float8 as seconds from (${readAssigned(
    'coalesce(a.back_due_at, now()) as due',
    `where ${SCOPE} and a.back = 'asked' limit 1000`,
  )}) d`,
);
/** Seconds until somebody is free again, looking at a thousand; undefined: nobody is left. */
export async function secondsToNextReturn(q: Queryable, scope: ReturnScope): Promise<number | undefined> {
  const [next] = await q.run<{ seconds: number | null }>(NEXT, valuesOf(scope));
  return next?.seconds ?? undefined;
}
