/** Why somebody goes where they go: every segment, every phase, what they were assigned to, and the decision. Nothing is written. */
import { FootbridgeError } from '../../errors.ts';
import { find } from '../../migration/ledger.ts';
import type { State } from '../../migration/states.ts';
import { hasTargetUser } from '../../migration/states.ts';
import type { AssignmentRow } from '../../rollout/assignments.ts';
import { assignmentsOf } from '../../rollout/assignments.ts';
import type { Assignment, Decision, PhaseState, Question, Reason } from '../../rollout/deciding.ts';
import { appNamed, decide, REASONS } from '../../rollout/deciding.ts';
import type { Misses, Standing as Place } from '../../rollout/membership.ts';
import { bucketOf, missesOf, segmentFor } from '../../rollout/membership.ts';
import type { Phase } from '../../rollout/plan.ts';
import type { User } from '../../user.ts';
import type { Desk } from '../operation.ts';
import type { Standing } from './rollout-desk.ts';

export interface SegmentVerdict {
  readonly segment: string;
  readonly isIn: boolean;
  readonly misses: Misses;
}

export interface PhaseVerdict {
  readonly phase: string;
  readonly state: PhaseState;
  readonly decision: Decision;
  /** `not_begun`, `other_app`, `not_theirs`: nothing of this phase is about them, or not yet. */
  readonly reason: Reason | 'not_begun' | 'other_app' | 'not_theirs';
  readonly sentence: string;
  /** By which they fit, or did when they were assigned; null: everybody does. */
  readonly segment: string | null;
}

export interface Explained {
  readonly target: string;
  readonly plan: string;
  readonly version: number;
  readonly sub: string;
  readonly app: string | null;
  /** From 0 to 9,999: below 3,000 is in every share of 30 %. */
  readonly bucket: number;
  /** In the ledger; null: never seen here. */
  readonly state: State | null;
  readonly segments: readonly SegmentVerdict[];
  readonly phases: readonly PhaseVerdict[];
  readonly assignments: readonly AssignmentRow[];
  readonly decision: Decision;
  readonly reason: Reason;
  readonly sentence: string;
  readonly phase: string | null;
  readonly segment: string | null;
}

/** By what they type to log in, or by the sub. Throws user_not_found, user_ambiguous, legacy_unavailable. */
export async function personNamed({ directory }: Pick<Desk, 'directory'>, wanted: string): Promise<User> {
  const entry = (await directory.findByLogin(wanted)) ?? (await directory.findBySub(wanted));
  if (!entry) throw new FootbridgeError('user_not_found', { detail: wanted });
  return entry.user;
}

export interface Asked {
  readonly person: User;
  readonly app: string | undefined;
  readonly nowMs: number;
}

export async function explain(
  { db }: Pick<Desk, 'db'>,
  { target, snapshot }: Standing,
  { person, app, nowMs }: Asked,
): Promise<Explained> {
  const { sub } = person;
  const { plan } = snapshot;
  const [row, assignments] = await Promise.all([find(db, target, sub), assignmentsOf(db, target, sub)]);
  const isThere = row !== undefined && hasTargetUser(row.state);
  const question: Question = { person, app, isThere, nowMs, assignments: assignments.map(asQuestioned) };
  const bucket = bucketOf(snapshot.salt, sub);
  const place: Place = { person, bucket, nowSeconds: nowMs / 1_000 };
  const { decision, reason, phase, segment } = decide(snapshot, question);
  return {
    target,
    plan: plan.name,
    version: snapshot.version,
    sub,
    app: app ?? null,
    bucket,
    state: row?.state ?? null,
    segments: Object.keys(plan.segments)
      .sort()
      .map((name) => {
        const misses = missesOf(plan, name, place);
        const isIn = misses.criteria.length === 0 && misses.exceptedBy.length === 0;
        return { segment: name, isIn, misses };
      }),
    phases: plan.phases.map((one) => phaseVerdict(snapshot, { question, place }, one)),
    assignments,
    decision,
    reason,
    sentence: REASONS[reason],
    phase: phase ?? null,
    segment: segment ?? null,
  };
}

const asQuestioned = ({ phase, attempt, segment, back }: AssignmentRow): Assignment => ({
  phase,
  attempt,
  segment,
  isBack: back === 'returned' || back === 'kept',
});

const ASIDE = {
  not_begun: 'It has not begun.',
  other_app: 'It does not lead this app.',
  not_theirs: 'It is not for them.',
} as const;

/** As if it were the only phase of the plan. */
function phaseVerdict(
  snapshot: Standing['snapshot'],
  { question, place }: { readonly question: Question; readonly place: Place },
  phase: Phase,
): PhaseVerdict {
  const { plan, phases } = snapshot;
  const { state, attempt } = phases.get(phase.name) ?? { state: 'planned', attempt: 1 };
  const fits = segmentFor(plan, phase, place);
  const answer = decide({ ...snapshot, plan: { ...plan, phases: [phase] } }, question);
  const named = question.app === undefined ? undefined : appNamed(plan, question.app);
  const before = question.assignments.find(
    (one) => one.phase === phase.name && one.attempt === attempt && !one.isBack,
  );
  const aside = asideOf({
    leads: named === undefined || phase.apps === 'all' || phase.apps.includes(named),
    isTheirs: fits !== undefined || before !== undefined,
    state,
  });
  const common = { phase: phase.name, state, segment: (before ? before.segment : fits) ?? null };
  if (aside) return { ...common, decision: 'stay', reason: aside, sentence: ASIDE[aside] };
  return { ...common, decision: answer.decision, reason: answer.reason, sentence: REASONS[answer.reason] };
}

function asideOf({
  leads,
  isTheirs,
  state,
}: {
  readonly leads: boolean;
  readonly isTheirs: boolean;
  readonly state: PhaseState;
}): keyof typeof ASIDE | undefined {
  if (!leads) return 'other_app';
  if (!isTheirs) return 'not_theirs';
  return state === 'planned' ? 'not_begun' : undefined;
}
