/** What foreseeing people's moves needs of the desk. */
import { blockedRewrites } from '../../migration/blocked-rewrites.ts';
import { statesAt } from '../../migration/ledger.ts';
import type { Desk } from '../operation.ts';
import { capturedFor } from './captured.ts';
import { examining } from './examining.ts';
import { reachable } from './making.ts';
import type { PlanDeps } from './plan.ts';

/** Fresh hashes per second and core: the costs of `hash`, bcrypt 12 or the like, are about a quarter of a second. */
export const REHASHES_PER_CORE = 4;

/** Throws target_without_api. */
export async function planDepsFor(desk: Desk, name: string, nowSeconds: number): Promise<PlanDeps> {
  const { target } = reachable(desk.targets, name);
  const blocked = (await blockedRewrites(desk.db))
    .filter((rewrite) => rewrite.target === name)
    .map(({ format, write }) => [format, write] as const);
  return {
    target,
    blocked,
    nowSeconds,
    look: examining(desk.passwords, target.accepts, blocked),
    directory: desk.directory,
    standings: (subs) => statesAt(desk.db, name, subs),
    captured: (entries) => capturedFor(desk, name, entries),
  };
}
