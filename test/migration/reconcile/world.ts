/** A legacy store in SQLite, our database, and a target in memory: both sides of a reconciliation, written at will. */
import { randomBytes } from 'node:crypto';
import { DatabaseSync } from 'node:sqlite';
import { passwordSettings } from '../../../src/credentials/password-settings.ts';
import { openPasswords } from '../../../src/credentials/passwords.ts';
import { legacyStores } from '../../../src/legacy/legacy-settings.ts';
import { openStores } from '../../../src/legacy/stores.ts';
import type { LedgerRow } from '../../../src/migration/ledger.ts';
import { LEDGER_COLUMNS } from '../../../src/migration/ledger-row.ts';
import { openMover } from '../../../src/migration/moving/moving.ts';
import { targetUserIdOf } from '../../../src/migration/moving/target-user.ts';
import type { LedgerPages, ReconcileDeps } from '../../../src/migration/reconcile/deps.ts';
import { Secret } from '../../../src/settings.ts';
import { openAuditLog } from '../../../src/store/audit-log.ts';
import type { Db } from '../../../src/store/db.ts';
import { openDb, statement } from '../../../src/store/db.ts';
import { openKeyring } from '../../../src/store/encryption.ts';
import { openTargets } from '../../../src/targets/index.ts';
import { targetSettings } from '../../../src/targets/target-settings.ts';
import { sqliteStore } from '../../legacy/stores.ts';
import { execute } from '../../support/database.ts';
import { testDatabase } from '../../support/postgres.ts';
import type { MemoryUser } from './memory-target.ts';
import { openMemoryTarget } from './memory-target.ts';

export const IDP = 'idp-of-ours';
export const HASHES = ['M', 'N'].map((letter) => `$2b$10$${'a'.repeat(21)}u${letter}${'b'.repeat(30)}`) as [
  string,
  string,
];
export const SEED = 'JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP';

/** A row of the legacy store. */
export interface LegacyPerson {
  readonly id: number;
  readonly login: string;
  readonly email: string;
  readonly given: string;
  readonly family: string;
  readonly nick: string | null;
  readonly phone: string | null;
  readonly disabled: 0 | 1;
  readonly hash: string | null;
  readonly totp: string | null;
}

const COLUMNS = [
  ...(['id', 'login', 'email', 'given', 'family', 'nick', 'phone', 'disabled', 'hash', 'totp'] as const),
];

/** Everybody has a nickname, so that the target is seen to tell them. */
export const personOf = (id: number, more: Partial<LegacyPerson> = {}): LegacyPerson => ({
  id,
  login: `user-${id}`,
  email: `user-${id}@example.com`,
  given: 'Anna',
  family: 'Tester',
  nick: `nick-${id}`,
  phone: null,
  disabled: 0,
  hash: HASHES[0],
  totp: null,
  ...more,
});

export const subOf = (id: number) => `shop:${id}`;
export const ownIdOf = (id: number, removals = 0) => targetUserIdOf('main', subOf(id), removals);

/** As a move would have made them. */
export const userOf = (person: LegacyPerson, more: Partial<MemoryUser> = {}): MemoryUser => {
  const { id, login, email, given, family, nick, phone, hash, totp } = person;
  return {
    id: ownIdOf(id),
    username: login,
    givenName: given,
    familyName: family,
    ...(nick === null ? {} : { nickname: nick }),
    email: { address: email, isVerified: true },
    ...(phone === null ? {} : { phone: { number: phone, isVerified: false } }),
    state: 'active',
    ...(hash === null ? {} : { password: hash }),
    ...(totp === null ? {} : { totp }),
    links: [{ idpId: IDP, userId: subOf(id), userName: login }],
    metadata: { legacy_id: String(id) },
    ...more,
  };
};

/** A row of the ledger, as far as a test says. */
export interface Standing {
  readonly id: number;
  readonly state: string;
  readonly targetUserId?: string | null;
  readonly made?: boolean | null;
  readonly removals?: number;
  readonly releasedOf?: string | null;
}

export type World = Awaited<ReturnType<typeof openWorld>>;

/** Plain JSON, so that another process can open the same world. */
export interface Place {
  readonly databaseUrl: string;
  readonly masterKey: string;
  readonly legacyFile: string;
}

async function newPlace(): Promise<{ readonly place: Place; readonly drop: () => Promise<void> }> {
  const database = await testDatabase();
  const store = sqliteStore(`create table people (id integer primary key, login text, email text, given text,
    family text, nick text, phone text, disabled integer, hash text, totp text)`);
  return {
    place: {
      databaseUrl: database.url,
      masterKey: randomBytes(32).toString('base64'),
      legacyFile: store.file,
    },
    drop: async () => {
      await database.drop();
      store.drop();
    },
  };
}

export async function openWorld(known?: Place) {
  const { place, drop } = known ? { place: known, drop: async () => undefined } : await newPlace();
  const db = openDb({ url: place.databaseUrl, poolSize: 4 });
  const keyring = openKeyring(new Secret(place.masterKey));
  const audit = openAuditLog({ db, keyring });
  const directory = openStores(legacyStores.parse(legacyOf(place.legacyFile)));
  const passwords = openPasswords(passwordSettings.parse({}));
  const settings = openTargets(targetSettings.parse([TARGET]), {});
  const target = settings.byName('main')!;
  const memory = openMemoryTarget({ idp: IDP, writes: target.accepts.map(({ write }) => write) });
  const targets = {
    ...settings,
    connection: (name: string) => (name === 'main' ? memory.connection : undefined),
  };
  const ourIdp = async () => IDP;
  const { pseudonym } = audit;
  const mover = openMover({ db, keyring, directory, passwords, targets, ourIdp, pseudonym });
  const sql = (text: string, values?: unknown[]) => execute(place.databaseUrl, text, values);
  const batches: Record<string, readonly string[]> = {};
  const deps: ReconcileDeps = {
    ...{ db, keyring, directory, passwords, target, ourIdp },
    connection: memory.connection,
    ledger: ledgerOf(db),
    members: async (batch, after, limit) =>
      [...(batches[batch] ?? [])]
        .sort()
        .filter((sub) => sub > after)
        .slice(0, limit),
    auditHead: async () => (await audit.verify()).head,
    softwareVersion: 'test',
  };
  return {
    ...{ db, keyring, audit, directory, passwords, target, targets, memory, mover, sql, batches, deps },
    place,
    writeLegacy: (people: readonly LegacyPerson[]) => writeLegacy(place.legacyFile, people),
    writeTarget: (users: readonly MemoryUser[]) => {
      memory.users.clear();
      for (const user of users) memory.users.set(user.id, structuredClone(user));
    },
    writeLedger: (rows: readonly Standing[]) => writeLedger(sql, rows),
    /** As if nothing had been compared before. */
    forget: () =>
      sql('truncate compared_users, reconciled_users, differences, reconciliations, ledger, target_work'),
    close: async () => {
      await directory.close();
      await passwords.close();
      await db.close();
      await drop();
    },
  };
}

const TARGET = {
  name: 'main',
  kind: 'zitadel',
  displayName: 'The new one',
  loginUrl: 'https://new.example/',
  clientIds: ['main-login'],
  api: { url: 'http://127.0.0.1:9', token: 'a token that opens nothing', identityProvider: IDP },
};

const legacyOf = (file: string) => ({
  store: 'shop',
  sql: { engine: 'sqlite', file, table: 'people', login: ['login'] },
  mapping: {
    username: 'login',
    email: 'email',
    emailVerified: true,
    givenName: 'given',
    familyName: 'family',
    nickname: 'nick',
    phoneNumber: 'phone',
    disabled: { column: 'disabled', truthy: true },
    password: [{ format: 'auto', columns: { hash: 'hash' } }],
    totp: { secret: 'totp' },
  },
});

function writeLegacy(file: string, people: readonly LegacyPerson[]): void {
  const db = new DatabaseSync(file);
  db.exec('begin; delete from people');
  const insert = db.prepare(`insert into people values (${COLUMNS.map(() => '?').join(', ')})`);
  for (const person of people) insert.run(...COLUMNS.map((column) => person[column]));
  db.exec('commit');
  db.close();
}

type Sql = (text: string, values?: unknown[]) => Promise<unknown>;

/** Long ago: nobody is on their way. */
async function writeLedger(sql: Sql, rows: readonly Standing[]): Promise<void> {
  const column = <T>(value: (row: Standing) => T) => rows.map(value);
  const targetUserId = ({ id, targetUserId: told, state }: Standing) =>
    told === undefined && !['legacy', 'authenticated', 'queued', 'failed', 'excluded'].includes(state)
      ? ownIdOf(id)
      : (told ?? null);
  await sql(
    `insert into ledger (target, sub, legacy_id, from_state, state, target_user_id, made, removals, released_of, state_changed_at)
     select 'main', r.sub, r.legacy_id, 'legacy', r.state, r.target_user_id, r.made, r.removals, r.released_of, now() - interval '1 day'
     from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::boolean[], $6::int[], $7::text[])
       as r(sub, legacy_id, state, target_user_id, made, removals, released_of)`,
    [
      column(({ id }) => subOf(id)),
      column(({ id }) => String(id)),
      column(({ state }) => state),
      column(targetUserId),
      column(({ made }) => (made === undefined ? true : made)),
      column(({ removals }) => removals ?? 0),
      column(({ releasedOf }) => releasedOf ?? null),
    ],
  );
}

const PAGE = statement(
  `select ${LEDGER_COLUMNS} from ledger where target = $1 and sub > $2 order by sub limit $3`,
);
const OF = statement(`select ${LEDGER_COLUMNS} from ledger where target = $1 and sub = any($2::text[])`);

function ledgerOf(db: Db): LedgerPages {
  return {
    page: (target, after, limit) => db.run<LedgerRow>(PAGE, [target, after, limit]),
    of: (target, subs) => db.run<LedgerRow>(OF, [target, subs]),
  };
}
