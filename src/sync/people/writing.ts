/** Writes what was decided of many people: to the target in as few calls as it takes, to the legacy store one by one. */
import { FootbridgeError, isFootbridgeError } from '../../errors.ts';
import type { ApplyOutcome } from '../../legacy/apply.ts';
import type { Directory } from '../../legacy/directory.ts';
import type { ManagedProject, TargetConnection, UpdateOutcome } from '../../targets/connection.ts';
import { inParallel } from '../../targets/in-parallel.ts';
import type { Target } from '../../targets/target.ts';
import type { PairSettings } from '../sync-settings.ts';
import type { Plan } from './planning.ts';

export interface WritingDeps {
  readonly target: Target;
  readonly connection: TargetConnection;
  readonly directory: Pick<Directory, 'apply'>;
  readonly pair: PairSettings;
}

/** How it went for one person. */
export type Wrote =
  | { readonly kind: 'done' }
  /** Somebody was quicker at one of the sides: to be looked at anew. */
  | { readonly kind: 'anew' }
  | { readonly kind: 'failed'; readonly error: FootbridgeError };

const DONE: Wrote = { kind: 'done' };
const failed = (error: unknown): Wrote => {
  if (isFootbridgeError(error)) return { kind: 'failed', error };
  throw error;
};

/** In order. `mark` names this write: the same at every try of it. */
export async function writeAll(
  deps: WritingDeps,
  plans: readonly Plan[],
  mark: (plan: Plan) => string,
): Promise<readonly Wrote[]> {
  const profiles = await updateProfiles(deps, plans);
  return inParallel(plans, deps.pair.atOnce, async (plan) => {
    const updated = profiles.get(plan) ?? DONE;
    if (updated.kind !== 'done') return updated;
    try {
      await writeRest(deps, plan);
      return await writeLegacy(deps, plan, mark(plan));
    } catch (error) {
      return failed(error);
    }
  });
}

async function updateProfiles(deps: WritingDeps, plans: readonly Plan[]): Promise<ReadonlyMap<Plan, Wrote>> {
  const { connection, target, pair } = deps;
  const changed = plans.filter(({ profile }) => profile.length > 0);
  const outcomes = new Map<Plan, Wrote>();
  const isSingle = changed.length === 1 && changed[0]?.person.found !== undefined;
  if (connection.updateMany && !isSingle) {
    const size = Math.min(pair.batch, target.capabilities?.batch.users ?? pair.batch);
    const parts = Array.from({ length: Math.ceil(changed.length / size) }, (_, at) =>
      changed.slice(at * size, (at + 1) * size),
    );
    for (const part of parts) {
      const answers = await updatePart(connection, part);
      for (const [index, plan] of part.entries()) outcomes.set(plan, answers[index] ?? DONE);
    }
    return outcomes;
  }
  await inParallel(changed, pair.atOnce, async (plan) => {
    outcomes.set(plan, await updateOne(connection, plan).catch(failed));
  });
  return outcomes;
}

async function updatePart(connection: TargetConnection, part: readonly Plan[]): Promise<readonly Wrote[]> {
  const updates = part.map(({ person, profile }) => ({
    targetUserId: person.state.targetUserId,
    user: { ...person.user, targetUserId: person.state.targetUserId },
    fields: profile,
  }));
  try {
    const outcomes = (await connection.updateMany?.(updates)) ?? [];
    return outcomes.map(wroteOf);
  } catch (error) {
    return part.map(() => failed(error));
  }
}

function wroteOf(outcome: UpdateOutcome): Wrote {
  switch (outcome.kind) {
    case 'updated':
      return DONE;
    case 'gone':
      return { kind: 'anew' };
    case 'refused':
      return failed(new FootbridgeError('target_refused', { detail: outcome.code }));
    default: {
      const { retryAfterSeconds, code } = outcome;
      const after = retryAfterSeconds === undefined ? {} : { retryAfterSeconds };
      return failed(new FootbridgeError('target_unavailable', { detail: code, ...after }));
    }
  }
}

async function updateOne(connection: TargetConnection, { person, profile }: Plan): Promise<Wrote> {
  const { found, user } = person;
  if (!found) return { kind: 'anew' };
  await connection.update?.(found, { ...user, targetUserId: found.targetUserId }, profile);
  return DONE;
}

async function writeRest({ connection, target }: WritingDeps, plan: Plan): Promise<void> {
  const { person, isActive, grants } = plan;
  const id = person.state.targetUserId;
  if (grants) await connection.setGrants?.(id, grants, managedProjects(target));
  if (isActive === true) await connection.reactivate(id);
  if (isActive === false) await connection.deactivate(id);
}

/** Every project that the settings give grants in. */
export function managedProjects({ users }: Target): ManagedProject[] {
  const projects = users.grants.map(({ project, projectGrant }) => ({
    project,
    ...(projectGrant === undefined ? {} : { projectGrant }),
  }));
  return [...new Map(projects.map((one) => [JSON.stringify(one), one])).values()];
}

async function writeLegacy(
  { directory }: WritingDeps,
  { person, applied }: Plan,
  mark: string,
): Promise<Wrote> {
  if (Object.keys(applied).length === 0) return DONE;
  const outcome: ApplyOutcome = await directory.apply(person.sub, { fields: applied, mark });
  return outcome === 'applied' || outcome === 'already' ? DONE : { kind: 'anew' };
}
