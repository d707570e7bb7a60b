/** The engine on a real database and a real legacy store, with a target in memory. */
import { randomBytes } from 'node:crypto';
import { setTimeout } from 'node:timers/promises';
import { passwordSettings } from '../../../src/credentials/password-settings.ts';
import { openPasswords } from '../../../src/credentials/passwords.ts';
import type { Directory } from '../../../src/legacy/directory.ts';
import { openDirectory } from '../../../src/legacy/directory.ts';
import { openBatches } from '../../../src/migration/batch/batch-rows.ts';
import type { Batches } from '../../../src/migration/batch/batches.ts';
import type { BatchEngine, EngineDeps } from '../../../src/migration/batch/engine.ts';
import { openBatchEngine } from '../../../src/migration/batch/engine.ts';
import type { Mover } from '../../../src/migration/moving/mover.ts';
import { openMover } from '../../../src/migration/moving/moving.ts';
import { Secret } from '../../../src/settings.ts';
import { openAuditLog } from '../../../src/store/audit-log.ts';
import type { Db } from '../../../src/store/db.ts';
import { openDb } from '../../../src/store/db.ts';
import { openKeyring } from '../../../src/store/encryption.ts';
import { openTargets } from '../../../src/targets/index.ts';
import { targetSettings } from '../../../src/targets/target-settings.ts';
import { execute } from '../../support/database.ts';
import type { TestDatabase } from '../../support/postgres.ts';
import { testDatabase } from '../../support/postgres.ts';
import type { MemoryTarget } from './memory-target.ts';
import { IDP, openMemoryTarget } from './memory-target.ts';
import { fillPeople, legacyOf } from './people.ts';

export interface BatchStage {
  readonly db: Db;
  readonly ours: TestDatabase;
  readonly legacy: TestDatabase;
  readonly target: MemoryTarget;
  readonly batches: Batches;
  readonly directory: Directory;
  readonly mover: Mover;
  readonly engine: BatchEngine;
  readonly errors: unknown[];
  readonly deps: EngineDeps;
  /** Everybody in the store, in a batch of this name. */
  planned(
    id: string,
    pace?: Partial<{ size: number; perSecond: number | null; workers: number }>,
  ): Promise<void>;
  sql(text: string, values?: unknown[]): Promise<Record<string, unknown>[]>;
  legacySql(text: string): Promise<Record<string, unknown>[]>;
  /** Whoever is to be tried again later is due at once, from now on. */
  hurry(): void;
  until(condition: () => Promise<boolean>): Promise<void>;
  close(): Promise<void>;
}

export async function openBatchStage(users: number): Promise<BatchStage> {
  const [ours, legacy] = await Promise.all([testDatabase(), testDatabase({ empty: true })]);
  await fillPeople(legacy.url, users);
  const db = openDb({ url: ours.url });
  const keyring = openKeyring(new Secret(randomBytes(32).toString('base64')));
  const passwords = openPasswords(passwordSettings.parse({}));
  const directory = openDirectory(legacyOf(legacy.url));
  const target = openMemoryTarget();
  const configured = openTargets(
    targetSettings.parse([
      { name: 'main', kind: 'zitadel', displayName: 'The new one', loginUrl: 'https://new.example/' },
    ]),
  );
  const targets = { ...configured, connection: (name: string) => (name === 'main' ? target : undefined) };
  const { pseudonym } = openAuditLog({ db, keyring });
  const errors: unknown[] = [];
  let hurrying: Promise<void> | undefined;
  let isClosed = false;
  const onError = (error: unknown) => void errors.push(error);
  const ourIdp = async () => IDP;
  const shared = { db, keyring, directory, passwords, ourIdp, pseudonym, onError };
  const mover = openMover({ ...shared, targets });
  const batches = openBatches(db);
  const many = openDb({ url: ours.url, poolSize: 4, forMany: true });
  const deps: EngineDeps = { ...shared, db: many, targets, mover, batches };
  return {
    db,
    ours,
    legacy,
    target,
    batches,
    directory,
    mover,
    engine: openBatchEngine(deps),
    errors,
    deps,
    planned: async (id, pace = {}) => {
      await batches.begin({
        id,
        target: 'main',
        plan: {},
        actor: 'operator:test',
        size: 50,
        perSecond: null,
        workers: 2,
        ...pace,
      });
      const members = Array.from({ length: users }, (_, n) => ({
        sub: `shop:${n + 1}`,
        legacyId: String(n + 1),
        rank: n,
      }));
      for (let at = 0; at < users; at += 1_000) {
        const some = members.slice(at, at + 1_000);
        await batches.add(id, some, some.at(-1)!.sub);
      }
      await batches.planned(id, null);
    },
    sql: (text, values) => execute(ours.url, text, values),
    legacySql: (text) => execute(legacy.url, text),
    hurry: () => {
      const soon = 'update batch_users set due_at = now() where lease is null and due_at > now()';
      hurrying = (async () => {
        while (!isClosed) {
          await execute(ours.url, soon);
          await setTimeout(50);
        }
      })();
    },
    until: async (condition) => {
      while (!(await condition())) await setTimeout(20);
    },
    close: async () => {
      isClosed = true;
      await hurrying;
      await directory.close();
      await passwords.close();
      await many.close();
      await db.close();
      await Promise.all([ours.drop(), legacy.drop()]);
    },
  };
}
