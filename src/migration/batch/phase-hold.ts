/**
 * Batches of a phase (`migration/phases/`): each is sent only while its phase stands. So a rollback or a kill switch holds them
 * too, whoever throws it, and nobody has to remember them.
 */
import { phaseRows, switchRows } from '../../rollout/phases.ts';
import type { Queryable } from '../../store/db.ts';
import type { Batch } from './batch.ts';

/** The plan of such a batch. */
export interface PhasePlan {
  readonly phase: string;
  /** People of an earlier attempt are not sent in a later one: who belongs to it is decided anew. */
  readonly attempt: number;
}

/** Undefined: it was planned with filters. */
export function phasePlanOf({ plan }: Pick<Batch, 'plan'>): PhasePlan | undefined {
  const { phase, attempt } = (plan ?? {}) as Partial<Record<keyof PhasePlan, unknown>>;
  return typeof phase === 'string' && typeof attempt === 'number' ? { phase, attempt } : undefined;
}

/** Why nobody of it may be sent now, in a sentence; undefined: they may. */
export async function heldByPhase(
  q: Queryable,
  { id, target, plan }: Pick<Batch, 'id' | 'target' | 'plan'>,
): Promise<string | undefined> {
  const own = phasePlanOf({ plan });
  if (!own) return undefined;
  const { phase, attempt } = own;
  const row = (await phaseRows(q, target)).find((one) => one.phase === phase);
  if (row?.state === 'rolled-back') return `The phase ${phase} was rolled back.`;
  if (row && row.attempt !== attempt)
    return `${id} is of an earlier attempt of the phase ${phase}: footbridge rollout batch ${phase} makes another one.`;
  const isOff = (await switchRows(q, target)).some(
    ({ kind, name }) => kind === 'everything' || (kind === 'phase' && name === phase),
  );
  return isOff ? `The kill switch of the phase ${phase}, or of everything, is on.` : undefined;
}
