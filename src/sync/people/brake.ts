/**
 * A brake on people who vanish: a store that was restored from a backup, a filter that has changed, an empty table or a broken
 * proxy look like hundreds of thousands who are gone. Then nobody is let go, sync is paused, and an operator is asked.
 */
import { isFootbridgeError } from '../../errors.ts';
import { appendAudit } from '../../store/audit-log.ts';
import type { Db } from '../../store/db.ts';
import { letGo, mayAnyGo, setPair } from '../pairs.ts';
import type { PairSettings } from '../sync-settings.ts';
import { countGone } from './states.ts';

export interface BrakeDeps {
  readonly db: Db;
  readonly pair: PairSettings;
  readonly nowMs: () => number;
}

/** So many may always go: the last days of a small shop are no accident. */
const ALWAYS = 10;
const SHARE = 0.05;
const WINDOW_MS = 3_600_000;

/** Whether one more may be let go; if not, the pair is paused. Throws storage_unavailable. */
export async function mayGo(deps: BrakeDeps): Promise<boolean> {
  const { db, pair, nowMs } = deps;
  const { target } = pair;
  const { atMost } = pair.gone;
  if (atMost === 0 || (await mayAnyGo(db, target))) return true;
  const now = new Date(nowMs());
  const most = await mostOf(deps, now);
  if (most.waiting <= most.people && (await letGo(db, { target, most: most.people, now }))) return true;
  await pause(deps, most.people);
  return false;
}

async function mostOf({ db, pair }: BrakeDeps, now: Date) {
  const { atMost } = pair.gone;
  const least = Math.max(ALWAYS, atMost);
  const { gone, people } = await countGone(db, pair.target, {
    since: new Date(now.getTime() - WINDOW_MS),
    gone: least + 1,
    people: Math.ceil(least / SHARE),
  });
  return { waiting: gone, people: Math.max(ALWAYS, Math.min(atMost, Math.floor(people * SHARE))) };
}

async function pause({ db, pair: { target } }: BrakeDeps, most: number): Promise<void> {
  try {
    await db.transaction(async (tx) => {
      await setPair(tx, { target, state: 'paused', actor: 'sync' });
      await appendAudit(tx, { actor: 'sync', action: 'sync.braked', detail: { target, most } });
    });
  } catch (error) {
    // Another turn was quicker.
    if (!isFootbridgeError(error, 'sync_state')) throw error;
  }
}
