/** A desk over a real legacy store and a real database of ours; the target shows what it would send, and is sent nothing. */
import { randomBytes } from 'node:crypto';
import type { Desk, Operation, Progress } from '../../../src/admin/operation.ts';
import { passwordSettings } from '../../../src/credentials/password-settings.ts';
import { openPasswords } from '../../../src/credentials/passwords.ts';
import { legacyStores } from '../../../src/legacy/legacy-settings.ts';
import { openStores } from '../../../src/legacy/stores.ts';
import { openBatches } from '../../../src/migration/batch/batch-rows.ts';
import { move } from '../../../src/migration/ledger.ts';
import type { Event } from '../../../src/migration/states.ts';
import { Secret } from '../../../src/settings.ts';
import { openAuditLog } from '../../../src/store/audit-log.ts';
import { openDb } from '../../../src/store/db.ts';
import { openKeyring } from '../../../src/store/encryption.ts';
import type { Preview, TargetConnection, TargetUser } from '../../../src/targets/connection.ts';
import { openTargets } from '../../../src/targets/index.ts';
import type { Capabilities, Target } from '../../../src/targets/target.ts';
import { targetSettings } from '../../../src/targets/target-settings.ts';
import { sqliteStore } from '../../legacy/stores.ts';
import { execute } from '../../support/database.ts';
import { testDatabase } from '../../support/postgres.ts';

export const BCRYPT = '$2b$04$kYWyY2LU/AWI3HAIcelCzeiRfwwLt8FUm8nPRxS2T/X4EfJFuaCPm';
export const SHA1 = 'a94a8fe5ccb19ba61c4c0873d391e987982fbbd3';
export const SEED = 'JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP';
export const day = (ago: number) => new Date(Date.now() - ago * 86_400_000).toISOString().slice(0, 19);

export interface Row {
  readonly login: string;
  readonly email?: string | null;
  readonly hash?: string | null;
  readonly seen?: string | null;
  readonly role?: string | null;
  readonly blocked?: string;
  readonly seed?: string | null;
}

const COLUMNS = ['login', 'email', 'hash', 'seen', 'role', 'blocked', 'seed'] as const;

function sql(people: readonly Row[]): string {
  const quote = (value: string | null | undefined) =>
    value == null ? 'null' : `'${value.replaceAll("'", "''")}'`;
  const rows = people.map((person, i) => {
    const filled: Row = { email: `${person.login}@example.com`, hash: BCRYPT, blocked: '0', ...person };
    return `(${i + 1}, ${COLUMNS.map((column) => quote(filled[column])).join(', ')})`;
  });
  return `create table people (id integer primary key, ${COLUMNS.map((column) => `${column} text`).join(', ')});
    ${rows.length ? `insert into people values ${rows.join(',\n')};` : ''}`;
}

export const CAPABILITIES: Capabilities = {
  ids: 'ours',
  uniqueBy: 'user-id',
  batch: { users: 50, max: 100, rowErrors: true, usersPerSecond: 200 },
  passkeys: false,
  recoveryCodes: false,
  links: true,
  metadata: true,
  grants: true,
  typedPasswords: 'no',
  reset: 'no',
};

/** As a target's interface for many would have them. */
const previewOf = (users: readonly TargetUser[]): Preview => ({
  method: 'POST',
  path: '/import',
  body: {
    users: users.map(({ targetUserId, username, email, password, totpSecret, metadata }) => ({
      id: targetUserId,
      username,
      email,
      hashedPassword: { value: password?.encoded },
      otp: totpSecret,
      metadata: Object.entries(metadata).map(([key, value]) => ({
        key,
        value: Buffer.from(value).toString('base64'),
      })),
    })),
  },
});

export interface StageOptions {
  readonly people?: readonly Row[];
  readonly target?: object;
  /** Of the mapping, over what is mapped anyway. */
  readonly mapping?: object;
}

export type PlanStage = Awaited<ReturnType<typeof openPlanStage>>;

export async function openPlanStage({ people = [], target = {}, mapping = {} }: StageOptions = {}) {
  const database = await testDatabase();
  const store = sqliteStore(sql(people));
  const db = openDb({ url: database.url, poolSize: 4 });
  const keyring = openKeyring(new Secret(randomBytes(32).toString('base64')));
  const passwords = openPasswords(passwordSettings.parse({}));
  const password = (format: string, matches: string) => ({
    format,
    columns: { hash: 'hash' },
    when: { column: 'hash', matches },
  });
  const legacySettings = legacyStores.parse({
    store: 'shop',
    sql: { engine: 'sqlite', file: store.file, table: 'people', login: ['login'] },
    mapping: {
      username: 'login',
      email: 'email',
      emailVerified: true,
      givenName: { value: 'Anna' },
      familyName: { value: 'Tester' },
      lastLogin: 'seen',
      roles: 'role',
      disabled: { column: 'blocked', truthy: true },
      totp: { secret: 'seed' },
      password: [password('auto', '^(\\$|rubbish)'), password('generic-hex_sha1', '^[0-9a-f]{40}$')],
      ...mapping,
    },
  });
  const directory = openStores(legacySettings);
  const common = { displayName: 'The new one', loginUrl: 'https://new.example/' };
  const configured = openTargets(
    targetSettings.parse([
      {
        ...common,
        name: 'main',
        kind: 'zitadel',
        api: { url: 'https://new.example', token: 't' },
        ...target,
      },
      { ...common, name: 'fetching', kind: 'generic' },
      { ...common, name: 'unreached', kind: 'zitadel' },
    ]),
  );
  const previewed: string[][] = [];
  const connection = {
    preview: async (users: readonly TargetUser[]) => {
      previewed.push(users.map(({ sub }) => sub));
      return [previewOf(users)];
    },
  } as Partial<TargetConnection> as TargetConnection;
  const withApi = (one: Target | undefined): Target | undefined =>
    one?.kind === 'zitadel' ? { ...one, capabilities: CAPABILITIES } : one;
  const audit = openAuditLog({ db, keyring });
  const desk = {
    ...{ db, keyring, passwords, directory, audit },
    batches: openBatches(db),
    targets: {
      ...configured,
      byName: (name: string) => withApi(configured.byName(name)),
      connection: (name: string) => (name === 'main' ? connection : undefined),
    },
    legacySettings,
    actor: 'operator:test',
    setup: { issuer: 'https://id.example.com', clients: [], configFile: 'footbridge.yaml' },
  } as Partial<Desk> as Desk;
  return {
    desk,
    previewed,
    sql: (text: string, values?: unknown[]) => execute(database.url, text, values),
    happens: (sub: string, event: Event, targetUserId?: string) =>
      move(db, {
        target: 'main',
        sub,
        event,
        actor: 'operator:test',
        subject: audit.pseudonym(sub),
        legacyId: sub.slice(5),
        ...(targetUserId ? { targetUserId } : {}),
      }),
    audits: async (action: string) =>
      (await audit.records({ action })).map(({ detail, actor }) => ({ detail, actor })),
    close: async () => {
      await directory.close();
      await passwords.close();
      await db.close();
      await database.drop();
      store.drop();
    },
  };
}

/** As the command line does it: what is given is read by the operation's own schema. */
export async function run<Output = Record<string, unknown>>(
  desk: Desk,
  operation: Operation,
  given: object,
  { execute = false, progress = [] as Progress[] } = {},
) {
  const input = operation.input.parse(given);
  const onProgress = (told: Progress) => void progress.push(told);
  const output = (await operation.run(desk, input, { execute, onProgress })) as Output;
  const text = operation.print(output).replace(/\u001b\[\d+m/g, '');
  return { output, text, wrong: operation.foundWrong?.(output) ?? false };
}
