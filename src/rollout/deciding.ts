/**
 * Where somebody goes: a pure function of the plan as it is, what they were assigned to before, and the moment. Whoever
 * was assigned stays assigned while the phase's attempt lasts, whatever the plan says of them by now.
 */
import type { Person } from './membership.ts';
import { bucketOf, isInSegment, segmentFor } from './membership.ts';
import type { Phase, Plan } from './plan.ts';

/** `stay`: at the old login. `migrate`: moved at the login that is under way. `redirect`: to the target, where they are. */
export type Decision = 'stay' | 'migrate' | 'redirect';

export const REASONS = {
  everything_off: 'The kill switch of the whole plan is on.',
  app_off: 'The kill switch of this app is on.',
  app_unknown: 'The plan says nothing about this app.',
  no_phase: 'No phase that runs is for them yet.',
  segment_off: 'The kill switch of the segment that they belong to is on.',
  phase_off: 'The kill switch of their phase is on.',
  phase_paused: 'Their phase is paused, and assigns nobody new.',
  frozen: 'Nobody new is assigned while the plan is frozen.',
  rolled_back: 'Their phase was rolled back.',
  waits_for_batch: 'Their phase moves people by a batch, and it has not come to them.',
  assigned: 'They belong to this phase, and are moved now.',
  there: 'They belong to this phase, and are at the target.',
} as const;
export type Reason = keyof typeof REASONS;

export const PHASE_STATES = ['planned', 'running', 'paused', 'finished', 'rolled-back'] as const;
export type PhaseState = (typeof PHASE_STATES)[number];

export interface PhaseStanding {
  readonly state: PhaseState;
  readonly attempt: number;
}

export type SwitchKind = 'everything' | 'phase' | 'app' | 'segment';

/** What decisions depend on, of one target. */
export interface Snapshot {
  readonly target: string;
  readonly version: number;
  readonly epoch: string;
  readonly salt: Buffer;
  readonly plan: Plan;
  readonly phases: ReadonlyMap<string, PhaseStanding>;
  /** `kind:name`. */
  readonly switches: ReadonlySet<string>;
}

export interface Assignment {
  readonly phase: string;
  readonly attempt: number;
  readonly segment: string | null;
  /** Taken back with their phase: they are assigned again only by its next attempt. */
  readonly isBack: boolean;
}

export interface Question {
  readonly person: Person;
  /** A client's id, a name of `legacySessions`, or an app's name; absent: any app. */
  readonly app?: string | undefined;
  /** They exist at the target and are linked. */
  readonly isThere: boolean;
  readonly assignments: readonly Assignment[];
  readonly nowMs: number;
}

export interface NewAssignment {
  readonly phase: string;
  readonly attempt: number;
  readonly segment: string | null;
  readonly bucket: number;
}

export interface Answer {
  readonly decision: Decision;
  readonly reason: Reason;
  readonly bucket: number;
  readonly phase?: string;
  readonly segment?: string | null;
  /** To be stored before anybody acts on the answer. */
  readonly assign?: NewAssignment;
}

export const switchKey = (kind: SwitchKind, name = '') => `${kind}:${name}`;

/** The app that a client, a legacy app or a name means; undefined: none of the plan. */
export function appNamed({ apps }: Plan, name: string): string | undefined {
  if (Object.hasOwn(apps, name)) return name;
  return Object.keys(apps).find(
    (one) => apps[one]!.clients.includes(name) || apps[one]!.legacySessions.includes(name),
  );
}

export function freezeAt({ freezes }: Plan, nowMs: number): Plan['freezes'][number] | undefined {
  return freezes.find(({ from, until }) => Date.parse(from) <= nowMs && nowMs < Date.parse(until));
}

export function decide(snapshot: Snapshot, question: Question): Answer {
  const { plan, switches } = snapshot;
  const bucket = bucketOf(snapshot.salt, question.person.sub);
  const stay = (reason: Reason, where: Where = {}): Answer => ({
    decision: 'stay',
    reason,
    bucket,
    ...where,
  });
  if (switches.has(switchKey('everything'))) return stay('everything_off');
  const app = question.app === undefined ? undefined : appNamed(plan, question.app);
  if (app !== undefined && switches.has(switchKey('app', app))) return stay('app_off');
  if (question.app !== undefined && app === undefined && Object.keys(plan.apps).length > 0)
    return stay('app_unknown');
  const segment = segmentOff(snapshot, { ...question, bucket });
  if (segment !== undefined) return stay('segment_off', { segment });
  let first: Answer | undefined;
  for (const phase of plan.phases) {
    if (app !== undefined && phase.apps !== 'all' && !phase.apps.includes(app)) continue;
    const found = inPhase(snapshot, { ...question, app, bucket }, phase);
    if (!found) continue;
    const answer = { ...found, bucket };
    if (answer.decision !== 'stay' || isHeld(snapshot, question, answer)) return answer;
    first ??= answer;
  }
  return first ?? stay('no_phase');
}

/** A segment that is switched off and has them, whichever phase is for them: by what they are now, or were assigned by. */
function segmentOff({ plan, switches, phases }: Snapshot, question: Asked): string | undefined {
  const { person, bucket, nowMs, assignments } = question;
  const standing = { person, bucket, nowSeconds: nowMs / 1_000 };
  const prefix = switchKey('segment');
  return [...switches]
    .flatMap((key) => (key.startsWith(prefix) ? [key.slice(prefix.length)] : []))
    .find(
      (name) =>
        isInSegment(plan, name, standing) ||
        assignments.some((one) => one.segment === name && one.attempt === phases.get(one.phase)?.attempt),
    );
}

const HOLDING: ReadonlySet<Reason> = new Set(['rolled_back', 'phase_off']);

/** Whoever belonged to what was taken back or switched off is not brought again by a later phase that is for them too. */
const isHeld = ({ phases }: Snapshot, { assignments }: Question, { phase, reason }: Answer): boolean =>
  HOLDING.has(reason) &&
  assignments.some((one) => one.phase === phase && one.attempt === phases.get(one.phase)?.attempt);

type Asked = Question & { readonly bucket: number };

interface Where {
  readonly phase?: string;
  readonly segment?: string | null;
}

/** Undefined: it is not for them, or not yet. */
function inPhase(
  snapshot: Snapshot,
  { person, app, assignments, isThere, nowMs, bucket }: Asked,
  phase: Phase,
): Omit<Answer, 'bucket'> | undefined {
  const { plan, phases, switches } = snapshot;
  const { state, attempt } = phases.get(phase.name) ?? { state: 'planned', attempt: 1 };
  if (state === 'planned') return undefined;
  const before = assignments.find((one) => one.phase === phase.name && one.attempt === attempt);
  const segment = before
    ? before.segment
    : segmentFor(plan, phase, { person, bucket, nowSeconds: nowMs / 1_000 });
  if (segment === undefined) return undefined;
  const where = { phase: phase.name, segment };
  const stay = (reason: Reason) => ({ decision: 'stay', reason, ...where }) as const;
  // Whoever was taken back comes again with the next attempt, and not with their next login.
  if (state === 'rolled-back' || before?.isBack) return stay('rolled_back');
  if (switches.has(switchKey('phase', phase.name))) return stay('phase_off');
  // Without an app any would do; where each of the phase's is switched off, none is left.
  if (
    app === undefined &&
    phase.apps !== 'all' &&
    phase.apps.every((one) => switches.has(switchKey('app', one)))
  )
    return stay('app_off');
  if (!before && state === 'paused') return stay('phase_paused');
  if (!before && freezeAt(plan, nowMs)) return stay('frozen');
  const assign = before ? {} : { assign: { phase: phase.name, attempt, segment, bucket } };
  if (isThere) return { decision: 'redirect', reason: 'there', ...where, ...assign };
  // A batch that is written down assigns by itself: here nothing begins.
  if (phase.identities === 'bulk') return stay('waits_for_batch');
  return { decision: 'migrate', reason: 'assigned', ...where, ...assign };
}
