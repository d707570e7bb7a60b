/** Rounds of asking about live sessions at apps that do not tell us when one ends. */
import { isFootbridgeError } from '../errors.ts';
import type { LegacySessionDeps } from './legacy-sessions.ts';
import type { OpenedApp } from './opened-app.ts';
import type { LegacySessionRow } from './registry.ts';
import { claimChecks } from './registry.ts';
import { standingOf } from './standing.ts';

/** Of one app, in one round of one node: what is left over is asked about in the next. */
const SESSIONS_PER_ROUND = 200;
const AT_ONCE = 8;
const CHECK_MS = 2_000;

/** One round after another, however often it is called. Throws storage_unavailable. */
export function checking(apps: readonly OpenedApp[], deps: LegacySessionDeps): () => Promise<void> {
  const asked = apps.filter(({ app, settings }) => app.check && settings.follow);
  let underWay: Promise<void> | undefined;
  const round = async () => {
    const rounds = await Promise.allSettled(asked.map((opened) => roundOf(opened, deps)));
    const failed = rounds.find(({ status }) => status === 'rejected');
    if (failed) throw (failed as PromiseRejectedResult).reason;
  };
  return () => {
    underWay ??= round().finally(() => {
      underWay = undefined;
    });
    return underWay;
  };
}

async function roundOf(opened: OpenedApp, deps: LegacySessionDeps): Promise<void> {
  const claimed = await claimChecks(deps.db, {
    app: opened.name,
    olderThanSeconds: deps.checkSeconds,
    limit: SESSIONS_PER_ROUND,
  });
  const rows = claimed.values();
  let isDown = false;
  const work = async () => {
    for (const row of rows) {
      if (isDown) return;
      try {
        await askAbout(opened, deps, row);
      } catch (error) {
        // The rest would fail too, one after the other: they are asked about when it is their turn again.
        isDown = true;
        if (isFootbridgeError(error, 'storage_unavailable')) throw error;
      }
    }
  };
  const workers = await Promise.allSettled(Array.from({ length: AT_ONCE }, work));
  const failed = workers.find(({ status }) => status === 'rejected');
  if (failed) throw (failed as PromiseRejectedResult).reason;
}

async function askAbout(opened: OpenedApp, deps: LegacySessionDeps, row: LegacySessionRow): Promise<void> {
  const asking = { row, gate: opened.gates.round, timeoutMs: CHECK_MS };
  const standing = await standingOf(opened, deps, asking);
  if (standing.is === 'left') await deps.onEnded({ app: opened.name, ids: [row.id] });
  if (standing.is === 'live' && standing.usedAt !== undefined && row.opSession)
    await deps.onUsed({ opSession: row.opSession, at: standing.usedAt });
}
