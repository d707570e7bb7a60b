/** When phases begin by themselves, and what they wait for: a pure function of the plan, of what runs, and of the moment. */
import type { Snapshot } from './deciding.ts';
import { freezeAt, switchKey } from './deciding.ts';
import type { Phase } from './plan.ts';

export interface Start {
  /** It begins in the next round. */
  readonly isDue: boolean;
  /** ISO 8601; undefined: an operator starts it. */
  readonly at: string | undefined;
  /** In sentences. */
  readonly waitsFor: readonly string[];
}

/** What the start of a phase depends on. */
export type Course = Pick<Snapshot, 'plan' | 'phases' | 'switches'>;

/** Undefined: it has begun already, and never begins again by itself. */
export function startOf(snapshot: Course, phase: Phase, nowMs: number): Start | undefined {
  if ((snapshot.phases.get(phase.name)?.state ?? 'planned') !== 'planned') return undefined;
  const { starts: at } = phase;
  const waitsFor = [
    ...(at === undefined ? ['An operator starts it.'] : []),
    ...(at !== undefined && nowMs < Date.parse(at) ? [`It starts on ${momentWords(at)}.`] : []),
    ...obstacles(snapshot, phase, nowMs),
  ];
  return { isDue: waitsFor.length === 0, at, waitsFor };
}

/** What keeps a phase from being started now, by whomever. */
export function obstacles(snapshot: Course, phase: Phase, nowMs: number): string[] {
  const { plan, switches } = snapshot;
  const freeze = freezeAt(plan, nowMs);
  return [
    ...unfinished(snapshot, phase).map((name) => `${name} has to be finished before.`),
    ...(freeze ? [`The plan is frozen until ${momentWords(freeze.until)}: ${freeze.reason}.`] : []),
    ...(switches.has(switchKey('everything')) ? ['The kill switch of the whole plan is on.'] : []),
    ...(switches.has(switchKey('phase', phase.name)) ? ['Its kill switch is on.'] : []),
  ];
}

const unfinished = ({ phases }: Course, { needs }: Phase) =>
  needs.filter((name) => phases.get(name)?.state !== 'finished');

/** `2026-12-01 08:00 UTC`. */
export const momentWords = (moment: string): string => `${moment.slice(0, 16).replace('T', ' ')} UTC`;
