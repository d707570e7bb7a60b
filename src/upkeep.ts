/** What a node does by itself while it runs: it follows rotated keys and sweeps what has expired. */
import type { Settings } from './config.ts';
import type { Mover } from './migration/moving/mover.ts';
import { sweepMigration } from './migration/sweeper.ts';
import type { Log } from './observability/log.ts';
import type { Front } from './provider/front.ts';
import { loadKeys } from './provider/keys.ts';
import { sweepRecords } from './provider/records.ts';
import type { Throttle } from './provider/throttle.ts';
import { sweepSessions } from './sessions/sweeper.ts';
import type { Db } from './store/db.ts';
import type { Keyring } from './store/encryption.ts';

export interface UpkeepDeps {
  readonly settings: Settings;
  readonly db: Db;
  readonly keyring: Keyring;
  readonly log: Log;
}

const SWEEP_EVERY_MS = 60_000;

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

export function sweepRegularly({ db, log }: UpkeepDeps, throttle: Throttle): () => void {
  const timer = setInterval(async () => {
    try {
      await sweepRecords(db);
      await sweepMigration(db);
      await sweepSessions(db);
      await throttle.sweep();
    } catch (error) {
      log.debug({ error }, 'nothing was swept');
    }
  }, SWEEP_EVERY_MS);
  return () => clearInterval(timer);
}

/** Moves that were cut off, or are to be tried again, are looked for this often. */
const RESUME_EVERY_MS = 3_000;

export function resumeRegularly({
  mover,
  log,
}: {
  readonly mover: Mover;
  readonly log: Log;
}): () => Promise<void> {
  let underWay = Promise.resolve();
  let isBusy = false;
  const round = async () => {
    try {
      await mover.resume();
    } catch (error) {
      log.debug({ error }, 'no move was gone on with');
    } finally {
      isBusy = false;
    }
  };
  const timer = setInterval(() => {
    if (isBusy) return;
    isBusy = true;
    underWay = round();
  }, RESUME_EVERY_MS);
  return async () => {
    clearInterval(timer);
    await underWay;
  };
}
