/** Who belongs to which phase, in our database: written once, by whoever decides first. */
import type { Queryable } from '../store/db.ts';
import { statement } from '../store/db.ts';
import type { Part } from '../store/statement.ts';
import { rowsPart } from '../store/statement.ts';
import type { Assignment, NewAssignment } from './deciding.ts';

export type Way = 'decision' | 'bulk' | 'operator';

export interface Assigned extends NewAssignment {
  readonly sub: string;
}

const ROW = `jsonb_build_object('phase', phase, 'attempt', attempt, 'segment', segment,
  'isBack', back in ('returned', 'kept'))`;

/** An expression: the assignments of $1 (target) and $2 (sub) as a JSON array. */
export const ASSIGNMENTS_OF = `coalesce((select jsonb_agg(${ROW}) from rollout_assignments
  where target = $1 and sub = $2), '[]'::jsonb)`;

/** A part named `rollout_assigned`. Whoever was first in this attempt keeps what they have written. */
export function assignPart(
  { target, version, way }: { readonly target: string; readonly version: number; readonly way: Way },
  people: readonly Assigned[],
): readonly Part[] {
  return [
    rowsPart('rollout_to_assign', {
      sub: ['text', people.map(({ sub }) => sub)],
      phase: ['text', people.map(({ phase }) => phase)],
      attempt: ['int', people.map(({ attempt }) => attempt)],
      segment: ['text', people.map(({ segment }) => segment)],
      bucket: ['int', people.map(({ bucket }) => bucket)],
    }),
    {
      name: 'rollout_assigned',
      text: `insert into rollout_assignments as a (target, sub, phase, attempt, segment, bucket, version, way)
        select $1::text, sub, phase, attempt, segment, bucket, $2::int, $3::text from rollout_to_assign
        on conflict (target, sub, phase) do update set attempt = excluded.attempt, segment = excluded.segment,
          version = excluded.version, way = excluded.way, assigned_at = now(),
          back = null, back_at = null, back_lease = null, back_due_at = null
        where a.attempt < excluded.attempt returning sub, phase`,
      values: [target, version, way],
    },
  ];
}

const OF = statement(`select phase, attempt, segment, bucket, version, way, assigned_at as "assignedAt", back,
  back_at as "backAt" from rollout_assignments where target = $1 and sub = $2 order by assigned_at`);

export interface AssignmentRow extends Omit<Assignment, 'isBack'> {
  readonly bucket: number;
  readonly version: number;
  readonly way: Way;
  readonly assignedAt: Date;
  readonly back: 'asked' | 'kept' | 'returned' | 'refused' | 'failed' | null;
  readonly backAt: Date | null;
}

/** All of one person's, for whoever wants to know why. */
export const assignmentsOf = (q: Queryable, target: string, sub: string): Promise<AssignmentRow[]> =>
  q.run<AssignmentRow>(OF, [target, sub]);

/** Of a phase in its present attempt; with a segment only those who fit by it. */
export interface PhaseAttempt {
  readonly phase: string;
  readonly attempt: number;
}

const PEOPLE = `select a.sub, a.phase, a.segment, a.bucket, a.assigned_at from rollout_assignments a
  join unnest($2::text[], $3::int[]) as p(phase, attempt) on a.phase = p.phase and a.attempt = p.attempt
  where a.target = $1::text and (a.back is null or a.back not in ('returned', 'kept'))
    and ($4::text is null or a.segment = $4::text)`;

export interface PeopleAsked {
  readonly target: string;
  readonly phases: readonly PhaseAttempt[];
  readonly segment?: string | undefined;
}

const valuesOf = ({ target, phases, segment }: PeopleAsked): unknown[] => [
  target,
  phases.map(({ phase }) => phase),
  phases.map(({ attempt }) => attempt),
  segment ?? null,
];

/** A part named `phase_people (sub, phase, segment, bucket, assigned_at)`: who is assigned to these phases and was not taken back. */
export const phasePeoplePart = (asked: PeopleAsked): Part => ({
  name: 'phase_people',
  text: PEOPLE,
  values: valuesOf(asked),
});

const ASSIGNED = statement(`select phase, count(*)::int as people from (${PEOPLE}) p group by phase`);
/** How many are assigned to each; a phase without anybody is left out. */
export async function assignedCounts(q: Queryable, asked: PeopleAsked): Promise<ReadonlyMap<string, number>> {
  const rows = await q.run<{ phase: string; people: number }>(ASSIGNED, valuesOf(asked));
  return new Map(rows.map(({ phase, people }) => [phase, people]));
}

const OF_EACH = statement(`select sub, jsonb_agg(${ROW}) as assignments from rollout_assignments
  where target = $1 and sub = any($2::text[]) group by sub`);
/** Of many people at once; who has none is left out. */
export async function assignmentsOfEach(
  q: Queryable,
  target: string,
  subs: readonly string[],
): Promise<ReadonlyMap<string, readonly Assignment[]>> {
  const rows = await q.run<{ sub: string; assignments: Assignment[] }>(OF_EACH, [target, subs]);
  return new Map(rows.map(({ sub, assignments }) => [sub, assignments]));
}

/** For the way back (`migration/phases/`): what it reads and writes of these rows, as `a`. */
export const readAssigned = (columns: string, rest: string): string =>
  `select ${columns} from rollout_assignments a ${rest}`;
export const writeAssigned = (set: string, rest: string): string =>
  `update rollout_assignments a set ${set} ${rest}`;
