/** Where a batch is worked on, from plain data: the same in a test and in the processes that it kills. */
import { passwordSettings } from '../../../src/credentials/password-settings.ts';
import { openPasswords } from '../../../src/credentials/passwords.ts';
import { openDirectory } from '../../../src/legacy/directory.ts';
import { openBatches } from '../../../src/migration/batch/batch-rows.ts';
import type { EngineDeps } from '../../../src/migration/batch/engine.ts';
import { openBatchEngine } from '../../../src/migration/batch/engine.ts';
import type { ChunkStep } from '../../../src/migration/batch/sending.ts';
import { openMover } from '../../../src/migration/moving/moving.ts';
import { Secret } from '../../../src/settings.ts';
import { openAuditLog } from '../../../src/store/audit-log.ts';
import { openDb } from '../../../src/store/db.ts';
import { openKeyring } from '../../../src/store/encryption.ts';
import { openTargets } from '../../../src/targets/index.ts';
import { targetSettings } from '../../../src/targets/target-settings.ts';
import { legacyOf } from '../../migration/batch/people.ts';

export interface BatchPlace {
  readonly ours: string;
  readonly legacy: string;
  readonly kratos: string;
  readonly masterKey: string;
  /** The legacy store marks who has moved. */
  readonly flags: boolean;
}

export const TARGET = 'ory';
export const IDP = 'footbridge';

export function openBatchPlace(
  place: BatchPlace,
  { afterStep }: { readonly afterStep?: (step: ChunkStep) => Promise<void> | void } = {},
) {
  const db = openDb({ url: place.ours });
  const keyring = openKeyring(new Secret(place.masterKey));
  const flag = { statement: 'update people set moved = :migrated where id = :id' };
  const directory = openDirectory(legacyOf(place.legacy, place.flags ? { flag } : {}));
  const passwords = openPasswords(passwordSettings.parse({}));
  const targets = openTargets(
    targetSettings.parse([
      {
        name: TARGET,
        kind: 'kratos',
        displayName: 'Ory',
        loginUrl: `${place.kratos}/self-service/login/browser`,
        api: { url: place.kratos, open: true, identityProvider: IDP, perSecond: 1_000 },
        kratos: { traits: { username: 'username', givenName: 'name.first', familyName: 'name.last' } },
      },
    ]),
    { issuer: 'https://facade.example' },
  );
  const ourIdp = async () => IDP;
  const { pseudonym } = openAuditLog({ db, keyring });
  const errors: unknown[] = [];
  const onError = (error: unknown) => void errors.push(error);
  const shared = { db, keyring, directory, passwords, ourIdp, pseudonym, onError };
  const mover = openMover({ ...shared, targets });
  const batches = openBatches(db);
  const many = openDb({ url: place.ours, poolSize: 4, forMany: true });
  const deps: EngineDeps = { ...shared, db: many, targets, mover, batches, afterStep };
  return {
    db,
    batches,
    mover,
    targets,
    errors,
    engine: openBatchEngine(deps),
    close: async () => {
      await targets.close();
      await directory.close();
      await passwords.close();
      await many.close();
      await db.close();
    },
  };
}
