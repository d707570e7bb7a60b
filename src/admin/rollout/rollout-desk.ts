/** The desk as rollout plans see it: which target, what is planned there, and the figures of its phases. */
import { z } from 'zod';
import { FootbridgeError } from '../../errors.ts';
import { phaseStandings } from '../../migration/phase-standings.ts';
import { lastCensus } from '../../rollout/census.ts';
import type { Snapshot } from '../../rollout/deciding.ts';
import type { FiguresOf } from '../../rollout/figures.ts';
import { openFigures } from '../../rollout/figures.ts';
import type { PhaseRow } from '../../rollout/phases.ts';
import { phaseRows, plannedTargets, readSnapshot } from '../../rollout/phases.ts';
import type { Phase } from '../../rollout/plan.ts';
import type { Desk } from '../operation.ts';

export const whichTarget = z
  .string()
  .min(1)
  .optional()
  .describe('The target’s name, where several have a plan.');

/** Kept, and shown to everybody who asks why. */
export const reasonText = z.string().trim().min(1).max(200);

/** The only one that has a plan where none is named. Throws plan_not_found, bad_request where there are several. */
export async function targetOf({ db }: Pick<Desk, 'db'>, named?: string): Promise<string> {
  const planned = await plannedTargets(db);
  if (named !== undefined) {
    if (planned.includes(named)) return named;
    throw new FootbridgeError('plan_not_found', { detail: named });
  }
  const [only, ...more] = planned;
  if (only === undefined) throw new FootbridgeError('plan_not_found');
  if (more.length === 0) return only;
  throw new FootbridgeError('bad_request', {
    detail: `Which target? Name one with --target: ${planned.join(', ')}`,
  });
}

export interface Standing {
  readonly target: string;
  readonly snapshot: Snapshot;
  /** Also of phases that an earlier version had. */
  readonly rows: readonly PhaseRow[];
}

/** As it is now. Throws plan_not_found, bad_request. */
export async function standingOf(desk: Pick<Desk, 'db'>, named?: string): Promise<Standing> {
  const target = await targetOf(desk, named);
  const [snapshot, rows] = await Promise.all([readSnapshot(desk.db, target), phaseRows(desk.db, target)]);
  if (!snapshot) throw new FootbridgeError('plan_not_found', { detail: target });
  return { target, snapshot, rows };
}

/** Throws phase_not_found, with the names that there are. */
export function phaseOf(
  { snapshot, rows }: Standing,
  name: string,
): { readonly phase: Phase; readonly row: PhaseRow } {
  const phase = snapshot.plan.phases.find((one) => one.name === name);
  const row = rows.find((one) => one.phase === name);
  if (phase && row) return { phase, row };
  const names = snapshot.plan.phases.map((one) => one.name).join(', ');
  throw new FootbridgeError('phase_not_found', { detail: `The plan has ${names}.` });
}

export const figuresOf = ({ db }: Pick<Desk, 'db'>): FiguresOf =>
  openFigures({ db, standingsOf: phaseStandings, censusOf: lastCensus });
