/** A legacy store in SQLite that is written by its own `apply`, our database, and a target in memory that verifies hashes. */
import { randomBytes } from 'node:crypto';
import { DatabaseSync } from 'node:sqlite';
import bcrypt from 'bcrypt';
import { passwordSettings } from '../../../src/credentials/password-settings.ts';
import { openPasswords } from '../../../src/credentials/passwords.ts';
import { isRefusal } from '../../../src/credentials/reasons.ts';
import { FootbridgeError } from '../../../src/errors.ts';
import type { Directory } from '../../../src/legacy/directory.ts';
import { legacyStores } from '../../../src/legacy/legacy-settings.ts';
import { openStores } from '../../../src/legacy/stores.ts';
import { find } from '../../../src/migration/ledger.ts';
import { targetUserIdOf } from '../../../src/migration/moving/target-user.ts';
import { Secret } from '../../../src/settings.ts';
import { openAuditLog } from '../../../src/store/audit-log.ts';
import { openDb } from '../../../src/store/db.ts';
import { openKeyring } from '../../../src/store/encryption.ts';
import { openPasswordSync } from '../../../src/sync/passwords/index.ts';
import type { Owner } from '../../../src/sync/passwords/password-states.ts';
import { passwordStateOf } from '../../../src/sync/passwords/password-states.ts';
import type { PasswordInput } from '../../../src/sync/people/password-turn.ts';
import type { Hint } from '../../../src/sync/queue/change-queue.ts';
import { syncSettings } from '../../../src/sync/sync-settings.ts';
import type { TargetConnection } from '../../../src/targets/connection.ts';
import { openTargets } from '../../../src/targets/index.ts';
import { targetSettings } from '../../../src/targets/target-settings.ts';
import type { StoredPassword } from '../../../src/user.ts';
import { sqliteStore } from '../../legacy/stores.ts';
import { openMemoryTarget } from '../../migration/reconcile/memory-target.ts';
import { execute } from '../../support/database.ts';
import { testDatabase } from '../../support/postgres.ts';

export const IDP = 'idp-of-ours';
export const subOf = (id: number) => `shop:${id}`;
export const idAt = (id: number) => targetUserIdOf('main', subOf(id), 0);

const hash = (password: string, prefix: string) => {
  const salt = `${randomBytes(16).toString('hex').slice(0, 21)}u`;
  return bcrypt.hashSync(password, `$2b$04$${salt}`).replace('$2b$', prefix);
};
/** As a legacy app on PHP and ZITADEL write them, but for the cost. */
export const php = (password: string) => hash(password, '$2y$');
export const zitadel = (password: string) => hash(password, '$2a$');

/** Cheap to make, so that a test can have many. */
const ACCEPTS = [{ write: 'bcrypt', cost: [4, 12] }];

export interface WorldOptions {
  /** The format that `apply.password` names; undefined: passwords are not written. */
  readonly writes?: string | undefined;
  readonly pair?: object;
}

export type World = Awaited<ReturnType<typeof openWorld>>;

export async function openWorld({ writes = 'bcrypt', pair = {} }: WorldOptions = {}) {
  const database = await testDatabase();
  const store = sqliteStore(
    'create table people (id integer primary key, login text, email text, hash text, totp text)',
  );
  const db = openDb({ url: database.url, poolSize: 4 });
  const master = randomBytes(32).toString('base64');
  const keyring = openKeyring(new Secret(master));
  const audit = openAuditLog({ db, keyring });
  const real = openStores(legacyStores.parse(legacyOf(store.file, writes)));
  for (const { setup } of real.setups) await setup.install();
  const passwords = openPasswords(passwordSettings.parse({}));
  const settings = openTargets(targetSettings.parse([TARGET]), {});
  const target = settings.byName('main')!;
  const memory = openMemoryTarget({ idp: IDP, writes: target.accepts.map(({ write }) => write) });
  const counts = { setPassword: 0, checkPassword: 0, apply: 0 };
  const fails: {
    target?: FootbridgeError | undefined;
    legacy?: FootbridgeError | undefined;
    lost?: boolean;
  } = {};
  const opensAs = async (hash: string, password: string) =>
    (await passwords.verify({ format: 'auto', columns: { hash } }, password)).verified;

  const connection: TargetConnection = {
    ...memory.connection,
    setPassword: async (id, password) => {
      if (fails.target) throw fails.target;
      counts.setPassword += 1;
      return memory.connection.setPassword(id, password);
    },
    checkPassword: async (id, password) => {
      if (fails.target) throw fails.target;
      counts.checkPassword += 1;
      const { password: hash } = memory.users.get(id) ?? {};
      return hash !== undefined && (await opensAs(hash, password.reveal()));
    },
  };
  const directory: Directory = {
    ...real,
    apply: async (sub, input) => {
      if (fails.legacy) throw fails.legacy;
      counts.apply += 1;
      const outcome = await real.apply(sub, input);
      if (fails.lost) throw new FootbridgeError('legacy_unavailable', { detail: 'the reply was lost' });
      return outcome;
    },
  };
  const woken: Owner[] = [];
  const errors: unknown[] = [];
  const targets = { ...settings, connection: (name: string) => (name === 'main' ? connection : undefined) };
  const { pseudonym } = audit;
  const carrying = { passwords, keyring };
  const deps = {
    ...{ db, keyring, directory, passwords, targets, pseudonym, carrying },
    synced: new Set(['main']),
    wake: async (people: readonly Owner[]) => void woken.push(...people),
    onError: (error: unknown) => void errors.push(error),
  };
  const sync = openPasswordSync(deps);
  const sql = (text: string, values?: unknown[]) => execute(database.url, text, values);
  await sql(`insert into sync_pairs (target, state, actor) values ('main', 'running', 'operator:test')`);
  const legacyDb = new DatabaseSync(store.file);
  const pairSettings = syncSettings.parse({ pairs: [{ target: 'main', ...pair }] }).pairs[0]!;
  let serial = 0;

  const hashed = async (format: string, password: string) => {
    const made = await passwords.hashFor({ format }, password);
    if (isRefusal(made)) throw new Error(made.reason);
    return made.encoded;
  };
  const inLegacy = {
    hash: (id: number) =>
      legacyDb.prepare('select hash from people where id = ?').get(id)?.hash as string | null,
    set: (id: number, hash: string | null) =>
      void legacyDb.prepare('update people set hash = ? where id = ?').run(hash, id),
    opens: async (id: number, password: string) => {
      const hash = inLegacy.hash(id);
      return hash !== null && (await opensAs(hash, password));
    },
  };
  const atTarget = {
    user: (id: number) => memory.users.get(idAt(id))!,
    set: (id: number, hash: string) => {
      atTarget.user(id).password = hash;
    },
    opens: (id: number, password: string) => opensAs(atTarget.user(id).password ?? '', password),
  };

  /** Somebody who has arrived, with the same password on both sides. */
  const arrive = async ({
    legacy,
    there = legacy,
    totp = null,
    outcome = 'carried',
  }: Arrival): Promise<number> => {
    serial += 1;
    const id = serial;
    legacyDb
      .prepare('insert into people (id, login, email, hash, totp) values (?, ?, ?, ?, ?)')
      .run(id, `user-${id}`, `user-${id}@example.com`, legacy, totp);
    memory.users.set(idAt(id), {
      ...{ id: idAt(id), username: `user-${id}`, givenName: 'Anna', familyName: 'Tester', state: 'active' },
      ...(there === null ? {} : { password: there }),
      links: [{ idpId: IDP, userId: subOf(id), userName: `user-${id}` }],
      metadata: {},
    });
    await sql(
      `insert into ledger (target, sub, legacy_id, from_state, state, target_user_id, made, password, migrated_at)
       values ('main', $1, $2, 'created', 'migrated', $3, true, $4, now() - interval '1 day')`,
      [subOf(id), String(id), idAt(id), outcome],
    );
    return id;
  };
  const turn = async (
    id: number,
    hint: Hint = {},
    authority: PasswordInput['authority'] = 'last-writer',
    { by = sync } = {},
  ) =>
    by.turn({
      pair: pairSettings,
      target,
      row: (await find(db, 'main', subOf(id)))!,
      entry: (await directory.findBySub(subOf(id)))!,
      found: await connection.userById(idAt(id)),
      hint,
      authority,
    });
  return {
    ...{ db, keyring, master, audit, directory, passwords, target, targets, memory, connection, sync, deps },
    pair: pairSettings,
    ...{ sql, counts, fails, woken, errors, hashed, inLegacy, atTarget, arrive, turn, carrying },
    state: (id: number) => passwordStateOf(db, { target: 'main', sub: subOf(id) }),
    typed: async (id: number, password: string) =>
      sync.throughTarget({ entry: (await directory.findBySub(subOf(id)))!, password }),
    /** What a login at our page leaves behind for the target. */
    loginCaptures: async (id: number, password: string, opened: StoredPassword | undefined = undefined) => {
      const { credentials } = (await directory.findBySub(subOf(id)))!;
      const parts = await sync.captures(
        {
          sub: subOf(id),
          password,
          stored: credentials.passwords,
          opened: opened ?? credentials.passwords[0],
        },
        undefined,
      );
      if (parts.length > 0) await db.runParts(parts, 'select 1');
      return parts.map(({ name }) => name);
    },
    close: async () => {
      legacyDb.close();
      await real.close();
      await passwords.close();
      await db.close();
      await database.drop();
      store.drop();
    },
  };
}

export interface Arrival {
  /** The legacy hash. */
  readonly legacy: string | null;
  /** The hash at the target. */
  readonly there?: string | null;
  /** The seed of the legacy second factor. */
  readonly totp?: string | null;
  /** What the ledger says of the password. */
  readonly outcome?: string;
}

const TARGET = {
  name: 'main',
  kind: 'zitadel',
  displayName: 'The new one',
  loginUrl: 'https://new.example/',
  clientIds: ['main-login'],
  accepts: ACCEPTS,
  api: { url: 'http://127.0.0.1:9', token: 'a token that opens nothing', identityProvider: IDP },
};

const legacyOf = (file: string, writes: string | undefined) => ({
  store: 'shop',
  sql: {
    ...{ engine: 'sqlite', file, table: 'people', login: ['login'] },
    apply: { email: 'email', ...(writes ? { password: { column: 'hash', format: writes } } : {}) },
  },
  mapping: {
    username: 'login',
    email: 'email',
    emailVerified: true,
    password: [{ format: 'auto', columns: { hash: 'hash' } }],
    totp: { secret: 'totp' },
  },
});
