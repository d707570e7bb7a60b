/** Who of a rollout is to go back: a phase, an app, a segment or a person, and whether the plan would bring them again at once. */
import { FootbridgeError } from '../../errors.ts';
import type { Snapshot } from '../../rollout/deciding.ts';
import { appNamed, switchKey } from '../../rollout/deciding.ts';
import { phaseRows } from '../../rollout/phases.ts';
import type { Queryable } from '../../store/db.ts';
import type { ReturnScope } from './return-rows.ts';

/** One of phase, segment and app, with or without a person; or the person alone. */
export interface ReturnAsked {
  readonly target: string;
  readonly phase?: string | undefined;
  readonly segment?: string | undefined;
  readonly app?: string | undefined;
  readonly user?: string | undefined;
}

/** Throws bad_request, phase_not_found. */
export async function scopeOf(q: Queryable, snapshot: Snapshot, asked: ReturnAsked): Promise<ReturnScope> {
  const { target, phase, segment, app, user } = asked;
  const named = [phase, segment, app].filter((name) => name !== undefined);
  if (named.length > 1) throw bad('Give one of phase, segment and app.');
  if (named.length === 0 && user === undefined) throw bad('Say who: phase, segment, app or user.');
  const common = { target, segment: segment ?? null, user: user ?? null };
  if (app !== undefined) return { ...common, phases: phasesOfApp(snapshot, app) };
  // Also those that are not in the plan any more.
  const known = (await phaseRows(q, target)).map((row) => row.phase);
  if (phase === undefined) return { ...common, phases: known };
  if (!known.includes(phase)) throw new FootbridgeError('phase_not_found', { detail: phase });
  return { ...common, phases: [phase] };
}

/** A person is moved once, for all apps: only phases of this app alone say whom it has brought. */
function phasesOfApp({ plan }: Snapshot, named: string): string[] {
  const app = appNamed(plan, named);
  if (app === undefined) throw bad(`The plan has no app ${named}.`);
  const phases = plan.phases.filter(({ apps }) => apps === 'all' || apps.includes(app));
  const shared = phases.filter(({ apps }) => apps === 'all' || apps.length > 1).map(({ name }) => name);
  if (shared.length > 0)
    throw bad(
      `People of ${shared.join(', ')} belong to other apps too: name a phase, or turn the app off (footbridge rollout switch).`,
    );
  return phases.map(({ name }) => name);
}

const bad = (detail: string) => new FootbridgeError('bad_request', { detail });

/**
 * What has to be done first, as sentences: whoever goes back while their phase goes on would come again at their next login.
 * A single person is left out of the phase's attempt by being back.
 */
export function whyNotYet(
  { plan, phases, switches }: Snapshot,
  scope: ReturnScope,
  named?: string,
): string[] {
  if (scope.user !== null) return [];
  const app = named === undefined ? undefined : appNamed(plan, named);
  const has = (kind: 'everything' | 'segment' | 'app' | 'phase', name = '') =>
    switches.has(switchKey(kind, name));
  if (has('everything')) return [];
  if (scope.segment !== null && has('segment', scope.segment)) return [];
  if (app !== undefined && has('app', app)) return [];
  const open = scope.phases.filter(
    (name) =>
      ['running', 'paused', 'finished'].includes(phases.get(name)?.state ?? '') && !has('phase', name),
  );
  if (open.length === 0) return [];
  if (scope.segment !== null)
    return [
      `People of ${scope.segment} would come again at their next login. First: footbridge rollout rollback --segment ${scope.segment}`,
    ];
  return open.map(
    (name) =>
      `The phase ${name} is ${phases.get(name)?.state}: whoever goes back would come again at their next login. First: footbridge rollout rollback --phase ${name}`,
  );
}
