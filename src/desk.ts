/** The operator's desk: what operations work with. */
import packageFile from '../package.json' with { type: 'json' };
import { consoleOrigin } from './admin/console/guard.ts';
import type { Desk } from './admin/operation.ts';
import type { Settings } from './config.ts';
import { configSchema } from './config.ts';
import { settingsTree } from './config-sources.ts';
import type { Ground } from './ground.ts';
import { openGround } from './ground.ts';
import { subjectsIn } from './migration/batch/batch-users.ts';
import { ledgerOf, ledgerPage } from './migration/ledger.ts';
import { signWithProvider } from './provider/keys.ts';
import { schemaStatus } from './store/schema.ts';

export interface DeskOptions {
  /** Who is at the desk, for the audit log. */
  readonly actor: string;
  /** On the command line only: elsewhere no file is read or written. */
  readonly configFile?: string;
}

export function deskOf(ground: Ground, { actor, configFile }: DeskOptions): Desk {
  const {
    settings,
    db,
    keyring,
    audit,
    directory,
    passwords,
    targets,
    mover,
    rollout,
    endings,
    batches,
    batchEngine,
    mailer,
    queue,
    stores,
  } = ground;
  const { keys, lifetimes, issuer, clients } = settings.provider;
  return {
    db,
    keyring,
    audit,
    directory,
    passwords,
    targets,
    mover,
    rollout,
    fourEyes: settings.admin.fourEyes,
    appNames: [
      ...clients.map(({ clientId }) => clientId),
      ...settings.legacySessions.map(({ name }) => name),
    ],
    batches,
    batchEngine,
    mailer,
    endings,
    claimTokens: settings.claimTokens,
    issuer,
    consoleOrigin: consoleOrigin(
      { origin: settings.admin.console.origin, host: settings.listen.private.host },
      settings.listen.private.port,
    ),
    lifetimes,
    legacySettings: settings.legacy,
    schema: () => schemaStatus({ url: settings.database.url.reveal() }),
    keyCacheSeconds: keys.cacheSeconds,
    keepKeysSeconds: Math.max(
      lifetimes.idTokenSeconds + keys.cacheSeconds,
      lifetimes.sessionSeconds,
      lifetimes.rememberedSeconds,
    ),
    actor: `operator:${actor}`,
    reconcile: {
      ledger: {
        page: (target, after, limit) => ledgerPage(db, target, after, limit),
        of: (target, subs) => ledgerOf(db, target, subs),
      },
      members: (batch, after, limit) => subjectsIn(db, batch, { after, limit }),
      targetOf: async (batch) => (await batches.status(batch)).target,
      signReport: (payload) => signWithProvider(db, keyring, payload),
      softwareVersion: packageFile.version,
    },
    ...(configFile ? { files: true as const } : {}),
    sync: { settings: settings.sync, queue, stores },
    settingsTree: () => settingsTree(settings, configSchema()),
    setup: {
      issuer,
      clients,
      synced: settings.sync.pairs.map(({ target }) => target),
      ...(configFile ? { configFile } : {}),
    },
  };
}

/** The operator's desk without a server: for the command line. */
export async function openDesk(
  settings: Settings,
  options: DeskOptions,
): Promise<{ desk: Desk; close(): Promise<void> }> {
  const ground = openGround({ ...settings, log: { ...settings.log, level: 'silent' } });
  return { desk: deskOf(ground, options), close: ground.close };
}
