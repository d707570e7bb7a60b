/** What a node does by itself while it runs: it follows rotated keys and sweeps what has expired. */
import { sweepConsole } from './admin/console/sweeper.ts';
import { daysRound, forecastRound } from './admin/forecast/foreseeing.ts';
import type { Settings } from './config.ts';
import type { Ground } from './ground.ts';
import type { BatchEngine } from './migration/batch/engine.ts';
import type { Mover } from './migration/moving/mover.ts';
import { phaseStandings } from './migration/phase-standings.ts';
import { sweep, sweepMigration } from './migration/sweeper.ts';
import type { Log } from './observability/log.ts';
import type { Front } from './provider/front.ts';
import { loadKeys } from './provider/keys.ts';
import { SWEEP_LOOKUP_RATES } from './provider/lookup-rate.ts';
import { sweepRecords } from './provider/records.ts';
import type { Throttle } from './provider/throttle.ts';
import { lastCensus, SWEEP_CENSUSES } from './rollout/census.ts';
import { censusRound } from './rollout/census-reading.ts';
import { SWEEP_COUNTS } from './rollout/counts.ts';
import { SWEEP_DAYS } from './rollout/days.ts';
import { openFigures } from './rollout/figures.ts';
import { rolloutRound } from './rollout/round.ts';
import { SWEEP_SUPPORT } from './rollout/support.ts';
import type { SelfLinking } from './self-linking.ts';
import type { LegacySessions } from './sessions/legacy-sessions.ts';
import type { PeopleWatch } from './sessions/people-watch.ts';
import { sweepSessions } from './sessions/sweeper.ts';
import type { TargetSessions } from './sessions/targets/open.ts';
import type { Db } from './store/db.ts';
import type { Keyring } from './store/encryption.ts';
import { sweepSync } from './sync/sweeper.ts';

export interface UpkeepDeps {
  readonly settings: Settings;
  readonly db: Db;
  readonly keyring: Keyring;
  readonly log: Log;
}

const SWEEP_EVERY_MS = 60_000;
const SWEEP_ROLLOUT = [SWEEP_COUNTS, SWEEP_SUPPORT, SWEEP_DAYS, SWEEP_CENSUSES];

/** Rotated keys reach every node within `keys.refreshSeconds`, without a restart. */
export function followKeys(
  { db, keyring, settings, log }: UpkeepDeps,
  front: Front,
  first: string,
): () => void {
  let fingerprint = first;
  const timer = setInterval(async () => {
    try {
      const keys = await loadKeys(db, keyring);
      if (keys.fingerprint === fingerprint) return;
      fingerprint = keys.fingerprint;
      front.reload(keys);
      log.info('the keys were rotated');
    } catch (error) {
      log.debug({ error }, 'the keys could not be read');
    }
  }, settings.provider.keys.refreshSeconds * 1000);
  return () => clearInterval(timer);
}

export function sweepRegularly({ db, log, settings }: UpkeepDeps, throttle: Throttle): () => void {
  const timer = setInterval(async () => {
    try {
      await sweepRecords(db);
      await sweepMigration(db);
      await sweepSessions(db, settings.sessions);
      await sweepSync(db, settings.sync);
      await sweep(db, SWEEP_LOOKUP_RATES);
      await sweepConsole(db);
      for (const statement of SWEEP_ROLLOUT) await sweep(db, statement);
      await throttle.sweep();
    } catch (error) {
      log.debug({ error }, 'nothing was swept');
    }
  }, SWEEP_EVERY_MS);
  return () => clearInterval(timer);
}

/** Moves that were cut off, or are to be tried again, are looked for this often. */
const RESUME_EVERY_MS = 3_000;
/** Whoever has just asked is about to begin: what is due for less long is theirs. */
const LEFT_SECONDS = 1;
/** Sessions at legacy apps and targets are asked about when it is time for each; who is due is looked for this often. */
const CHECK_EVERY_MS = 5_000;
/** People are looked up as their rate allows. */
const WATCH_EVERY_MS = 1_000;

export const resumeRegularly = ({ mover, log }: Pick<UpkeepDeps, 'log'> & { readonly mover: Mover }) =>
  regularly(RESUME_EVERY_MS, () => mover.resume(undefined, LEFT_SECONDS), {
    onError: (error) => log.debug({ error }, 'no move was gone on with'),
  });

/** Figures of a few seconds are what a kill costs. */
const FLUSH_EVERY_MS = 5_000;
/** Phases start, are finished and paused by themselves within this time. */
const PLAN_EVERY_MS = 30_000;
/** A census is read a thousand people at a time. */
const CENSUS_EVERY_MS = 5_000;
const DAYS_EVERY_MS = 300_000;

/** What rollout plans do by themselves, and what is written down of them. Nothing of it where there is no plan. */
export function followPlans({
  db,
  rollout,
  counts,
  directory,
  log,
}: Pick<Ground, 'db' | 'rollout' | 'counts' | 'directory' | 'log'>): () => Promise<void> {
  const figuresOf = openFigures({ db, standingsOf: phaseStandings, censusOf: lastCensus });
  const onError = (error: unknown, target?: string) =>
    log.debug({ error, target }, 'what the rollout plan does by itself waits');
  const rounds = [
    regularly(FLUSH_EVERY_MS, () => counts.flush(), { onError }),
    regularly(PLAN_EVERY_MS, () => rolloutRound({ db, rollout, figuresOf, log }), { onError }),
    regularly(CENSUS_EVERY_MS, () => censusRound({ db, people: directory, onError }), { onError }),
    regularly(DAYS_EVERY_MS, () => noteAndForesee({ db, onError }), { onError }),
  ];
  return async () => {
    await Promise.all(rounds.map((stop) => stop()));
    await counts.flush().catch(onError);
  };
}

async function noteAndForesee(deps: Parameters<typeof daysRound>[0]): Promise<void> {
  await daysRound(deps);
  await forecastRound(deps);
}

/** Batches that are running are worked on by every node; whoever stops it waits for the calls that are under way. */
export function followBatches(engine: BatchEngine): () => Promise<void> {
  const stop = new AbortController();
  const following = engine.follow(stop.signal);
  return async () => {
    stop.abort();
    await following;
  };
}

export interface SessionRounds {
  readonly legacySessions: Pick<LegacySessions, 'check'>;
  readonly targetSessions: Pick<TargetSessions, 'poll'>;
  readonly watch: Pick<PeopleWatch, 'round'>;
}

/** Asks after sessions that nobody tells us about, and after people who have some. */
export function checkRegularly(
  { log }: Pick<UpkeepDeps, 'log'>,
  { legacySessions, targetSessions, watch }: SessionRounds,
): () => Promise<void> {
  const onError = (error: unknown) => log.debug({ error }, 'sessions could not be asked about');
  const stops = [
    regularly(CHECK_EVERY_MS, () => legacySessions.check(), { onError }),
    regularly(CHECK_EVERY_MS, () => targetSessions.poll(), { onError }),
    regularly(WATCH_EVERY_MS, () => watch.round(), { onError }),
  ];
  return async () => void (await Promise.all(stops.map((stop) => stop())));
}

/** What people's own links have asked for: letters, what the legacy store is told, memberships. */
export function linkRegularly(
  { log }: Pick<UpkeepDeps, 'log'>,
  { rounds, close }: Pick<SelfLinking, 'rounds' | 'close'>,
): () => Promise<void> {
  const onError = (error: unknown) => log.debug({ error }, 'what links have asked for waits');
  const stops = rounds.map(({ everyMs, round }) => regularly(everyMs, round, { onError }));
  return async () => {
    await close();
    await Promise.all(stops.map((stop) => stop()));
  };
}

/** Never two rounds at once on a node; whoever stops it waits for the one that is under way. */
function regularly(
  everyMs: number,
  round: () => Promise<unknown>,
  { onError }: { readonly onError: (error: unknown) => void },
): () => Promise<void> {
  let underWay: Promise<void> | undefined;
  const timer = setInterval(() => {
    underWay ??= Promise.resolve()
      .then(round)
      .then(() => undefined, onError)
      .finally(() => {
        underWay = undefined;
      });
  }, everyMs);
  return async () => {
    clearInterval(timer);
    await underWay;
  };
}
