/** A new version of a plan, held against the one that is in force: what changes, and what that means for people. */
import { FootbridgeError } from '../../errors.ts';
import { assignedCounts } from '../../rollout/assignments.ts';
import type { PhaseState } from '../../rollout/deciding.ts';
import { freezeAt } from '../../rollout/deciding.ts';
import type { PhaseRow } from '../../rollout/phases.ts';
import { keepPlan, phaseRows, planVersions, switchRows } from '../../rollout/phases.ts';
import type { Plan } from '../../rollout/plan.ts';
import { planShape } from '../../rollout/plan.ts';
import type { Change } from '../../rollout/plan-diff.ts';
import { planChanges, reachOf } from '../../rollout/plan-diff.ts';
import { momentWords, startOf } from '../../rollout/schedule.ts';
import { noteStep } from '../../rollout/steps.ts';
import type { Queryable } from '../../store/db.ts';
import { count } from '../claim-tokens/claim-desk.ts';
import type { Desk } from '../operation.ts';

export interface SetOutput {
  readonly executed: boolean;
  readonly target: string;
  readonly plan: string;
  /** Of the plan that is in force; null: there is none. */
  readonly before: number | null;
  /** Of the plan that is in force afterwards. */
  readonly version: number;
  /** The very text that is in force. */
  readonly isSame: boolean;
  readonly changes: readonly Change[];
  /** What comes of it, in sentences. */
  readonly means: readonly string[];
}

export interface NewText {
  readonly plan: Plan;
  readonly source: string;
  readonly note: string | undefined;
}

/** Throws phase_state where a phase that people belong to is not in it any more. */
export async function setPlan(
  { db, actor }: Pick<Desk, 'db' | 'actor'>,
  { plan, source, note }: NewText,
  { execute, nowMs }: { readonly execute: boolean; readonly nowMs: number },
): Promise<SetOutput> {
  const { target } = plan;
  const [[current], stood, switches] = await Promise.all([
    planVersions(db, target, { limit: 1 }),
    stoodIn(db, target),
    switchRows(db, target),
  ]);
  checkVanished(plan, stood);
  const before = current && planShape.parse(current.plan);
  const isSame = current?.source === source;
  const next = (current?.version ?? 0) + 1;
  const given = { before, after: plan, stood, nowMs };
  const output = {
    target,
    plan: plan.name,
    before: current?.version ?? null,
    isSame,
    changes: planChanges(before, plan),
    means: isSame
      ? []
      : meaning({ ...given, switches: new Set(switches.map(({ kind, name }) => `${kind}:${name}`)) }),
  };
  if (!execute || isSame) return { executed: false, version: isSame ? current.version : next, ...output };
  const version = await db.transaction(async (tx) => {
    const kept = await keepPlan(tx, { plan, source, note, actor });
    // Somebody may have started one of them since.
    checkVanished(plan, await stoodIn(tx, target));
    const detail = { plan: plan.name, version: kept, ...(note ? { reason: note } : {}) };
    await noteStep(tx, { target, actor, action: 'rollout.set', at: new Date(nowMs), detail });
    return kept;
  });
  return { executed: true, version, ...output };
}

type Stood = Pick<PhaseRow, 'phase' | 'state' | 'attempt'> & { readonly assigned: number };

async function stoodIn(q: Queryable, target: string): Promise<Stood[]> {
  const rows = await phaseRows(q, target);
  const assigned = await assignedCounts(q, { target, phases: rows });
  return rows.map(({ phase, state, attempt }) => ({
    phase,
    state,
    attempt,
    assigned: assigned.get(phase) ?? 0,
  }));
}

const BELONGS: ReadonlySet<PhaseState> = new Set(['running', 'paused']);

/** Whoever belongs to a phase is led to the target by it: without it they would be at the old login again. */
function checkVanished({ phases }: Plan, stood: readonly Stood[]): void {
  const gone = stood.filter(({ phase }) => !phases.some(({ name }) => name === phase));
  const problems = gone.flatMap(({ phase, state, assigned }) => {
    if (BELONGS.has(state))
      return [`${phase} is ${state}, and cannot vanish from the plan: finish it or roll it back first.`];
    if (state === 'finished' && assigned > 0)
      return [
        `${phase} is finished and leads its ${count(assigned)} people to the target: keep it in the plan, or roll it back first.`,
      ];
    return [];
  });
  if (problems.length > 0) throw new FootbridgeError('phase_state', { detail: problems.join(' ') });
}

interface Given {
  readonly before: Plan | undefined;
  readonly after: Plan;
  readonly stood: readonly Stood[];
  readonly switches: ReadonlySet<string>;
  readonly nowMs: number;
}

function meaning(given: Given): string[] {
  const { before, after, nowMs } = given;
  const freeze = freezeAt(after, nowMs);
  return [
    ...(before ? [] : ['It is the first plan for this target: nobody is moved before a phase has begun.']),
    ...(before ? after.phases.flatMap(({ name }) => reachWords(given, before, name)) : []),
    ...appWords(given),
    ...startWords(given),
    ...(freeze
      ? [`The plan is frozen until ${momentWords(freeze.until)} (${freeze.reason}): nobody new is assigned.`]
      : []),
    ...switchWords(given),
  ];
}

function reachWords({ after, stood }: Given, before: Plan, name: string): string[] {
  const own = stood.find(({ phase }) => phase === name);
  if (!own || own.state === 'planned' || own.state === 'rolled-back') return [];
  const { kind, percentages } = reachOf(before, after, name);
  const stay = `${count(own.assigned)} stay assigned`;
  const share = percentages ? ` from ${percentages[0]} to ${percentages[1]} %` : '';
  switch (kind) {
    case 'same':
      return [];
    case 'grows':
      return [`${name} grows${share}: whoever was in the smaller share is in the larger one; ${stay}.`];
    case 'shrinks':
      return [`${name} shrinks${share}: nobody who is assigned leaves; ${stay}.`];
    case 'other':
      return [`${name} is for other people from now on: nobody who is assigned leaves; ${stay}.`];
  }
}

function appWords({ before, after }: Given): string[] {
  const [old, now] = [Object.keys(before?.apps ?? {}), Object.keys(after.apps)];
  if (!before && now.length === 0)
    return [
      `It names no apps: it is asked wherever the settings lead to ${after.target}. An app that leads nowhere (“leadsTo”) stays as it is.`,
    ];
  if (now.length > 0 && old.length === 0) return ['Apps that the plan does not name stay at the old login.'];
  if (now.length === 0 && old.length > 0) return ['The plan names no apps any more: it is for all of them.'];
  const gone = old.filter((name) => !now.includes(name));
  return gone.map((name) => `${name} is not named any more: whoever logs in there stays at the old login.`);
}

function startWords({ after, stood, switches, nowMs }: Given): string[] {
  const phases = new Map(stood.map(({ phase, state, attempt }) => [phase, { state, attempt }]));
  return after.phases.flatMap((phase) => {
    const start = startOf({ plan: after, phases, switches }, phase, nowMs);
    if (!start) return [];
    if (start.isDue) return [`${phase.name} starts by itself within a minute.`];
    return start.at === undefined ? [] : [`${phase.name} starts by itself: ${start.waitsFor.join(' ')}`];
  });
}

function switchWords({ after, switches }: Given): string[] {
  const has: Readonly<Record<string, (name: string) => boolean>> = {
    phase: (name) => after.phases.some((phase) => phase.name === name),
    app: (name) => Object.hasOwn(after.apps, name),
    segment: (name) => Object.hasOwn(after.segments, name),
  };
  return [...switches].flatMap((key) => {
    const [kind = '', name = ''] = key.split(':');
    if (has[kind]?.(name) ?? true) return [];
    return [`The kill switch of the ${kind} ${name} names nothing of the plan any more.`];
  });
}
