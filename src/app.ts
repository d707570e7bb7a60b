/**
 * Puts the rooms together, with `ground.ts` below it. Everything is opened here and closed in reverse.
 */

import { privateApp } from './admin/api.ts';
import { openConsole } from './admin/console/console-routes.ts';
import { openApiDocument } from './admin/openapi.ts';
import type { Settings } from './config.ts';
import { openCounting } from './counting.ts';
import { unprovedWrites } from './credentials/self-test.ts';
import { deskOf } from './desk.ts';
import { openGround } from './ground.ts';
import { listen, stopListening } from './listener.ts';
import { countLegacyWrites } from './migration/claim-tokens/legacy-writes.ts';
import { countWork } from './migration/moving/target-work.ts';
import { healthOf } from './observability/health.ts';
import { openMetrics } from './observability/metrics.ts';
import { ensureKeys } from './provider/keys.ts';
import { countSessions } from './provider/records.ts';
import { openPublic } from './public.ts';
import { countDeliveries, oldestWaitingSeconds } from './sessions/ending/deliveries.ts';
import { countLegacySessions } from './sessions/registry.ts';
import { watchDatabase } from './store/watch.ts';
import { syncGauges } from './sync/overview.ts';

export interface App {
  readonly publicPort: number;
  readonly privatePort: number;
  /** Not ready first, then no new connections, then whatever is under way finishes, then everything closes. */
  close(): Promise<void>;
}

/** Opens everything and listens. Throws PortBusyError, storage_unavailable, config_invalid. */
export async function openApp(settings: Settings): Promise<App> {
  const unproved = await unprovedWrites();
  const metrics = openMetrics();
  const ground = openGround(settings, {
    unproved,
    onMove: (move) => {
      const { target, road, result, seconds } = move;
      counting.move(move);
      metrics.moves.inc({ target, road, result });
      metrics.moveSeconds.observe({ target, road }, seconds);
    },
    onEnded: ({ cause }) => metrics.sessionEndings.inc({ cause }),
  });
  const { log, db, keyring, audit } = ground;
  const counting = openCounting(ground);
  const syncedTargets = settings.sync.pairs.map(({ target }) => target);
  metrics.watch({
    hashing: () => ground.passwords.stats(),
    moves: () => countWork(db),
    opSessions: () => countSessions(db),
    legacySessions: () => countLegacySessions(db),
    deliveries: () => countDeliveries(db),
    legacyWrites: () => countLegacyWrites(db),
    oldestDeliverySeconds: () => oldestWaitingSeconds(db),
    sync: () => syncGauges({ db, queue: ground.queue }, syncedTargets),
  });
  if (unproved.length > 0)
    log.error({ unproved }, 'hashes are not written so: the known answers do not come out');
  const closers: (() => Promise<void> | void)[] = [ground.close];
  const state = { stopping: false };
  try {
    const watch = await watchDatabase(settings.database.url.reveal(), (up) => {
      metrics.storageUp.set(up ? 1 : 0);
      log[up ? 'info' : 'error'](up ? 'our database answers' : 'our database does not answer');
    });
    closers.push(() => watch.close());
    await ensureKeys(db, keyring, { jwtIdp: settings.provider.jwtIdp !== undefined });
    audit.start();
    closers.push(() => audit.stop());
    const front = await openPublic({ ...ground, metrics, watch, closers, counting });
    const health = () =>
      healthOf({
        checkLegacy: () => ground.directory.check(),
        storageUp: watch.up,
        stopping: state.stopping,
      });
    const desk = { ...deskOf(ground, { actor: 'api' }), health };
    const { host } = settings.listen.private;
    const console = openConsole({ desk, settings: settings.admin.console, host, log });
    closers.push(console.close);
    const inside = privateApp({
      desk,
      keyring,
      console,
      token: settings.admin.token,
      tokens: settings.admin.tokens,
      metrics,
      openApi: () => openApiDocument(settings.provider.issuer),
      health,
    });
    const privateListener = await listen(inside.callback(), settings.listen.private);
    closers.push(() => privateListener.close(0));
    const publicListener = await listen(front.handle, settings.listen.public);
    const stop = () => {
      state.stopping = true;
      return stopListening(publicListener);
    };
    return {
      publicPort: publicListener.port,
      privatePort: privateListener.port,
      close: () => closeAll([...closers, stop]),
    };
  } catch (error) {
    await closeAll(closers);
    throw error;
  }
}

async function closeAll(closers: readonly (() => Promise<void> | void)[]): Promise<void> {
  for (const close of [...closers].reverse()) await close();
}
