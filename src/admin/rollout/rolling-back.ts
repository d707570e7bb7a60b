/** The fast way back: a phase is rolled back, an app or a segment switched off. People and accounts stay where they are. */
import { FootbridgeError } from '../../errors.ts';
import { appNamed } from '../../rollout/deciding.ts';
import type { Plan } from '../../rollout/plan.ts';
import { STEPS, takeStep } from '../../rollout/turning.ts';
import { NOTHING_CHANGED } from '../claim-tokens/claim-desk.ts';
import type { Desk } from '../operation.ts';
import type { Foresight, Named } from './going-back.ts';
import { foresee } from './going-back.ts';
import { foresightWords } from './going-back-text.ts';
import type { Standing } from './rollout-desk.ts';
import { phaseOf, standingOf } from './rollout-desk.ts';
import { checkFrom } from './stepping.ts';
import { setSwitch } from './switching.ts';

export interface Given {
  readonly phase?: string | undefined;
  readonly app?: string | undefined;
  readonly segment?: string | undefined;
}

/** What of the plan is meant. Throws bad_request, phase_not_found. */
export function namedIn(standing: Standing, given: Given): Named {
  const names = Object.entries(given).filter(([, name]) => name !== undefined);
  const [only, ...more] = names as [Named['kind'], string][];
  if (!only || more.length > 0) throw bad('Name one of --phase, --app and --segment.');
  const [kind, name] = only;
  const { plan } = standing.snapshot;
  if (kind === 'phase') return { kind, name: phaseOf(standing, name).phase.name };
  if (kind === 'app') return { kind, name: appNamed(plan, name) ?? unknown(plan, kind, name) };
  return { kind, name: Object.hasOwn(plan.segments, name) ? name : unknown(plan, kind, name) };
}

function unknown(plan: Plan, kind: 'app' | 'segment', name: string): never {
  const names = Object.keys(plan[`${kind}s`]).join(', ') || 'none';
  throw bad(`The plan has no ${kind} called ${name}: it has ${names}.`);
}

const bad = (detail: string) => new FootbridgeError('bad_request', { detail });

export interface RolledBack {
  readonly executed: boolean;
  readonly target: string;
  readonly kind: Named['kind'];
  readonly name: string;
  /** It was so already. */
  readonly isSo: boolean;
  /** Before: who it is about. After it was done nobody counts, for it has to be fast. */
  readonly foresight: Foresight | null;
}

export interface BackAsked {
  readonly given: Given;
  readonly target: string | undefined;
  readonly reason: string;
  readonly execute: boolean;
}

/** Throws plan_not_found, bad_request, phase_not_found, phase_state. */
export async function rollBack(desk: Desk, asked: BackAsked): Promise<RolledBack> {
  const { reason, execute } = asked;
  const standing = await standingOf(desk, asked.target);
  const { target, snapshot } = standing;
  const named = namedIn(standing, asked.given);
  const { kind, name } = named;
  if (kind === 'phase') checkFrom(phaseOf(standing, name).row, 'rollback');
  const isSo = kind !== 'phase' && snapshot.switches.has(`${kind}:${name}`);
  const output = { executed: execute && !isSo, target, kind, name, isSo };
  if (!execute || isSo) return { ...output, foresight: await foresee(desk, standing, named) };
  const { actor, db } = desk;
  if (kind === 'phase')
    await takeStep(db, {
      ...{ step: 'rollback', target, phase: name, reason, actor, nowMs: Date.now() },
      ...{ cause: 'operator', from: STEPS.rollback.from },
    });
  else await setSwitch(desk, { target, kind, name, off: true, reason });
  return { ...output, foresight: null };
}

const UNDO: Readonly<Record<Named['kind'], (name: string, target: string) => string>> = {
  phase: (name, target) => `footbridge rollout start ${name} --target ${target} begins its next attempt.`,
  app: (name, target) => `footbridge rollout switch --app ${name} --on --target ${target} undoes it.`,
  segment: (name, target) => `footbridge rollout switch --segment ${name} --on --target ${target} undoes it.`,
};

export function rolledBackLines({ executed, target, kind, name, isSo, foresight }: RolledBack): string {
  if (isSo) return `The kill switch of ${kind} ${name} for ${target} is on already: there is nothing to do.`;
  const what = kind === 'phase' ? 'rolled back' : 'at the old login again';
  return [
    `The ${kind} ${name} for ${target} ${executed ? 'is' : 'would be'} ${what}.`,
    ...(foresight ? foresightWords(foresight) : [DONE]).map((sentence) => `  ${sentence}`),
    `  ${FURTHER}`,
    `  ${UNDO[kind](name, target)}`,
    ...(executed ? [] : [NOTHING_CHANGED]),
  ].join('\n');
}

const DONE =
  'It holds from the next decision on, on every server; logins that are under way finish, and nobody gets two accounts.';
const FURTHER = 'Accounts at the target stay: rollout return takes the people themselves back.';
