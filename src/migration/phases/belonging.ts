/**
 * Who belongs to a phase that moves people by a batch: the very decision that a login would meet, asked of somebody who is not
 * there. Plain logic, without asking anybody.
 */
import type { DirectoryEntry } from '../../legacy/entries.ts';
import type { Answer, Assignment, NewAssignment, Snapshot } from '../../rollout/deciding.ts';
import { decide, switchKey } from '../../rollout/deciding.ts';
import type { Phase } from '../../rollout/plan.ts';
import type { State } from '../states.ts';
import { hasTargetUser } from '../states.ts';
import type { OpenedPhase } from './phase.ts';

/** Why somebody of the store is not in the batch. */
export const LEFT_OUT = {
  not_asked: 'Not of this phase: none of its segments fits them.',
  other_phase: 'Of another phase, which comes before this one.',
  switched_off: 'The kill switch of their segment, or of all of the phase’s apps, is on.',
  taken_back: 'Taken back in this attempt of the phase: only its next attempt brings them again.',
  there: 'At the target already; they are assigned.',
  in_batch: 'In a batch of this phase already.',
  disabled: 'Disabled in the legacy store.',
  locked: 'Locked in the legacy store.',
  not_in_store: 'Listed in the plan, and not in the legacy store.',
  cannot_be_mapped: 'Cannot be mapped to a user: nobody of these can log in here either.',
  excluded: 'Excluded from the migration.',
  deleted: 'Forgotten: somebody who comes with this id again is somebody else.',
} as const;
export type LeftOut = keyof typeof LEFT_OUT;

export interface Belonging {
  readonly entry: DirectoryEntry;
  /** Undefined: they are to be moved. */
  readonly why?: LeftOut;
  /** To be written down first. */
  readonly assign?: NewAssignment;
}

export interface Asking {
  readonly snapshot: Snapshot;
  readonly phase: Phase;
  readonly attempt: number;
  /** One for each kind of app that tells them apart; undefined: any. */
  readonly apps: readonly (string | undefined)[];
}

/** As if the phase ran and nothing held it: whoever asks has looked whether it may, and a dry run wants to know before. */
export function askingFor({ snapshot, phase, standing }: OpenedPhase): Asking {
  const { plan, phases, switches } = snapshot;
  const attempt = standing.attempt + Number(standing.state === 'rolled-back');
  const at = plan.phases.findIndex(({ name }) => name === phase.name);
  const held = [switchKey('everything'), switchKey('phase', phase.name)];
  return {
    phase,
    attempt,
    apps: appsOf(snapshot, phase),
    snapshot: {
      ...snapshot,
      // Of several that fit the first counts, however it moves people: none takes those of one that comes before.
      plan: {
        ...plan,
        freezes: [],
        phases: plan.phases.slice(0, at + 1).map((one) => ({ ...one, identities: 'graceful' })),
      },
      phases: new Map(phases).set(phase.name, { state: 'running', attempt }),
      switches: new Set([...switches].filter((key) => !held.includes(key))),
    },
  };
}

/** Apps that the same phases name, and whose switches are the same, are one to the decision. */
function appsOf({ plan, switches }: Snapshot, phase: Phase): (string | undefined)[] {
  const all = Object.keys(plan.apps);
  const named = phase.apps === 'all' ? all : phase.apps;
  if (named.length === 0) return [undefined];
  const kindOf = (app: string) =>
    JSON.stringify([
      switches.has(switchKey('app', app)),
      ...plan.phases.map(({ apps }) => apps === 'all' || apps.includes(app)),
    ]);
  return [...new Map(named.map((app) => [kindOf(app), app])).values()];
}

export interface Standing {
  readonly state: State;
  readonly assignments: readonly Assignment[];
  readonly nowMs: number;
}

export function belongingOf(asking: Asking, entry: DirectoryEntry, standing: Standing): Belonging {
  if (entry.error)
    return { entry, why: entry.error.code === 'user_not_found' ? 'not_in_store' : 'cannot_be_mapped' };
  const { user } = entry;
  const { state, assignments, nowMs } = standing;
  const { snapshot, phase, attempt } = asking;
  const wasTaken = assignments.some(
    (one) => one.phase === phase.name && one.attempt === attempt && one.isBack,
  );
  if (wasTaken) return { entry, why: 'taken_back' };
  const isThere = hasTargetUser(state);
  const answers = asking.apps.map((app) =>
    decide(snapshot, { person: user, app, isThere, assignments, nowMs }),
  );
  const mine = answers.find((answer) => answer.phase === phase.name && answer.decision !== 'stay');
  if (!mine) return { entry, why: whyNot(answers, phase.name) };
  const assign = mine.assign ? { assign: mine.assign } : {};
  if (isThere) return { entry, why: 'there', ...assign };
  if (state === 'excluded' || state === 'deleted') return { entry, why: state };
  if (user.state !== 'active') return { entry, why: user.state };
  return { entry, ...assign };
}

function whyNot(answers: readonly Answer[], phase: string): LeftOut {
  if (answers.some((one) => one.decision !== 'stay' && one.phase !== phase)) return 'other_phase';
  const isOff = answers.some(({ reason }) => reason === 'segment_off' || reason === 'app_off');
  return isOff ? 'switched_off' : 'not_asked';
}
