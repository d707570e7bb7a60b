/**
 * Puts the rooms together: the only file that knows them all. Everything is opened here and closed in reverse.
 */

import { createHash } from 'node:crypto';
import { privateApp } from './admin/api.ts';
import { openApiDocument } from './admin/openapi.ts';
import type { Desk } from './admin/operation.ts';
import { nowSeconds } from './clock.ts';
import type { Settings } from './config.ts';
import type { WriteName } from './credentials/accepted-format.ts';
import type { Passwords } from './credentials/passwords.ts';
import { openPasswords } from './credentials/passwords.ts';
import { unprovedWrites } from './credentials/self-test.ts';
import type { Directory } from './legacy/directory.ts';
import { openStores } from './legacy/stores.ts';
import { listen, stopListening } from './listener.ts';
import type { CarryingDeps } from './migration/carrying.ts';
import { carryFor } from './migration/carrying.ts';
import { proveParts, statePart } from './migration/ledger.ts';
import { migrationRoutes } from './migration/migration-routes.ts';
import { issueTicket } from './migration/tickets.ts';
import { healthOf } from './observability/health.ts';
import type { Log } from './observability/log.ts';
import { openLog } from './observability/log.ts';
import type { Metrics } from './observability/metrics.ts';
import { openMetrics } from './observability/metrics.ts';
import type { Front } from './provider/front.ts';
import { openFront } from './provider/front.ts';
import { ensureKeys, loadKeys } from './provider/keys.ts';
import { BackchannelLogout } from './provider/logout.ts';
import { openPages } from './provider/pages/index.ts';
import { openScopes } from './provider/request-scope.ts';
import { Throttle } from './provider/throttle.ts';
import { openLegacySessions } from './sessions/legacy-session.ts';
import { sessionsRoutes } from './sessions/sessions-routes.ts';
import type { AuditLog } from './store/audit-log.ts';
import { openAuditLog } from './store/audit-log.ts';
import type { Db } from './store/db.ts';
import { openDb } from './store/db.ts';
import type { Keyring } from './store/encryption.ts';
import { openKeyring } from './store/encryption.ts';
import { schemaStatus } from './store/schema.ts';
import type { Watch } from './store/watch.ts';
import { watchDatabase } from './store/watch.ts';
import { openTargets } from './targets/index.ts';
import type { Targets } from './targets/target.ts';
import { followKeys, sweepRegularly } from './upkeep.ts';

/** What everything else stands on. */
interface Ground {
  readonly settings: Settings;
  readonly log: Log;
  readonly db: Db;
  readonly keyring: Keyring;
  readonly audit: AuditLog;
  readonly directory: Directory;
  readonly targets: Targets;
  readonly passwords: Passwords;
}

function openGround(
  settings: Settings,
  unproved: readonly WriteName[] = [],
): Ground & { close(): Promise<void> } {
  const log = openLog(settings.log);
  const db = openDb({
    url: settings.database.url.reveal(),
    poolSize: settings.database.poolSize,
    preparedStatements: settings.database.preparedStatements,
    onError: (error) => log.debug({ error }, 'an idle connection was lost'),
  });
  const keyring = openKeyring(settings.masterKey);
  const audit = openAuditLog({
    db,
    keyring,
    onError: (error) => log.warn({ error }, 'the audit log could not be sealed'),
  });
  const directory = openStores(settings.legacy);
  const passwords = openPasswords(settings.passwords);
  const targets = openTargets(settings.targets, unproved);
  const close = async () => {
    await passwords.close();
    await directory.close();
    await db.close();
  };
  return { settings, log, db, keyring, audit, directory, targets, passwords, close };
}

function deskOf(ground: Ground, actor: string): Desk {
  const { settings, db, keyring, audit, directory, passwords, targets } = ground;
  const { keys, lifetimes } = settings.provider;
  return {
    db,
    keyring,
    audit,
    directory,
    passwords,
    targets,
    legacySettings: settings.legacy,
    schema: () => schemaStatus({ url: settings.database.url.reveal() }),
    keyCacheSeconds: keys.cacheSeconds,
    keepKeysSeconds: Math.max(lifetimes.idTokenSeconds + keys.cacheSeconds, lifetimes.sessionSeconds),
    actor: `operator:${actor}`,
  };
}

/** The operator's desk without a server: for the command line. */
export async function openDesk(
  settings: Settings,
  actor: string,
): Promise<{ desk: Desk; close(): Promise<void> }> {
  const ground = openGround({ ...settings, log: { level: 'silent' } });
  return { desk: deskOf(ground, actor), close: ground.close };
}

export interface App {
  readonly publicPort: number;
  readonly privatePort: number;
  /** Not ready first, then no new connections, then whatever is under way finishes, then everything closes. */
  close(): Promise<void>;
}

/** Opens everything and listens. Throws PortBusyError, storage_unavailable, config_invalid. */
export async function openApp(settings: Settings): Promise<App> {
  const unproved = await unprovedWrites();
  const ground = openGround(settings, unproved);
  const { log, db, keyring, audit } = ground;
  if (unproved.length > 0)
    log.error({ unproved }, 'hashes are not written so: the known answers do not come out');
  const closers: (() => Promise<void> | void)[] = [ground.close];
  const state = { stopping: false };
  try {
    const metrics = openMetrics(() => ground.passwords.stats());
    const watch = await watchDatabase(settings.database.url.reveal(), (up) => {
      metrics.storageUp.set(up ? 1 : 0);
      log[up ? 'info' : 'error'](up ? 'our database answers' : 'our database does not answer');
    });
    closers.push(() => watch.close());
    await ensureKeys(db, keyring);
    audit.start();
    closers.push(() => audit.stop());
    const front = await openPublic({ ...ground, metrics, watch, closers });
    const desk = deskOf(ground, 'api');
    const inside = privateApp({
      desk,
      keyring,
      token: settings.admin.token,
      metrics,
      openApi: () => openApiDocument(settings.provider.issuer),
      health: () =>
        healthOf({
          checkLegacy: () => ground.directory.check(),
          storageUp: watch.up,
          stopping: state.stopping,
        }),
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

interface PublicParts extends Ground {
  readonly metrics: Metrics;
  readonly watch: Watch;
  readonly closers: (() => Promise<void> | void)[];
}

function carrying({ passwords, keyring, metrics, log }: PublicParts): CarryingDeps {
  return {
    passwords,
    keyring,
    onProof: ({ target, format, write }, result) => {
      metrics.rewrites.inc({ format, write, result });
      if (result === 'failed')
        log.error({ target, format, write }, 'a rewritten hash does not open: its format is blocked');
    },
    onCapture: ({ target, reason }) => metrics.captures.inc({ target, reason }),
    onError: (error) => log.warn({ error }, 'a password could not be carried over'),
  };
}

async function openPublic(parts: PublicParts): Promise<Front> {
  const { settings, db, keyring, audit, directory, targets, passwords, metrics, watch, log, closers } = parts;
  const { provider } = settings;
  const throttle = new Throttle(db, keyring, provider.login);
  const scopes = openScopes();
  const backchannel = new BackchannelLogout(scopes, {
    delivered: () => metrics.backchannelLogouts.inc({ result: 'delivered' }),
    failed: (client, attempts, error) => {
      metrics.backchannelLogouts.inc({ result: 'failed' });
      log.warn({ client, attempts, error }, 'a client could not be told about a logout');
    },
  });
  closers.push(() => backchannel.close());
  const legacySessions = openLegacySessions(settings.legacySessions, {
    db,
    nowSeconds,
    onOutcome: ({ app, outcome }) => {
      metrics.legacySessions.inc({ app, outcome });
      if (outcome !== 'created') log.warn({ app, outcome }, 'no session was made at a legacy app');
    },
  });
  closers.push(() => legacySessions.close());
  const onError = (error: unknown, where: string) => log.error({ error, where }, 'a request failed');
  const options: Parameters<typeof openFront>[0] = {
    settings: provider,
    keyring,
    scopes,
    db,
    directory,
    passwords,
    throttle,
    pages: openPages(settings.pages),
    backchannel,
    failureFloorMs: provider.login.failureFloorMs,
    userBySub: directory.userBySub,
    ledgerStatePart: (sub, clientId) => {
      const target = targets.byClient(clientId);
      return target && statePart(target.name, sub);
    },
    ticket: ({ sub, clientId, authTime, sessionUid }) => {
      const target = targets.byClient(clientId);
      if (!target || authTime + target.ticketSeconds < Date.now() / 1000) return undefined;
      const loginId = createHash('sha256').update(sessionUid).digest('base64url').slice(0, 22);
      return issueTicket(keyring, { sub, clientId, authTime, loginId });
    },
    loginParts: ({ user: sub, clientId, amr }) => {
      const target = targets.byClient(clientId);
      if (!target) return [];
      const legacyId = directory.legacyIdOf(sub) ?? sub;
      return proveParts({ target: target.name, sub, legacyId, amr, subject: audit.pseudonym(sub) });
    },
    targetLink: (name) => {
      const target = targets.byName(name);
      return { name: target?.displayName ?? name, href: target?.loginUrl ?? provider.issuer };
    },
    carry: carryFor(carrying(parts), targets),
    startLegacySessions: (login) => legacySessions.create(login),
    storageUp: () => watch.up,
    onError,
    onUnusableRecord: (error) => log.warn({ error }, 'a legacy record lets nobody in'),
    onProof: (result) => metrics.logins.inc({ result }),
    onRequest: ({ route, status, seconds }) =>
      metrics.requests.observe({ route, status: String(status) }, seconds),
    routers: ({ resolveToken, endSessions }) => [
      migrationRoutes({
        db,
        keyring,
        directory,
        passwords,
        targets,
        resolveToken,
        nowSeconds,
        onError,
        issuer: provider.issuer,
        pseudonym: audit.pseudonym,
        onRetrieval: ({ target, outcome, password }) => {
          metrics.secretsReleased.inc({ result: outcome });
          if (password) metrics.passwordsReleased.inc({ target, password });
        },
      }),
      sessionsRoutes({
        apps: settings.legacySessions,
        db,
        nowSeconds,
        onError,
        endSessions: async (sub) => void (await endSessions(sub)),
      }),
    ],
  };
  const keys = await loadKeys(db, keyring);
  const front = openFront(options, keys);
  closers.push(followKeys(parts, front, keys.fingerprint));
  closers.push(sweepRegularly(parts, throttle));
  return front;
}
