/** Opens what the server and the operator's desk both stand on. */
import type { Settings } from './config.ts';
import type { WriteName } from './credentials/accepted-format.ts';
import type { Passwords } from './credentials/passwords.ts';
import { openPasswords } from './credentials/passwords.ts';
import type { Directory } from './legacy/directory.ts';
import { openStores } from './legacy/stores.ts';
import { subjectPrefix } from './legacy/subjects.ts';
import type { Mailer } from './mail/mailer.ts';
import { openMailer } from './mail/mailer.ts';
import { openBatches } from './migration/batch/batch-rows.ts';
import type { Batches } from './migration/batch/batches.ts';
import type { BatchEngine } from './migration/batch/engine.ts';
import { openBatchEngine } from './migration/batch/engine.ts';
import type { Mover } from './migration/moving/mover.ts';
import type { MoverDeps } from './migration/moving/moving.ts';
import { openMover } from './migration/moving/moving.ts';
import type { Routing } from './migration/routing.ts';
import { openRouting } from './migration/routing.ts';
import type { Log } from './observability/log.ts';
import { openLog } from './observability/log.ts';
import type { Observed } from './observed.ts';
import { unobserved } from './observed.ts';
import { opSessionParts } from './provider/ending.ts';
import type { Counts } from './rollout/counts.ts';
import { openCounts } from './rollout/counts.ts';
import type { Rollout } from './rollout/rollout.ts';
import { openRollout } from './rollout/rollout.ts';
import type { Endings, Recipients } from './sessions/ending/ending.ts';
import type { EndingsDeps } from './sessions/ending/endings.ts';
import { openEndings } from './sessions/ending/endings.ts';
import { appRecipients } from './sessions/recipients.ts';
import type { StoreSubjects } from './sessions/store-subjects.ts';
import type { AuditLog } from './store/audit-log.ts';
import { openAuditLog } from './store/audit-log.ts';
import type { Db } from './store/db.ts';
import { openDb } from './store/db.ts';
import type { Keyring } from './store/encryption.ts';
import { openKeyring } from './store/encryption.ts';
import type { ChangeQueue } from './sync/queue/change-queue.ts';
import { openQueue } from './sync/queue/open-queue.ts';
import { referenceOf } from './targets/cidaas/password-reference.ts';
import { openTargets } from './targets/index.ts';
import { idpIdOf } from './targets/resources.ts';
import type { Target, Targets } from './targets/target.ts';

/** What everything else stands on. */
export interface Ground {
  readonly settings: Settings;
  readonly log: Log;
  readonly observed: Observed;
  readonly db: Db;
  readonly keyring: Keyring;
  readonly audit: AuditLog;
  readonly directory: Directory;
  readonly targets: Targets;
  readonly passwords: Passwords;
  readonly mover: Mover;
  /** Who goes when; without plans it says nothing. */
  readonly rollout: Rollout;
  /** The same for somebody as the ledger has them. */
  readonly routing: Routing;
  /** How logins and moves went, until a server stores it. */
  readonly counts: Counts;
  readonly batches: Batches;
  readonly batchEngine: BatchEngine;
  /** Undefined: only targets write to people. */
  readonly mailer: Mailer | undefined;
  /** The legacy stores, and what stands before a primary key in their subjects. */
  readonly stores: readonly StoreSubjects[];
  readonly endings: Endings;
  /** Where changes of people wait for their turn. Opened when it is first asked. */
  readonly queue: ChangeQueue;
  /** Told when somebody has to be told of an ending; on a command line nobody is, and a server finds it. */
  readonly courier: { kick: () => void };
}

export interface GroundOptions {
  /** Ways of writing hashes that failed their proof; nothing is written so. */
  readonly unproved?: readonly WriteName[];
  readonly onMove?: MoverDeps['onMove'];
  readonly onEnded?: EndingsDeps['onEnded'];
  /** A server's own, which outlives a configuration. */
  readonly log?: Log;
  readonly observed?: Observed;
}

/** Of a batch's own: more workers than that wait for one another only while they write. */
const BATCH_POOL_SIZE = 4;

export function openGround(
  settings: Settings,
  { unproved = [], log = openLog(settings.log), observed = unobserved, ...watch }: GroundOptions = {},
): Ground & { close(): Promise<void> } {
  const db = observed.db(
    openDb({
      url: settings.database.url.reveal(),
      poolSize: settings.database.poolSize,
      preparedStatements: settings.database.preparedStatements,
      onError: (error) => log.debug({ error }, 'an idle connection was lost'),
    }),
  );
  const keyring = openKeyring(settings.masterKey);
  const audit = openAuditLog({
    db,
    keyring,
    onError: (error) => log.warn({ error }, 'the audit log could not be sealed'),
  });
  const directory = observed.directory((around) => openStores(settings.legacy, { around }));
  const passwords = hashing(settings, observed.passwords(openPasswords(settings.passwords)));
  const ourIdp = (target: Target) => idpIdOf(db, target);
  const targets = observed.targets(
    openTargets(settings.targets, {
      unproved,
      issuer: settings.provider.issuer,
      ourIdp,
      synced: settings.sync.pairs.map(({ target }) => target),
      reference: (target, sub) => referenceOf((text) => keyring.mac('cidaas-password', text), target, sub),
    }),
  );
  const rollout = openRollout({ db, targets: settings.targets.map(({ name }) => name) });
  const routing = openRouting({ db, rollout, directory });
  const mover = openMover({
    waits: routing.waits,
    db,
    keyring,
    directory,
    passwords,
    targets,
    ourIdp,
    pseudonym: audit.pseudonym,
    onError: (error) => log.warn({ error }, 'a move failed'),
    onMove: (move) => watch.onMove?.(move),
  });
  const many = observed.db(
    openDb({
      url: settings.database.url.reveal(),
      poolSize: BATCH_POOL_SIZE,
      preparedStatements: settings.database.preparedStatements,
      forMany: true,
      onError: (error) => log.debug({ error }, 'an idle connection was lost'),
    }),
  );
  const queue = openQueue(settings.sync, {
    db,
    onError: (error) => log.warn({ error }, 'the queue of changes is in trouble'),
  });
  const batches = openBatches(db);
  const batchEngine = openBatchEngine({
    db: many,
    inSpan: observed.inSpan,
    keyring,
    directory,
    passwords,
    targets,
    mover,
    batches,
    ourIdp,
    pseudonym: audit.pseudonym,
    onError: (error) => log.warn({ error }, 'a batch could not be worked on'),
  });
  const stores = settings.legacy.stores.map((store) => ({ name: store.store, prefix: subjectPrefix(store) }));
  const courier: Ground['courier'] = { kick: () => undefined };
  const endings = openEndings({
    db,
    recipients: recipientsOf(settings, { db, directory, stores, targets }),
    opSessions: opSessionParts,
    settings: settings.sessions,
    pseudonym: audit.pseudonym,
    kick: () => courier.kick(),
    onEnded: (ending) => watch.onEnded?.(ending),
  });
  const mailer = settings.mail && openMailer(settings.mail);
  const close = async () => {
    await mailer?.close();
    await queue.close();
    await targets.close();
    await passwords.close();
    await directory.close();
    await many.close();
    await db.close();
  };
  const opened = {
    settings,
    log,
    observed,
    db,
    keyring,
    audit,
    directory,
    targets,
    passwords,
    mover,
    rollout,
    routing,
    counts: openCounts({ db }),
    queue,
  };
  return { ...opened, batches, batchEngine, mailer, stores, endings, courier, close };
}

function recipientsOf(
  { provider, legacySessions }: Settings,
  deps: Pick<Ground, 'db' | 'directory' | 'stores' | 'targets'>,
): Recipients {
  const { all, connection } = deps.targets;
  return {
    clients: provider.clients
      .filter(({ backchannelLogoutUri }) => backchannelLogoutUri !== undefined)
      .map(({ clientId }) => clientId),
    ...appRecipients(legacySessions, deps),
    targets: all
      .filter(({ name, sessions }) => sessions.end && connection(name)?.endSession)
      .map(({ name }) => name),
  };
}

/** Where every store checks passwords itself, a queue full of hashes for names that nobody has is no reason to turn anybody away. */
function hashing({ legacy }: Settings, passwords: Passwords): Passwords {
  if (legacy.stores.some(({ verify }) => verify !== 'store')) return passwords;
  return { ...passwords, announce: () => () => undefined };
}
