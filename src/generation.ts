/**
 * What a configuration opens, except for what outlives it (`app.ts`): everything behind the two listeners, and the work that goes on
 * by itself. A second one beside it is like a second node: nothing of them is shared but our database.
 */
import type { RequestListener } from 'node:http';
import { privateApp } from './admin/api.ts';
import { openConsole } from './admin/console/console-routes.ts';
import { openApiDocument } from './admin/openapi.ts';
import type { Settings } from './config.ts';
import { openCounting } from './counting.ts';
import type { WriteName } from './credentials/accepted-format.ts';
import { deskOf } from './desk.ts';
import type { Ground } from './ground.ts';
import { openGround } from './ground.ts';
import { countLegacyWrites, oldestLegacyWriteSeconds } from './migration/claim-tokens/legacy-writes.ts';
import { counts as countPeople } from './migration/ledger.ts';
import { countWork } from './migration/moving/target-work.ts';
import type { Health } from './observability/health.ts';
import { openHealth } from './observability/health.ts';
import type { Log } from './observability/log.ts';
import type { Metrics } from './observability/metrics.ts';
import type { Requests, Served } from './observability/requests.ts';
import type { Tracing } from './observability/tracing.ts';
import { observing } from './observed.ts';
import { ensureKeys, listKeys } from './provider/keys.ts';
import { countSessions } from './provider/records.ts';
import { openPublic } from './public.ts';
import type { Counts } from './rollout/counts.ts';
import { countDeliveries, oldestWaitingSeconds } from './sessions/ending/deliveries.ts';
import { countLegacySessions } from './sessions/registry.ts';
import { partsOf, tellOfLegacy } from './standing.ts';
import { oldestUnsealedSeconds } from './store/audit-lag.ts';
import { clockOffsetSeconds } from './store/clock-offset.ts';
import type { Watch } from './store/watch.ts';
import { syncGauges } from './sync/overview.ts';

/** What a process has once, whatever its configuration. */
export interface Process {
  readonly log: Log;
  readonly metrics: Metrics;
  readonly tracing: Tracing;
  readonly requests: Requests;
  readonly watch: Watch;
  readonly unproved: readonly WriteName[];
  readonly isStopping: () => boolean;
}

export interface Generation {
  readonly settings: Settings;
  /** Of the public and of the private listener. */
  readonly handle: RequestListener;
  readonly inside: RequestListener;
  /** Metrics are asked here from now on. */
  takeOver(): void;
  /** For when nothing of it is under way any more. */
  close(): Promise<void>;
}

/** Throws storage_unavailable, config_invalid; nothing of it is left open then. */
export async function openGeneration(settings: Settings, process: Process): Promise<Generation> {
  const { log, metrics, tracing, unproved, requests } = process;
  const observed = observing(tracing, metrics);
  const opened = openGround(settings, {
    unproved,
    log,
    observed,
    onMove: (move) => {
      const { target, road, result, seconds } = move;
      counting.move(move);
      metrics.moves.inc({ target, road, result });
      metrics.moveSeconds.observe({ target, road }, seconds);
    },
    onEnded: ({ cause }) => metrics.sessionEndings.inc({ cause }),
  });
  const ground = { ...opened, counts: counted(opened.counts, metrics) };
  const { db, keyring, audit } = ground;
  const counting = openCounting(ground);
  const closers: (() => Promise<void> | void)[] = [opened.close];
  const close = () => closeAll(closers);
  try {
    await ensureKeys(db, keyring, { jwtIdp: settings.provider.jwtIdp !== undefined });
    audit.start();
    closers.push(() => audit.stop());
    const onServed = noting(process, settings);
    const opens = { ...ground, metrics, watch: process.watch, closers, counting, requests, onServed };
    const open = await openPublic(opens);
    const health = openHealth({
      parts: partsOf({ ...ground, ...open, watch: process.watch }),
      isStopping: process.isStopping,
    });
    const inside = insideOf({ ...ground, ...process, health, onServed });
    closers.push(inside.close);
    return {
      settings,
      handle: requests.around(open.front.handle),
      inside: requests.around(inside.handle, (req) => !PROBE.test(req.url ?? '')),
      takeOver() {
        metrics.watch(sourcesOf(ground, health));
        void tellOfLegacy({ ...ground, ...open }, (error) =>
          log.warn({ error }, 'the legacy store cannot be asked: logins answer 503 until it can'),
        );
      },
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

interface Inside extends Ground, Pick<Process, 'log' | 'metrics'> {
  readonly health: () => Promise<Health>;
  readonly onServed: (served: Served) => void;
}

function insideOf(parts: Inside) {
  const { settings, keyring, log, metrics, health, onServed } = parts;
  const desk = { ...deskOf(parts, { actor: 'api' }), health };
  const { host, names } = settings.listen.private;
  const console = openConsole({ desk, settings: settings.admin.console, host, log });
  const app = privateApp({
    desk,
    keyring,
    console,
    token: settings.admin.token,
    tokens: settings.admin.tokens,
    metrics,
    calledBy: { host, names, origin: settings.admin.console.origin },
    openApi: () => openApiDocument(settings.provider.issuer),
    health,
    onServed,
  });
  return { handle: app.callback() as RequestListener, close: console.close };
}

function sourcesOf({ settings, db, queue, passwords }: Ground, health: () => Promise<Health>) {
  const synced = settings.sync.pairs.map(({ target }) => target);
  return {
    parts: async () => (await health()).parts,
    hashing: () => passwords.stats(),
    connections: () => db.connections(),
    keys: () => listKeys(db),
    people: () => countPeople(db),
    clockOffsetSeconds: () => clockOffsetSeconds(db),
    oldestUnsealedSeconds: () => oldestUnsealedSeconds(db),
    moves: () => countWork(db),
    opSessions: () => countSessions(db),
    legacySessions: () => countLegacySessions(db),
    deliveries: () => countDeliveries(db),
    legacyWrites: () => countLegacyWrites(db),
    oldestLegacyWriteSeconds: () => oldestLegacyWriteSeconds(db),
    oldestDeliverySeconds: () => oldestWaitingSeconds(db),
    sync: () => syncGauges({ db, queue }, synced),
  };
}

/** What is counted for the plan is measured as well. */
const counted = (counts: Counts, { loginOutcomes }: Metrics): Counts => ({
  ...counts,
  count: (one) => {
    loginOutcomes.inc({ target: one.target ?? '', path: one.path, outcome: one.outcome });
    counts.count(one);
  },
});

/** One line of the log for each request; probes and scrapes are nothing that anybody looks for. */
function noting({ log, requests }: Process, { log: wanted }: Settings) {
  return (served: Served) => {
    const noted = requests.note(served);
    if (!wanted.requests || !noted) return;
    const { route, status, seconds } = served;
    const { method, address } = noted;
    const from = wanted.addresses ? { address } : {};
    const level = PROBES.has(route) ? 'debug' : 'info';
    log[level]({ method, route, status, ms: Math.round(seconds * 1_000), ...from }, 'answered');
  };
}
const PROBES: ReadonlySet<string> = new Set(['healthz', 'livez', 'readyz', 'metrics']);
const PROBE = new RegExp(`^/(?:${[...PROBES].join('|')})$`);

async function closeAll(closers: readonly (() => Promise<void> | void)[]): Promise<void> {
  for (const close of [...closers].reverse()) await close();
}
