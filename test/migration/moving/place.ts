/** A mover that any process can open: our database, a target's API, and a legacy store that is a file. */

import { appendFileSync, existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { passwordSettings } from '../../../src/credentials/password-settings.ts';
import { openPasswords } from '../../../src/credentials/passwords.ts';
import { FootbridgeError } from '../../../src/errors.ts';
import type { Directory } from '../../../src/legacy/directory.ts';
import type { Mover } from '../../../src/migration/moving/mover.ts';
import type { MoverDeps } from '../../../src/migration/moving/moving.ts';
import { openMover } from '../../../src/migration/moving/moving.ts';
import { Secret } from '../../../src/settings.ts';
import { openAuditLog } from '../../../src/store/audit-log.ts';
import { openDb } from '../../../src/store/db.ts';
import { openKeyring } from '../../../src/store/encryption.ts';
import { openTargets } from '../../../src/targets/index.ts';
import { targetSettings } from '../../../src/targets/target-settings.ts';
import type { LegacyEntry } from '../../../src/user.ts';
import { findBySubsWith } from '../../support/find-by-subs.ts';
import { NO_WRITES } from '../../support/no-writes.ts';

/** Plain JSON, so that it fits into a command line. */
export interface Place {
  readonly databaseUrl: string;
  readonly masterKey: string;
  /** Where the legacy store is. */
  readonly folder: string;
  readonly targets: readonly object[];
}

export const ISSUER = 'https://id.example.com';
const CONNECTIONS = 4;

export function openPlace(place: Place, more: Partial<MoverDeps> = {}) {
  const db = openDb({ url: place.databaseUrl, poolSize: CONNECTIONS });
  const keyring = openKeyring(new Secret(place.masterKey));
  const audit = openAuditLog({ db, keyring });
  const passwords = openPasswords(passwordSettings.parse({}));
  const targets = openTargets(targetSettings.parse(place.targets), { issuer: ISSUER });
  const directory = fileDirectory(place.folder);
  const deps: MoverDeps = {
    db,
    keyring,
    directory,
    passwords,
    targets,
    pseudonym: audit.pseudonym,
    ourIdp: async ({ api }) => api?.identityProvider,
    ...more,
  };
  const mover: Mover = openMover(deps);
  return {
    db,
    keyring,
    audit,
    directory,
    passwords,
    targets,
    mover,
    close: async () => {
      await targets.close();
      await passwords.close();
      await db.close();
    },
  };
}

type People = Readonly<Record<string, LegacyEntry>>;

const file = (folder: string) => join(folder, 'people.json');
const flags = (folder: string) => join(folder, 'flags.txt');

/** Whoever reads meanwhile reads all of it. */
export function writePeople(folder: string, people: People): void {
  writeFileSync(`${file(folder)}.new`, JSON.stringify(people));
  renameSync(`${file(folder)}.new`, file(folder));
}

export function readFlags(folder: string): string[] {
  return existsSync(flags(folder)) ? readFileSync(flags(folder), 'utf8').trim().split('\n') : [];
}

function fileDirectory(folder: string): Directory {
  const people = (): People => {
    if (!existsSync(file(folder))) throw new FootbridgeError('legacy_unavailable', { retryAfterSeconds: 2 });
    return JSON.parse(readFileSync(file(folder), 'utf8'), (_, value) =>
      value?.type === 'Buffer' ? Buffer.from(value.data) : value,
    );
  };
  const unused = () => Promise.reject(new Error('not asked for here'));
  return {
    legacyIdOf: (sub) => sub.split(':')[1],
    findByLogin: unused,
    findBySub: async (sub) => people()[sub],
    findBySubs: findBySubsWith(async (sub) => people()[sub]),
    userBySub: async (sub) => people()[sub]?.user,
    forget: () => undefined,
    ...NO_WRITES,
    flag: async (sub, migrated) => {
      if (people()['no-flags']) throw new Error('no write access');
      appendFileSync(flags(folder), `${sub} ${migrated}\n`);
    },
    check: unused,
    close: async () => undefined,
  };
}
