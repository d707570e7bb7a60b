/** Plans, phases and switches in our database. Every change of them counts the epoch up, in the same statement. */
import { randomBytes } from 'node:crypto';
import { FootbridgeError } from '../errors.ts';
import type { Queryable } from '../store/db.ts';
import { statement } from '../store/db.ts';
import type { PhaseState, Snapshot, SwitchKind } from './deciding.ts';
import { PHASE_STATES, switchKey } from './deciding.ts';
import type { Plan } from './plan.ts';
import { planShape } from './plan.ts';

const SALT_BYTES = 16;

/** An expression: what counts every change of $1, a target; null without a plan. */
export const EPOCH_OF = '(select epoch::text from rollouts where target = $1)';

const SNAPSHOT = statement(`select r.version, r.epoch::text as epoch, r.salt, p.plan,
    coalesce((select jsonb_agg(jsonb_build_array(phase, state, attempt)) from rollout_phases f where f.target = $1),
      '[]'::jsonb) as phases,
    coalesce((select jsonb_agg(jsonb_build_array(kind, name)) from rollout_switches s where s.target = $1),
      '[]'::jsonb) as switches
  from rollouts r join rollout_plans p using (target, version) where r.target = $1`);

interface SnapshotRow {
  readonly version: number;
  readonly epoch: string;
  readonly salt: Buffer;
  readonly plan: unknown;
  readonly phases: readonly [string, PhaseState, number][];
  readonly switches: readonly [SwitchKind, string][];
}

/** Stands in for a plan that is kept and not understood any more. */
const UNREADABLE = (target: string): Plan =>
  planShape.parse({ name: 'unreadable', target, phases: [{ name: 'unreadable' }] });

/** Throws storage_unavailable. */
export async function readSnapshot(q: Queryable, target: string): Promise<Snapshot | undefined> {
  const [row] = await q.run<SnapshotRow>(SNAPSHOT, [target]);
  if (!row) return undefined;
  const read = planShape.safeParse(row.plan);
  return {
    target,
    version: row.version,
    epoch: row.epoch,
    salt: row.salt,
    plan: read.data ?? UNREADABLE(target),
    phases: new Map(row.phases.map(([phase, state, attempt]) => [phase, { state, attempt }])),
    switches: new Set([
      ...row.switches.map(([kind, name]) => switchKey(kind, name)),
      // Kept by another version of us: nobody moves by a plan that is not understood, and everybody can log in.
      ...(read.success ? [] : [switchKey('everything')]),
    ]),
  };
}

const SET = statement(`with kept as (
    insert into rollouts as r (target, version, salt, actor) values ($1, 1, $2, $6)
    on conflict (target) do update set version = r.version + 1, epoch = r.epoch + 1, actor = excluded.actor, at = now()
    returning version),
  written as (insert into rollout_plans (target, version, plan, source, note, actor)
    select $1, version, $3::jsonb, $4, $5, $6 from kept returning version)
  select version from written`);
const PHASES = statement(`insert into rollout_phases (target, phase, state, actor)
  select $1, name, 'planned', $3 from unnest($2::text[]) as p(name) on conflict do nothing`);

export interface NewPlan {
  readonly plan: Plan;
  /** As it was written. */
  readonly source: string;
  readonly note?: string | undefined;
  readonly actor: string;
}

/** The next version; its phases are there, and those of earlier ones stay as they are. In a transaction of the caller's. */
export async function keepPlan(q: Queryable, { plan, source, note, actor }: NewPlan): Promise<number> {
  const values = [plan.target, randomBytes(SALT_BYTES), JSON.stringify(plan), source, note ?? null, actor];
  const [row] = await q.run<{ version: number }>(SET, values);
  await q.run(PHASES, [plan.target, plan.phases.map(({ name }) => name), actor]);
  return row!.version;
}

export interface PhaseRow {
  readonly phase: string;
  readonly state: PhaseState;
  readonly attempt: number;
  readonly reason: string | null;
  readonly cause: string | null;
  readonly actor: string;
  readonly since: Date;
  readonly startedAt: Date | null;
}

const ALL = statement(`select phase, state, attempt, reason, cause, actor, since, started_at as "startedAt"
  from rollout_phases where target = $1`);
export const phaseRows = (q: Queryable, target: string): Promise<PhaseRow[]> =>
  q.run<PhaseRow>(ALL, [target]);

/** state → where a phase may go from there. */
export const PHASE_WAYS: Readonly<Record<PhaseState, readonly PhaseState[]>> = {
  planned: ['running'],
  running: ['paused', 'finished', 'rolled-back'],
  paused: ['running', 'finished', 'rolled-back'],
  finished: ['running', 'rolled-back'],
  'rolled-back': ['running'],
};

const TURN = statement(`with turned as (
    update rollout_phases set state = $3, reason = $5, cause = $6, actor = $7, since = $8,
      attempt = attempt + case when state = 'rolled-back' then 1 else 0 end,
      started_at = case when state in ('planned', 'rolled-back') then $8 else started_at end
    where target = $1 and phase = $2 and state = any($4::text[]) returning phase, state, attempt),
  counted as (update rollouts set epoch = epoch + 1 where target = $1 and exists (select from turned))
  select * from turned`);

export interface Turn {
  readonly target: string;
  readonly phase: string;
  readonly to: PhaseState;
  readonly reason?: string | undefined;
  /** A stable code: operator, schedule, gate, … */
  readonly cause: string;
  readonly actor: string;
  /** Only from one of these; absent: from wherever there is a way. */
  readonly from?: readonly PhaseState[];
  readonly nowMs: number;
}

/** Throws phase_state where there is no way from where the phase is, phase_not_found. */
export async function turnPhase(q: Queryable, turn: Turn): Promise<{ readonly attempt: number }> {
  const { target, phase, to, reason, cause, actor, nowMs, from = PHASE_STATES } = turn;
  const [row] = await q.run<{ attempt: number }>(TURN, [
    target,
    phase,
    to,
    from.filter((state) => PHASE_WAYS[state].includes(to)),
    reason ?? null,
    cause,
    actor,
    new Date(nowMs),
  ]);
  if (row) return row;
  const now = (await phaseRows(q, target)).find((one) => one.phase === phase);
  if (!now) throw new FootbridgeError('phase_not_found', { detail: phase });
  throw new FootbridgeError('phase_state', { detail: `${phase} is ${now.state}` });
}

const ON = statement(`with made as (insert into rollout_switches (target, kind, name, reason, actor)
    select $1, $2, $3, $4, $5 where exists (select from rollouts where target = $1)
    on conflict do nothing returning 1),
  counted as (update rollouts set epoch = epoch + 1 where target = $1 and exists (select from made))
  select 1 from made`);
const OFF =
  statement(`with gone as (delete from rollout_switches where target = $1 and kind = $2 and name = $3 returning 1),
  counted as (update rollouts set epoch = epoch + 1 where target = $1 and exists (select from gone))
  select 1 from gone`);

export interface Switch {
  readonly target: string;
  readonly kind: SwitchKind;
  /** Empty for everything. */
  readonly name: string;
}

/** False: it was so already. */
export async function switchOff(
  q: Queryable,
  { target, kind, name }: Switch,
  why: { reason: string; actor: string },
) {
  return (await q.run(ON, [target, kind, name, why.reason, why.actor])).length > 0;
}
export async function switchOn(q: Queryable, { target, kind, name }: Switch): Promise<boolean> {
  return (await q.run(OFF, [target, kind, name])).length > 0;
}

export interface SwitchRow extends Switch {
  readonly reason: string;
  readonly actor: string;
  readonly at: Date;
}
const SWITCHES = statement(
  'select target, kind, name, reason, actor, at from rollout_switches where target = $1 order by at',
);
export const switchRows = (q: Queryable, target: string): Promise<SwitchRow[]> =>
  q.run<SwitchRow>(SWITCHES, [target]);

const VERSIONS = statement(`select version, source, note, actor, at, plan from rollout_plans
  where target = $1 and ($2::int is null or version = $2) order by version desc limit $3`);

export interface PlanRow {
  readonly version: number;
  readonly source: string;
  readonly note: string | null;
  readonly actor: string;
  readonly at: Date;
  readonly plan: unknown;
}

/** The newest first. */
export const planVersions = (
  q: Queryable,
  target: string,
  { version = null, limit = 50 }: { readonly version?: number | null; readonly limit?: number } = {},
): Promise<PlanRow[]> => q.run<PlanRow>(VERSIONS, [target, version, limit]);

const TARGETS = statement('select target from rollouts order by target');
/** The targets that have a plan. */
export const plannedTargets = async (q: Queryable): Promise<string[]> =>
  (await q.run<{ target: string }>(TARGETS)).map(({ target }) => target);

const LEASE = statement(`update rollouts set lease = $2, leased_until = $3::timestamptz + $4::interval
  where target = $1 and (lease is null or leased_until < $3::timestamptz
    or leased_until > $3::timestamptz + 2 * $4::interval) returning looked_at as "lookedAt"`);
/** Longer than a round over a million people. What ends far later was taken by a node whose clock was ahead. */
const LEASE_FOR = '120 seconds';

export interface Leased {
  /** When the figures that cost a look at everybody were last counted, by whichever node. */
  readonly lookedAt: Date | null;
}

/** Whose turn it is to look at schedule and gates; undefined: somebody else's. */
export async function leaseRound(
  q: Queryable,
  target: string,
  { lease, nowMs }: { readonly lease: string; readonly nowMs: number },
): Promise<Leased | undefined> {
  return (await q.run<Leased>(LEASE, [target, lease, new Date(nowMs), LEASE_FOR]))[0];
}

const RELEASE = statement(`update rollouts set lease = null, leased_until = null,
  looked_at = coalesce($3, looked_at) where target = $1 and lease = $2`);
export const releaseRound = async (
  q: Queryable,
  target: string,
  { lease, lookedAt }: { readonly lease: string; readonly lookedAt?: Date | undefined },
): Promise<void> => {
  await q.run(RELEASE, [target, lease, lookedAt ?? null]);
};
