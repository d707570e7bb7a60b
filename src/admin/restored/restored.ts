/** After a restore: whatever may have been used or have ended since the backup ends now, and is taken back. */
import { replaceCookieKeys } from '../../provider/keys.ts';
import { countSessions } from '../../provider/records.ts';
import type { StaleCount } from '../../store/restoring.ts';
import { countStale, noteRestoration, voidStale } from '../../store/restoring.ts';
import type { Desk, RunOptions } from '../operation.ts';
import { allStale } from './stale.ts';

export interface Restored {
  readonly executed: boolean;
  /** When something was written down last before the backup, ISO 8601: what came later is forgotten. */
  readonly newestRecordAt: string | undefined;
  /** People’s sessions here; whoever has to be told of their end is told by the servers. */
  readonly sessions: number;
  readonly deliveries: number;
  readonly taken: readonly StaleCount[];
  readonly targets: readonly string[];
  readonly synced: readonly string[];
}

/** In one statement, of many: short enough for others to get in between. */
const SESSIONS = 500;
/** Records looked through for the newest that the restore itself has not caused. */
const RECORDS = 100;
const OURS = /^(approval|storage|sessions)\./;

export async function seeRestored(desk: Desk): Promise<Restored> {
  const taken = await countStale(desk.db, allStale);
  return {
    executed: false,
    ...(await about(desk)),
    sessions: await countSessions(desk.db),
    deliveries: 0,
    taken,
  };
}

export async function doRestored(desk: Desk, { onProgress }: RunOptions): Promise<Restored> {
  const { db, keyring, actor } = desk;
  const known = await about(desk);
  // First: from here on no ticket from before counts, whatever becomes of the rest.
  await noteRestoration(
    db,
    actor,
    known.newestRecordAt === undefined ? {} : { newest: known.newestRecordAt },
  );
  await replaceCookieKeys(db, keyring);
  const ended = await endEverybody(desk, onProgress);
  return { executed: true, ...known, ...ended, taken: await voidStale(db, allStale) };
}

async function about({
  audit,
  targets,
  sync,
}: Desk): Promise<Pick<Restored, 'newestRecordAt' | 'targets' | 'synced'>> {
  const records = await audit.records({ newestFirst: true, limit: RECORDS });
  return {
    newestRecordAt: records.find(({ action }) => !OURS.test(action))?.at.toISOString(),
    targets: targets.all.map(({ name }) => name),
    synced: sync?.settings.pairs.map(({ target }) => target) ?? [],
  };
}

/** As at a logout of everybody: apps and targets whose sessions belong to ours are told. */
async function endEverybody(
  { db, endings, actor }: Desk,
  onProgress: RunOptions['onProgress'],
): Promise<Pick<Restored, 'sessions' | 'deliveries'>> {
  const total = await countSessions(db);
  const startedAt = performance.now();
  const sums = { sessions: 0, deliveries: 0 };
  for (;;) {
    const ended = await endings.end({
      selection: { by: 'any', limit: SESSIONS },
      ...{ cause: 'operator', actor, isBulk: true, everything: true },
    });
    if (ended.opSessions === 0) return sums;
    sums.sessions += ended.opSessions;
    sums.deliveries += ended.deliveries;
    const perSecond = Math.round(sums.sessions / Math.max(0.001, (performance.now() - startedAt) / 1_000));
    onProgress?.({ users: sums.sessions, total, continuedFrom: 0, perSecond });
  }
}
