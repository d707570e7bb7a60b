/** What became of a plan, step by step: the table `rollout_steps`, always beside the audit log's record of the same. */
import type { Json } from '../store/audit-log.ts';
import { appendAudit } from '../store/audit-log.ts';
import type { Queryable } from '../store/db.ts';
import { statement } from '../store/db.ts';

export interface NewStep {
  readonly target: string;
  readonly actor: string;
  /** As the audit log names it: `rollout.paused`. */
  readonly action: string;
  readonly at: Date;
  readonly detail: Readonly<Record<string, Json>>;
}

export interface StepRow extends Omit<NewStep, 'target'> {
  /** A bigint, as text. */
  readonly id: string;
}

const NOTE = statement(
  'insert into rollout_steps (target, at, actor, action, detail) values ($1, $2, $3, $4, $5::jsonb)',
);

/** With its record in the audit log: in a transaction of the caller's. */
export async function noteStep(q: Queryable, { target, at, actor, action, detail }: NewStep): Promise<void> {
  await q.run(NOTE, [target, at, actor, action, JSON.stringify(detail)]);
  await appendAudit(q, { actor, action, detail: { target, ...detail } });
}

const OF = statement(`select id::text, at, actor, action, detail from rollout_steps
  where target = $1 order by rollout_steps.id desc limit $2`);
/** The newest first. */
export const stepsOf = (q: Queryable, target: string, limit: number): Promise<StepRow[]> =>
  q.run<StepRow>(OF, [target, limit]);
