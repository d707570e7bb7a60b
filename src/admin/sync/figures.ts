/** Where keeping one target equal stands, in figures. */
import { ERRORS } from '../../errors.ts';
import type { StateCount } from '../../migration/ledger.ts';
import { counts } from '../../migration/ledger.ts';
import { hasTargetUser } from '../../migration/states.ts';
import { isUnread } from '../../sync/intake/feed-lag.ts';
import type { FeedRow } from '../../sync/intake/feeds.ts';
import type { PairOverview } from '../../sync/overview.ts';
import { syncStanding } from '../../sync/overview.ts';
import type { Pair, PairState } from '../../sync/pairs.ts';
import { HEARS, TAKES_TURNS } from '../../sync/pairs.ts';
import { countStates } from '../../sync/people/states.ts';
import { lastReport } from '../../sync/reports.ts';
import type { Desk } from '../operation.ts';
import type { Unwritten } from './sync-desk.ts';
import { pairAt, syncOf, unwrittenFields } from './sync-desk.ts';

export interface Reading {
  /** Which part of it is under way; null: none is. */
  readonly part: 'legacy' | 'target' | 'unseen' | null;
  readonly begunAt: string | null;
  readonly legacyPeople: number;
  readonly targetPeople: number;
  /** Turns that came of it: whoever differs gets one for each side that is read. */
  readonly found: number;
  /** When both sides were last read to their ends; null: never since it was started. */
  readonly endedAt: Date | null;
}

export interface FeedFigures {
  readonly store: string;
  readonly feed: string;
  /** Null: nobody has begun to read it. */
  readonly readAt: Date | null;
  readonly hasBegun: boolean;
  /** Read in all, as text. */
  readonly changes: string;
  readonly lag: FeedRow['lag'];
  /** What an operator has to look at, as a sentence. */
  readonly problem: string | null;
}

export interface SyncFigures extends Omit<PairOverview, 'pair' | 'people'> {
  readonly state: PairState | 'not-started';
  readonly since: Date | null;
  readonly actor: string | null;
  readonly reading: Reading;
  readonly people: {
    /** By the ledger. */
    readonly atTarget: number;
    readonly compared: number;
    /** Was equal in everything at least once. */
    readonly equal: number;
  };
  readonly ledger: readonly Omit<StateCount, 'target'>[];
  readonly feeds: readonly FeedFigures[];
  readonly unwritten: readonly Unwritten[];
  readonly lastReport: { readonly id: string; readonly at: Date } | null;
}

/** What costs nothing to look at again and again. */
export type StandingFigures = Omit<SyncFigures, 'people' | 'ledger'>;

/** Of one target, or of all that are kept equal. Throws sync_not_configured, storage_unavailable. */
export async function syncFigures(desk: Desk, target?: string): Promise<SyncFigures[]> {
  const [standing, ledger] = await Promise.all([standingFigures(desk, target), counts(desk.db)]);
  const people = await Promise.all(standing.map((one) => countStates(desk.db, one.target)));
  return standing.map((one, index): SyncFigures => {
    const own = ledger.filter((row) => row.target === one.target);
    const { people: compared, synced: equal } = people[index]!;
    return {
      ...one,
      people: { atTarget: atTarget(own), compared, equal },
      ledger: own.map(({ state, users }) => ({ state, users })),
    };
  });
}

/** The same without counting people. */
export async function standingFigures(desk: Desk, target?: string): Promise<StandingFigures[]> {
  const sync = syncOf(desk);
  const { db, directory } = desk;
  const several = target === undefined && sync.settings.pairs.length > 1;
  const settings = several ? sync.settings.pairs : [pairAt(desk, target)];
  const names = settings.map((one) => one.target);
  const overview = await syncStanding({ db, queue: sync.queue }, names);
  const reports = await Promise.all(names.map((name) => lastReport(db, name)));
  const isHeard = overview.pairs.some(({ pair }) => pair !== null && HEARS.has(pair.state));
  const feeds = feedsOf(directory.feeds, overview.feeds, isHeard);
  return overview.pairs.map(({ pair, ...more }, index): StandingFigures => {
    const report = reports[index];
    return {
      ...more,
      state: pair?.state ?? 'not-started',
      since: pair?.since ?? null,
      actor: pair?.actor ?? null,
      reading: readingOf(pair),
      feeds,
      unwritten: unwrittenFields({ directory, sync }, settings[index]!),
      lastReport: report ? { id: report.id, at: report.at } : null,
    };
  });
}

export const atTarget = (ledger: readonly Pick<StateCount, 'state' | 'users'>[]): number =>
  ledger.filter(({ state }) => hasTargetUser(state)).reduce((sum, { users }) => sum + users, 0);

function readingOf(pair: Pair | null): Reading {
  const { sweep = {}, sweptAt = null } = pair ?? {};
  const { begunAt, legacyPeople = 0, targetPeople = 0, found = 0 } = sweep;
  const isOver = begunAt === undefined || (sweptAt !== null && Date.parse(begunAt) <= sweptAt.getTime());
  const part = isOver ? null : (sweep.side ?? 'legacy');
  return { part, begunAt: begunAt ?? null, legacyPeople, targetPeople, found, endedAt: sweptAt };
}

/** Those of the stores, and rows of feeds that there are no more only where something is wrong with them. */
function feedsOf(
  configured: Desk['directory']['feeds'],
  rows: readonly FeedRow[],
  isHeard: boolean,
): FeedFigures[] {
  return configured.map(({ store, feed }): FeedFigures => {
    const row = rows.find((one) => one.store === store && one.feed === feed.name);
    return {
      store,
      feed: feed.name,
      hasBegun: row !== undefined && row.position !== null,
      readAt: row?.readAt ?? null,
      changes: row?.changes ?? '0',
      lag: row?.lag ?? null,
      problem: problemOf(row) ?? (isHeard ? unread(row) : null),
    };
  });
}

function problemOf(row: FeedRow | undefined): string | null {
  if (!row?.problem) return row?.lag?.problem ?? null;
  const { code, detail } = row.problem;
  const sentence = Object.hasOwn(ERRORS, code) ? ERRORS[code as keyof typeof ERRORS][1] : code;
  return detail ? `${sentence} (${detail})` : sentence;
}

const unread = (row: FeedRow | undefined): string | null =>
  isUnread(row?.readAt ?? null, Date.now())
    ? 'Nobody has read it for more than five minutes: does a server run, and do fewer people wait than `maxWaiting`?'
    : null;

/** Longer than an outage that nobody has to see to; the alarm of the metrics is the same. */
const LATE_SECONDS = 300;

/** Edits that should have arrived. What waits in a pause is meant to. */
export const isLate = ({ queue, state }: Pick<SyncFigures, 'queue' | 'state'>): boolean =>
  queue !== null && queue.oldestLiveSeconds > LATE_SECONDS && TAKES_TURNS.has(state as PairState);

/** Something that somebody has to look at. */
export const needsSomebody = (figures: StandingFigures): boolean => {
  const { queue, open, feeds, state } = figures;
  if (state === 'stopped' || state === 'not-started') return false;
  const isWrong = queue === null || queue.dead > 0 || open.length > 0 || isLate(figures);
  return isWrong || feeds.some(({ problem }) => problem !== null);
};
