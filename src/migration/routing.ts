/** Where somebody goes, by the rollout plan and by where they stand: asked wherever a person could be moved, or sent on. */
import { isFootbridgeError } from '../errors.ts';
import type { Directory } from '../legacy/directory.ts';
import type { Decided, Rollout } from '../rollout/rollout.ts';
import type { Queryable } from '../store/db.ts';
import type { User } from '../user.ts';
import { find } from './ledger.ts';
import { hasReached, hasTargetUser, isMovable } from './states.ts';

export interface Routed extends Decided {
  /** Nothing of theirs is missing at the target: they can log in there. */
  readonly hasArrived: boolean;
}

export interface Routing {
  /** Undefined: no plan says anything about this target, and the settings alone count. Throws storage_unavailable. */
  where(target: string, user: User, app?: string): Promise<Routed | undefined>;
  /** The plan leaves them at the old login, and nothing of theirs may go to the target. Throws storage_unavailable. */
  stays(target: string, user: User, app?: string): Promise<boolean>;
  /**
   * The same of somebody of whom only the subject is known, and who is not at the target yet: whoever is there is completed.
   * Throws storage_unavailable, legacy_unavailable.
   */
  waits(target: string, sub: string): Promise<boolean>;
}

export interface RoutingDeps {
  readonly db: Queryable;
  readonly rollout: Pick<Rollout, 'decide' | 'isPlanned'>;
  readonly directory: Pick<Directory, 'userBySub'>;
}

export function openRouting({ db, rollout, directory }: RoutingDeps): Routing {
  const where: Routing['where'] = async (target, user, app) => {
    if (!(await rollout.isPlanned(target))) return undefined;
    const row = await find(db, target, user.sub);
    const isThere = row !== undefined && hasTargetUser(row.state);
    const decided = await rollout.decide(target, { person: user, app, isThere });
    return decided && { ...decided, hasArrived: isThere && hasReached(row.state, 'migrated') };
  };
  const stays: Routing['stays'] = async (target, user, app) =>
    (await where(target, user, app))?.decision === 'stay';
  return {
    where,
    stays,
    waits: async (target, sub) => {
      if (!(await rollout.isPlanned(target))) return false;
      const row = await find(db, target, sub);
      if (row && (!isMovable(row.state) || row.state === 'created')) return false;
      const user = await directory.userBySub(sub).catch((error: unknown) => {
        // Nobody who cannot be told apart or mapped belongs to a segment.
        if (isFootbridgeError(error, 'user_ambiguous') || isFootbridgeError(error, 'mapping_failed'))
          return undefined;
        throw error;
      });
      return user !== undefined && stays(target, user);
    },
  };
}
