/** Reads the legacy store for a census: a page at a time, kept as it goes, so that it goes on however it ended. */
import { randomUUID } from 'node:crypto';
import { FootbridgeError } from '../errors.ts';
import type { Db } from '../store/db.ts';
import type { Census, OpenCensus } from './census.ts';
import { censusUnderWay, finishCensus, keepCensus, lastCensus, openCensus, releaseCensus } from './census.ts';
import type { CensusPerson } from './census-tally.ts';
import { countPerson, countUnmappable, emptyCensus, summaryOf } from './census-tally.ts';
import type { Snapshot } from './deciding.ts';
import { plannedTargets, readSnapshot } from './phases.ts';

/** What a census needs of the legacy store; a `Directory` has it. */
export interface CensusPeople {
  entries?(after?: string): AsyncIterable<CensusEntry>;
  count?(): Promise<number>;
  legacyIdOf(sub: string): string | undefined;
}
export type CensusEntry =
  | { readonly sub: string; readonly user: CensusPerson['person']; readonly error?: never }
  | { readonly sub: string; readonly error: Error };

export interface CensusDeps {
  readonly db: Db;
  readonly people: CensusPeople;
  readonly nowMs?: () => number;
}

export interface CensusAsked {
  readonly actor: string;
  /** Another reader has to stop. */
  readonly take?: boolean;
  readonly restart?: boolean | undefined;
  /** People of this call at most; the rest waits for the next. */
  readonly limit?: number;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?:
    | ((progress: {
        readonly users: number;
        readonly total: number | undefined;
        readonly continuedFrom: number;
        readonly perSecond: number;
      }) => void)
    | undefined;
}

export interface CensusRead {
  /** Undefined: it was told to stop, and goes on the next time. */
  readonly census: Census | undefined;
  /** Read so far. */
  readonly people: number;
  readonly continuedFrom: number;
}

/** People between two checkpoints: a second or so of work is done again after a kill. */
const STEP_PEOPLE = 1_000;

/**
 * Throws plan_not_found, survey_running where somebody else reads or has taken over, legacy_unavailable,
 * storage_unavailable; config_invalid where the store cannot be read from end to end.
 */
export async function readCensus(deps: CensusDeps, target: string, asked: CensusAsked): Promise<CensusRead> {
  const { db, people, nowMs = Date.now } = deps;
  const snapshot = await readSnapshot(db, target);
  if (!snapshot) throw new FootbridgeError('plan_not_found', { detail: target });
  if (!people.entries)
    throw new FootbridgeError('config_invalid', {
      detail: 'this store cannot be read from end to end: give it `queries.page`',
    });
  const lease = randomUUID();
  const open = await openCensus(
    db,
    {
      ...{ target, version: snapshot.version, actor: asked.actor, lease, now: new Date(nowMs()) },
      ...{ take: asked.take ?? false, restart: asked.restart ?? false },
    },
    emptyCensus(snapshot.plan),
  );
  if (!open) throw new FootbridgeError('survey_running');
  const continuedFrom = open.tally.all.people;
  try {
    const isWhole = await readOn(deps, { snapshot, open, lease }, asked);
    const result = { people: open.tally.all.people, continuedFrom };
    if (!isWhole) return { census: undefined, ...result };
    const ending = { summary: summaryOf(open.tally, snapshot.plan), now: new Date(nowMs()) };
    if (!(await finishCensus(db, { id: open.id, lease, tally: open.tally }, ending)))
      throw new FootbridgeError('survey_running');
    const census = await lastCensus(db, target);
    // In the plan's order, which JSON in our database does not keep.
    return { census: census && { ...census, ...ending.summary }, ...result };
  } finally {
    // Whoever comes next need not wait; where our database is away, the lease ends by itself.
    await releaseCensus(db, { id: open.id, lease }).catch(() => undefined);
  }
}

interface Reading {
  readonly snapshot: Snapshot;
  readonly open: OpenCensus;
  readonly lease: string;
}

/** False: it was told to stop before the end. */
async function readOn(
  { db, people, nowMs = Date.now }: CensusDeps,
  { snapshot, open, lease }: Reading,
  { limit = Number.POSITIVE_INFINITY, signal, onProgress }: CensusAsked,
): Promise<boolean> {
  const { id, tally } = open;
  const continuedFrom = tally.all.people;
  const total = onProgress && (await people.count?.().catch(() => undefined));
  const startedMs = performance.now();
  let { after } = open;
  let pending = 0;
  const keep = async () => {
    if (!(await keepCensus(db, { id, lease, after, tally }))) throw new FootbridgeError('survey_running');
    pending = 0;
    const [users, seconds] = [tally.all.people, (performance.now() - startedMs) / 1_000];
    const perSecond = Math.round((users - continuedFrom) / Math.max(seconds, 0.001));
    onProgress?.({ users, total, continuedFrom, perSecond });
  };
  for await (const entry of people.entries!(after)) {
    if (entry.error) countUnmappable(tally);
    else countPerson(tally, snapshot, { person: entry.user, nowSeconds: nowMs() / 1_000 });
    pending += 1;
    // One whose id makes no subject is counted, but is no place to go on from.
    if (people.legacyIdOf(entry.sub) === undefined) continue;
    after = entry.sub;
    const isEnough = tally.all.people - continuedFrom >= limit || signal?.aborted === true;
    if (pending >= STEP_PEOPLE || isEnough) await keep();
    if (isEnough) return false;
  }
  await keep();
  return true;
}

const DAY_MS = 86_400_000;
/** Of one round: with a round every few seconds the store hardly notices, and a million people take an afternoon. */
const ROUND_PEOPLE = 1_000;

export interface CensusRound extends CensusDeps {
  readonly onError?: (error: unknown, target: string) => void;
}

/**
 * A little of whatever census is due, on whichever node comes first: one a day for each plan, and one for each new version of
 * a plan. True: there is more to be read.
 */
export async function censusRound(deps: CensusRound): Promise<boolean> {
  const { db, people, nowMs = Date.now, onError } = deps;
  if (!people.entries) return false;
  let isMore = false;
  for (const target of await plannedTargets(db)) {
    try {
      if (!(await isDue(deps, target, nowMs()))) continue;
      const { census } = await readCensus(deps, target, { actor: 'footbridge', limit: ROUND_PEOPLE });
      isMore ||= census === undefined;
    } catch (error) {
      // One target’s trouble is not the next one’s; whoever reads already does what we would.
      if (!(error instanceof FootbridgeError && error.code === 'survey_running')) onError?.(error, target);
    }
  }
  return isMore;
}

async function isDue({ db }: CensusRound, target: string, nowMs: number): Promise<boolean> {
  if (await censusUnderWay(db, target)) return true;
  const last = await lastCensus(db, target);
  if (!last || nowMs - last.at.getTime() >= DAY_MS) return true;
  return (await readSnapshot(db, target))?.version !== last.version;
}
