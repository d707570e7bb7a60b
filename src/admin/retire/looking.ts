/** Reads what the criteria look at: our database, the legacy store from end to end, and nothing of the target. */
import { isFootbridgeError } from '../../errors.ts';
import { countLegacyWrites } from '../../migration/claim-tokens/legacy-writes.ts';
import { ledgerPage } from '../../migration/ledger.ts';
import { openMailings } from '../../migration/mailings/mailings.ts';
import { countWork } from '../../migration/moving/target-work.ts';
import { lastWholeReport } from '../../migration/reconcile/reconciliations.ts';
import type { State } from '../../migration/states.ts';
import { countsBetween } from '../../rollout/counts.ts';
import { phaseRows } from '../../rollout/phases.ts';
import { countDeliveries } from '../../sessions/ending/deliveries.ts';
import { countEvents } from '../../sync/inbox.ts';
import { resourcesOf } from '../../targets/resources.ts';
import type { Desk, RunOptions } from '../operation.ts';
import { lookAtPair, undone } from '../sync/stopping.ts';
import { openApprovals } from './approvals-open.ts';
import type { Facts, Terms } from './facts.ts';
import { peopleLeft } from './people-left.ts';

const DAY_MS = 86_400_000;
const PAGE_PEOPLE = 1_000;
const STEP_MINUTES = 1_440;
const RUNNING_BATCHES = ['planning', 'running', 'paused', 'undoing'];
const RUNNING_PHASES = ['running', 'paused'];
/** Who is only sent on has not logged in here; who was refused has not either. */
const LOGGED_IN = ['ok', 'moved', 'move-failed', 'move-later'];

export interface Looking extends Pick<RunOptions, 'onProgress' | 'signal'> {
  readonly nowMs: number;
}

/** Throws legacy_unavailable, storage_unavailable. */
export async function lookAll(
  desk: Desk,
  target: string,
  { terms, ...looking }: Looking & { readonly terms: Terms },
): Promise<Facts> {
  const { db } = desk;
  const since = new Date(looking.nowMs - terms.quietDays * DAY_MS);
  const { states, proved, lastAt } = await ledgerOf(desk, target, since);
  const { ok, problem = null } = await desk.audit.verify();
  return {
    target,
    nowMs: looking.nowMs,
    logins: { proved, lastAt, counted: await countedOf(desk, { target, since, nowMs: looking.nowMs }) },
    people: { states, left: await peopleLeft(desk, target, looking) },
    letters: await lettersOf(desk, target),
    running: await runningOf(desk, target),
    report: (await lastWholeReport(db, target)) ?? null,
    sync: await syncOf(desk, target),
    approvals: await openApprovals(db, target, looking.nowMs),
    audit: { ok, problem },
    hooks: (await resourcesOf(db, target)).filter(({ kind }) => kind === 'execution' || kind === 'trigger')
      .length,
  };
}

async function ledgerOf({ db }: Desk, target: string, since: Date) {
  const states: Partial<Record<State, number>> = {};
  let [proved, lastAt]: [number, Date | null] = [0, null];
  for (let after = ''; ; ) {
    const page = await ledgerPage(db, target, after, PAGE_PEOPLE);
    for (const { state, provedAt } of page) {
      states[state] = (states[state] ?? 0) + 1;
      if (provedAt && provedAt >= since) proved += 1;
      if (provedAt && (lastAt === null || provedAt > lastAt)) lastAt = provedAt;
    }
    if (page.length < PAGE_PEOPLE) return { states, proved, lastAt };
    after = page.at(-1)!.sub;
  }
}

async function countedOf(
  { db }: Desk,
  { target, since, nowMs }: { readonly target: string; readonly since: Date; readonly nowMs: number },
): Promise<Facts['logins']['counted']> {
  const to = new Date(nowMs);
  const rows = await countsBetween(db, { target, from: since, to, stepMinutes: STEP_MINUTES });
  const apps = new Map<string, number>();
  for (const { app, path, outcome, count } of rows)
    if (path !== 'redirected' && LOGGED_IN.includes(outcome)) apps.set(app, (apps.get(app) ?? 0) + count);
  return [...apps].map(([app, logins]) => ({ app, logins }));
}

async function lettersOf(desk: Desk, target: string): Promise<Facts['letters']> {
  const { db } = desk;
  const work = (await countWork(db)).find((one) => one.target === target);
  const deliveries = await countDeliveries(db);
  const queue = await desk.sync?.queue.stats().catch((error: unknown) => {
    if (isFootbridgeError(error, 'storage_unavailable')) return null;
    throw error;
  });
  return {
    sync: queue === null ? null : (queue?.find((one) => one.target === target)?.dead ?? 0),
    deliveries: deliveries.reduce((sum, { dead }) => sum + dead, 0),
    work: { waiting: work?.waiting ?? 0, givenUp: work?.givenUp ?? 0 },
    events: await countEvents(db, target),
    legacyWrites: await countLegacyWrites(db),
  };
}

async function runningOf({ db, batches }: Desk, target: string): Promise<Facts['running']> {
  const all = await batches.list();
  const phases = await phaseRows(db, target);
  return {
    batches: all
      .filter((batch) => batch.target === target && RUNNING_BATCHES.includes(batch.state))
      .map(({ id, state }) => ({ id, state })),
    campaigns: await openMailings(db, target),
    phases: phases
      .filter(({ state }) => RUNNING_PHASES.includes(state))
      .map(({ phase, state }) => ({ phase, state })),
  };
}

async function syncOf(desk: Desk, target: string): Promise<Facts['sync']> {
  if (!desk.sync?.settings.pairs.some((pair) => pair.target === target)) return { state: null, undone: [] };
  const looked = await lookAtPair(desk, target);
  const { pair } = looked.overview;
  // What was never begun has nothing to end.
  if (!pair) return { state: 'stopped', undone: [] };
  return { state: pair.state, undone: pair.state === 'stopped' ? [] : undone(looked, []) };
}
