/** Opens what the server and the operator's desk both stand on. */
import type { Settings } from './config.ts';
import type { WriteName } from './credentials/accepted-format.ts';
import type { Passwords } from './credentials/passwords.ts';
import { openPasswords } from './credentials/passwords.ts';
import type { Directory } from './legacy/directory.ts';
import { openStores } from './legacy/stores.ts';
import type { Mover } from './migration/moving/mover.ts';
import type { MoverDeps } from './migration/moving/moving.ts';
import { openMover } from './migration/moving/moving.ts';
import type { Log } from './observability/log.ts';
import { openLog } from './observability/log.ts';
import type { AuditLog } from './store/audit-log.ts';
import { openAuditLog } from './store/audit-log.ts';
import type { Db } from './store/db.ts';
import { openDb } from './store/db.ts';
import type { Keyring } from './store/encryption.ts';
import { openKeyring } from './store/encryption.ts';
import { openTargets } from './targets/index.ts';
import { idpIdOf } from './targets/resources.ts';
import type { Target, Targets } from './targets/target.ts';

/** What everything else stands on. */
export interface Ground {
  readonly settings: Settings;
  readonly log: Log;
  readonly db: Db;
  readonly keyring: Keyring;
  readonly audit: AuditLog;
  readonly directory: Directory;
  readonly targets: Targets;
  readonly passwords: Passwords;
  readonly mover: Mover;
}

export interface GroundOptions {
  /** Ways of writing hashes that failed their proof; nothing is written so. */
  readonly unproved?: readonly WriteName[];
  readonly onMove?: MoverDeps['onMove'];
}

export function openGround(
  settings: Settings,
  { unproved = [], ...watch }: GroundOptions = {},
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
  const ourIdp = (target: Target) => idpIdOf(db, target);
  const targets = openTargets(settings.targets, {
    unproved,
    issuer: settings.provider.issuer,
    ourIdp,
  });
  const mover = openMover({
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
  const close = async () => {
    await targets.close();
    await passwords.close();
    await directory.close();
    await db.close();
  };
  return { settings, log, db, keyring, audit, directory, targets, passwords, mover, close };
}
