/**
 * Decisions, on every node alike. The plan is remembered; each decision reads one row, which says whether what is
 * remembered still holds, and what the person was assigned to. So a change counts from the next decision on.
 */
import type { Db } from '../store/db.ts';
import { statement } from '../store/db.ts';
import { ASSIGNMENTS_OF, assignPart } from './assignments.ts';
import type { Answer, Assignment, Snapshot } from './deciding.ts';
import { appNamed, decide } from './deciding.ts';
import type { Person } from './membership.ts';
import { EPOCH_OF, readSnapshot } from './phases.ts';

/** Somebody about to be decided on. */
export interface Asked {
  readonly person: Person;
  /** A client's id, a name of `legacySessions`, or an app's name; absent: any app. */
  readonly app?: string | undefined;
  /** They exist at the target and are linked. */
  readonly isThere: boolean;
}

export interface Decided extends Answer {
  readonly target: string;
}

export interface Rollout {
  /** Whether there is a plan for this target; asked of the database every two seconds where there was none. */
  isPlanned(target: string): Promise<boolean>;
  /**
   * Undefined: there is no plan for this target, and the settings alone count. What it decides is stored. Throws
   * storage_unavailable.
   */
  decide(target: string, asked: Asked): Promise<Decided | undefined>;
  /** The phase that somebody belongs to, the first of the plan; undefined without one. Throws storage_unavailable. */
  phaseOf(target: string, sub: string): Promise<string | undefined>;
  /** The target of the plan that this client's people go to, if any: known at once, and at most some seconds old. */
  targetOfApp(app: string): string | undefined;
  /** As it is now; undefined without a plan. Throws storage_unavailable. */
  snapshot(target: string): Promise<Snapshot | undefined>;
}

export interface RolloutDeps {
  readonly db: Db;
  /** The targets of the settings. */
  readonly targets: readonly string[];
  readonly nowMs?: () => number;
}

/** How long it is believed that a target still has no plan. */
const WITHOUT_PLAN_MS = 2_000;

const READ = statement(`select ${EPOCH_OF} as epoch, ${ASSIGNMENTS_OF} as assignments`);

export function openRollout({ db, targets, nowMs = Date.now }: RolloutDeps): Rollout {
  const known = new Map<string, Snapshot>();
  const without = new Map<string, number>();
  const loading = new Map<string, Promise<Snapshot | undefined>>();

  const load = (target: string): Promise<Snapshot | undefined> => {
    const underWay = loading.get(target);
    if (underWay) return underWay;
    const begun = readSnapshot(db, target)
      .then((snapshot) => {
        if (snapshot) known.set(target, snapshot);
        else {
          known.delete(target);
          without.set(target, performance.now());
        }
        return snapshot;
      })
      .finally(() => loading.delete(target));
    loading.set(target, begun);
    return begun;
  };
  /** As it was when this epoch was read, or newer: what was being read before the last change is read once more. */
  const current = async (target: string, epoch: string | null): Promise<Snapshot | undefined> => {
    const remembered = known.get(target);
    if (remembered?.epoch === epoch) return remembered;
    const read = await load(target);
    return read && epoch !== null && BigInt(read.epoch) < BigInt(epoch) ? load(target) : read;
  };
  const hasNone = (target: string) =>
    !known.has(target) && performance.now() - (without.get(target) ?? -Infinity) < WITHOUT_PLAN_MS;

  const ask = async (target: string, asked: Asked) => {
    if (hasNone(target)) return undefined;
    if (!known.has(target) && !(await load(target))) return undefined;
    const [row] = await db.run<{ epoch: string | null; assignments: Assignment[] }>(READ, [
      target,
      asked.person.sub,
    ]);
    const snapshot = await current(target, row?.epoch ?? null);
    if (!snapshot) return undefined;
    const answer = decide(snapshot, { ...asked, assignments: row?.assignments ?? [], nowMs: nowMs() });
    return { snapshot, decided: { ...answer, target } };
  };

  return {
    isPlanned: async (target) =>
      known.has(target) || (!hasNone(target) && (await load(target)) !== undefined),
    async decide(target, asked) {
      const found = await ask(target, asked);
      if (!found) return undefined;
      const { snapshot, decided } = found;
      const { version } = snapshot;
      const { assign } = decided;
      if (assign) {
        const people = [{ ...assign, sub: asked.person.sub }];
        await db.runParts(assignPart({ target, version, way: 'decision' }, people), 'select 1');
      }
      return decided;
    },
    async phaseOf(target, sub) {
      if (hasNone(target)) return undefined;
      const [row] = await db.run<{ epoch: string | null; assignments: Assignment[] }>(READ, [target, sub]);
      const snapshot = row?.assignments.length ? await current(target, row.epoch) : undefined;
      return snapshot?.plan.phases.find(({ name }) =>
        row?.assignments.some(
          ({ phase, attempt }) => phase === name && attempt === snapshot.phases.get(name)?.attempt,
        ),
      )?.name;
    },
    targetOfApp(app) {
      for (const target of targets) {
        if (!known.has(target) && !hasNone(target)) void load(target).catch(() => undefined);
        const snapshot = known.get(target);
        if (snapshot && appNamed(snapshot.plan, app) !== undefined) return target;
      }
      return undefined;
    },
    snapshot: (target) => load(target),
  };
}
