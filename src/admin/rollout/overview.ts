/** One plan at a glance: where its phases stand, what their gates say, and what happens next. */
import type { PhaseState, SwitchKind } from '../../rollout/deciding.ts';
import type { PhaseFigures } from '../../rollout/figures.ts';
import type { Coverage, Verdicts } from '../../rollout/gates.ts';
import { coverageOf, errorRate, supportPerThousand, verdicts } from '../../rollout/gates.ts';
import type { PhaseRow } from '../../rollout/phases.ts';
import { planVersions, switchRows } from '../../rollout/phases.ts';
import type { Phase, Plan } from '../../rollout/plan.ts';
import type { Start } from '../../rollout/schedule.ts';
import { startOf } from '../../rollout/schedule.ts';
import type { Desk } from '../operation.ts';
import { figuresOf, standingOf } from './rollout-desk.ts';

export interface PhaseOverview {
  readonly phase: string;
  readonly title: string | null;
  readonly state: PhaseState;
  readonly attempt: number;
  readonly since: Date | null;
  readonly reason: string | null;
  readonly actor: string | null;
  readonly identities: Phase['identities'];
  readonly apps: Phase['apps'];
  readonly segments: readonly string[];
  readonly assigned: number;
  readonly there: number;
  readonly failed: number;
  readonly coverage: Coverage | null;
  /** Of logins and moves within the window of the pause gate. */
  readonly errorRate: number | null;
  readonly tries: number;
  readonly wrongPasswords: number;
  readonly supportPerThousand: number | null;
  readonly verdicts: Verdicts;
  /** Of a phase that has not begun. */
  readonly start: Start | null;
}

export interface PlanOverview {
  readonly target: string;
  readonly plan: string;
  readonly version: number;
  readonly setBy: string;
  readonly setAt: Date;
  readonly note: string | null;
  readonly phases: readonly PhaseOverview[];
  readonly switches: readonly {
    readonly kind: SwitchKind;
    readonly name: string;
    readonly reason: string;
    readonly actor: string;
    readonly at: Date;
  }[];
  /** Those that are not over. */
  readonly freezes: Plan['freezes'];
  readonly now: Date;
}

/** Throws plan_not_found, storage_unavailable. */
export async function overviewOf(desk: Desk, target: string, now: Date): Promise<PlanOverview> {
  const nowMs = now.getTime();
  const { snapshot, rows } = await standingOf(desk, target);
  const [[version], switches, figures] = await Promise.all([
    planVersions(desk.db, target, { version: snapshot.version, limit: 1 }),
    switchRows(desk.db, target),
    figuresOf(desk)({ snapshot, rows, nowMs, everybody: true }),
  ]);
  const { plan } = snapshot;
  return {
    target,
    plan: plan.name,
    version: snapshot.version,
    setBy: version!.actor,
    setAt: version!.at,
    note: version!.note,
    phases: plan.phases.map((phase) => ({
      ...phaseOverview(phase, rows, { figures: figures.get(phase.name)!, nowMs }),
      start: startOf(snapshot, phase, nowMs) ?? null,
    })),
    switches: switches.map(({ target: _, ...one }) => one),
    freezes: plan.freezes.filter(({ until }) => Date.parse(until) > nowMs),
    now,
  };
}

function phaseOverview(
  phase: Phase,
  rows: readonly PhaseRow[],
  { figures, nowMs }: { readonly figures: PhaseFigures; readonly nowMs: number },
): Omit<PhaseOverview, 'start'> {
  const row = rows.find((one) => one.phase === phase.name);
  const { standings, window } = figures;
  return {
    phase: phase.name,
    title: phase.title ?? null,
    state: row?.state ?? 'planned',
    attempt: row?.attempt ?? 1,
    since: row?.since ?? null,
    reason: row?.reason ?? null,
    actor: row?.actor ?? null,
    identities: phase.identities,
    apps: phase.apps,
    segments: phase.segments,
    assigned: standings?.assigned ?? 0,
    there: standings?.there ?? 0,
    failed: standings?.failed ?? 0,
    coverage: coverageOf(figures, phase.finish?.of) ?? null,
    errorRate: errorRate(window) ?? null,
    tries: window.tries,
    wrongPasswords: window.wrongPasswords,
    supportPerThousand: supportPerThousand(figures) ?? null,
    verdicts: verdicts(phase, figures, nowMs),
  };
}
