/** What this room keeps about one person. */
import type { Trace } from '../store/traces.ts';
import { mentions, SUB } from '../store/traces.ts';

export const rolloutTraces: readonly Trace[] = [
  {
    place: 'rollout_assignments',
    holds: 'Which phase of the rollout they belong to.',
    rows: `sub = ${SUB}`,
    hidden: ['back_detail', 'back_lease'],
    secret: { where: "back_detail ? 'kept'", set: "back_detail = back_detail - 'kept'" },
  },
  {
    place: 'rollout_plans',
    holds: 'A segment of the plan lists them.',
    rows: mentions('plan'),
    hidden: ['plan', 'source'],
    erase: { kept: 'A plan is never changed. The next version of it should not list them.' },
  },
];
