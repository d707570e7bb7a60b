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
          back = null, back_detail = null, back_at = null
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
